import type { Instant } from '../domain/ids.js';
import type { Action, Wait } from '../domain/decision.js';
import type { FleetInstance, Observation, ObservedTarget } from '../domain/observation.js';
import { isRegistered } from '../domain/observation.js';
import type { Plan, ServicePlan } from '../domain/plan.js';
import type { Amount } from '../domain/settings.js';
import { alternateZones, atMost, minimumHealthyOf } from './amounts.js';
import { healthOf, mayServe } from './outage.js';
import type { Standing } from './standing.js';
import { membersOf, runsRelease, targetOf } from './standing.js';
import type { Work } from './work.js';
import { deregisterOf, mergeTargets, registerOf, standingsOf, startOf, waitOf, watched } from './work.js';

export interface Window {
  readonly maxParallel: Amount;
  readonly minimumHealthy?: Amount;
  readonly allowDowntime: boolean;
}

/**
 * Places in which an instance is on its way: out of the load balancer, or not back for good. One that cannot be told about may be: its command
 * was lost, or another process began it.
 */
const inFlight = new Set<Standing['place']>([
  'unknown',
  'draining',
  'quiet',
  'swapping',
  'unverified',
  'ready',
  'warming',
  'settling',
]);

/**
 * Moves one service to its wanted release where it runs, a window of instances at a time:
 * deregister → drained and settled → swap → instance witness → register → target witness → healthy for long enough → next.
 * On the way back the window is as wide as the minimum of healthy targets allows, and what is out of the load balancer anyway goes at once.
 */
export function moveInPlace(
  plan: Plan,
  seen: Observation,
  now: Instant,
  fleet: readonly FleetInstance[],
  service: ServicePlan,
  window: Window,
): Work {
  const standings = standingsOf(plan, seen, now, fleet, service, service.live);
  const actions: Action[] = [];
  const waits: Wait[] = [];
  const bad = standings.filter((standing) => standing.place === 'bad');

  for (const standing of standings) {
    const step = stepOf(plan, seen, now, standing);
    actions.push(...step.actions);
    waits.push(...step.waits);
  }
  // On the way back nobody waits for what came back to stay healthy, but until it has, the others are not taken away on its account: the load
  // balancer's nodes learn of a new target at different times.
  const fresh = standings.flatMap((standing) => {
    const until = (standing.target?.since ?? now) + plan.timing.stabilize;
    // Also one whose container is looked into once more, since the process that had registered it has died.
    const isBack = standing.place === 'serving' || inFlight.has(standing.place);
    const counts = isBack && standing.target?.state === 'healthy';
    return counts && now < until
      ? [{ ...waitOf(plan, seen, now, standing), what: 'back; must stay healthy', until }]
      : [];
  });
  actions.push(...next(plan, seen, fleet, service, window, standings, fresh.length));

  const left = standings.filter((standing) => standing.place === 'old' || standing.place === 'empty');
  const taken = new Set(
    actions.flatMap((a) => ('targets' in a ? a.targets.map((t) => t.instance) : 'instance' in a ? [a.instance] : [])),
  );
  const turns = left
    .filter((standing) => !taken.has(standing.instance.id))
    .map((standing) => ({ ...waitOf(plan, seen, now, standing), what: 'waits for its turn', until: plan.deadline }));
  // One that cannot be reached, and is still to leave, waits for them as well.
  if (left.length > 0 || standings.some(mustLeave)) waits.push(...fresh);
  return {
    actions: mergeTargets(actions),
    waits,
    turns,
    bad,
    complete: standings.every((standing) => standing.place === 'serving' || standing.place === 'excluded'),
  };
}

/** A target that serves, or that will as soon as its group gets requests: while a rule is gone, no health check says so. */
const isCapacity = (target: ObservedTarget | undefined): boolean =>
  target !== undefined && (target.state === 'healthy' || mayServe(target));

/** What an instance that is already on its way needs now. */
function stepOf(
  plan: Plan,
  seen: Observation,
  now: Instant,
  standing: Standing,
): { actions: readonly Action[]; waits: readonly Wait[] } {
  const wait = { actions: [], waits: [waitOf(plan, seen, now, standing)] };
  switch (standing.place) {
    case 'unverified':
    case 'quiet':
      return standing.free ? { actions: [startOf(plan, standing)], waits: [] } : wait;
    case 'ready':
      return { actions: [registerOf(standing)], waits: [] };
    case 'settling':
    case 'unknown':
      return standing.look ? { actions: [{ is: 'inspect', instance: standing.instance.id }], waits: wait.waits } : wait;
    case 'draining':
      return { actions: watched(standing), waits: wait.waits };
    case 'swapping':
    case 'warming':
      return wait;
    case 'excluded':
    case 'bad':
    case 'old':
    case 'empty':
    case 'serving':
      return { actions: [], waits: [] };
  }
}

