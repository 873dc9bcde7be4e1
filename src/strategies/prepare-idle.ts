import type { Instant } from '../domain/ids.js';
import { otherColor } from '../domain/ids.js';
import type { Action, Wait } from '../domain/decision.js';
import type { FleetInstance, Observation } from '../domain/observation.js';
import type { Plan, ServicePlan } from '../domain/plan.js';
import { leaveOut } from './in-place.js';
import { attach, pairsOf, unbind } from './shift.js';
import type { Standing } from './standing.js';
import { waitingSince } from './waiting.js';
import type { Work } from './work.js';
import { deregisterOf, mergeTargets, registerOf, standingsOf, startOf, waitOf, watched } from './work.js';

/**
 * Brings the wanted release up on the idle color, all instances at once, since none of them has traffic: into the routes at weight 0 → old targets out,
 * drained → old container stopped, new one started → instance witness → register → all healthy since then.
 */
export function prepareIdle(
  plan: Plan,
  seen: Observation,
  now: Instant,
  fleet: readonly FleetInstance[],
  service: ServicePlan,
): Work {
  const pairs = pairsOf(plan, seen, [service]) ?? [];
  const missing = pairs.filter((pair) => !pair.attached).map(attach);
  if (missing.length > 0) return { actions: missing, waits: [], turns: [], bad: [], complete: false };

  const carriesTraffic = pairs.some((pair) => pair.idle > 0);
  const standings = standingsOf(plan, seen, now, fleet, service, otherColor(service.live)).map((standing) =>
    carriesTraffic ? inTraffic(standing) : standing,
  );
  const bound = standings.some(({ place }) => place === 'old') ? unbind(plan, seen, service) : [];
  if (bound.length > 0) return { actions: bound, waits: [], turns: [], bad: [], complete: false };
  const actions: Action[] = [];
  const waits: Wait[] = [];
  for (const standing of standings) {
    const step = stepOf(plan, seen, now, standing);
    actions.push(...step.actions);
    waits.push(...step.waits);
  }
  actions.push(...leaveOut(standings, standings.length));
  const usable = standings.filter((standing) => standing.place !== 'excluded');
  const complete = usable.length > 0 && usable.every((standing) => standing.place === 'serving');
  const none = usable.length === 0 ? nobodyToPrepare(plan, seen, now, service, standings) : {};
  return {
    actions: mergeTargets(actions),
    waits: [...waits, ...(none.wait === undefined ? [] : [none.wait])],
    turns: [],
    bad: standings.filter((standing) => standing.place === 'bad'),
    complete,
    ...(none.failure === undefined ? {} : { failure: none.failure }),
  };
}

/** A color that has lost all its instances cannot be brought up; one whose instances cannot be reached is waited for. */
function nobodyToPrepare(
  plan: Plan,
  seen: Observation,
  now: Instant,
  service: ServicePlan,
  standings: readonly Standing[],
): { readonly wait?: Wait; readonly failure?: string } {
  const color = otherColor(service.live);
  if (standings.length === 0) return { failure: `${service.service}: ${color} has no instance any more` };
  const what = `no instance of ${color} can be reached`;
  const key = `${service.service}: ${what}`;
  const until = waitingSince(seen, key, now) + plan.timing.healthTimeout;
  if (now >= until) return { failure: `${service.service}: ${what}` };
  return { wait: { key, what, service: service.service, until } };
}

/** A registered target of a color with traffic gets requests: that something else than the release runs there, or nothing, is a failure. */
function inTraffic(standing: Standing): Standing {
  if (standing.place !== 'old') return standing;
  const why = 'its target gets requests, and the release does not run there (any more)';
  return { ...standing, place: 'bad', why };
}

function stepOf(
  plan: Plan,
  seen: Observation,
  now: Instant,
  standing: Standing,
): { readonly actions: readonly Action[]; readonly waits: readonly Wait[] } {
  const wait = { actions: [], waits: [waitOf(plan, seen, now, standing)] };
  switch (standing.place) {
    case 'empty':
    case 'quiet':
    case 'unverified':
      return standing.free ? { actions: [startOf(plan, standing)], waits: [] } : wait;
    case 'ready':
      return { actions: [registerOf(standing)], waits: [] };
    case 'settling':
    case 'unknown':
      return standing.look ? { actions: [{ is: 'inspect', instance: standing.instance.id }], waits: wait.waits } : wait;
    case 'old': {
      // What runs there is the release before the previous one. It has no traffic; it leaves once that has been so for the settle time.
      const since = standing.target?.unroutedSince;
      const settled = (since ?? now) + plan.timing.settle;
      if (since !== undefined && now >= settled) return { actions: [deregisterOf(standing)], waits: [] };
      return {
        actions: [],
        waits: [
          {
            ...waitOf(plan, seen, now, standing),
            what: 'the load balancer may still send it requests',
            until: settled,
          },
        ],
      };
    }
    case 'draining':
      return { actions: watched(standing), waits: wait.waits };
    case 'swapping':
    case 'warming':
      return wait;
    case 'bad':
    case 'excluded':
    case 'serving':
      return { actions: [], waits: [] };
  }
}
