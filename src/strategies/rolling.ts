import type { Decision } from '../domain/decision.js';
import type { Instant } from '../domain/ids.js';
import type { FleetInstance, Observation } from '../domain/observation.js';
import type { How, Plan, ServicePlan } from '../domain/plan.js';
import { minimumHealthyOf } from './amounts.js';
import { bake } from './baking.js';
import { exposed, isLeaving, moveInPlace } from './in-place.js';
import { foreignWeights, refusedWeights, unreadableWeights } from './other-hands.js';
import { healthOf } from './outage.js';
import { isChanged, preload } from './preload.js';
import { endOfWayBack, giveStickinessBack } from './return.js';
import { canReturn, failing, waitForFleet, withoutReturn } from './shared.js';
import type { Pair } from './shift.js';
import { giveBack, hasTwoColors, pairsOf } from './shift.js';
import type { Standing } from './standing.js';
import { colorOf, healthyIn, membersOf } from './standing.js';
import { decide, describeBad, fleetOf, standingsOf } from './work.js';

/**
 * Rolling: service after service (backend before frontend, reversed on the way back), in place on the live color, a window of instances at a time.
 */
export function rolling(plan: Plan, how: Extract<How, { is: 'rolling' }>, seen: Observation, now: Instant): Decision {
  const fleet = fleetOf(seen);
  if (fleet === undefined || fleet.length === 0) return waitForFleet(plan, seen, now);
  const before = preload(plan, seen, now, fleet);
  if (before !== undefined) return before;

  const back = plan.aim.to === 'old';
  const weights = weightsOf(plan, seen, fleet);
  if (weights !== undefined) return weights;
  const order = back ? [...plan.services].reverse() : plan.services;
  const stuck: string[] = [];
  for (const service of order) {
    if (back && !canReturn(service)) {
      stuck.push(withoutReturn(service));
      continue;
    }
    const work = moveInPlace(plan, seen, now, fleet, service, how);
    if (work.bad.length > 0 && !back) return failing(plan, seen, now, fleet, work.bad);
    stuck.push(...work.bad.map(describeBad));
    const reason = `${service.service}: ${back ? 'back to the previous release' : 'rolling'}, instance by instance`;
    const decision = decide(work, reason, now, plan);
    // Nothing moves any more: what is left waits for a turn that an instance that cannot be helped keeps from coming.
    const still = decision?.is === 'wait' && work.waits.length === 0;
    if (still && work.bad.length === 0 && isQuiet(seen)) return noneToSpare(plan, how, seen, fleet, service);
    if (decision !== undefined && !(still && work.bad.length > 0)) return decision;
  }

  const because = plan.aim.to === 'old' ? `${plan.aim.because}; ` : '';
  if (stuck.length > 0)
    return { is: 'done', outcome: 'failed', reason: `${because}cannot be brought back: ${stuck.join('; ')}` };
  const standings = plan.services.flatMap((service) => standingsOf(plan, seen, now, fleet, service, service.live));
  const leaving = standings.filter(isLeaving);
  const [last] = leaving;
  if (last !== undefined) {
    const what = `the load balancer shows ${leaving.map(({ instance }) => instance.name).join(', ')} as deregistered`;
    const until = Math.max(...leaving.map(({ target }) => target?.since ?? now)) + plan.timing.healthTimeout;
    return {
      is: 'wait',
      waits: [{ what, service: last.service.service, until }],
      recheckAt: now + plan.timing.poll,
      reason: what,
    };
  }
  const unknown = plan.aim.to === 'old' || plan.kind === 'rollback' ? exposed(plan, standings) : [];
  if (unknown.length > 0)
    return { is: 'done', outcome: 'failed', reason: `${because}${unknown.map(describeExposed).join('; ')}` };
  // What cannot be read keeps nobody from going on, and nobody knows what serves without it.
  const paired = plan.services.filter(hasTwoColors);
  if (pairsOf(plan, seen, paired) === undefined) return unreadableWeights(plan, seen, now, paired);
  const borrowed = giveStickinessBack(plan, seen, now);
  if (borrowed !== undefined) return borrowed;
  if (plan.aim.to === 'old') {
    const end = endOfWayBack(plan, seen, now, fleet, []);
    return end.is === 'done' ? { ...end, reason: `${end.reason}${leftOut(standings)}` } : end;
  }
  return (
    bake(plan, seen, now, 'rolling/final', standings, true) ?? {
      is: 'done',
      outcome: 'succeeded',
      reason: 'every instance serves the release and passed its bake',
    }
  );
}

