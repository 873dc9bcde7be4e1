import type { Adopts, Slot } from '../domain/host.js';
import type { Color, InstanceId, Instant } from '../domain/ids.js';
import { targetKey } from '../domain/ids.js';
import { belongs, isUp } from '../domain/occupancy.js';
import type {
  Container,
  FleetInstance,
  HostFailure,
  ObservedHost,
  ObservedTarget,
  Observation,
  Seen,
} from '../domain/observation.js';
import { isRegistered, slotKey } from '../domain/observation.js';
import type { ColorPlan, Plan, ServicePlan } from '../domain/plan.js';
import type { ServiceRelease } from '../domain/release.js';
import { adoptedRelease } from '../domain/release.js';
import type { Place } from '../domain/event.js';
import { drained } from './drain.js';

/** Where one instance stands with one service in one color: the shared derivation that every strategy orders. */
export interface Standing {
  readonly instance: FleetInstance;
  readonly service: ServicePlan;
  readonly color: ColorPlan;
  readonly want: ServiceRelease;
  readonly place: Place;
  readonly target: ObservedTarget | undefined;
  readonly occupant: Container | undefined;
  /** A host command may be sent now. */
  readonly free: boolean;
  /** The containers must be looked at before the next judgement. */
  readonly look: boolean;
  /** It drains, and its connections must be looked at to tell whether that is over. */
  readonly watch?: boolean;
  /** Why it is `bad` or `unknown`, or what it waits for. */
  readonly why?: string;
  readonly failure?: HostFailure;
  readonly until?: Instant;
}

export function valueOf<T>(seen: Seen<T> | undefined): T | undefined {
  return seen?.is === 'known' ? seen.value : undefined;
}

export function colorOf(service: ServicePlan, color: Color): ColorPlan {
  const plan = service.colors[color];
  if (plan === undefined) throw new Error(`service ${service.service} has no ${color}`);
  return plan;
}

/** Instances that carry a color: all of them where colors are ports, one set where colors are sets of instances. */
export function membersOf(
  plan: Pick<Plan, 'layout'>,
  fleet: readonly FleetInstance[],
  color: Color,
): readonly FleetInstance[] {
  return plan.layout.is === 'instances' ? fleet.filter((instance) => instance.color === color) : fleet;
}

/** Whether the rollout goes on without this instance. A way back never waits for one that cannot be reached. */
export function isExcluded(plan: Plan, instance: FleetInstance): boolean {
  if (plan.excluded.includes(instance.id)) return true;
  return (plan.aim.to === 'old' || plan.kind === 'rollback') && instance.agent !== 'online';
}

/** The slot of a service in a color, with what may be adopted there. */
export function slotOf(service: ServicePlan, color: Color): Slot {
  const { port } = colorOf(service, color);
  const { containers, repository } = service.adopts;
  const adopts: Adopts = color === service.live ? { repository, containers } : { containers };
  return { service: service.service, containerName: service.containerName, color, port, adopts };
}

/** The running container that holds the slot: ours by its labels, or one that was or may be adopted for it. */
export function occupantOf(
  containers: readonly Container[],
  service: ServicePlan,
  color: ColorPlan,
): Container | undefined {
  const running = containers.filter((container) => container.running);
  const slot = slotOf(service, color.color);
  return (
    running.find((c) => c.ours?.service === service.service && c.ours.color === color.color) ??
    running.find((c) => c.ours === undefined && belongs(c, slot))
  );
}

/** What must be stopped for the slot to be empty: its occupant, or one of its containers that docker goes on starting again, or that is paused. */
export function holderOf(
  containers: readonly Container[],
  service: ServicePlan,
  color: ColorPlan,
): Container | undefined {
  const up = containers.map((each) => (isUp(each) ? { ...each, running: true } : each));
  return occupantOf(containers, service, color) ?? occupantOf(up, service, color);
}

/** The service release that a container is, whether ours or found running. undefined: an image without a digest. */
export function releaseOf(container: Container): string | undefined {
  return container.ours?.release ?? (container.digest === undefined ? undefined : adoptedRelease(container.digest));
}

export function runsRelease(container: Container | undefined, want: ServiceRelease): container is Container {
  return (
    container !== undefined && releaseOf(container) === want.release && container.digest === want.spec.image.digest
  );
}

export function targetOf(seen: Observation, color: ColorPlan, instance: InstanceId): ObservedTarget | undefined {
  return valueOf(seen.targets.get(color.group))?.get(targetKey(instance, color.port));
}

export function healthyIn(seen: Observation, color: ColorPlan, members: readonly FleetInstance[]): number {
  return members.filter((instance) => targetOf(seen, color, instance.id)?.state === 'healthy').length;
}

