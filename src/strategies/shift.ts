import type { RouteArn } from '../domain/ids.js';
import type { Action } from '../domain/decision.js';
import type { GroupWeight, ObservedRoute, Observation } from '../domain/observation.js';
import { otherColor } from '../domain/ids.js';
import type { Plan, ServicePlan } from '../domain/plan.js';
import { splitWeight } from './amounts.js';
import { colorOf, valueOf } from './standing.js';

/** The managed pair of one route, as seen. */
export interface Pair {
  readonly service: ServicePlan;
  readonly route: ObservedRoute;
  readonly live: number;
  readonly idle: number;
  /** Whether the idle group is part of the action at all. */
  readonly attached: boolean;
  /** What the pair shares: 100, or what it had where other groups have a share too. */
  readonly total: number;
}

export function pairOf(seen: Observation, service: ServicePlan, arn: RouteArn): Pair | undefined {
  const route = valueOf(seen.routes.get(arn));
  if (route === undefined) return undefined;
  const live = colorOf(service, service.live).group;
  const idle = colorOf(service, otherColor(service.live)).group;
  const weight = (group: string): number => route.weights.find((entry) => entry.group === group)?.weight ?? 0;
  const others = route.weights.filter((entry) => entry.group !== live && entry.group !== idle && entry.weight > 0);
  return {
    service,
    route,
    live: weight(live),
    idle: weight(idle),
    attached: route.weights.some((entry) => entry.group === idle),
    total: others.length === 0 ? 100 : weight(live) + weight(idle),
  };
}

/** All pairs of these services, or undefined while one of their routes cannot be read. */
export function pairsOf(seen: Observation, services: readonly ServicePlan[]): readonly Pair[] | undefined {
  const pairs: Pair[] = [];
  for (const service of services) {
    for (const route of service.routes) {
      const pair = pairOf(seen, service, route);
      if (pair === undefined) return undefined;
      pairs.push(pair);
    }
  }
  return pairs;
}

/** Index of the highest step that a pair has reached, -1 before the first; undefined when the weights are none of ours. */
export function reached(pair: Pair, steps: readonly number[]): number | undefined {
  if (pair.idle === 0) return pair.live > 0 ? -1 : undefined;
  const index = steps.findIndex((step) => {
    const split = splitWeight(pair.total, step);
    return split.idle === pair.idle && split.live === pair.live;
  });
  return index >= 0 ? index : undefined;
}

export function percentOf(pair: Pair): number {
  const sum = pair.live + pair.idle;
  return sum === 0 ? 0 : (pair.idle / sum) * 100;
}

/** One write that gives the idle color `percent` of the pair. */
export function shiftTo(pair: Pair, percent: number, stickiness?: { enabled: boolean; seconds?: number }): Action {
  const { live, idle } = splitWeight(pair.total, percent);
  return weightsAction(pair, live, idle, stickiness);
}

/** One write that gives the live color all of the pair, in the numbers that the route had before the first change. */
export function giveBack(plan: Plan, pair: Pair, stickiness?: { enabled: boolean; seconds?: number }): Action {
  const group = colorOf(pair.service, pair.service.live).group;
  const before = plan.weightsBefore.get(pair.route.route)?.find((entry) => entry.group === group)?.weight ?? 0;
  return weightsAction(pair, before > 0 ? before : pair.total, 0, stickiness);
}

/** The first write: puts the idle group into the action at 0, because only then does the load balancer check its targets. */
export function attach(pair: Pair): Action {
  return weightsAction(pair, pair.live, 0);
}

/**
 * The writes that let go of the clients that stickiness binds to a group whatever its weight: without them those would get 503 from a color that is
 * taken out of service. Weights stay as they are; what was set before comes back with the next step, or at the end.
 */
export function unbind(seen: Observation, service: ServicePlan): readonly Action[] {
  return (pairsOf(seen, [service]) ?? [])
    .filter((pair) => pair.attached && pair.route.stickiness.enabled)
    .map((pair) => weightsAction(pair, pair.live, pair.idle, { enabled: false }));
}

/** Stickiness that a step has to bring back, since it was there before. */
export function stickinessLost(
  plan: Plan,
  pair: Pair,
): { readonly enabled: boolean; readonly seconds?: number } | undefined {
  const before = plan.stickinessBefore.get(pair.route.route);
  return before?.enabled === true && !pair.route.stickiness.enabled ? before : undefined;
}

function weightsAction(
  pair: Pair,
  live: number,
  idle: number,
  stickiness?: { enabled: boolean; seconds?: number },
): Action {
  const liveGroup = colorOf(pair.service, pair.service.live).group;
  const idleGroup = colorOf(pair.service, otherColor(pair.service.live)).group;
  const managed = new Set<string>([liveGroup, idleGroup]);
  const expected: GroupWeight[] = pair.route.weights.filter((entry) => managed.has(entry.group));
  return {
    is: 'weights',
    route: pair.route.route,
    frame: pair.route.frame,
    expected,
    set: [
      { group: liveGroup, weight: live },
      { group: idleGroup, weight: idle },
    ],
    ...(stickiness === undefined ? {} : { stickiness }),
  };
}

/** The write that gives a borrowed stickiness back, or undefined where it is what it was. */
export function returnStickiness(plan: Plan, pair: Pair): Action | undefined {
  const before = plan.stickinessBefore.get(pair.route.route);
  if (before === undefined) return undefined;
  const { enabled, seconds } = pair.route.stickiness;
  if (enabled === before.enabled && (!enabled || seconds === before.seconds)) return undefined;
  return weightsAction(pair, pair.live, pair.idle, before);
}
