import type { Decision } from '../domain/decision.js';
import type { Instant } from '../domain/ids.js';
import { otherColor } from '../domain/ids.js';
import type { FleetInstance, Observation } from '../domain/observation.js';
import type { Plan, ServicePlan } from '../domain/plan.js';
import { NO_RELEASE } from '../domain/release.js';
import type { Standing } from './standing.js';
import { colorOf, healthyIn, membersOf, targetOf } from './standing.js';
import { describeBad } from './work.js';

/** Whether there is anything to go back to. A first installation has no way back: nothing is started, stopped or taken out of traffic for it. */
export function canReturn(service: ServicePlan): boolean {
  return service.from.release !== NO_RELEASE;
}

/** Whether a rollback gives a service's traffic to the color that had it: there is something to go back to, and an instance of the fleet serves it. */
export function canTakeBack(
  plan: Plan,
  seen: Observation,
  fleet: readonly FleetInstance[],
  service: ServicePlan,
): boolean {
  const { live } = service;
  return canReturn(service) && healthyIn(seen, colorOf(service, live), membersOf(plan, fleet, live)) > 0;
}

/**
 * Until when the color that had a service's traffic is about to get more healthy targets, where the other one has more than it: its containers have just been brought
 * back, and all traffic on the first of them would be too much. undefined: it has what it will get.
 */
export function fillsUntil(
  plan: Plan,
  seen: Observation,
  now: Instant,
  fleet: readonly FleetInstance[],
  service: ServicePlan,
): Instant | undefined {
  const [here, there] = [service.live, otherColor(service.live)].map((color) => {
    const members = membersOf(plan, fleet, color);
    return { members, healthy: healthyIn(seen, colorOf(service, color), members) };
  });
  if (here === undefined || there === undefined || here.healthy >= there.healthy) return undefined;
  const ends = here.members.flatMap(({ id }) => {
    const target = targetOf(seen, colorOf(service, service.live), id);
    return target?.state === 'initial' ? [target.since + plan.timing.healthTimeout] : [];
  });
  const until = Math.max(-Infinity, ...ends);
  return now < until ? until : undefined;
}

/** `backend: nothing ran before this rollout, so there is nothing to go back to` */
export function withoutReturn(service: ServicePlan): string {
  return `${service.service}: nothing ran before this rollout, so there is nothing to go back to`;
}

export function waitForFleet(plan: Plan, seen: Observation, now: Instant): Decision {
  const unknown = seen.fleet.is === 'unknown' ? seen.fleet : undefined;
  const what = unknown === undefined ? 'the fleet has no running instance' : `the fleet cannot be read: ${unknown.why}`;
  const until = (unknown?.since ?? now) + plan.timing.healthTimeout;
  if (now < until) return { is: 'wait', waits: [{ what, until }], recheckAt: now + plan.timing.poll, reason: what };
  return { is: 'hold', reason: what };
}

/**
 * The new release looks bad. If the old one fails too, where nothing was touched, the world is to blame and nobody can tell what is right: hold.
 */
export function failing(
  plan: Plan,
  seen: Observation,
  now: Instant,
  fleet: readonly FleetInstance[],
  bad: readonly Standing[],
): Decision {
  const reason = bad.slice(0, 3).map(describeBad).join('; ');
  const byBalancer = bad.filter((standing) => standing.target?.state === 'unhealthy');
  if (byBalancer.length === bad.length) {
    const untouched = untouchedUnhealthy(plan, seen, fleet, bad);
    if (untouched !== undefined) {
      const until = untouched.since + plan.timing.hold;
      if (now < until) {
        return {
          is: 'hold',
          until,
          reason: `${reason}; and the old version fails too, on ${untouched.name}: the rollout may not be the cause`,
        };
      }
    }
  }
  const unexplained = bad
    .filter(({ failure }) => failure === undefined)
    .map(({ instance, service, color }) => ({
      instance: instance.id,
      service: service.service,
      color: color.color,
    }));
  return { is: 'abort', reason, ...(unexplained.length === 0 ? {} : { unexplained }) };
}

/** An instance of the old version that this rollout did not touch and that the load balancer calls unhealthy. */
function untouchedUnhealthy(
  plan: Plan,
  seen: Observation,
  fleet: readonly FleetInstance[],
  bad: readonly Standing[],
): { readonly name: string; readonly since: Instant } | undefined {
  for (const service of plan.services) {
    if (!bad.some((standing) => standing.service.service === service.service)) continue;
    const color = service.colors[service.live];
    if (color === undefined) continue;
    for (const instance of membersOf(plan, fleet, service.live)) {
      if (bad.some((standing) => standing.instance.id === instance.id && standing.color.color === service.live))
        continue;
      const target = targetOf(seen, color, instance.id);
      if (target?.state === 'unhealthy') return { name: `${instance.name} (${instance.id})`, since: target.since };
    }
  }
  return undefined;
}
