import { z } from 'zod';
import { AwsError } from '../../../types.js';
import type { SsmDeps } from '../deps.js';
import type { Operation } from '../index.js';
import { listOf, readInput, text } from '../input.js';
import type { Command } from './command.js';
import { isFinal } from './command.js';
import { createManagedInstances } from './instances.js';
import { commandAnswer, getCommandInvocation, listCommandInvocations, listCommands } from './read.js';
import type { ParameterValue } from './runner.js';
import { createRunner, finish } from './runner.js';
import { acceptCommand } from './send.js';

/** AWS keeps 30 days; a sandbox keeps the last commands, plenty for any test. */
const KEPT_COMMANDS = 5_000;

const CANCEL = z.object({ CommandId: text(36, 36), InstanceIds: listOf(z.string(), 0, 50).optional() });

export interface RunCommand {
  readonly operations: Readonly<Record<string, Operation>>;
  close(): void;
}

/** Run Command and what SSM says about managed nodes. */
export function createRunCommand(deps: SsmDeps, valueOf: ParameterValue): RunCommand {
  const newestFirst: Command[] = [];
  const commands = (): readonly Command[] => newestFirst;
  const runner = createRunner(deps, valueOf);
  const instances = createManagedInstances(deps);

  const cancel: Operation = (params) => {
    const input = readInput(CANCEL, params);
    const command = newestFirst.find((one) => one.id === input.CommandId);
    if (command === undefined) {
      throw new AwsError('InvalidCommandId', `command ${input.CommandId} is not known here`);
    }
    const ids = input.InstanceIds ?? [];
    const unknown = ids.filter((id) => !command.invocations.some((one) => one.instanceId === id));
    if (unknown.length > 0) {
      throw new AwsError('InvalidInstanceId', `command ${command.id} was not sent to ${unknown.join(', ')}`);
    }
    command.cancelled ||= ids.length === 0;
    for (const invocation of command.invocations) {
      if (isFinal(invocation) || (ids.length > 0 && !ids.includes(invocation.instanceId))) {
        continue;
      }
      if (invocation.status === 'Pending') {
        finish(invocation, { status: 'Cancelled', details: 'Cancelled' });
      } else {
        invocation.status = 'Cancelling';
        invocation.details = 'Cancelling';
      }
      invocation.cancel.abort(new Error('cancelled by CancelCommand'));
    }
    return {};
  };

  return {
    operations: {
      SendCommand(params) {
        const { command, script } = acceptCommand(deps, params);
        newestFirst.unshift(command);
        newestFirst.length = Math.min(newestFirst.length, KEPT_COMMANDS);
        const answer = commandAnswer(command);
        runner.start(command, script);
        return { Command: answer };
      },
      CancelCommand: cancel,
      GetCommandInvocation: (params) => getCommandInvocation(commands, params),
      ListCommandInvocations: (params) => listCommandInvocations(commands, params),
      ListCommands: (params) => listCommands(commands, params),
      DescribeInstanceInformation: (params) => instances.describe(params),
      GetConnectionStatus: (params) => instances.connection(params),
    },
    close() {
      runner.close();
      instances.close();
    },
  };
}
