import type { Action, Decision } from '../domain/decision.js';
import type { Instant } from '../domain/ids.js';
import { otherColor } from '../domain/ids.js';
import type { FleetInstance, Observation } from '../domain/observation.js';
import type { Plan, ServicePlan } from '../domain/plan.js';
import { redirect } from '../domain/plan.js';
import type { Window } from './in-place.js';
import { moveInPlace } from './in-place.js';
import { healthOf } from './outage.js';
import { isChanged } from './preload.js';
import { canReturn } from './shared.js';
import type { Pair } from './shift.js';
import { hasTwoColors, pairsOf, returnStickiness } from './shift.js';
import { colorOf, isExcluded, membersOf, occupantOf, runsRelease, targetOf, valueOf } from './standing.js';
import type { Work } from './work.js';
import { nothing, oneCommandPerHost } from './work.js';
import { waitingSince } from './waiting.js';

/** One empty instance after the other: what serves is never moved. */
export const oneByOne: Window = { maxParallel: { is: 'count', value: 1 }, allowDowntime: false };

/**
 * Brings the previous release back where it ran, when no target of either color of the service is healthy: nobody is served, whatever the rollout is
 * doing. Where a color is healthy it has the traffic, and the other is left as it is.
 */
export function repairLive(
  plan: Plan,
  seen: Observation,
  now: Instant,
  fleet: readonly FleetInstance[],
  service: ServicePlan,
): Work {
  if (!canReturn(service) || healthOf(seen, service, service.live) !== 'none') return nothing;
  const back = plan.aim.to === 'old' ? plan : redirect(plan, 'nobody is served');
  // On the way forward only while there is no other color to go to.
  if (plan.aim.to === 'new' && Object.keys(service.colors).length > 1) {
    const other = service.live === 'blue' ? 'green' : 'blue';
    if (healthOf(seen, service, other) !== 'none') return nothing;
  }
  const work = moveInPlace(back, seen, now, fleet, service, oneByOne);
  return { ...work, bad: plan.aim.to === 'old' ? work.bad : [], complete: true };
}

/**
 * The end of a rollback: what is reported as serving was observed serving. Every service has a healthy target in the color that serves the previous release, and the
 * containers were checked after the last change.
 */
export function endOfWayBack(
  plan: Plan,
  seen: Observation,
  now: Instant,
  fleet: readonly FleetInstance[],
  stuck: readonly string[],
): Decision {
  const because = plan.aim.to === 'old' ? plan.aim.because : '';
  const returned = plan.services.filter((service) => isChanged(service) && canReturn(service));
  if (stuck.length > 0) return { is: 'done', outcome: 'failed', reason: [because, ...stuck].join('; ') };
  const ill = returned.find((service) => healthOf(seen, service, service.live) !== 'some');
  if (ill !== undefined) return unserved(plan, seen, now, ill);
  const dry = (pairsOf(plan, seen, returned.filter(hasTwoColors)) ?? []).find(({ live }) => live === 0);
  if (dry !== undefined) return { is: 'hold', reason: withoutTraffic(dry) };
  const check = checkContainers(plan, seen, now, fleet, returned);
  if (check !== undefined) return check;
  const wrong = returned.flatMap((service) => runsSomethingElse(plan, seen, fleet, service));
  if (wrong.length > 0) return { is: 'done', outcome: 'failed', reason: [because, ...wrong].join('; ') };
  return { is: 'done', outcome: 'rolled-back', reason: because };
}

/** Somebody else has removed the traffic, or an outage has moved it to a color from which it cannot come back. It is not moved: nobody knows why it is so. */
function withoutTraffic({ route, service }: Pair): string {
  return `${route.name}: ${service.live}, where ${service.from.release} of ${service.service} runs, has weight 0: somebody else removed its traffic, or no instance of the fleet was healthy there`;
}

/** The writes that put the stickiness of all routes back as it was, where a shift or an outage has turned it off. */
export function giveStickinessBack(plan: Plan, seen: Observation, now: Instant): Decision | undefined {
  const pairs = (pairsOf(plan, seen, plan.services.filter(hasTwoColors)) ?? []).filter(
    (pair) => !seen.refused.has(pair.route.route) && returnStickiness(plan, pair) !== undefined,
  );
  const until = Math.max(-Infinity, ...pairs.map((pair) => forgotten(plan, seen, pair)));
  if (now < until) {
    const what = 'group stickiness stays off until clients are no longer bound to the color that lost its traffic';
    return { is: 'wait', waits: [{ what, until }], recheckAt: now + plan.timing.poll, reason: what };
  }
  const [first, ...rest] = pairs.map((pair) => returnStickiness(plan, pair)).filter((action) => action !== undefined);
  if (first === undefined) return undefined;
  return { is: 'act', actions: [first, ...rest], waits: [], reason: 'put the stickiness back' };
}

