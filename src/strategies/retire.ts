import type { Decision } from '../domain/decision.js';
import type { Instant } from '../domain/ids.js';
import { otherColor } from '../domain/ids.js';
import type { FleetInstance, Observation } from '../domain/observation.js';
import { isRegistered } from '../domain/observation.js';
import type { Plan, ServicePlan } from '../domain/plan.js';
import { emptyColor } from './empty-color.js';
import { refusedWeights, unreadableWeights } from './other-hands.js';
import { giveStickinessBack } from './return.js';
import { waitForFleet } from './shared.js';
import { pairsOf } from './shift.js';
import { colorOf, membersOf, targetOf } from './standing.js';
import { decide, fleetOf, merge } from './work.js';

/** Takes the idle color of every service out of service: the way back by weights is given up, the kept containers stay. */
export function retire(plan: Plan, seen: Observation, now: Instant): Decision {
  const fleet = fleetOf(seen);
  if (fleet === undefined || fleet.length === 0) return waitForFleet(plan, seen, now);
  const services = plan.services.filter((service) => service.colors[otherColor(service.live)] !== undefined);
  const pairs = pairsOf(plan, seen, services);
  if (pairs === undefined) return unreadableWeights(plan, seen, now, services);
  const refused = refusedWeights(seen, pairs);
  if (refused !== undefined) return { is: 'done', outcome: 'failed', reason: refused };
  const busy = pairs.find((pair) => pair.idle > 0);
  if (busy !== undefined) {
    return {
      is: 'done',
      outcome: 'failed',
      reason: `${busy.route.name}: the color to retire has traffic (weight ${String(busy.idle)})`,
    };
  }
  // No record tells of this, so that stickiness which it turned off would stay off if it died.
  const sticky = pairs.find(
    (pair) => pair.attached && pair.route.stickiness.enabled && hasTargets(plan, seen, fleet, pair.service),
  );
  if (sticky !== undefined) {
    return {
      is: 'done',
      outcome: 'failed',
      reason:
        `${sticky.route.name} has group stickiness on: clients that are bound to the color to retire would get 503 from it. ` +
        'Turn it off in the listener or rule first; the next rollout retires it in any case',
    };
  }
  const work = merge(
    services.map((service) => emptyColor(plan, seen, now, fleet, service, otherColor(service.live), undefined)),
  );
  if (work.failure !== undefined) return { is: 'done', outcome: 'failed', reason: work.failure };
  return (
    decide(work, 'take the idle color out of service', now, plan) ??
    // The repair of an outage may have turned it off.
    giveStickinessBack(plan, seen, now) ?? {
      is: 'done',
      outcome: 'succeeded',
      reason: 'the idle color is drained and stopped; its containers are kept',
    }
  );
}

/** Whether a target of the idle color is registered. What cannot be read is waited for, as everywhere. */
function hasTargets(plan: Plan, seen: Observation, fleet: readonly FleetInstance[], service: ServicePlan): boolean {
  const color = otherColor(service.live);
  return membersOf(plan, fleet, color).some((instance) => {
    const target = targetOf(seen, colorOf(service, color), instance.id);
    return target !== undefined && isRegistered(target);
  });
}
