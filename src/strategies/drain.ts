import type { Instant } from '../domain/ids.js';
import type { Container, ObservedHost, ObservedTarget } from '../domain/observation.js';
import { slotKey } from '../domain/observation.js';
import type { ColorPlan, Plan, ServicePlan } from '../domain/plan.js';

/**
 * How far the drain of a deregistered target is. `over`: what runs there may be stopped although the load balancer still calls it draining.
 * `watch`: its connections are to be looked at now.
 */
export type Drained = { readonly is: 'over' } | { readonly is: 'on'; readonly until: Instant; readonly watch: boolean };

/**
 * The load balancer calls a target draining until the group's whole deregistration delay has passed, even when nothing is left in flight (ELB guide,
 * "Deregistration delay"). With `drain: quiet` it is over as soon as the settle time has passed and nobody was connected to the container for
 * `timing.quiet`. What could not be read is not quiet.
 */
export function drained(
  plan: Plan,
  now: Instant,
  service: ServicePlan,
  color: ColorPlan,
  target: ObservedTarget,
  host: ObservedHost | undefined,
  occupant: Container | 'nothing' | 'unknown',
): Drained {
  const until = drainEnd(plan, color, target, now);
  if (plan.drain === 'full' || host === undefined || occupant === 'unknown') return { is: 'on', until, watch: false };
  const { settle, quiet, poll } = plan.timing;
  const settled = (target.unroutedSince ?? now) + settle;
  // That our deregistration was accepted does not say that it has had its effect.
  const shown = target.assumed !== true;
  if (occupant === 'nothing') return shown && now >= settled ? { is: 'over' } : { is: 'on', until, watch: false };
  const seen = host.connections.get(slotKey(service.service, color.color));
  const last = seen?.containerId === occupant.id ? seen : undefined;
  if (shown && now >= settled && last?.open === 0 && last.at + quiet >= settled) return { is: 'over' };
  const due = Math.max(settled - quiet, last === undefined ? 0 : last.at + quiet + poll);
  return { is: 'on', until, watch: now >= due && host.op.is === 'idle' };
}

/** When the drain should be over: after the delay of its group, and where that has passed, at the cap at which it counts as a failure. */
function drainEnd(plan: Plan, color: ColorPlan, target: ObservedTarget, now: Instant): Instant {
  const due = target.since + (color.drain ?? plan.timing.drainCap);
  const cap = target.since + plan.timing.drainCap;
  return now < due ? Math.min(due, cap) : cap;
}
