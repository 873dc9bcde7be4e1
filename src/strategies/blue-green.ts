import type { Decision } from '../domain/decision.js';
import type { Instant } from '../domain/ids.js';
import { otherColor } from '../domain/ids.js';
import type { FleetInstance, Observation } from '../domain/observation.js';
import type { How, Plan, ServicePlan } from '../domain/plan.js';
import { bake } from './baking.js';
import { emptyColor } from './empty-color.js';
import { moveInPlace } from './in-place.js';
import { prepareIdle } from './prepare-idle.js';
import { isChanged, preload } from './preload.js';
import { canReturn, failing, waitForFleet, withoutReturn } from './shared.js';
import type { Pair } from './shift.js';
import { giveBack, pairsOf, percentOf, reached, returnStickiness, shiftTo, stickinessLost } from './shift.js';
import { colorOf, healthyIn, membersOf } from './standing.js';
import { decide, fleetOf, merge, standingsOf } from './work.js';

type BlueGreen = Extract<How, { is: 'blue-green' }>;

/** An unchanged service is only converged, one empty instance after the other; it never moves. */
const oneByOne = { maxParallel: { is: 'count', value: 1 }, allowDowntime: false } as const;

/**
 * Blue-green: the idle color is brought up out of traffic and judged on its own health, then the weights move by steps, each one baked, backend's
 * routes first. The old color stays registered and warm as the way back.
 */
export function blueGreen(plan: Plan, how: BlueGreen, seen: Observation, now: Instant): Decision {
  const fleet = fleetOf(seen);
  if (fleet === undefined || fleet.length === 0) return waitForFleet(plan, seen, now);
  if (plan.aim.to === 'old') return wayBack(plan, seen, now, fleet);

  const before = preload(plan, seen, now, fleet);
  if (before !== undefined) return before;

  const changed = plan.services.filter(isChanged);
  const pairs = pairsOf(seen, changed);
  if (pairs === undefined) return unreadable(plan, seen, now, changed);

  const foreign = pairs.find((pair) => reached(pair, how.steps) === undefined);
  if (foreign !== undefined) return foreignHand(plan, now, foreign);

  const works = plan.services.map((service) =>
    isChanged(service)
      ? prepareIdle(plan, seen, now, fleet, service)
      : moveInPlace(plan, seen, now, fleet, service, oneByOne),
  );
  const work = merge(works);
  if (work.bad.length > 0) return failing(plan, seen, now, fleet, work.bad);
  if (!work.complete) {
    const decision = decide(work, 'bring up the idle color, out of traffic', now, plan);
    if (decision !== undefined) return decision;
  }
  return shift(plan, how, seen, now, fleet, pairs);
}

/** Moves the weights one step, all routes of all services together, then bakes it. The observed weights say where it stands. */
function shift(
  plan: Plan,
  how: BlueGreen,
  seen: Observation,
  now: Instant,
  fleet: readonly FleetInstance[],
  pairs: readonly Pair[],
): Decision {
  const stages = pairs.map((pair) => reached(pair, how.steps) ?? -1);
  const highest = Math.max(-1, ...stages);
  const lagging = pairs.filter((_, index) => (stages[index] ?? -1) < highest);
  const standings = plan.services
    .filter(isChanged)
    .flatMap((service) => standingsOf(plan, seen, now, fleet, service, otherColor(service.live)));

  if (highest >= 0 && lagging.length === 0) {
    const percent = how.steps[highest] ?? 100;
    const last = highest === how.steps.length - 1;
    const baking = bake(plan, seen, now, `shift/${String(percent)}`, standings, last);
    if (baking !== undefined) return baking;
  }
  const goal = lagging.length > 0 ? highest : highest + 1;
  const step = how.steps[goal];
  if (step === undefined || pairs.length === 0) return finish(plan, pairs);

  const moving = lagging.length > 0 ? lagging : pairs;
  const sticky = how.stickySeconds === undefined ? undefined : { enabled: true, seconds: how.stickySeconds };
  const [first, ...rest] = moving.map((pair) => shiftTo(pair, step, sticky ?? stickinessLost(plan, pair)));
  if (first === undefined) return finish(plan, pairs);
  return {
    is: 'act',
    actions: [first, ...rest],
    waits: [],
    reason: `${String(step)}% of the traffic to the ${plan.kind === 'rollback' ? 'earlier release' : 'new color'}`,
  };
}

