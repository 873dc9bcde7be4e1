import { PortError } from '../domain/errors.js';
import type { AccountPort } from '../engine/ports.js';
import type { Calls } from './calls.js';

/** No command and no instance has these: SSM says so only to who may ask. */
const noCommand = '00000000-0000-0000-0000-000000000000';
const noInstance = 'i-00000000000000000';

/** Calls that change nothing. AWS judges the identity before the question, so that a no to the question itself shows that it may be asked. */
export function proveOf(calls: Calls): AccountPort['prove'] {
  return async (call, signal) => {
    try {
      switch (call.operation) {
        case 'ssm:ListCommandInvocations':
          await calls.ssm({ operation: 'ListCommandInvocations', use: 'read', signal }, (sdk, client, options) =>
            client.send(new sdk.ListCommandInvocationsCommand({ MaxResults: 1 }), options),
          );
          return;
        case 'ssm:GetCommandInvocation':
          await calls.ssm({ operation: 'GetCommandInvocation', use: 'read', signal }, (sdk, client, options) =>
            client.send(new sdk.GetCommandInvocationCommand({ CommandId: noCommand, InstanceId: noInstance }), options),
          );
          return;
        case 'ssm:GetParameter':
          await calls.ssm({ operation: 'GetParameter', use: 'read', signal }, (sdk, client, options) =>
            client.send(new sdk.GetParameterCommand({ Name: call.name }), options),
          );
          return;
        case 'ssm:PutParameter':
          // Without Type nothing is created, and there is nothing to overwrite (API reference, PutParameter, `Type`).
          await calls.ssm({ operation: 'PutParameter', use: 'change', signal }, (sdk, client, options) =>
            client.send(new sdk.PutParameterCommand({ Name: call.name, Value: 'none', Overwrite: true }), options),
          );
          return;
        case 'ssm:DeleteParameters':
          await calls.ssm({ operation: 'DeleteParameters', use: 'change', signal }, (sdk, client, options) =>
            client.send(new sdk.DeleteParametersCommand({ Names: [call.name] }), options),
          );
      }
    } catch (error) {
      if (!(error instanceof PortError) || (error.kind !== 'not-found' && error.kind !== 'invalid')) throw error;
    }
  };
}
