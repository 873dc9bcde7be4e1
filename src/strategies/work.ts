import type { Color, InstanceId, Instant } from '../domain/ids.js';
import type { Action, Decision, Wait } from '../domain/decision.js';
import type { Container, FleetInstance, Observation } from '../domain/observation.js';
import type { Plan, ServicePlan } from '../domain/plan.js';
import { wanted } from '../domain/plan.js';
import type { Standing } from './standing.js';
import { membersOf, standingOf, valueOf } from './standing.js';
import { waitingSince } from './waiting.js';

/** What a part of a strategy found to do in this tick. */
export interface Work {
  readonly actions: readonly Action[];
  readonly waits: readonly Wait[];
  /** Instances that nothing keeps but the others: they go when those have come back. */
  readonly turns: readonly Wait[];
  /** Standings that make the release bad (or, on the way back, that cannot be helped). */
  readonly bad: readonly Standing[];
  /** Why it can never be complete, where that is no matter of one instance. */
  readonly failure?: string;
  /** Nothing is left to do and nothing is waited for. */
  readonly complete: boolean;
}

export const nothing: Work = { actions: [], waits: [], turns: [], bad: [], complete: true };

export function merge(works: readonly Work[]): Work {
  const failure = works.find((work) => work.failure !== undefined)?.failure;
  return {
    ...(failure === undefined ? {} : { failure }),
    actions: mergeTargets(works.flatMap((work) => work.actions)),
    waits: works.flatMap((work) => work.waits),
    turns: works.flatMap((work) => work.turns),
    bad: works.flatMap((work) => work.bad),
    complete: works.every((work) => work.complete),
  };
}

/** One RegisterTargets or DeregisterTargets per group and tick, whatever the number of targets. */
export function mergeTargets(actions: readonly Action[]): readonly Action[] {
  const groups = new Map<string, Extract<Action, { is: 'register' | 'deregister' }>>();
  const others: Action[] = [];
  for (const action of actions) {
    if (action.is !== 'register' && action.is !== 'deregister') {
      others.push(action);
      continue;
    }
    const key = `${action.is} ${action.group}`;
    const same = groups.get(key);
    groups.set(key, same === undefined ? action : { ...same, targets: [...same.targets, ...action.targets] });
  }
  return [...groups.values(), ...others];
}

/** Commands of one turn. More than these would wait so long for their turn at the account's rate that the call gives up. */
const mostCommands = 2000;

/** Hosts take one command at a time: of several actions for one host only the first is kept, the others come back next tick. */
export function oneCommandPerHost(actions: readonly Action[]): readonly Action[] {
  const taken = new Set<string>();
  return actions.filter((action) => {
    if (!('instance' in action)) return true;
    if (taken.has(action.instance) || taken.size === mostCommands) return false;
    taken.add(action.instance);
    return true;
  });
}

export function fleetOf(seen: Observation): readonly FleetInstance[] | undefined {
  return valueOf(seen.fleet);
}

export function standingsOf(
  plan: Plan,
  seen: Observation,
  now: Instant,
  fleet: readonly FleetInstance[],
  service: ServicePlan,
  color: Color,
): readonly Standing[] {
  const want = wanted(plan, service);
  return membersOf(plan, fleet, color).map((instance) => standingOf(plan, seen, now, instance, service, color, want));
}

/** What an instance waits for. Without an end of its own it is the longest that one command may take, from when the wait began. */
export function waitOf(plan: Plan, seen: Observation, now: Instant, standing: Standing): Wait {
  const { instance, service, color, place, why: what = place, until } = standing;
  const about = { what, instance: instance.id, service: service.service };
  if (until !== undefined) return { ...about, until };
  const key = `${service.service}/${color.color}/${instance.id}: ${what}`;
  return { ...about, key, until: waitingSince(seen, key, now) + plan.timing.hostCommand };
}

export function deregisterOf(standing: Standing): Action {
  return { is: 'deregister', group: standing.color.group, targets: [targetRef(standing)] };
}

export function registerOf(standing: Standing): Action {
  return { is: 'register', group: standing.color.group, targets: [targetRef(standing)] };
}

function targetRef(standing: Standing): { instance: Standing['instance']['id']; port: number } {
  return { instance: standing.instance.id, port: standing.color.port };
}

/** Looks at the connections of what drains. */
export function watchOf(instance: InstanceId, service: ServicePlan, color: Color, occupant: Container): Action {
  return { is: 'quiet', instance, service: service.service, color, container: occupant.id };
}

/** The look that a draining target needs now, if it needs one. */
export function watched({ watch, instance, service, color, occupant }: Standing): readonly Action[] {
  return watch === true && occupant !== undefined ? [watchOf(instance.id, service, color.color, occupant)] : [];
}

/** Brings the wanted release up in the slot: from the image on a rollout, from what is kept on the way back. */
export function startOf(plan: Plan, standing: Standing): Action {
  return {
    is: plan.aim.to === 'old' || plan.kind === 'rollback' ? 'restore' : 'start',
    instance: standing.instance.id,
    service: standing.service.service,
    color: standing.color.color,
    release: standing.want.release,
  };
}

export function describeBad(standing: Standing): string {
  const { service, instance, why } = standing;
  return `${service.service} on ${instance.name} (${instance.id}): ${why ?? 'bad'}`;
}

/** Turns work into a decision; `idle` says what is decided when there is neither an action nor a wait. */
export function decide(work: Work, reason: string, now: Instant, plan: Plan, bake?: string): Decision | undefined {
  const actions = oneCommandPerHost(work.actions);
  const [first, ...rest] = actions;
  const all = [...work.waits, ...work.turns];
  const baking = bake === undefined ? {} : { bake };
  if (first !== undefined) return { is: 'act', actions: [first, ...rest], waits: all, reason, ...baking };
  const [wait, ...waits] = all;
  if (wait === undefined) return undefined;
  const recheckAt = Math.min(...all.map((w) => Math.max(w.until, now)), now + plan.timing.poll);
  return { is: 'wait', waits: [wait, ...waits], recheckAt, reason, ...baking };
}