/**
 * Nothing of rolling moves weights. Where somebody has given the other color some, or an outage of the live one did, they come back as soon as the live color can take
 * them on a rollback; on the way forward the live color has failed, or another hand is at work.
 */
function weightsOf(plan: Plan, seen: Observation, fleet: readonly FleetInstance[]): Decision | undefined {
  const services = plan.services.filter(hasTwoColors);
  const pairs = services.flatMap((service) => pairsOf(plan, seen, [service]) ?? []);
  const refused = refusedWeights(seen, pairs);
  const moved = pairs.filter(({ idle }) => idle > 0);
  // Where neither color has any, nobody is served by what comes: on the way forward that is another hand as well.
  const dry = plan.aim.to === 'new' && pairs.some(({ live, idle }) => live === 0 && idle === 0);
  if (moved.length === 0 && !dry) return undefined;
  const healthy = ({ service }: Pair): number =>
    healthyIn(seen, colorOf(service, service.live), membersOf(plan, fleet, service.live));
  if (plan.aim.to === 'old') {
    if (refused !== undefined) return { is: 'done', outcome: 'failed', reason: refused };
    const [first, ...rest] = moved.filter((pair) => healthy(pair) > 0).map((pair) => giveBack(plan, pair));
    const reason = 'the traffic goes back to the previous release';
    return first === undefined ? undefined : { is: 'act', actions: [first, ...rest], waits: [], reason };
  }
  const dead = moved.find((pair) => healthOf(seen, pair.service, pair.service.live) === 'none');
  if (dead !== undefined)
    return { is: 'abort', reason: `${dead.service.service}: ${dead.service.live} has no healthy target` };
  return foreignWeights(plan, seen, () => true);
}

/** The end of the reason of a way back that went on without some instances: `; left out: backend on shop-3 (i-…): its SSM agent is offline`. */
function leftOut(standings: readonly Standing[]): string {
  const out = standings.filter(({ place, service }) => place === 'excluded' && isChanged(service));
  return out.length === 0 ? '' : `; left out: ${out.map(describeBad).join('; ')}`;
}

const describeExposed = (standing: Standing): string =>
  `${describeBad(standing)}, and it still gets requests: without it fewer targets than minimum-healthy would be left`;

/** Nobody is on the way and nobody may go: the fleet has shrunk to its minimum of healthy targets. More instances, or a person, can help; changing anything cannot. */
function noneToSpare(
  plan: Plan,
  how: Extract<How, { is: 'rolling' }>,
  seen: Observation,
  fleet: readonly FleetInstance[],
  service: ServicePlan,
): Decision {
  const members = membersOf(plan, fleet, service.live);
  const healthy = healthyIn(seen, colorOf(service, service.live), members);
  const minimum = minimumHealthyOf(members.length, how);
  const remedy = members.length > 1 ? 'Add instances' : 'Add instances, or set allow-downtime: true';
  const reason = `${service.service}: ${String(healthy)} healthy targets, and at least ${String(minimum)} must stay healthy (minimum-healthy): no instance can be spared for the next update. ${remedy}`;
  return { is: 'hold', reason };
}

/** No command runs on any instance. */
function isQuiet(seen: Observation): boolean {
  return [...seen.hosts.values()].every((host) => host.op.is !== 'running');
}
