import type { InstanceId, Instant } from '../domain/ids.js';
import { isInstanceId } from '../domain/ids.js';
import type { CommandState, RunnerPort } from '../engine/ports.js';
import type { Script } from './batches.js';
import { createBatches } from './batches.js';
import type { Calls } from './calls.js';
import { callLimit } from './clients.js';
import { isOver, stateOf } from './command-state.js';
import { portError } from './errors.js';
import { getInvocation, listAfter, listedState, listOf, wholeState } from './invocations.js';
import { eachOf } from './parallel.js';
import type { Way } from './stand-in.js';

/** Seconds in which the agent has to fetch a command; after that it is reported undelivered (it may run all the same). */
const deliverySeconds = 60;
/** Range of `executionTimeout`; out of it the agent silently takes 3600 (agent source, pluginutil). */
const executionSeconds = { least: 5, most: 172_800 };
/** From this many on, one listing of the account's recent commands is cheaper than one call a command. */
const listFrom = 4;
/** An account where others send so much that ours are not in 500 is asked for each of ours. */
const listPages = 10;
/** Commands that are listed, and outputs that are fetched, in one poll: at the rate of SSM that takes some seconds, and a tick waits for it. */
const mostLists = 16;
const mostFetches = 32;
/** States that can't change any more, kept so that the output is fetched once. */
const remembered = 500;
/** Ids that nobody asks for any more go when there are more than this. */
const mostOpen = 20_000;
const width = 6;
/** The service's clock and ours may differ. */
const skew = 60_000;

/** One command on one instance. */
interface Asked {
  readonly id: string;
  readonly instance: InstanceId;
}

/** What this process knows of an id that it gave out. */
interface Sent {
  /** SSM's own id. */
  readonly command: string;
  /** When SSM took it, on its clock. */
  readonly at: Instant;
}

/**
 * Run Command of Systems Manager. Sends of the same script that are asked for together are one SendCommand, and are read together. An id names one
 * command on one instance: SSM's own, with the instance behind it where there are several.
 */
export function createRunner(calls: Calls): RunnerPort {
  const sent = new Map<string, Sent>();
  const over = new Map<string, CommandState>();
  /** When each command was listed last, so that all get their turn. */
  const turns = new Map<string, number>();
  let turn = 0;

  const end = (id: string, state: CommandState): CommandState => {
    if (state.is === 'pending' || state.is === 'running') return state;
    over.set(id, state);
    const command = sent.get(id)?.command;
    if (command !== undefined) turns.delete(command);
    turns.delete(id);
    sent.delete(id);
    return state;
  };

  const fetchAll = async (asked: readonly Asked[], states: Map<string, CommandState>, signal?: AbortSignal) => {
    const some = asked.slice(0, mostFetches);
    const fetched = await eachOf(some, width, ({ id, instance }) =>
      stateFetched(calls, sent.get(id)?.command ?? commandOf(id), instance, signal),
    );
    for (const [index, { id }] of some.entries()) states.set(id, end(id, fetched[index] ?? { is: 'pending' }));
  };

  /** Those that were asked longest ago: where each is asked by itself, all get their turn. */
  const next = (members: readonly Asked[], most: number): readonly Asked[] => {
    const some = [...members].sort((a, b) => (turns.get(a.id) ?? 0) - (turns.get(b.id) ?? 0)).slice(0, most);
    for (const { id } of some) turns.set(id, turn);
    return some;
  };

  /** Commands of several instances: one listing answers for all of them. */
  const readTogether = async (asked: readonly Asked[], states: Map<string, CommandState>, signal?: AbortSignal) => {
    const groups = new Map<string, Asked[]>();
    for (const one of asked) groups.set(commandOf(one.id), [...(groups.get(commandOf(one.id)) ?? []), one]);
    const due = [...groups].sort(([a], [b]) => (turns.get(a) ?? 0) - (turns.get(b) ?? 0)).slice(0, mostLists);
    const toFetch: Asked[] = [];
    await eachOf(due, width, async ([command, members]) => {
      turns.set(command, (turn += 1));
      const some = Math.max(1, Math.floor(mostFetches / due.length));
      for (const [member, state] of await statesOf(
        calls,
        { command, members, next: () => next(members, some) },
        signal,
      )) {
        if (state === undefined) toFetch.push(member);
        else states.set(member.id, end(member.id, state));
      }
    });
    await fetchAll(toFetch, states, signal);
  };

  /** One pass over the account's recent invocations, newest first; ids that are not in it are missing in the answer. */
  const listRecent = async (asked: readonly Asked[], signal: AbortSignal | undefined) => {
    const known = asked.flatMap(({ id }) => sent.get(id) ?? []);
    const wanted = new Set(known.map(({ command }) => command));
    const found = new Map<string, string | undefined>();
    if (wanted.size < listFrom) return found;
    const oldest = Math.min(...known.map(({ at }) => at)) - skew;
    const listing: Way<ReadonlyMap<string, string | undefined>> = {
      operation: 'ssm:ListCommandInvocations',
      ask: async (stop, repeats) => {
        let token: string | undefined;
        for (let page = 0; page < listPages; page += 1) {
          const { items, next } = await listAfter(calls, oldest, token, stop, repeats);
          for (const { CommandId: id, Status: status } of items) {
            if (id !== undefined && wanted.has(id)) found.set(id, status);
          }
          if (next === undefined || found.size === wanted.size) break;
          token = next;
        }
        return found;
      },
    };
    // What is not in the list is asked for one by one.
    const none = { operation: 'ssm:GetCommandInvocation', ask: () => Promise.resolve(found) } as const;
    return calls.standIn(listing, none, signal);
  };

  const readSingle = async (asked: readonly Asked[], states: Map<string, CommandState>, signal?: AbortSignal) => {
    const recent = await listRecent(asked, signal);
    const toFetch = asked.filter(({ id }) => {
      const status = recent.get(id);
      if (!recent.has(id) || isOver(status)) return true;
      states.set(id, stateOf({ status, details: undefined, code: undefined, stdout: '', stderr: '' }));
      return false;
    });
    await fetchAll(toFetch, states, signal);
  };

  const send = createBatches(async ({ script, comment, timeout }: Script, instances, signal) => {
    const seconds = Math.min(executionSeconds.most, Math.max(executionSeconds.least, Math.ceil(timeout / 1000)));
    const answer = await calls.ssm({ operation: 'SendCommand', use: 'change', signal }, (sdk, client, options) =>
      client.send(
        new sdk.SendCommandCommand({
          DocumentName: 'AWS-RunShellScript',
          InstanceIds: [...instances],
          Comment: comment,
          TimeoutSeconds: deliverySeconds,
          Parameters: { commands: [script], executionTimeout: [String(seconds)], workingDirectory: ['/'] },
          // All at once, and what fails on one instance stops no other (the default of MaxErrors is 0).
          ...(instances.length === 1
            ? {}
            : { MaxConcurrency: String(instances.length), MaxErrors: String(instances.length) }),
        }),
        options,
      ),
    );
    const command = answer.Command?.CommandId;
    if (command === undefined) {
      const which = instances.join(', ');
      throw portError('server', 'ssm:SendCommand', `the answer has no command id; ${which} may run the command`);
    }
    const at = answer.Command?.RequestedDateTime?.getTime() ?? calls.clock.now() - callLimit.change;
    for (const instance of instances) {
      const id = instances.length === 1 ? command : `${command}/${instance}`;
      sent.set(id, { command, at });
    }
    trim(sent, mostOpen);
    return command;
  });

  return {
    async send({ instance, script, comment, timeout }, signal) {
      const { command, together } = await send(instance, { script, comment, timeout }, signal);
      return together === 1 ? command : `${command}/${instance}`;
    },

    async poll(commands, signal) {
      const states = new Map<string, CommandState>();
      const open = commands.filter(({ id }) => {
        const known = over.get(id);
        states.set(id, known ?? { is: 'pending' });
        return known === undefined;
      });
      const together = open.filter(({ id }) => id.includes('/'));
      await readTogether(together, states, signal);
      await readSingle(
        open.filter(({ id }) => !id.includes('/')),
        states,
        signal,
      );
      trim(over, Math.max(remembered, commands.length));
      return states;
    },

    async live(commentPrefix, since, signal) {
      const found: { id: string; instance: InstanceId; comment: string }[] = [];
      let token: string | undefined;
      do {
        const { items, next } = await listAfter(calls, since - skew, token, signal);
        for (const one of items) {
          const { CommandId: id, InstanceId: instance, Comment: comment = '' } = one;
          if (id !== undefined && instance !== undefined && isInstanceId(instance) && !isOver(one.Status)) {
            if (comment.startsWith(commentPrefix)) {
              found.push({ id, instance, comment });
              sent.set(id, { command: id, at: one.RequestedDateTime?.getTime() ?? since });
            }
          }
        }
        token = next;
      } while (token !== undefined);
      return found;
    },
  };
}

