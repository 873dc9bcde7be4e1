import type { Action, Decision } from '../domain/decision.js';
import type { ForeignTarget } from '../domain/foreign-targets.js';
import { foreignTargets, foreignText } from '../domain/foreign-targets.js';
import type { Instant, Ms, TargetGroupArn, TargetKey } from '../domain/ids.js';
import { targetKey } from '../domain/ids.js';
import { keptKey } from '../domain/observation.js';
import type { ObservedTarget, Observation } from '../domain/observation.js';
import type { Plan } from '../domain/plan.js';
import { isChanged } from './preload.js';
import { isForward, movesTraffic } from './steering.js';
import { healthyIn, membersOf, valueOf } from './standing.js';
import { waitingSince } from './waiting.js';

/**
 * The fleet must have been read this much later than the target was first seen in its state: an instance that has just been launched may be registered before
 * a reading of the fleet shows it.
 */
const FLEET_LATER: Ms = 10_000;

/** Registered targets that the fleet does not cover, as far as fleet and targets could be read. */
export function foreignIn(plan: Plan, seen: Observation): readonly ForeignTarget[] {
  const fleet = valueOf(seen.fleet);
  if (fleet === undefined) return [];
  return foreignTargets(plan.services, plan.layout, fleet, (group) => valueOf(seen.targets.get(group)));
}

/**
 * Keeps a rollout from giving traffic to targets that it does not reach, and from reporting a success beside them: what runs there may be another release.
 * Where the configuration says so they are deregistered first. A rollback is never kept back.
 */
export function guardForeign(plan: Plan, seen: Observation, now: Instant, decision: Decision): Decision {
  if (plan.how.is === 'retire') return decision;
  if (decision.is === 'act' && decision.urgent === true) return decision;
  const foreign = foreignIn(plan, seen);
  if (foreign.length === 0) return untilShown(plan, seen, now, decision);
  const sure = foreign.filter((each) => isSure(seen, each));
  if (plan.foreignTargets === 'deregister') {
    const removal = removeForeign(plan, seen, now, sure);
    if (removal !== undefined) return removal;
  }
  if (!isForward(plan) || !concludes(plan, decision)) return decision;
  // One that is stopped gets no requests. It is named at the end.
  const serving = foreign.filter((each) => each.kind !== 'stopped' && isInvolved(plan, each));
  const blocking = serving.filter((each) => sure.includes(each));
  if (blocking.length > 0) return { is: 'hold', reason: blockedBy(seen, blocking) };
  if (serving.length === 0) return untilShown(plan, seen, now, decision);
  const key = 'targets that the fleet does not cover';
  const until = waitingSince(seen, key, now) + plan.timing.healthTimeout;
  if (now >= until) return { is: 'hold', reason: blockedBy(seen, serving) };
  const what = `${key} are checked: ${serving.map(foreignText).join(', ')}`;
  return { is: 'wait', waits: [{ key, what, until }], recheckAt: now + plan.timing.poll, reason: what };
}

/** A deregistration may have had no effect: the decision waits until a reading shows the target as deregistered. */
function untilShown(plan: Plan, seen: Observation, now: Instant, decision: Decision): Decision {
  if (!isForward(plan) || !concludes(plan, decision)) return decision;
  const fleet = valueOf(seen.fleet) ?? [];
  const assumed = (group: TargetGroupArn): ReadonlyMap<TargetKey, Pick<ObservedTarget, 'state'>> => {
    const targets = [...(valueOf(seen.targets.get(group)) ?? [])].filter(([, target]) => target.assumed === true);
    return new Map(targets.map(([key]) => [key, { state: 'healthy' }]));
  };
  const leaving = foreignTargets(plan.services, plan.layout, fleet, assumed).filter((each) => isInvolved(plan, each));
  if (leaving.length === 0) return decision;
  const what = `the load balancer shows ${leaving.map(({ instance, port }) => targetKey(instance, port)).join(', ')} as deregistered`;
  const until = waitingSince(seen, what, now) + plan.timing.healthTimeout;
  return { is: 'wait', waits: [{ key: what, what, until }], recheckAt: now + plan.timing.poll, reason: what };
}

/** Whether the decision gives traffic to the new release, or says that it serves. */
function concludes(plan: Plan, decision: Decision): boolean {
  if (decision.is === 'done') return decision.outcome === 'succeeded';
  return (
    decision.is === 'act' &&
    movesTraffic(
      plan,
      decision.actions.filter(({ is }) => is === 'weights'),
    )
  );
}

/** Whether the plan gives or leaves traffic to its group: either color of a service that changes colors, else the live one. */
export function isInvolved(plan: Plan, { service: name, color }: ForeignTarget): boolean {
  const service = plan.services.find((each) => each.service === name);
  if (service === undefined || !isChanged(service)) return false;
  return plan.how.is === 'blue-green' || color.color === service.live;
}

function targetOf(seen: Observation, { color, instance, port }: ForeignTarget): ObservedTarget | undefined {
  return valueOf(seen.targets.get(color.group))?.get(targetKey(instance, port));
}

function isSure(seen: Observation, foreign: ForeignTarget): boolean {
  // The instance is in the fleet: no later reading can cover the target.
  if (foreign.kind === 'other-port') return true;
  const target = targetOf(seen, foreign);
  return seen.fleet.is === 'known' && target !== undefined && seen.fleet.at - target.since >= FLEET_LATER;
}

/**
 * One deregistration per group. Not where no instance of the fleet is healthy in a group that gets requests, or of which some nodes of the load balancer have not heard yet
 * that it gets none: those go when instances of the fleet serve there, or after the settle time.
 */
function removeForeign(
  plan: Plan,
  seen: Observation,
  now: Instant,
  foreign: readonly ForeignTarget[],
): Decision | undefined {
  const fleet = valueOf(seen.fleet) ?? [];
  const leaving = foreign.filter((each) => {
    const { color, instance, port } = each;
    const target = targetOf(seen, each);
    if (target === undefined || seen.kept?.has(keptKey(color.group, targetKey(instance, port))) === true) return false;
    if (now >= (target.unroutedSince ?? Infinity) + plan.timing.settle) return true;
    return healthyIn(seen, color, membersOf(plan, fleet, color.color)) > 0;
  });
  const groups = [...new Set(leaving.map(({ color }) => color.group))];
  const actions = groups.map((group): Action => {
    const targets = leaving
      .filter(({ color }) => color.group === group)
      .map(({ instance, port }) => ({ instance, port }));
    return { is: 'deregister', group, targets, foreign: true };
  });
  const [first, ...rest] = actions;
  if (first === undefined) return undefined;
  const reason = `targets that the fleet does not cover are deregistered: ${leaving.map(foreignText).join(', ')}`;
  return { is: 'act', actions: [first, ...rest], waits: [], reason };
}

function blockedBy(seen: Observation, foreign: readonly ForeignTarget[]): string {
  const named = foreign.map((each) => {
    const { service, color, instance, port } = each;
    const why = seen.kept?.get(keptKey(color.group, targetKey(instance, port)));
    return `${service} ${color.color}: ${foreignText(each)}${why === undefined ? '' : `: ${why}`}`;
  });
  return `targets that the fleet does not cover get requests, and may serve another release: ${named.join('; ')}. Deregister them, or add their instances to the fleet`;
}
