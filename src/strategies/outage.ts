import type { Action, Decision } from '../domain/decision.js';
import type { Color, Instant, ServiceName } from '../domain/ids.js';
import { otherColor } from '../domain/ids.js';
import type { Observation, ObservedTarget, Seen } from '../domain/observation.js';
import type { Plan, ServicePlan } from '../domain/plan.js';
import type { Pair } from './shift.js';
import { isChanged } from './preload.js';
import { canReturn, canTakeBack } from './shared.js';
import { allTo, hasTwoColors, pairOf, pairsOf } from './shift.js';
import { colorOf, membersOf, valueOf } from './standing.js';

/** A color that gets requests and has no healthy target: they fail, or reach targets that fail their health checks. */
export interface Outage {
  readonly service: ServiceName;
  readonly empty: Color;
  /** Percent of the traffic that goes there, on the route where it is most. */
  readonly percent: number;
  /** The other color, where it has healthy targets. */
  readonly healthy?: Color;
}

/** Healthy targets of a group. `unsure`: it could not be read, or it shows none and nothing but the newest reading says so. */
type Health = 'unsure' | 'none' | 'some';

/** Every color with traffic and without a healthy target, as far as two readings agree. A downtime that was allowed is none. */
export function outagesOf(plan: Plan, seen: Observation): readonly Outage[] {
  return plan.services.flatMap((service) => {
    const pairs = pairedRoutes(plan, seen, service);
    return (['blue', 'green'] as const).flatMap((empty): readonly Outage[] => {
      const shares = pairs.map((pair) => shareOf(pair, empty));
      const percent = Math.max(0, ...shares);
      if (percent === 0 || healthOf(seen, service, empty) !== 'none' || isPlanned(plan, seen, service, empty))
        return [];
      const other = otherColor(empty);
      const healthy = healthOf(seen, service, other) === 'some' ? { healthy: other } : {};
      return [{ service: service.service, empty, percent: Math.round(percent), ...healthy }];
    });
  });
}

/**
 * The writes that take the traffic from a color without a healthy target to the one that has some, whoever brought the weights there and whatever the
 * rollout is doing. undefined: there is no such color, or no other to go to.
 */
export function restoreTraffic(plan: Plan, seen: Observation, now: Instant): Decision | undefined {
  const outages = outagesOf(plan, seen);
  const actions = outages.flatMap(({ service: name, empty, healthy }): readonly Action[] => {
    const service = plan.services.find((each) => each.service === name);
    if (service === undefined || healthy === undefined || isOnItsWay(plan, seen, service, healthy)) return [];
    return pairedRoutes(plan, seen, service)
      .filter((pair) => shareOf(pair, empty) > 0 && !seen.refused.has(pair.route.route))
      .map((pair) => allTo(plan, pair, healthy));
  });
  const [first, ...rest] = actions;
  if (first === undefined) return suspected(plan, seen, now);
  const moved = outages.filter(({ healthy }) => healthy !== undefined);
  const reason = moved.map(
    ({ service, empty, healthy = '' }) => `${service}: ${empty} has no healthy target, its traffic moves to ${healthy}`,
  );
  return { is: 'act', actions: [first, ...rest], waits: [], reason: reason.join('; '), urgent: true };
}

/** A blue-green rollback gives the traffic of all its services back first, in its own order, but not while one of their routes cannot be read. */
function isOnItsWay(plan: Plan, seen: Observation, service: ServicePlan, healthy: Color): boolean {
  if (plan.aim.to !== 'old' || plan.how.is !== 'blue-green' || !isChanged(service)) return false;
  const isGiven = healthy === service.live && canTakeBack(plan, seen, valueOf(seen.fleet) ?? [], service);
  return isGiven && pairsOf(plan, seen, plan.services.filter(isChanged)) !== undefined;
}

/** One reading that shows a color with traffic empty is checked at once by another, before anything is concluded. */
function suspected(plan: Plan, seen: Observation, now: Instant): Decision | undefined {
  for (const service of plan.services) {
    const pairs = pairedRoutes(plan, seen, service);
    for (const color of ['blue', 'green'] as const) {
      if (!pairs.some((pair) => shareOf(pair, color) > 0) || isPlanned(plan, seen, service, color)) continue;
      if (!isNewlyEmpty(seen, service, color)) continue;
      const what = `${service.service}: ${color} gets requests and shows no healthy target; it is read once more`;
      const until = now + plan.timing.poll;
      return { is: 'wait', waits: [{ what, service: service.service, until }], recheckAt: now, reason: what };
    }
  }
  return undefined;
}

/** Pairs of a service that has two colors, for those of its routes that can be read. */
function pairedRoutes(plan: Plan, seen: Observation, service: ServicePlan): readonly Pair[] {
  if (!hasTwoColors(service)) return [];
  return service.routes.flatMap((route) => pairOf(plan, seen, service, route) ?? []);
}

function shareOf(pair: Pair, color: Color): number {
  const own = color === pair.service.live ? pair.live : pair.idle;
  return own === 0 ? 0 : (own / (pair.live + pair.idle)) * 100;
}

/** A first installation that is given up leaves what there was: nothing. In place, with downtime allowed, the one instance of a fleet is out of service on purpose. */
function isPlanned(plan: Plan, seen: Observation, service: ServicePlan, color: Color): boolean {
  if (!canReturn(service) && plan.aim.to === 'old') return true;
  if (plan.how.is !== 'rolling' || !plan.how.allowDowntime || color !== service.live) return false;
  return membersOf(plan, valueOf(seen.fleet) ?? [], color).length <= 1;
}

type Reading = Extract<Seen<ReadonlyMap<string, ObservedTarget>>, { is: 'known' }>;

function readingOf(seen: Observation, service: ServicePlan, color: Color): Reading | undefined {
  const targets = seen.targets.get(colorOf(service, color).group);
  return targets?.is === 'known' ? targets : undefined;
}

export function healthOf(seen: Observation, service: ServicePlan, color: Color): Health {
  const reading = readingOf(seen, service, color);
  if (reading === undefined) return 'unsure';
  const targets = [...reading.value.values()];
  if (targets.some(({ state }) => state === 'healthy')) return 'some';
  if (targets.some(mayServe)) return 'unsure';
  return targets.every(({ since }) => since < reading.at) ? 'none' : 'unsure';
}

function isNewlyEmpty(seen: Observation, service: ServicePlan, color: Color): boolean {
  const reading = readingOf(seen, service, color);
  if (reading === undefined) return false;
  const targets = [...reading.value.values()];
  return (
    !targets.some((target) => target.state === 'healthy' || mayServe(target)) &&
    targets.some(({ since }) => since >= reading.at)
  );
}

/** What the state does not tell: health checks are off, or the group has only just been attached and the reading is from before. */
export function mayServe({ state, reason }: ObservedTarget): boolean {
  return state === 'unavailable' || (state === 'unused' && reason === 'Target.NotInUse');
}