/**
 * States of the instances of one command that SSM knows of by now; undefined: it is over, and its output has to be fetched.
 * @param which.next those to ask by themselves when there is no listing
 */
function statesOf(
  calls: Calls,
  {
    command,
    members,
    next,
  }: { readonly command: string; readonly members: readonly Asked[]; readonly next: () => readonly Asked[] },
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<Asked, CommandState | undefined>> {
  const listing: Way<ReadonlyMap<Asked, CommandState | undefined>> = {
    operation: 'ssm:ListCommandInvocations',
    ask: async (stop, repeats) => {
      const listed = await listOf(calls, command, stop, repeats);
      const found = new Map(listed.map((one) => [one.InstanceId, one]));
      return new Map(
        members.flatMap((member) => {
          const one = found.get(member.instance);
          return one === undefined ? [] : [[member, listedState(one)] as const];
        }),
      );
    },
  };
  const single: typeof listing = {
    operation: 'ssm:GetCommandInvocation',
    ask: async (stop, repeats) => {
      const read = (member: Asked) => getInvocation(calls, command, member.instance, stop, repeats);
      const due = next();
      const states = await eachOf(due, width, read);
      return new Map(due.map((member, index) => [member, states[index]]));
    },
  };
  return calls.standIn(listing, single, signal);
}

/** State and output of a command on one instance. */
function stateFetched(
  calls: Calls,
  command: string,
  instance: InstanceId,
  signal: AbortSignal | undefined,
): Promise<CommandState> {
  const single: Way<CommandState> = {
    operation: 'ssm:GetCommandInvocation',
    ask: (stop, repeats) => getInvocation(calls, command, instance, stop, repeats),
  };
  const listing: typeof single = {
    operation: 'ssm:ListCommandInvocations',
    ask: async (stop, repeats) => {
      const one = (await listOf(calls, command, stop, repeats)).find(({ InstanceId: id }) => id === instance);
      if (one === undefined) return { is: 'pending' };
      const state = wholeState(one);
      if (state !== undefined) return state;
      throw portError('server', 'ssm:ListCommandInvocations', `the output of ${instance} is too long for a listing`);
    },
  };
  return calls.standIn(single, listing, signal);
}

const commandOf = (id: string): string => id.split('/')[0] ?? id;

/** Forgets the oldest entries. */
function trim(map: Map<string, unknown>, most: number): void {
  for (const key of map.keys()) {
    if (map.size <= most) {
      return;
    }
    map.delete(key);
  }
}