/** Whether a new start needs the witness on the instance even while the load balancer calls it healthy. */
function needsWitness(plan: Plan, service: ServicePlan): boolean {
  return plan.aim.to === 'new' && plan.kind === 'rollout' && service.from.release !== service.to.release;
}

/**
 * From when on the last look at a container counts that is to be the same at the `end` of a time in which it is watched: one tick before, so that its
 * answer does not come on top of that time; not before the time began.
 */
export function lookBefore(plan: Plan, end: Instant, began: Instant): Instant {
  return Math.max(began, end - plan.timing.poll);
}

/**
 * Derives the standing of an instance. The order of the checks is significant: what cannot be known first, then what runs there, then what the
 * load balancer says of it.
 */
export function standingOf(
  plan: Plan,
  seen: Observation,
  now: Instant,
  instance: FleetInstance,
  service: ServicePlan,
  colorName: Color,
  want: ServiceRelease,
): Standing {
  const color = colorOf(service, colorName);
  const host = seen.hosts.get(instance.id);
  const target = targetOf(seen, color, instance.id);
  const containers = valueOf(host?.containers);
  const occupant = containers === undefined ? undefined : occupantOf(containers, service, color);
  const free = host?.op.is === 'idle';
  const base = { instance, service, color, want, target, occupant, free, look: false };

  if (isExcluded(plan, instance)) return { ...base, place: 'excluded', why: `its SSM agent is ${instance.agent}` };
  if (host?.op.is === 'running' && host.op.service === service.service && host.op.phase !== 'inspect') {
    return { ...base, place: 'swapping', until: host.op.until, why: `${host.op.phase} runs on the instance` };
  }
  if (host === undefined || containers === undefined) {
    const why = host?.containers.is === 'unknown' ? host.containers.why : 'its containers were not read yet';
    const since = host?.containers.is === 'unknown' ? host.containers.since : now;
    return unknown(plan, now, base, host, why, since);
  }
  if (host.op.is === 'lost') return unknown(plan, now, base, host, host.op.why, host.op.since);
  if (target === undefined) {
    const group = seen.targets.get(color.group);
    const unknown = group?.is === 'unknown' ? group : undefined;
    return {
      ...base,
      place: 'unknown',
      why: unknown?.why ?? 'its target group was not read yet',
      until: (unknown?.since ?? now) + plan.timing.healthTimeout,
    };
  }

  const slot = slotKey(service.service, colorName);
  const failure = host.failures.get(slot);
  if (failure?.release === want.release) {
    return { ...base, place: 'bad', why: failure.message, failure };
  }
  return runsRelease(occupant, want)
    ? withWanted(plan, now, { ...base, target, occupant }, host)
    : withoutWanted(plan, now, { ...base, target }, host);
}

/** Busy, nothing is destroyed; the deadline judges: bad on the way forward, left out on the way back. */
function unknown(
  plan: Plan,
  now: Instant,
  base: Omit<Standing, 'place'>,
  host: ObservedHost | undefined,
  why: string,
  since: Instant,
): Standing {
  const until = since + plan.timing.hostCommand;
  if (now < until) return { ...base, place: 'unknown', look: host?.op.is !== 'running', why, until };
  return { ...base, place: plan.aim.to === 'new' ? 'bad' : 'excluded', why: `it cannot be looked at: ${why}` };
}

type Base = Omit<Standing, 'place' | 'target'> & { readonly target: ObservedTarget };

