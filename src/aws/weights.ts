import type { RouteArn, TargetGroupArn } from '../domain/ids.js';
import type { GroupWeight, RouteView } from '../domain/observation.js';
import type { TrafficPort } from '../engine/ports.js';
import { PortError, TimeLimit } from '../domain/errors.js';
import type { Action } from '@aws-sdk/client-elastic-load-balancing-v2';
import { describeWeights, groupLabel, sameStickiness, sameWeights, withWeights } from './actions.js';
import type { Calls } from './calls.js';
import { callLimit } from './clients.js';
import { within } from './deadline.js';
import { portError, toPortError } from './errors.js';
import { routeKind } from './names.js';
import { viewOf } from './routes.js';
import type { RawRoute, RouteReader } from './routes.js';

/** Reads after a write that may still show what was there before; pauses of these many ms before each. */
const readBacks = [0, 400, 1_200];

type Change = Parameters<TrafficPort['setWeights']>[0];

/**
 * One weight write: read, compare, write, read back. ELBv2 has no conditional write (no ETag, no version in the API), so between our read and our
 * write another hand can still come in; reading back shows most of that.
 *
 * The read and the write together take at most the limit of one change (`callLimit.change`).
 * @throws PortError `conflict` when the route is not as expected, before or after; `invalid` when AWS would refuse the result or it would leave
 *   every weight at 0
 */
export async function setWeights(
  calls: Calls,
  reader: RouteReader,
  change: Change,
  signal?: AbortSignal,
): Promise<RouteView> {
  const operation = routeKind(change.route) === 'listener' ? 'ModifyListener' : 'ModifyRule';
  const wire = `elbv2:${operation}`;
  // What is asked when the time is over: a read that hangs is no write that was lost.
  let asked = operation === 'ModifyListener' ? 'elbv2:DescribeListeners' : 'elbv2:DescribeRules';
  const before = await within(calls.clock, callLimit.change, signal, async (limited) => {
    const raw = await readOne(reader, change.route, limited);
    const view = viewOf(raw, change.managed);
    compareWithExpected(wire, view, change);
    if (isDone(view, change)) {
      return { view, written: false };
    }
    const list = withWeights(raw.actions, change.set, change.stickiness);
    if ('refused' in list) {
      throw portError('invalid', wire, `${view.name}: ${list.refused}`);
    }
    if (change.mayWrite?.() === false) {
      throw portError('timeout', wire, `${view.name}: it came too late to write its weights; nothing was written`);
    }
    asked = wire;
    await write(calls, change.route, list.actions, limited);
    return { view, written: true };
  }).catch((error: unknown) => {
    throw error instanceof TimeLimit || signal?.aborted === true ? toPortError(error, asked, { signal }) : error;
  });
  return before.written ? readBack(calls, reader, change, before.view, wire, signal) : before.view;
}

function compareWithExpected(operation: string, view: RouteView, change: Change): void {
  if (view.frame !== change.frame) {
    throw portError(
      'conflict',
      operation,
      `${view.name} was changed by another hand since it was read (its actions other than the weights of ${labels(change.managed)}); nothing was written`,
    );
  }
  const groups = groupsIn(view.weights, change.expected);
  if (!sameWeights(groups, view.weights, change.expected)) {
    throw portError(
      'conflict',
      operation,
      `${view.name} has ${describeWeights(view.weights, groups)} where ${describeWeights(change.expected, groups)} was expected; nothing was written`,
    );
  }
}

/** Nothing to write: the weights are there, each group is in the list (only then is it health checked), stickiness is as asked. */
function isDone(view: RouteView, change: Change): boolean {
  const groups = groupsIn(change.set);
  return (
    sameWeights(groups, view.weights, change.set) &&
    groups.every((group) => view.weights.some((one) => one.group === group)) &&
    sameStickiness(view.stickiness, change.stickiness)
  );
}

async function write(calls: Calls, route: RouteArn, actions: Action[], signal: AbortSignal): Promise<void> {
  if (routeKind(route) === 'listener') {
    await calls.elbv2({ operation: 'ModifyListener', use: 'change', signal }, (sdk, client, options) =>
      client.send(new sdk.ModifyListenerCommand({ ListenerArn: route, DefaultActions: actions }), options),
    );
    return;
  }
  await calls.elbv2({ operation: 'ModifyRule', use: 'change', signal }, (sdk, client, options) =>
    client.send(new sdk.ModifyRuleCommand({ RuleArn: route, Actions: actions }), options),
  );
}

async function readBack(
  calls: Calls,
  reader: RouteReader,
  change: Change,
  before: RouteView,
  operation: string,
  signal: AbortSignal | undefined,
): Promise<RouteView> {
  let seen = before;
  for (const pause of readBacks) {
    seen = await lookAgain(calls, reader, change, pause, operation, signal);
    if (seen.frame === before.frame && isDone(seen, change)) {
      return seen;
    }
    if (!looksLike(seen, before)) {
      break;
    }
  }
  const groups = groupsIn(seen.weights, change.set);
  const what = seen.frame === before.frame ? describeWeights(seen.weights, groups) : 'other actions';
  const stale = looksLike(seen, before) ? 'still ' : '';
  throw portError(
    'conflict',
    operation,
    `${seen.name} was written (${describeWeights(change.set, groupsIn(change.set))}), but reading it back ${stale}shows ${what}; another hand may be changing it`,
  );
}

/** A read that fails leaves the write unverified, whatever the reason: `server`, which says that it may have taken effect. */
async function lookAgain(
  calls: Calls,
  reader: RouteReader,
  change: Change,
  pause: number,
  operation: string,
  signal: AbortSignal | undefined,
): Promise<RouteView> {
  try {
    if (pause > 0) {
      await calls.clock.sleep(pause, signal);
    }
    return viewOf(await readOne(reader, change.route, signal), change.managed);
  } catch (error) {
    const known = toPortError(error, operation, { signal });
    if (known instanceof PortError && !known.mayHaveTakenEffect) {
      throw portError('server', operation, `was written, but could not be read back: ${known.message}`, {
        cause: known,
      });
    }
    throw known;
  }
}

const looksLike = (a: RouteView, b: RouteView): boolean =>
  a.frame === b.frame && sameWeights(groupsIn(a.weights, b.weights), a.weights, b.weights);

const groupsIn = (...lists: readonly (readonly GroupWeight[])[]): readonly TargetGroupArn[] => [
  ...new Set(lists.flatMap((list) => list.map(({ group }) => group))),
];

async function readOne(reader: RouteReader, route: RouteArn, signal: AbortSignal | undefined): Promise<RawRoute> {
  const raw = (await reader.read([route], signal)).get(route);
  if (raw === undefined) {
    throw portError('not-found', 'elbv2:DescribeRules', `there is no listener or rule ${route}`);
  }
  return raw;
}

const labels = (groups: readonly TargetGroupArn[]): string => groups.map(groupLabel).join(', ');
