import { PortError } from '../domain/errors.js';
import type { ParameterPort } from '../engine/ports.js';
import type { Calls } from './calls.js';
import { allPages, chunks } from './calls.js';
import { isNotFound, listed, portError, reworded } from './errors.js';
import type { Way } from './stand-in.js';

/** Largest page of GetParametersByPath, and most names of DeleteParameters (API reference). */
const perCall = 10;

/** Parameter Store of Systems Manager: plain String parameters of the standard tier (up to 4 KB). */
export function createParameters(calls: Calls): ParameterPort {
  const read = (
    name: string,
    decrypt: boolean,
    signal: AbortSignal | undefined,
    repeats?: (error: PortError) => void,
  ): Promise<string | undefined> =>
    calls
      .ssm({ operation: 'GetParameter', use: 'read', signal, repeats }, async (sdk, client, options) => {
        const answer = await client.send(new sdk.GetParameterCommand({ Name: name, WithDecryption: decrypt }), options);
        if (answer.Parameter?.Value === undefined) {
          throw portError('server', 'ssm:GetParameter', `the answer for ${name} has no value`);
        }
        return answer.Parameter.Value;
      })
      .catch((error: unknown) => {
        if (isNotFound(error)) {
          return undefined;
        }
        throw error;
      });

  const list = async (
    path: string,
    signal: AbortSignal | undefined,
    repeats?: (error: PortError) => void,
  ): Promise<ReadonlyMap<string, string>> => {
    const operation = 'ssm:GetParametersByPath';
    const all = await allPages(operation, (token) =>
      calls.ssm({ operation: 'GetParametersByPath', use: 'read', signal, repeats }, async (sdk, client, options) => {
        const input = { Path: path, Recursive: true, MaxResults: perCall, NextToken: token };
        const answer = await client.send(new sdk.GetParametersByPathCommand(input), options);
        return { items: listed(operation, 'Parameters', answer.Parameters), next: answer.NextToken };
      }),
    );
    return new Map(
      all.map(({ Name: name, Value: value }) => {
        if (name === undefined || value === undefined) {
          throw portError(
            'server',
            operation,
            `the answer has a parameter without ${name === undefined ? 'name' : 'value'}`,
          );
        }
        return [name, value];
      }),
    );
  };

  return {
    async create(name, value, signal) {
      await calls
        .ssm({ operation: 'PutParameter', use: 'change', signal }, (sdk, client, options) =>
          client.send(
            new sdk.PutParameterCommand({ Name: name, Value: value, Type: 'String', Overwrite: false }),
            options,
          ),
        )
        .catch(naming(name));
    },

    async overwrite(name, value, signal) {
      await calls
        .ssm({ operation: 'PutParameter', use: 'change', signal }, (sdk, client, options) =>
          client.send(new sdk.PutParameterCommand({ Name: name, Value: value, Overwrite: true }), options),
        )
        .catch((error: unknown) => {
          // "A parameter type is required when you create a parameter": there is none to overwrite.
          if (
            error instanceof PortError &&
            error.kind === 'invalid' &&
            /\btype\b.*\brequired\b|\brequired\b.*\btype\b/i.test(error.message)
          ) {
            throw portError('not-found', error.operation, `there is no parameter ${name} to overwrite`, {
              serviceCode: error.serviceCode,
              requestId: error.requestId,
              cause: error,
            });
          }
          return naming(name)(error);
        });
    },

    get(name, signal) {
      const single: Way<string | undefined> = {
        operation: 'ssm:GetParameter',
        ask: (stop, repeats) => read(name, false, stop, repeats),
      };
      const folder: typeof single = {
        operation: 'ssm:GetParametersByPath',
        ask: async (stop, repeats) => (await list(name.slice(0, name.lastIndexOf('/')), stop, repeats)).get(name),
      };
      return calls.standIn(single, folder, signal);
    },

    async secret(name, signal) {
      const value = await read(name, true, signal);
      if (value === undefined) {
        throw portError('not-found', 'ssm:GetParameter', `there is no parameter ${name} in this region`, {
          serviceCode: 'ParameterNotFound',
        });
      }
      return value;
    },

    list: (path, signal) => list(path, signal),

    async remove(names, signal) {
      for (const part of chunks(names, perCall)) {
        // Names that do not exist come back in InvalidParameters, with HTTP 200.
        await calls.ssm({ operation: 'DeleteParameters', use: 'change', signal }, (sdk, client, options) =>
          client.send(new sdk.DeleteParametersCommand({ Names: [...part] }), options),
        );
      }
    },
  };
}

/** The service's errors do not name the parameter. */
function naming(name: string): (error: unknown) => never {
  return (error) => {
    throw error instanceof PortError ? reworded(error, `${error.message} (parameter ${name})`) : error;
  };
}
