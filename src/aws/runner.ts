import type { CommandInvocation } from '@aws-sdk/client-ssm';
import { PortError } from '../domain/errors.js';
import type { InstanceId, Instant } from '../domain/ids.js';
import { isInstanceId } from '../domain/ids.js';
import type { CommandState, RunnerPort } from '../engine/ports.js';
import type { Calls } from './calls.js';
import { callLimit } from './clients.js';
import { isOver, stateOf } from './command-state.js';
import { listed, portError } from './errors.js';
import { eachOf } from './parallel.js';

/** Seconds in which the agent has to fetch a command; after that it is reported undelivered (it may run all the same). */
const deliverySeconds = 60;
/** Range of `executionTimeout`; out of it the agent silently takes 3600 (agent source, pluginutil). */
const executionSeconds = { least: 5, most: 172_800 };
/** From this many on, one listing of the account's recent commands is cheaper than one call a command. */
const listFrom = 4;
const listPageSize = 50;
/** An account where others send so much that ours are not in 500 is asked for each of ours. */
const listPages = 10;
/** States that can't change any more, kept so that the output is fetched once. */
const remembered = 500;
const width = 6;
/** The service's clock and ours may differ. */
const skew = 60_000;

interface Sent {
  readonly id: string;
  readonly instance: InstanceId;
}

/** Run Command of Systems Manager. */
export function createRunner(calls: Calls): RunnerPort {
  /** When SSM took the commands of this process, on its clock. */
  const sentAt = new Map<string, Instant>();
  const over = new Map<string, CommandState>();

  const fetchOne = async ({ id, instance }: Sent, signal: AbortSignal | undefined): Promise<CommandState> => {
    const state = await getInvocation(calls, id, instance, signal);
    if (state.is !== 'pending' && state.is !== 'running') {
      over.set(id, state);
      sentAt.delete(id);
      trim(over, remembered);
    }
    return state;
  };

  /** One pass over the account's recent invocations, newest first; ids that are not in it are missing in the answer. */
  const listRecent = async (
    commands: readonly Sent[],
    signal: AbortSignal | undefined,
  ): Promise<ReadonlyMap<string, string | undefined>> => {
    const times = commands.flatMap(({ id }) => sentAt.get(id) ?? []);
    const wanted = new Set(commands.map(({ id }) => id).filter((id) => sentAt.has(id)));
    const found = new Map<string, string | undefined>();
    if (wanted.size < listFrom) {
      return found;
    }
    const oldest = Math.min(...times) - skew;
    let token: string | undefined;
    for (let page = 0; page < listPages; page += 1) {
      const { items, next } = await listInvocations(calls, oldest, token, signal);
      for (const { CommandId: id, Status: status } of items) {
        if (id !== undefined && wanted.has(id)) {
          found.set(id, status);
        }
      }
      if (next === undefined || found.size === wanted.size) {
        break;
      }
      token = next;
    }
    return found;
  };

  return {
    async send({ instance, script, comment, timeout }, signal) {
      const seconds = Math.min(executionSeconds.most, Math.max(executionSeconds.least, Math.ceil(timeout / 1000)));
      const answer = await calls.ssm({ operation: 'SendCommand', use: 'change', signal }, (sdk, client, options) =>
        client.send(
          new sdk.SendCommandCommand({
            DocumentName: 'AWS-RunShellScript',
            InstanceIds: [instance],
            Comment: comment,
            TimeoutSeconds: deliverySeconds,
            Parameters: { commands: [script], executionTimeout: [String(seconds)], workingDirectory: ['/'] },
          }),
          options,
        ),
      );
      const id = answer.Command?.CommandId;
      if (id === undefined) {
        throw portError('server', 'ssm:SendCommand', `the answer has no command id; ${instance} may run the command`);
      }
      sentAt.set(id, answer.Command?.RequestedDateTime?.getTime() ?? calls.clock.now() - callLimit.change);
      trim(sentAt, remembered);
      return id;
    },

    async poll(commands, signal) {
      const states = new Map<string, CommandState>();
      const open = commands.filter(({ id }) => {
        const known = over.get(id);
        if (known !== undefined) {
          states.set(id, known);
        }
        return known === undefined;
      });
      const recent = await listRecent(open, signal);
      const toFetch = open.filter(({ id }) => {
        const status = recent.get(id);
        if (!recent.has(id) || isOver(status)) {
          return true;
        }
        states.set(id, stateOf({ status, details: undefined, code: undefined, stdout: '', stderr: '' }));
        return false;
      });
      const fetched = await eachOf(toFetch, width, (command) => fetchOne(command, signal));
      for (const [index, { id }] of toFetch.entries()) {
        states.set(id, fetched[index] ?? { is: 'pending' });
      }
      return states;
    },

    async live(commentPrefix, since, signal) {
      const found: { id: string; instance: InstanceId; comment: string }[] = [];
      let token: string | undefined;
      do {
        const { items, next } = await listInvocations(calls, since - skew, token, signal);
        for (const one of items) {
          const { CommandId: id, InstanceId: instance, Comment: comment = '' } = one;
          if (id !== undefined && instance !== undefined && isInstanceId(instance) && !isOver(one.Status)) {
            if (comment.startsWith(commentPrefix)) {
              found.push({ id, instance, comment });
              sentAt.set(id, one.RequestedDateTime?.getTime() ?? since);
            }
          }
        }
        token = next;
      } while (token !== undefined);
      return found;
    },
  };
}

/** Status and output in one call. Right after a send SSM does not know the command yet (API: "eventual consistency"): `pending`. */
async function getInvocation(
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
    if (error instanceof PortError && /^(InvocationDoesNotExist|InvalidCommandId)/.test(error.serviceCode ?? '')) {
      return { is: 'pending' };
    }
    throw error;
  }
}

async function listInvocations(
  calls: Calls,
  after: Instant,
  token: string | undefined,
  signal: AbortSignal | undefined,
): Promise<{ readonly items: readonly CommandInvocation[]; readonly next: string | undefined }> {
  const operation = 'ListCommandInvocations';
  const answer = await calls.ssm({ operation, use: 'read', signal }, (sdk, client, options) =>
    client.send(
      new sdk.ListCommandInvocationsCommand({
        // The documented form of the time stamp has no fraction.
        Filters: [{ key: 'InvokedAfter', value: new Date(after).toISOString().replace(/\.\d+Z$/, 'Z') }],
        MaxResults: listPageSize,
        NextToken: token,
      }),
      options,
    ),
  );
  const next = answer.NextToken === '' ? undefined : answer.NextToken;
  if (next !== undefined && next === token) {
    throw portError('server', `ssm:${operation}`, `the answer repeats the page token ${next}`);
  }
  return { items: listed(`ssm:${operation}`, 'CommandInvocations', answer.CommandInvocations), next };
}

/** Forgets the oldest entries. */
function trim(map: Map<string, unknown>, most: number): void {
  for (const key of map.keys()) {
    if (map.size <= most) {
      return;
    }
    map.delete(key);
  }
}
