import type { Color, RouteArn } from '../domain/ids.js';
import type { Action } from '../domain/decision.js';
import type { GroupWeight, ObservedRoute, Observation } from '../domain/observation.js';
import { otherColor } from '../domain/ids.js';
import type { Plan, ServicePlan } from '../domain/plan.js';
import { MAX_WEIGHT, splitWeight, stepScale } from './amounts.js';
import { colorOf, valueOf } from './standing.js';

/** The managed pair of one route, as observed. */
export interface Pair {
  readonly service: ServicePlan;
  readonly route: ObservedRoute;
  readonly live: number;
  readonly idle: number;
  /** Whether the idle group is part of the action at all. */
  readonly attached: boolean;
  /** What the pair shares while the weights move: 100, or a multiple of what it had where other groups have a share too. */
  readonly total: number;
  /** What the pair had in all before the first change. */
  readonly base: number;
  /** `total / base`: how many times larger the numbers of the route are while the weights move. Shares stay what they are. */
  readonly scale: number;
  /** Beside groups of others: another hand has given the pair other numbers, so that its share is another. */
  readonly restated: boolean;
}

type Stickiness = { readonly enabled: boolean; readonly seconds?: number };

export function pairOf(plan: Plan, seen: Observation, service: ServicePlan, arn: RouteArn): Pair | undefined {
  const route = valueOf(seen.routes.get(arn));
  if (route === undefined) return undefined;
  const live = colorOf(service, service.live).group;
  const idle = colorOf(service, otherColor(service.live)).group;
  const [liveWeight, idleWeight] = [weightIn(route.weights, live), weightIn(route.weights, idle)];
  const before = plan.weightsBefore.get(arn) ?? route.weights;
  const isOther = ({ group, weight }: GroupWeight): boolean => group !== live && group !== idle && weight > 0;
  const had = weightIn(before, live) + weightIn(before, idle);
  const base = had > 0 ? had : liveWeight + idleWeight;
  const others = route.weights.some(isOther);
  const steps = plan.how.is === 'blue-green' ? plan.how.steps : [];
  const largest = Math.max(base, ...before.filter(isOther).map(({ weight }) => weight));
  const scale = others ? stepScale(steps, base, largest) : 1;
  const sum = liveWeight + idleWeight;
  // Where somebody has given the others a weight that cannot grow with the pair, the pair keeps its numbers, and skips the steps that they cannot tell apart.
  const fits = !others || sum === 0 || canGrow(route.weights.filter(isOther), (base * scale) / sum);
  return {
    service,
    route,
    live: liveWeight,
    idle: idleWeight,
    attached: route.weights.some((entry) => entry.group === idle),
    total: !others ? 100 : fits ? base * scale : sum,
    base,
    scale,
    restated:
      others &&
      isRestated(sum, had, scale, (grown) =>
        route.weights.filter(isOther).some(({ group, weight }) => {
          const was = weightIn(before, group);
          return was > 0 && weight === (grown ? was : was * scale);
        }),
      ),
  };
}

/** Whether a pair whose numbers are this in all, beside groups of others, was brought there by somebody else: ours grow and shrink together with the others. */
function isRestated(sum: number, had: number, scale: number, doOthersDiffer: (grown: boolean) => boolean): boolean {
  if (had === 0) return false;
  if (sum !== had && sum !== had * scale) return true;
  return scale > 1 && doOthersDiffer(sum !== had);
}

export const hasTwoColors = ({ colors }: ServicePlan): boolean =>
  colors.blue !== undefined && colors.green !== undefined;

/** All pairs of these services, or undefined while one of their routes cannot be read. */
export function pairsOf(plan: Plan, seen: Observation, services: readonly ServicePlan[]): readonly Pair[] | undefined {
  const pairs: Pair[] = [];
  for (const service of services) {
    for (const route of service.routes) {
      const pair = pairOf(plan, seen, service, route);
      if (pair === undefined) return undefined;
      pairs.push(pair);
    }
  }
  return pairs;
}

