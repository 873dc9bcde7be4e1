import type { Action, Decision } from '../domain/decision.js';
import type { Instant } from '../domain/ids.js';
import { otherColor } from '../domain/ids.js';
import type { ObservedSteer, Observation } from '../domain/observation.js';
import type { Plan } from '../domain/plan.js';
import { isChanged } from './preload.js';
import { pairsOf, reached } from './shift.js';

/** The pause that is on: the last request to pause that no later `promote` has ended. A way back is never paused. */
export function pauseOf(plan: Plan, seen: Observation): ObservedSteer | undefined {
  if (!isForward(plan)) return undefined;
  const last = seen.steering.filter(({ is }) => is === 'pause' || is === 'promote').at(-1);
  return last?.is === 'pause' ? last : undefined;
}

/** Whether there is anything to pause, promote or abort: a way back is not steered. */
export function isForward(plan: Plan): boolean {
  return plan.kind === 'rollout' && plan.aim.to === 'new';
}

/** The request to go on that was seen since then, if there is one. */
export function promotedSince(plan: Plan, seen: Observation, since: Instant): ObservedSteer | undefined {
  if (!isForward(plan)) return undefined;
  return seen.steering.find((steer) => steer.is === 'promote' && steer.since >= since);
}

/**
 * While a pause is on nothing new is begun, and the rollout does not end. What has been begun is brought to where it is safe to rest: an instance that is
 * out of the load balancer comes back, routes that lag behind a step catch up. Gates go on, so a bad release is still steered back. A pause that
 * nobody ends becomes a hold for its last `timing.hold`.
 */
export function holdBack(plan: Plan, seen: Observation, now: Instant, decision: Decision): Decision {
  const pause = pauseOf(plan, seen);
  if (pause === undefined || (decision.is === 'act' && decision.urgent === true)) return decision;
  if (decision.is !== 'act' && !(decision.is === 'done' && decision.outcome === 'succeeded')) return decision;
  if (decision.is === 'act') {
    const [first, ...rest] = decision.actions.filter((action) => finishes(plan, seen, action));
    if (first !== undefined) return { ...decision, actions: [first, ...rest] };
  }
  const until = pause.since + (pause.for ?? plan.timing.hold);
  const next = decision.is === 'act' ? decision.reason : 'the end of the rollout';
  const why = pause.reason === undefined ? '' : ` (${pause.reason})`;
  const reason = `paused by ${pause.by}${why} before: ${next}`;
  if (now >= until - plan.timing.hold) return { is: 'hold', until, reason };
  return {
    is: 'wait',
    waits: [{ what: reason, until }],
    recheckAt: Math.min(until, now + plan.timing.poll),
    reason,
    ...(seen.bake === undefined ? {} : { bake: seen.bake.key }),
  };
}

/** Whether the action ends something that was begun, so that leaving it out would leave the fleet half-way. */
function finishes(plan: Plan, seen: Observation, action: Action): boolean {
  switch (action.is) {
    case 'inspect':
    case 'quiet':
    case 'register':
      return true;
    case 'start':
    case 'restore': {
      // In place the instance is out of the load balancer by now; the idle color has no traffic to miss.
      const service = plan.services.find((each) => each.service === action.service);
      return plan.how.is === 'rolling' || service?.live === action.color;
    }
    case 'weights':
      return catchesUp(plan, seen, action.route);
    case 'pull':
    case 'task':
    case 'stop':
    case 'deregister':
      return false;
  }
}

/** Whether another route has reached a step already that this one has not. */
function catchesUp(plan: Plan, seen: Observation, route: string): boolean {
  const { how } = plan;
  const pairs = how.is === 'blue-green' ? pairsOf(plan, seen, plan.services.filter(isChanged)) : undefined;
  if (how.is !== 'blue-green' || pairs === undefined) return false;
  const stages = pairs.map((pair) => ({ route: pair.route.route, stage: reached(pair, how.steps) ?? -1 }));
  const own = stages.find((each) => each.route === route)?.stage ?? -1;
  return stages.some(({ stage }) => stage > own);
}

/** Whether the actions take traffic from what serves, or give it to what is new, on the way forward. */
export function movesTraffic(plan: Plan, actions: readonly Action[]): boolean {
  if (!isForward(plan)) return false;
  return actions.some((action) => {
    if (action.is === 'deregister') return plan.how.is === 'rolling';
    if (action.is !== 'weights') return false;
    const idle = plan.services.map((service) => service.colors[otherColor(service.live)]?.group);
    return action.set.some(({ group, weight }) => weight > 0 && idle.includes(group));
  });
}
