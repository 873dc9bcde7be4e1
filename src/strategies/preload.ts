import type { Instant } from '../domain/ids.js';
import type { Action, Decision, Wait } from '../domain/decision.js';
import type { FleetInstance, Observation } from '../domain/observation.js';
import type { Plan, ServicePlan } from '../domain/plan.js';
import { otherColor } from '../domain/ids.js';
import { atMost } from './amounts.js';
import { colorOf, isExcluded, membersOf, occupantOf, runsRelease, valueOf } from './standing.js';
import { waitingSince } from './waiting.js';
import { decide, oneCommandPerHost } from './work.js';

/** What a pull fails with for the sake of the image; anything else is wrong with how the container is to be created, or with the instance. */
const aboutImage: ReadonlySet<string> = new Set(['pull-failed', 'login-failed', 'no-image']);

export const pulledKey = (service: string, release: string): string => `${service}@${release}`;

/** The color that the release is brought up in: in place when rolling or unchanged, else the idle one. */
export function destination(plan: Pick<Plan, 'how'>, service: ServicePlan): ServicePlan['live'] {
  const moves = plan.how.is === 'blue-green' && isChanged(service);
  return moves ? otherColor(service.live) : service.live;
}

export function isChanged(service: ServicePlan): boolean {
  return service.from.release !== service.to.release;
}

/**
 * Before the first change of traffic: images on the instances while the old version serves, then the one-off tasks.
 * Returns undefined when there is nothing left to do.
 */
export function preload(
  plan: Plan,
  seen: Observation,
  now: Instant,
  fleet: readonly FleetInstance[],
): Decision | undefined {
  if (plan.aim.to === 'old' || plan.kind !== 'rollout') return undefined;
  return pulls(plan, seen, now, fleet) ?? tasks(plan, seen, now, fleet);
}

/** Instances that must get an image first. */
export function needsPull(plan: Plan, seen: Observation, instance: FleetInstance, service: ServicePlan): boolean {
  if (isExcluded(plan, instance)) return false;
  const color = destination(plan, service);
  if (!membersOf(plan, [instance], color).includes(instance)) return false;
  const host = seen.hosts.get(instance.id);
  if (host === undefined) return false;
  if (host.pulled.has(pulledKey(service.service, service.to.release))) return false;
  const containers = valueOf(host.containers);
  // The answer of a pull that failed does not list the containers: until they are read again it counts all the same.
  if (containers === undefined) return host.pullFailure !== undefined;
  return !runsRelease(occupantOf(containers, service, colorOf(service, color)), service.to);
}

function pulls(plan: Plan, seen: Observation, now: Instant, fleet: readonly FleetInstance[]): Decision | undefined {
  const lacking = fleet.filter((instance) => plan.services.some((service) => needsPull(plan, seen, instance, service)));
  const pulling = fleet.filter((instance) => {
    const op = seen.hosts.get(instance.id)?.op;
    return op?.is === 'running' && op.phase === 'pull';
  });
  if (lacking.length === 0 && pulling.length === 0) return undefined;

  const failed = lacking.map((instance) => ({ instance, failure: seen.hosts.get(instance.id)?.pullFailure }));
  const worst = failed.find((each) => each.failure !== undefined);
  if (worst?.failure !== undefined) {
    const { instance, failure } = worst;
    const what = aboutImage.has(failure.code) ? 'the image cannot be pulled' : 'the new release cannot be prepared';
    return { is: 'abort', reason: `${what} on ${instance.name} (${instance.id}): ${failure.message}` };
  }

  const slots = atMost(plan.pullParallel, fleet.length) - pulling.length;
  const free = lacking.filter((instance) => seen.hosts.get(instance.id)?.op.is === 'idle');
  const actions: Action[] = free
    .slice(0, Math.max(slots, 0))
    .map((instance) => ({ is: 'pull', instance: instance.id }));
  const waits: Wait[] = [...new Set([...pulling, ...lacking])].map((instance) => {
    const op = seen.hosts.get(instance.id)?.op;
    const what = 'the image is pulled while the old version serves';
    if (op?.is === 'running') return { what, instance: instance.id, until: op.until };
    const key = `pull on ${instance.id}`;
    return { key, what, instance: instance.id, until: waitingSince(seen, key, now) + plan.timing.pullTimeout };
  });
  return decide({ actions, waits, turns: [], bad: [], complete: false }, 'pull the images', now, plan);
}

/** One run per release, on one instance, before any change of traffic. An unknown result is for a person to judge. */
function tasks(plan: Plan, seen: Observation, now: Instant, fleet: readonly FleetInstance[]): Decision | undefined {
  for (const service of plan.services) {
    if (!isChanged(service) || service.to.spec.task === undefined) continue;
    const state = seen.tasks.get(service.service) ?? { is: 'none' };
    const what = `the one-off task of ${service.service}`;
    const until = waitingSince(seen, what, now) + service.to.spec.task.timeout;
    switch (state.is) {
      case 'succeeded':
        continue;
      case 'failed':
        return { is: 'abort', reason: `${what} failed: ${state.why ?? 'no reason given'}` };
      case 'unknown':
        return {
          is: 'hold',
          until: plan.deadline,
          reason: `nobody knows whether ${what} has run: ${state.why ?? 'its result was lost'}. Look, then abort or roll out again`,
        };
      case 'running':
        return decide(
          {
            actions: [],
            waits: [{ key: what, what: `${what} runs`, service: service.service, until }],
            turns: [],
            bad: [],
            complete: false,
          },
          what,
          now,
          plan,
        );
      case 'none': {
        const members = membersOf(plan, fleet, destination(plan, service));
        const on = members.find((i) => !isExcluded(plan, i) && seen.hosts.get(i.id)?.op.is === 'idle');
        const actions: Action[] = on === undefined ? [] : [{ is: 'task', instance: on.id, service: service.service }];
        const waits: Wait[] = [{ key: what, what, service: service.service, until }];
        return decide(
          { actions: oneCommandPerHost(actions), waits, turns: [], bad: [], complete: false },
          what,
          now,
          plan,
        );
      }
    }
  }
  return undefined;
}