/** Index of the highest step that a pair has reached, -1 before the first; undefined when the weights are none of ours. Steps that small weights cannot tell apart are reached together. */
export function reached(pair: Pair, steps: readonly number[]): number | undefined {
  if (pair.idle === 0) return pair.live > 0 ? -1 : undefined;
  const index = steps.findLastIndex((step) => isAt(pair, step));
  return index >= 0 ? index : undefined;
}

export function percentOf(pair: Pick<Pair, 'live' | 'idle'>): number {
  const sum = pair.live + pair.idle;
  return sum === 0 ? 0 : (pair.idle / sum) * 100;
}

/** One write that gives the idle color `percent` of the pair. All of it: in the numbers that the route had before. */
export function shiftTo(plan: Plan, pair: Pair, percent: number, stickiness?: Stickiness): Action {
  if (percent >= 100) {
    const whole = pair.scale > 1 || pair.total !== 100 ? pair.base : pair.total;
    return atTheEnd(plan, pair, (sum) => ({ live: 0, idle: sum ?? whole }), stickiness);
  }
  return weightsAction(pair, splitWeight(pair.total, percent), {
    others: othersOfStep(plan, pair),
    stickiness,
  });
}

/** One write that gives the live color all of the pair, in the numbers that the route had before the first change: what both colors had then. */
export function giveBack(plan: Plan, pair: Pair, stickiness?: Stickiness): Action {
  const whole = pair.base > 0 ? pair.base : pair.total;
  return atTheEnd(plan, pair, (sum) => ({ live: sum ?? whole, idle: 0 }), stickiness);
}

/**
 * The write that ends a shift, in the numbers of before the first change. Where somebody else has since set the weights of the pair or of another group, those numbers would
 * change that group's share: then the pair keeps the sum that it has now. A pair that has no weight at all gets the numbers of before.
 */
function atTheEnd(
  plan: Plan,
  pair: Pair,
  set: (sum: number | undefined) => Pick<Pair, 'live' | 'idle'>,
  stickiness: Stickiness | undefined,
): Action {
  const sum = pair.live + pair.idle;
  if (!pair.restated && areOthersOurs(plan, pair))
    return weightsAction(pair, set(undefined), { others: scaledOthers(plan, pair, 1), stickiness });
  return weightsAction(pair, set(sum === 0 ? undefined : sum), { stickiness });
}

/** Whether the groups of others have what they had before the first change, or that in proportion. */
function areOthersOurs(plan: Plan, pair: Pair): boolean {
  const ours = groupsOf(pair);
  const before = plan.weightsBefore.get(pair.route.route) ?? [];
  return pair.route.weights.every(({ group, weight }) => {
    const was = weightIn(before, group);
    return ours.has(group) || weight === was || weight === was * pair.scale;
  });
}

/** One write that gives all of the pair to one color, in numbers that the route had before; where somebody else has set its weights, in theirs. */
export function allTo(plan: Plan, pair: Pair, color: Color): Action {
  const sticky = pair.route.stickiness.enabled ? { enabled: false } : undefined;
  const sum = pair.live + pair.idle;
  if (pair.restated || (sum !== pair.base && sum !== pair.total)) {
    const isLive = color === pair.service.live;
    return weightsAction(pair, { live: isLive ? sum : 0, idle: isLive ? 0 : sum }, { stickiness: sticky });
  }
  return color === pair.service.live ? giveBack(plan, pair, sticky) : shiftTo(plan, pair, 100, sticky);
}

/** Whether the weights are those of this step. */
export function isAt(pair: Pair, percent: number): boolean {
  if (percent >= 100) return pair.live === 0 && pair.idle > 0;
  const split = splitWeight(pair.total, percent);
  return split.idle === pair.idle && (split.live === pair.live || (pair.idle === 0 && pair.live > 0));
}