/** Opens the window: who goes next. Empty and unhealthy ones first, since they cost no capacity; zones alternating. */
function next(
  plan: Plan,
  seen: Observation,
  fleet: readonly FleetInstance[],
  service: ServicePlan,
  window: Window,
  standings: readonly Standing[],
  fresh: number,
): readonly Action[] {
  const members = membersOf(plan, fleet, service.live);
  const back = plan.aim.to === 'old' || plan.kind === 'rollback';
  let slots = back
    ? members.length
    : atMost(window.maxParallel, members.length) - standings.filter((standing) => inFlight.has(standing.place)).length;
  const color = service.colors[service.live];
  if (color === undefined) return [];
  const actions: Action[] = [];
  // Where nobody is served, what runs nothing is started where it is registered: its requests fail anyway.
  const dark = back && healthOf(seen, service, service.live) === 'none';
  const isEmpty = ({ place, occupant }: Standing): boolean =>
    place === 'empty' || (dark && place === 'old' && occupant === undefined);
  for (const standing of standings.filter(isEmpty)) {
    if (slots <= 0 || !standing.free) continue;
    slots -= 1;
    actions.push(startOf(plan, standing));
  }
  const serving = members.filter(({ id }) => isCapacity(targetOf(seen, color, id))).length;
  let spare = serving - fresh - minimumHealthyOf(members.length, window);
  const order = new Map(alternateZones(members).map((instance, index) => [instance.id, index]));
  const candidates = standings
    .filter((standing) => standing.place === 'old' && !isEmpty(standing))
    .sort(
      (a, b) =>
        Number(isCapacity(a.target)) - Number(isCapacity(b.target)) ||
        (order.get(a.instance.id) ?? 0) - (order.get(b.instance.id) ?? 0),
    );
  const there = standings.filter(({ target }) => target !== undefined && isRegistered(target));
  let registered = there.length;
  let away = standings.filter((each) => inFlight.has(each.place) && !there.includes(each)).length;
  for (const standing of candidates) {
    if (slots <= 0) break;
    const costs = isCapacity(standing.target) ? 1 : 0;
    if (costs > 0 && spare <= 0) break;
    // Where none is healthy the load balancer asks them all, and where none is registered it answers 503: the last one waits for one that is on its way.
    if (registered <= 1 && away > 0) break;
    registered -= 1;
    away += 1;
    slots -= 1;
    spare -= costs;
    actions.push(deregisterOf(standing));
  }
  return [...actions, ...leaveOut(standings, spare)];
}

/**
 * An instance that cannot be reached may run anything: it leaves the load balancer once all others serve, as far as the minimum of healthy targets allows, and comes
 * back only when it is verified. A service that the plan does not change stays: nothing of ours has been there.
 */
export function leaveOut(standings: readonly Standing[], spare: number): readonly Action[] {
  const others = standings.filter((standing) => standing.place !== 'excluded');
  if (others.length === 0 || others.some((standing) => standing.place !== 'serving')) return [];
  const actions: Action[] = [];
  let left = spare;
  for (const standing of standings) {
    if (!mustLeave(standing)) continue;
    const costs = isCapacity(standing.target) ? 1 : 0;
    if (costs > left) continue;
    left -= costs;
    actions.push(deregisterOf(standing));
  }
  return actions;
}

/**
 * Those that may run what is to be undone and still get requests, since they are needed for the minimum of healthy targets: as long as there is one, nobody can say that the wanted
 * release serves. One that a rollout left out from its beginning is none: nothing of ours has been there.
 */
export function exposed(plan: Plan, standings: readonly Standing[]): readonly Standing[] {
  return standings.filter(
    (each) => mustLeave(each) && !(plan.kind === 'rollout' && plan.excluded.includes(each.instance.id)),
  );
}

/** Left out, deregistered for that, and not yet seen to be gone: it may still get requests. */
export function isLeaving({ place, target, service }: Standing): boolean {
  return place === 'excluded' && target?.assumed === true && service.from.release !== service.to.release;
}

function mustLeave({ place, target, occupant, want, service }: Standing): boolean {
  if (place !== 'excluded' || service.from.release === service.to.release) return false;
  return target !== undefined && isRegistered(target) && !runsRelease(occupant, want);
}
