import type { Wait } from '../domain/decision.js';
import type { InstanceLine, ServiceLine, View } from '../domain/event.js';
import type { Color, Instant } from '../domain/ids.js';
import { otherColor } from '../domain/ids.js';
import type { Observation } from '../domain/observation.js';
import { isRegistered } from '../domain/observation.js';
import type { Plan, ServicePlan } from '../domain/plan.js';
import { imageTag } from '../domain/release.js';
import { destination, isChanged } from './preload.js';
import { pairOf, percentOf } from './shift.js';
import { membersOf, targetOf } from './standing.js';
import { fleetOf, standingsOf } from './work.js';

/** What the rollout looks like now, for people. Pure; derived from the same standings that the decisions come from. */
export function viewOf(
  plan: Plan,
  seen: Observation,
  now: Instant,
  phase: string,
  waits: readonly Wait[],
  reason: string,
): View {
  const fleet = fleetOf(seen) ?? [];
  const shown = plan.services.filter(
    (service) => isChanged(service) || plan.services.every((each) => !isChanged(each)),
  );
  const instances = shown.flatMap((service) =>
    standingsOf(plan, seen, now, fleet, service, colorShown(plan, service)).map((standing): InstanceLine => {
      const { instance, place, why, until } = standing;
      return {
        instance: instance.id,
        name: instance.name,
        zone: instance.zone,
        service: service.service,
        color: standing.color.color,
        place,
        ...(why === undefined ? {} : { waitsFor: why }),
        ...(until === undefined ? {} : { until }),
      };
    }),
  );
  return {
    rollout: plan.rollout,
    kind: plan.kind,
    app: plan.app,
    environment: plan.environment,
    strategy: plan.how.is,
    aim: plan.aim.to,
    phase,
    startedAt: plan.startedAt,
    ...(plan.estimate === undefined ? {} : { estimate: plan.estimate }),
    services: shown.map((service) => serviceLine(plan, seen, service)),
    instances,
    waits,
    reason,
  };
}

/**
 * What an operation that stops now leaves behind, in sentences: shares of the traffic where it moves them, and instances that are out of the load balancer. What was not read is
 * named too: it may be half-way.
 */
export function leftHalfWay(plan: Plan, seen: Observation): readonly string[] {
  const shares: string[] = [];
  const unread: string[] = seen.fleet.is === 'unknown' ? ['the fleet'] : [];
  for (const service of plan.services.filter(isChanged)) {
    const { service: name } = service;
    const groups = Object.values(service.colors).map(({ group }) => seen.targets.get(group));
    if (groups.some((group) => group?.is !== 'known')) unread.push(`the targets of ${name}`);
    if (plan.how.is !== 'blue-green' || service.routes.length === 0) continue;
    const weights = Object.entries(weightsOf(plan, seen, service)).map(
      ([color, share]) => `${color} ${String(share)}%`,
    );
    if (weights.length === 0) unread.push(`the weights of ${name}`);
    else shares.push(`${name} ${weights.join(' and ')}`);
  }
  const out = outOfService(plan, seen);
  return [
    ...(shares.length === 0 ? [] : [`Traffic, as last read: ${shares.join('; ')}`]),
    ...(out.length === 0 ? [] : [`Out of the load balancer until it is resumed or rolled back: ${out.join(', ')}`]),
    ...(unread.length === 0 ? [] : [`Could not be read, and may stand half-way: ${unread.join(', ')}`]),
  ];
}

/** Instances that are not registered where their service has its traffic: `backend on shop-1`. */
function outOfService(plan: Plan, seen: Observation): readonly string[] {
  const fleet = fleetOf(seen) ?? [];
  return plan.services.flatMap((service) => {
    const color = service.colors[service.live];
    if (color === undefined || plan.how.is !== 'rolling') return [];
    return membersOf(plan, fleet, service.live).flatMap((instance) => {
      const target = targetOf(seen, color, instance.id);
      return target === undefined || isRegistered(target)
        ? []
        : [`${service.service} on ${instance.name} (${instance.id})`];
    });
  });
}

function colorShown(plan: Plan, service: ServicePlan): Color {
  if (plan.how.is === 'retire')
    return service.colors[otherColor(service.live)] === undefined ? service.live : otherColor(service.live);
  return plan.aim.to === 'old' && plan.how.is === 'blue-green' ? service.live : destination(plan, service);
}

function serviceLine(plan: Plan, seen: Observation, service: ServicePlan): ServiceLine {
  return {
    service: service.service,
    from: imageTag(service.from.spec.image),
    to: imageTag(service.to.spec.image),
    live: service.live,
    weights: weightsOf(plan, seen, service),
  };
}

/** Percent of the traffic per color, by the route that is furthest behind. */
function weightsOf(plan: Plan, seen: Observation, service: ServicePlan): Partial<Record<Color, number>> {
  const idle = otherColor(service.live);
  if (service.colors[idle] === undefined) return {};
  const percents: number[] = [];
  for (const route of service.routes) {
    const pair = pairOf(plan, seen, service, route);
    if (pair === undefined) return {};
    percents.push(percentOf(pair));
  }
  if (percents.length === 0) return {};
  const share = Math.round(Math.min(...percents));
  return { [service.live]: 100 - share, [idle]: share };
}