/** The first write: puts the idle group into the action at 0, because only then does the load balancer check its targets. */
export function attach(pair: Pair): Action {
  return weightsAction(pair, { live: pair.live, idle: 0 });
}

/**
 * The writes that let go of the clients that stickiness binds to a group whatever its weight: without them those would get 503 from a color that is
 * taken out of service. Weights stay as they are; what was set before comes back with the next step, or at the end.
 */
export function unbind(plan: Plan, seen: Observation, service: ServicePlan): readonly Action[] {
  return (pairsOf(plan, seen, [service]) ?? [])
    .filter((pair) => pair.attached && pair.route.stickiness.enabled)
    .map((pair) => weightsAction(pair, pair, { stickiness: { enabled: false } }));
}

/** Stickiness that a step has to bring back, since it was there before. */
export function stickinessLost(plan: Plan, pair: Pair): Stickiness | undefined {
  const before = plan.stickinessBefore.get(pair.route.route);
  return before?.enabled === true && !pair.route.stickiness.enabled ? before : undefined;
}

/** The write that gives a borrowed stickiness back, or undefined where it is what it was. */
export function returnStickiness(plan: Plan, pair: Pair): Action | undefined {
  const before = plan.stickinessBefore.get(pair.route.route);
  if (before === undefined) return undefined;
  const { enabled, seconds } = pair.route.stickiness;
  if (enabled === before.enabled && (!enabled || seconds === before.seconds)) return undefined;
  return weightsAction(pair, pair, { stickiness: before });
}

/** Weights of the groups of others for a step: they grow as the pair does, which keeps their share, also where somebody has changed them meanwhile. */
function othersOfStep(plan: Plan, pair: Pair): readonly GroupWeight[] {
  if (areOthersOurs(plan, pair)) return scaledOthers(plan, pair, pair.scale);
  const sum = pair.live + pair.idle;
  if (sum === 0 || pair.total <= sum) return [];
  const ours = groupsOf(pair);
  return pair.route.weights.flatMap(({ group, weight }) =>
    ours.has(group) || weight === 0 ? [] : [{ group, weight: (weight * pair.total) / sum }],
  );
}

/** Whether these weights can be so many times larger. */
function canGrow(weights: readonly GroupWeight[], times: number): boolean {
  return times <= 1 || weights.every(({ weight }) => Number.isInteger(weight * times) && weight * times <= MAX_WEIGHT);
}

/** Weights of the groups of others, `scale` times what they were before the first change. */
function scaledOthers(plan: Plan, pair: Pair, scale: number): readonly GroupWeight[] {
  if (pair.scale <= 1) return [];
  const ours = groupsOf(pair);
  const before = plan.weightsBefore.get(pair.route.route) ?? [];
  return pair.route.weights.flatMap(({ group, weight }) => {
    const was = weightIn(before, group);
    return ours.has(group) || was === 0 || weight === was * scale ? [] : [{ group, weight: was * scale }];
  });
}

function weightsAction(
  pair: Pair,
  { live, idle }: Pick<Pair, 'live' | 'idle'>,
  more: { readonly others?: readonly GroupWeight[]; readonly stickiness?: Stickiness | undefined } = {},
): Action {
  return {
    is: 'weights',
    route: pair.route.route,
    frame: pair.route.frame,
    expected: pair.route.weights,
    set: [
      { group: colorOf(pair.service, pair.service.live).group, weight: live },
      { group: colorOf(pair.service, otherColor(pair.service.live)).group, weight: idle },
      ...(more.others ?? []),
    ],
    ...(more.stickiness === undefined ? {} : { stickiness: more.stickiness }),
  };
}

function groupsOf({ service }: Pair): ReadonlySet<string> {
  return new Set([colorOf(service, service.live).group, colorOf(service, otherColor(service.live)).group]);
}

function weightIn(weights: readonly GroupWeight[], group: string): number {
  return weights.find((entry) => entry.group === group)?.weight ?? 0;
}