/** The wanted release runs: is it witnessed, registered, healthy, and for long enough? */
function withWanted(
  plan: Plan,
  now: Instant,
  base: Base & { readonly occupant: Container },
  host: ObservedHost,
): Standing {
  const { target, occupant, want } = base;
  const verified = host.verified.get(slotKey(base.service.service, base.color.color));
  const ofThis = verified?.release === want.release && verified.containerId === occupant.id ? verified : undefined;
  const stillSame = ofThis?.startedAt === occupant.startedAt && ofThis.restartCount === occupant.restartCount;
  if (ofThis !== undefined && !stillSame && plan.aim.to === 'new') {
    const how = occupant.oomKilled ? 'was killed for memory' : 'ended';
    const again = `was started again (restarts: ${String(occupant.restartCount)})`;
    return { ...base, place: 'bad', why: `the container ${how} after it had passed its checks, and ${again}` };
  }
  const unchanged = base.service.from.release === base.service.to.release;
  const witness = needsWitness(plan, base.service);
  // What serves a release that this plan does not change is not ours to judge: the load balancer may call it unhealthy for its own reasons.
  if (unchanged && !stillSame && isRegistered(target)) return { ...base, place: 'serving' };
  // A way back undoes what the rollout did: what runs the old release and was ill before, untouched, is left as it is.
  if (plan.aim.to === 'old' && !stillSame && target.state === 'unhealthy') return { ...base, place: 'serving' };
  const trusted = target.state === 'healthy' && !witness;
  if (!stillSame && !trusted) return { ...base, place: 'unverified', why: 'waits for its checks on the instance' };

  const until = target.since + plan.timing.healthTimeout;
  switch (target.state) {
    case 'absent':
    case 'draining':
      return { ...base, place: 'ready', why: 'passed its checks on the instance' };
    case 'unused':
      if (!isRegistered(target)) return { ...base, place: 'ready', why: 'passed its checks on the instance' };
      return warming(now, { ...base, until }, 'no listener or rule forwards to its target group yet');
    case 'initial':
    case 'unavailable':
      return warming(now, { ...base, until }, 'registered; waits for its first health check by the load balancer');
    case 'unhealthy': {
      const why = `the load balancer calls it unhealthy: ${target.description ?? target.reason ?? 'no reason given'}`;
      // A verdict from before the container passed its checks is not about this container.
      const isOlder = ofThis !== undefined && target.since < ofThis.since;
      if (isOlder) return warming(now, { ...base, until: ofThis.since + plan.timing.healthTimeout }, why);
      return plan.aim.to === 'new' ? { ...base, place: 'bad', why } : warming(now, { ...base, until }, why);
    }
    case 'healthy': {
      if (trusted && !stillSame) return { ...base, place: 'serving' };
      const settled = target.since + plan.timing.stabilize;
      if (plan.aim.to === 'old') return { ...base, place: 'serving' };
      if (plan.kind === 'rollback') {
        // The nodes of the load balancer learn of a target one by one: a color that was brought up a moment ago gets no traffic yet.
        const isNew = base.color.color !== base.service.live && target.unroutedSince !== undefined && now < settled;
        return isNew
          ? { ...base, place: 'settling', until: settled, why: 'healthy; must stay so' }
          : { ...base, place: 'serving' };
      }
      const lookFrom = lookBefore(plan, settled, target.since);
      const unseen = ofThis !== undefined && ofThis.at < lookFrom;
      if (now < settled)
        return {
          ...base,
          place: 'settling',
          look: unseen && now >= lookFrom && base.free,
          until: now < lookFrom ? lookFrom : settled,
          why: 'healthy; must stay so',
        };
      if (unseen) {
        return {
          ...base,
          place: 'settling',
          look: base.free,
          why: 'looked at once more',
        };
      }
      return { ...base, place: 'serving' };
    }
  }
}

function warming(now: Instant, base: Base & { readonly until: Instant }, why: string): Standing {
  return now >= base.until
    ? { ...base, place: 'bad', why: `${why}, and did not get healthy in time` }
    : { ...base, place: 'warming', why };
}

/** Something else runs, or nothing: may it be stopped, or must it leave the load balancer first? */
function withoutWanted(plan: Plan, now: Instant, base: Base, host: ObservedHost): Standing {
  const { target, occupant, want } = base;
  const verified = host.verified.get(slotKey(base.service.service, base.color.color));
  if (verified?.release === want.release && plan.aim.to === 'new') {
    return { ...base, place: 'bad', why: 'the container is gone after it had passed its checks' };
  }
  if (isRegistered(target)) return { ...base, place: 'old' };
  if (target.state === 'draining') {
    const drain = drained(plan, now, base.service, base.color, target, host, occupant ?? 'nothing');
    if (drain.is === 'over') return { ...base, place: occupant === undefined ? 'empty' : 'quiet' };
    if (now >= target.since + plan.timing.drainCap)
      return { ...base, place: 'bad', why: 'it did not finish draining in time' };
    const { until, watch } = drain;
    return { ...base, place: 'draining', until, watch, why: inFlight(host, base.service, base.color) };
  }
  if (occupant === undefined) return { ...base, place: 'empty' };
  const settled = (target.unroutedSince ?? now) + plan.timing.settle;
  return now < settled
    ? { ...base, place: 'draining', until: settled, why: 'the load balancer may still send it requests' }
    : { ...base, place: 'quiet' };
}

/** What a draining target waits for, with the number of connections where it was looked at. */
function inFlight(host: ObservedHost, service: ServicePlan, color: ColorPlan): string {
  const open = host.connections.get(slotKey(service.service, color.color))?.open ?? 0;
  return open === 0 ? 'requests in flight finish' : `requests in flight finish; open connections: ${String(open)}`;
}
