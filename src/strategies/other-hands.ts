import type { Decision } from '../domain/decision.js';
import type { Instant } from '../domain/ids.js';
import type { Observation } from '../domain/observation.js';
import type { Plan, ServicePlan } from '../domain/plan.js';
import { isChanged } from './preload.js';
import type { Pair } from './shift.js';
import { hasTwoColors, pairsOf, percentOf } from './shift.js';

/** A write of weights that AWS refuses for good, or that it accepts and that changes nothing. */
export function refusedWeights(seen: Observation, pairs: readonly Pair[]): string | undefined {
  const pair = pairs.find(({ route }) => seen.refused.has(route.route));
  if (pair === undefined) return undefined;
  const { route, service } = pair;
  return `${service.service}: the weights of ${route.name} cannot be written: ${seen.refused.get(route.route) ?? ''}`;
}

/** Weights that this rollout has not written: somebody else is at work, and it must not fight. Services without a second color have none. */
export function foreignWeights(
  plan: Plan,
  seen: Observation,
  isForeign: (pair: Pair) => boolean,
): Decision | undefined {
  const paired = plan.services.filter(hasTwoColors);
  const pairs = paired.flatMap((service) => pairsOf(plan, seen, [service]) ?? []);
  const pair = pairs.find(
    (each) => (each.restated && isChanged(each.service)) || (isForeign(each) && !(each.idle === 0 && each.live > 0)),
  );
  if (pair === undefined) return undefined;
  const { route, live, idle } = pair;
  const percent = String(Math.round(percentOf(pair)));
  const weights = `${String(live)}/${String(idle)} (${percent}% on the new color)`;
  const reason = `${route.name}: the weights are ${weights}, which is no step of this rollout: another hand changed them`;
  return { is: 'hold', reason };
}

/** Waits until the weights of these services can be read, and is blocked when that takes too long. */
export function unreadableWeights(
  plan: Plan,
  seen: Observation,
  now: Instant,
  services: readonly ServicePlan[],
): Decision {
  for (const service of services) {
    for (const route of service.routes) {
      const view = seen.routes.get(route);
      if (view?.is === 'known') continue;
      const reason = `the weights of ${service.service} cannot be read: ${view?.why ?? 'not read yet'}`;
      const until = (view?.since ?? now) + plan.timing.healthTimeout;
      if (now >= until) return { is: 'hold', reason };
      return { is: 'wait', waits: [{ what: reason, until }], recheckAt: now + plan.timing.poll, reason };
    }
  }
  throw new Error('a route was called unreadable although all were read');
}
