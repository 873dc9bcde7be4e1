import type { Decision } from '../domain/decision.js';
import type { Instant } from '../domain/ids.js';
import { otherColor } from '../domain/ids.js';
import type { FleetInstance, Observation } from '../domain/observation.js';
import type { How, Plan } from '../domain/plan.js';
import { bake } from './baking.js';
import { emptyColor } from './empty-color.js';
import { moveInPlace } from './in-place.js';
import { foreignWeights, refusedWeights, unreadableWeights } from './other-hands.js';
import { prepareIdle } from './prepare-idle.js';
import { isChanged, preload } from './preload.js';
import { endOfWayBack, giveStickinessBack, oneByOne, repairLive } from './return.js';
import { canReturn, canTakeBack, failing, fillsUntil, waitForFleet, withoutReturn } from './shared.js';
import type { Pair } from './shift.js';
import { giveBack, hasTwoColors, isAt, pairsOf, reached, shiftTo, stickinessLost } from './shift.js';
import { decide, describeBad, fleetOf, merge, standingsOf } from './work.js';

type BlueGreen = Extract<How, { is: 'blue-green' }>;

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
  const pairs = pairsOf(plan, seen, changed);
  if (pairs === undefined) return unreadableWeights(plan, seen, now, changed);
  const refused = refusedWeights(seen, pairs);
  if (refused !== undefined) return { is: 'abort', reason: refused };
  const foreign = foreignWeights(
    plan,
    seen,
    (pair) => !isChanged(pair.service) || reached(pair, how.steps) === undefined,
  );
  const repair = merge(plan.services.map((service) => repairLive(plan, seen, now, fleet, service)));
  if (foreign !== undefined) return decide(repair, 'bring back the release that served', now, plan) ?? foreign;

  const work = merge([
    repair,
    ...plan.services.map((service) =>
      isChanged(service)
        ? prepareIdle(plan, seen, now, fleet, service)
        : moveInPlace(plan, seen, now, fleet, service, oneByOne),
    ),
  ]);
  if (work.bad.length > 0) return failing(plan, seen, now, fleet, work.bad);
  if (work.failure !== undefined) return { is: 'abort', reason: work.failure };
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
  const highest = Math.max(-1, ...pairs.map((pair) => reached(pair, how.steps) ?? -1));
  const percent = how.steps[highest];
  const lagging = percent === undefined ? [] : pairs.filter((pair) => !isAt(pair, percent));
  if (percent !== undefined && lagging.length === 0) {
    const standings = plan.services
      .filter(isChanged)
      .flatMap((service) => standingsOf(plan, seen, now, fleet, service, otherColor(service.live)));
    const last = highest === how.steps.length - 1;
    const baking = bake(plan, seen, now, `shift/${String(percent)}`, standings, last);
    if (baking !== undefined) return baking;
  }
  // Steps that none of the routes can tell from where it is are skipped.
  const next = how.steps.find((step, index) => index > highest && pairs.some((pair) => !isAt(pair, step)));
  const step = lagging.length > 0 ? percent : next;
  if (step === undefined) return finish(plan, seen, now);

  const moving = pairs.filter((pair) => !isAt(pair, step));
  const sticky = how.stickySeconds === undefined ? undefined : { enabled: true, seconds: how.stickySeconds };
  const [first, ...rest] = moving.map((pair) => shiftTo(plan, pair, step, sticky ?? stickinessLost(plan, pair)));
  if (first === undefined) return finish(plan, seen, now);
  return {
    is: 'act',
    actions: [first, ...rest],
    waits: [],
    reason: `${String(step)}% of the traffic to the ${plan.kind === 'rollback' ? 'earlier release' : 'new color'}`,
  };
}

function finish(plan: Plan, seen: Observation, now: Instant): Decision {
  const unread = unreadRoutes(plan, seen, now);
  if (unread !== undefined) return unread;
  const borrowed = giveStickinessBack(plan, seen, now);
  if (borrowed !== undefined) return borrowed;
  const reason =
    plan.kind === 'rollback'
      ? 'the traffic is back on the earlier release'
      : 'all traffic is on the new color and it passed its bakes';
  return { is: 'done', outcome: 'succeeded', reason };
}

/** Nobody knows what serves while a route cannot be read: also that of a service that does not change, which another hand may have moved. */
function unreadRoutes(plan: Plan, seen: Observation, now: Instant): Decision | undefined {
  const paired = plan.services.filter(hasTwoColors);
  return pairsOf(plan, seen, paired) === undefined ? unreadableWeights(plan, seen, now, paired) : undefined;
}

/** Weights back first, frontend before backend, then the failed color out of service. It needs nothing of the new version. */
function wayBack(plan: Plan, seen: Observation, now: Instant, fleet: readonly FleetInstance[]): Decision {
  const changed = plan.services.filter(isChanged);
  const pairs = pairsOf(plan, seen, [...changed].reverse());
  if (pairs === undefined) return unreadableWeights(plan, seen, now, changed);
  const refused = refusedWeights(seen, pairs);
  if (refused !== undefined) return { is: 'done', outcome: 'failed', reason: refused };

  // Weights never go to a group without a healthy target: until it has one, the traffic stays where it is.
  const returning = pairs.filter(({ service, idle }) => idle > 0 && canTakeBack(plan, seen, fleet, service));
  const [first, ...rest] = returning
    .filter(({ service }) => fillsUntil(plan, seen, now, fleet, service) === undefined)
    .map((pair) => giveBack(plan, pair, pair.route.stickiness.enabled ? { enabled: false } : undefined));
  if (first !== undefined) {
    const reason = 'the traffic goes back to the previous release';
    return { is: 'act', actions: [first, ...rest], waits: [], reason };
  }

  const [filling] = returning;
  if (filling !== undefined) {
    const { service, live } = filling.service;
    const what = `${service}: more targets of ${live} become healthy before it gets the traffic back`;
    const until = fillsUntil(plan, seen, now, fleet, filling.service) ?? now;
    return { is: 'wait', waits: [{ what, service, until }], recheckAt: now + plan.timing.poll, reason: what };
  }

  // A color that still has traffic keeps it: that of a first installation, or one to whose predecessor nothing can be given yet.
  const inTraffic = new Set(pairs.filter((pair) => pair.idle > 0).map((pair) => pair.service));
  const repair = merge(changed.map((service) => repairLive(plan, seen, now, fleet, service)));
  const work = merge([
    repair,
    ...changed
      .filter((service) => !inTraffic.has(service))
      .map((service) => emptyColor(plan, seen, now, fleet, service, otherColor(service.live), service.to.release)),
    ...plan.services
      .filter((service) => !isChanged(service))
      .map((service) => moveInPlace(plan, seen, now, fleet, service, oneByOne)),
  ]);
  const stuck = [
    ...repair.bad.map(describeBad),
    ...(work.failure === undefined ? [] : [work.failure]),
    ...changed.filter((service) => !canReturn(service)).map(withoutReturn),
  ];
  return (
    decide(work, 'take the failed color out of service', now, plan) ??
    unreadRoutes(plan, seen, now) ??
    giveStickinessBack(plan, seen, now) ??
    endOfWayBack(plan, seen, now, fleet, stuck)
  );
}
