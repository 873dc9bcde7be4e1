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

/** Told of each attempt that has failed and is repeated. */
type Repeats = ((error: PortError) => void) | undefined;

/** Status and output in one call. Right after a send SSM does not know the command yet (API: "eventual consistency"): `pending`. */
export async function getInvocation(
  calls: Calls,
  id: string,
  instance: InstanceId,
  signal: AbortSignal | undefined,
  repeats?: Repeats,
): Promise<CommandState> {
  try {
    const call = { operation: 'GetCommandInvocation', use: 'read', signal, repeats } as const;
    const answer = await calls.ssm(call, (sdk, client, options) =>
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
  repeats?: Repeats,
): Promise<Page> {
  // The documented form of the time stamp has no fraction.
  const value = new Date(after).toISOString().replace(/\.\d+Z$/, 'Z');
  return list(calls, { Filters: [{ key: 'InvokedAfter', value }], NextToken: token }, signal, repeats);
}

/** All invocations of one command that SSM knows of by now, with the first 2,500 characters of their output. One page: a command has 50 instances at most. */
export async function listOf(
  calls: Calls,
  id: string,
  signal: AbortSignal | undefined,
  repeats?: Repeats,
): Promise<readonly CommandInvocation[]> {
  try {
    return (await list(calls, { CommandId: id, Details: true }, signal, repeats)).items;
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

/**
 * The same where the output cannot be fetched: as long as a listing holds all of it, it does for any end. undefined: it does not.
 */
export function wholeState(invocation: CommandInvocation): CommandState | undefined {
  const { Status: status, CommandPlugins: plugins } = invocation;
  const [plugin] = plugins ?? [];
  const output = plugin?.Output ?? '';
  if (output.includes(cutMarker)) return undefined;
  const [stdout = '', ...rest] = output.split(errorTitle);
  const stderr = rest.join(errorTitle);
  return stateOf({ status, details: plugin?.StatusDetails, code: plugin?.ResponseCode, stdout, stderr });
}

interface Page {
  readonly items: readonly CommandInvocation[];
  readonly next: string | undefined;
}

async function list(
  calls: Calls,
  which: ListCommandInvocationsCommandInput,
  signal: AbortSignal | undefined,
  repeats?: Repeats,
): Promise<Page> {
  const operation = 'ListCommandInvocations';
  const answer = await calls.ssm({ operation, use: 'read', signal, repeats }, (sdk, client, options) =>
    client.send(new sdk.ListCommandInvocationsCommand({ ...which, MaxResults: listPageSize }), options),
  );
  const next = answer.NextToken === '' ? undefined : answer.NextToken;
  if (next !== undefined && next === which.NextToken) {
    throw portError('server', `ssm:${operation}`, `the answer repeats the page token ${next}`);
  }
  return { items: listed(`ssm:${operation}`, 'CommandInvocations', answer.CommandInvocations), next };
}
