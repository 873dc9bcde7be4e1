import type { CommandInvocation, ListCommandInvocationsCommandInput } from '@aws-sdk/client-ssm';
import { PortError } from '../domain/errors.js';
import type { InstanceId, Instant } from '../domain/ids.js';
import type { CommandState } from '../engine/ports.js';
import type { Calls } from './calls.js';
import { stateOf } from './command-state.js';
import { listed, portError } from './errors.js';

const listPageSize = 50;
/** What SSM puts between the two streams in `CommandPlugins[].Output` (agent source, iohandler.go). */
const errorTitle = '\n----------ERROR-------\n';
const cutMarker = '---Output truncated---';

/** Status and output in one call. Right after a send SSM does not know the command yet (API: "eventual consistency"): `pending`. */
export async function getInvocation(
  calls: Calls,
  id: string,
  instance: InstanceId,
  signal: AbortSignal | undefined,
): Promise<CommandState> {
  try {
    const answer = await calls.ssm({ operation: 'GetCommandInvocation', use: 'read', signal }, (sdk, client, options) =>
      client.send(new sdk.GetCommandInvocationCommand({ CommandId: id, InstanceId: instance }), options),
    );
    return stateOf({
      status: answer.Status,
      details: answer.StatusDetails,
      code: answer.ResponseCode,
      stdout: answer.StandardOutputContent ?? '',
      stderr: answer.StandardErrorContent ?? '',
    });
  } catch (error) {
    if (isUnheardOf(error)) return { is: 'pending' };
    throw error;
  }
}

function isUnheardOf(error: unknown): boolean {
  return error instanceof PortError && /^(InvocationDoesNotExist|InvalidCommandId)/.test(error.serviceCode ?? '');
}

/** A page of the invocations after a moment, newest first, without output. */
export function listAfter(
  calls: Calls,
  after: Instant,
  token: string | undefined,
  signal: AbortSignal | undefined,
): Promise<Page> {
  // The documented form of the time stamp has no fraction.
  const value = new Date(after).toISOString().replace(/\.\d+Z$/, 'Z');
  return list(calls, { Filters: [{ key: 'InvokedAfter', value }], NextToken: token }, signal);
}

/** All invocations of one command that SSM knows of by now, with the first 2,500 characters of their output. One page: a command has 50 instances at most. */
export async function listOf(
  calls: Calls,
  id: string,
  signal: AbortSignal | undefined,
): Promise<readonly CommandInvocation[]> {
  try {
    return (await list(calls, { CommandId: id, Details: true }, signal)).items;
  } catch (error) {
    if (isUnheardOf(error)) return [];
    throw error;
  }
}

/**
 * The state of a listed invocation. undefined: it is over, and its output is not, or not surely, all there, so it has to be fetched.
 * The answer of an instance is the first line.
 */
export function listedState({ Status: status, CommandPlugins: plugins }: CommandInvocation): CommandState | undefined {
  const [plugin] = plugins ?? [];
  const output = plugin?.Output ?? '';
  const state = stateOf({ status, details: plugin?.StatusDetails, code: plugin?.ResponseCode, stdout: '', stderr: '' });
  if (state.is === 'pending' || state.is === 'running') return state;
  if (state.is !== 'finished' || status !== 'Success') return undefined;
  const [stdout = ''] = output.split(errorTitle);
  return stdout.includes('\n') && !output.includes(cutMarker) ? { ...state, stdout } : undefined;
}

interface Page {
  readonly items: readonly CommandInvocation[];
  readonly next: string | undefined;
}

async function list(
  calls: Calls,
  which: ListCommandInvocationsCommandInput,
  signal: AbortSignal | undefined,
): Promise<Page> {
  const operation = 'ListCommandInvocations';
  const answer = await calls.ssm({ operation, use: 'read', signal }, (sdk, client, options) =>
    client.send(new sdk.ListCommandInvocationsCommand({ ...which, MaxResults: listPageSize }), options),
  );
  const next = answer.NextToken === '' ? undefined : answer.NextToken;
  if (next !== undefined && next === which.NextToken) {
    throw portError('server', `ssm:${operation}`, `the answer repeats the page token ${next}`);
  }
  return { items: listed(`ssm:${operation}`, 'CommandInvocations', answer.CommandInvocations), next };
}
