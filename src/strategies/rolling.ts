import type { Decision } from '../domain/decision.js';
import type { Instant } from '../domain/ids.js';
import type { Observation } from '../domain/observation.js';
import type { How, Plan } from '../domain/plan.js';
import { bake } from './baking.js';
import { moveInPlace } from './in-place.js';
import { preload } from './preload.js';
import { failing, waitForFleet } from './shared.js';
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
  const order = back ? [...plan.services].reverse() : plan.services;
  const stuck: string[] = [];
  for (const service of order) {
    const work = moveInPlace(plan, seen, now, fleet, service, how);
    if (work.bad.length > 0 && !back) return failing(plan, seen, now, fleet, work.bad);
    stuck.push(...work.bad.map(describeBad));
    const reason = `${service.service}: ${back ? 'back to the previous release' : 'rolling'}, instance by instance`;
    const decision = decide(work, reason, now, plan);
    if (decision !== undefined && !(work.bad.length > 0 && decision.is === 'wait' && onlyTurns(work.waits)))
      return decision;
  }

  if (stuck.length > 0) return { is: 'done', outcome: 'failed', reason: `cannot be brought back: ${stuck.join('; ')}` };
  if (back) return { is: 'done', outcome: 'rolled-back', reason: plan.aim.to === 'old' ? plan.aim.because : '' };
  const standings = plan.services.flatMap((service) => standingsOf(plan, seen, now, fleet, service, service.live));
  return (
    bake(plan, seen, now, 'rolling/final', standings) ?? {
      is: 'done',
      outcome: 'succeeded',
      reason: 'every instance serves the release and passed its bake',
    }
  );
}

/** Nothing moves any more: what is left only waits for a turn that an instance that cannot be helped keeps from coming. */
function onlyTurns(waits: readonly { readonly what: string }[]): boolean {
  return waits.every((wait) => wait.what === 'waits for its turn');
}