function finish(plan: Plan, pairs: readonly Pair[]): Decision {
  const borrowed = pairs.map((pair) => returnStickiness(plan, pair)).filter((action) => action !== undefined);
  const [first, ...rest] = borrowed;
  if (first !== undefined)
    return { is: 'act', actions: [first, ...rest], waits: [], reason: 'put the stickiness back' };
  const reason =
    plan.kind === 'rollback'
      ? 'the traffic is back on the earlier release'
      : 'all traffic is on the new color and it passed its bakes';
  return { is: 'done', outcome: 'succeeded', reason };
}

/** Weights back first, frontend before backend, then the failed color out of service. It needs nothing of the new version. */
function wayBack(plan: Plan, seen: Observation, now: Instant, fleet: readonly FleetInstance[]): Decision {
  const because = plan.aim.to === 'old' ? plan.aim.because : '';
  const changed = plan.services.filter(isChanged);
  const pairs = pairsOf(seen, [...changed].reverse());
  if (pairs === undefined) return unreadable(plan, seen, now, changed);

  const moved = pairs.filter((pair) => pair.idle > 0 && canReturn(pair.service));
  if (moved.length > 0) {
    const helpless = moved.find((pair) => liveHealthy(plan, seen, fleet, pair.service) === 0);
    if (helpless !== undefined) return noWayBack(plan, now, helpless);
    const [first, ...rest] = moved.map((pair) =>
      giveBack(plan, pair, pair.route.stickiness.enabled ? { enabled: false } : undefined),
    );
    if (first !== undefined) {
      return {
        is: 'act',
        actions: [first, ...rest],
        waits: [],
        reason: 'the traffic goes back to the previous release',
      };
    }
  }

  // A first installation that has traffic keeps it: there is no other release to give it to.
  const inTraffic = new Set(pairs.filter((pair) => pair.idle > 0).map((pair) => pair.service));
  const work = merge([
    ...changed
      .filter((service) => !inTraffic.has(service))
      .map((service) => emptyColor(plan, seen, now, fleet, service, otherColor(service.live), service.to.release)),
    ...plan.services
      .filter((service) => !isChanged(service))
      .map((service) => moveInPlace(plan, seen, now, fleet, service, oneByOne)),
  ]);
  const decision = decide(work, 'take the failed color out of service', now, plan);
  if (decision !== undefined) return decision;
  const borrowed = pairs.map((pair) => returnStickiness(plan, pair)).filter((action) => action !== undefined);
  const [first, ...rest] = borrowed;
  if (first !== undefined)
    return { is: 'act', actions: [first, ...rest], waits: [], reason: 'put the stickiness back' };
  const stuck = changed.filter((service) => !canReturn(service)).map(withoutReturn);
  if (stuck.length > 0) return { is: 'done', outcome: 'failed', reason: [because, ...stuck].join('; ') };
  return { is: 'done', outcome: 'rolled-back', reason: because };
}

function liveHealthy(plan: Plan, seen: Observation, fleet: readonly FleetInstance[], service: ServicePlan): number {
  return healthyIn(seen, colorOf(service, service.live), membersOf(plan, fleet, service.live));
}

/** No healthy target on the way back: weights never go to a group without one. */
function noWayBack(plan: Plan, now: Instant, pair: Pair): Decision {
  const reason = `${pair.service.service}: the previous color has no healthy target, so the traffic stays where it is`;
  if (now < plan.deadline) return { is: 'hold', until: Math.min(plan.deadline, now + plan.timing.hold), reason };
  return { is: 'done', outcome: 'failed', reason };
}

function unreadable(plan: Plan, seen: Observation, now: Instant, services: readonly ServicePlan[]): Decision {
  for (const service of services) {
    for (const route of service.routes) {
      const view = seen.routes.get(route);
      if (view?.is === 'known') continue;
      const since = view?.since ?? now;
      const reason = `the weights of ${service.service} cannot be read: ${view?.why ?? 'not read yet'}`;
      const until = since + plan.timing.healthTimeout;
      if (now < until)
        return { is: 'wait', waits: [{ what: reason, until }], recheckAt: now + plan.timing.poll, reason };
      return { is: 'hold', until: until + plan.timing.hold, reason };
    }
  }
  throw new Error('a route was called unreadable although all were read');
}

function foreignHand(plan: Plan, now: Instant, pair: Pair): Decision {
  const seenAs = `${String(pair.live)}/${String(pair.idle)} (${String(Math.round(percentOf(pair)))}% on the new color)`;
  return {
    is: 'hold',
    until: now + plan.timing.hold,
    reason: `${pair.route.name}: the weights are ${seenAs}, which is no step of this rollout: another hand changed them`,
  };
}