/**
 * Until when a route goes without its stickiness because of a color that has just lost its traffic and has no healthy target. Clients that are still bound to it would
 * get 503 from the moment it is back. Cookies that last longer than the settle time are not waited for.
 */
function forgotten(plan: Plan, seen: Observation, { service, route, live, idle }: Pair): Instant {
  if (plan.stickinessBefore.get(route.route)?.enabled !== true) return -Infinity;
  const empty = [live === 0 ? service.live : undefined, idle === 0 ? otherColor(service.live) : undefined]
    .filter((color) => color !== undefined)
    .filter((color) => healthOf(seen, service, color) !== 'some');
  const since = empty.map((color) => route.since.get(colorOf(service, color).group) ?? -Infinity);
  return Math.max(-Infinity, ...since) + plan.timing.settle;
}

/** Routes whose stickiness is not what it was before, at an end that could not put it back. */
export function stickinessLeft(plan: Plan, seen: Observation): readonly string[] {
  return (pairsOf(plan, seen, plan.services.filter(hasTwoColors)) ?? [])
    .filter((pair) => returnStickiness(plan, pair) !== undefined)
    .map(({ route: { route, name } }) => {
      const before = plan.stickinessBefore.get(route);
      const lasts = before?.seconds === undefined ? '' : `, for ${String(before.seconds)} s`;
      const was = before?.enabled === true ? `on${lasts}` : 'off';
      return `${name}: its group stickiness could not be put back; before it was ${was}`;
    });
}

/** The previous release runs as far as that can be brought about, and no target of it is healthy. */
function unserved(plan: Plan, seen: Observation, now: Instant, service: ServicePlan): Decision {
  const reason = `${service.service}: the previous release has no healthy target in ${service.live}`;
  const key = `${service.service}: health of the previous release`;
  const until = waitingSince(seen, key, now) + plan.timing.healthTimeout;
  if (healthOf(seen, service, service.live) === 'none' || now >= until) return { is: 'hold', reason };
  const waits = [{ key, what: reason, service: service.service, until }] as const;
  return { is: 'wait', waits, recheckAt: now + plan.timing.poll, reason };
}

/** One more look at each instance that is to serve the previous release, begun after everything else was done. */
function checkContainers(
  plan: Plan,
  seen: Observation,
  now: Instant,
  fleet: readonly FleetInstance[],
  services: readonly ServicePlan[],
): Decision | undefined {
  const key = 'check the containers of the previous release';
  const since = waitingSince(seen, key, now);
  const until = since + plan.timing.hostCommand;
  const members = new Set(services.flatMap((service) => membersOf(plan, fleet, service.live)));
  const due = [...members].filter((instance) => {
    if (isExcluded(plan, instance)) return false;
    const { containers, op } = seen.hosts.get(instance.id) ?? {};
    // One whose last command was lost, and of which nothing is known for as long as a command may take, is left out here as everywhere.
    const isSilent = containers?.is === 'unknown' && now >= containers.since + plan.timing.hostCommand;
    if (isSilent && op?.is === 'lost') return false;
    return containers?.is !== 'known' || containers.at < since;
  });
  if (due.length === 0 || now >= until) return undefined;
  const reason = 'the containers of the previous release are checked';
  const waits = [{ key, what: reason, until }] as const;
  const free = due.filter(({ id }) => seen.hosts.get(id)?.op.is !== 'running');
  const looks = free.map(({ id }): Action => ({ is: 'inspect', instance: id }));
  const [first, ...rest] = oneCommandPerHost(looks);
  if (first !== undefined) return { is: 'act', actions: [first, ...rest], waits, reason };
  return { is: 'wait', waits, recheckAt: now + plan.timing.poll, reason };
}

/** A service of which no checked instance runs the previous release. */
function runsSomethingElse(
  plan: Plan,
  seen: Observation,
  fleet: readonly FleetInstance[],
  service: ServicePlan,
): readonly string[] {
  const color = service.colors[service.live];
  if (color === undefined) return [];
  const read = membersOf(plan, fleet, service.live).flatMap((instance) => {
    const containers = valueOf(seen.hosts.get(instance.id)?.containers);
    const healthy = targetOf(seen, color, instance.id)?.state === 'healthy';
    return containers === undefined || !healthy ? [] : [occupantOf(containers, service, color)];
  });
  if (read.some((occupant) => runsRelease(occupant, service.from))) return [];
  const instances =
    read.length === 0
      ? 'no instance with a healthy target could be checked'
      : 'no instance with a healthy target runs it';
  return [`${service.service}: ${instances}, so it is not known that ${service.from.release} serves again`];
}
