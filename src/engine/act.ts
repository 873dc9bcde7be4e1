import type { Action, Spot } from '../domain/decision.js';
import { PortError } from '../domain/errors.js';
import type { HostRequest, Slot } from '../domain/host.js';
import type { Instant, Ms } from '../domain/ids.js';
import { targetKey } from '../domain/ids.js';
import type { Observation } from '../domain/observation.js';
import type { Plan, ServicePlan } from '../domain/plan.js';
import type { ServiceRelease } from '../domain/release.js';
import { NO_RELEASE } from '../domain/release.js';
import { needsPull } from '../strategies/preload.js';
import { slotOf } from '../strategies/standing.js';
import type { HostBook } from './book.js';
import type { Observer } from './observer.js';
import type { TrafficPort } from './ports.js';

interface ActDeps {
  readonly traffic: TrafficPort;
  readonly book: HostBook;
  readonly observer: Observer;
  /** Whether the lease still holds: this process may have stood still since the read that comes before a write. */
  readonly mayWrite: () => boolean;
}

/** What is the same for all actions of one decision. */
export interface Turn {
  readonly seen: Observation;
  readonly decidedAt: Instant;
  /** What was sent in this turn: an instance that gets the same as another gets the same object, and they share a call. */
  readonly requests: Map<string, HostRequest>;
}

/** The slots of a plan: both colors of all its services. */
export function slotsOf(plan: Plan): readonly Slot[] {
  return plan.services.flatMap((service) => Object.values(service.colors).map((color) => slotOf(service, color.color)));
}

/** Makes one action happen: one short call. Rejects with PortError; the next observation tells what it did. */
export async function act(deps: ActDeps, plan: Plan, action: Action, turn: Turn, signal?: AbortSignal): Promise<void> {
  switch (action.is) {
    case 'register':
    case 'deregister': {
      const keys = action.targets.map(({ instance, port }) => targetKey(instance, port));
      if (action.is === 'register') {
        try {
          await deps.traffic.register(action.group, action.targets, signal);
        } catch (error) {
          if (error instanceof PortError && error.mayHaveTakenEffect) deps.observer.tried(action.group, keys);
          throw error;
        }
      } else await deps.traffic.deregister(action.group, action.targets, signal);
      deps.observer.changed(action.group, keys, action.is === 'register');
      return;
    }
    case 'weights': {
      const managed = plan.services.flatMap(({ colors }) => Object.values(colors).map(({ group }) => group));
      deps.observer.routeWritten(
        await deps.traffic.setWeights({ ...action, managed, mayWrite: deps.mayWrite }, signal),
      );
      return;
    }
    case 'inspect':
    case 'quiet':
    case 'pull':
    case 'task':
    case 'start':
    case 'restore':
    case 'stop':
      await deps.book.send(
        action.instance,
        shared(turn, requestOf(turn, plan, action, deps.book)),
        timeoutOf(plan, action),
        signal,
      );
  }
}

type HostAction = Extract<Action, { readonly instance: unknown }>;

function shared({ requests }: Turn, request: HostRequest): HostRequest {
  const key = JSON.stringify(request);
  const before = requests.get(key) ?? request;
  requests.set(key, before);
  return before;
}

function requestOf({ seen }: Turn, plan: Plan, action: HostAction, book: HostBook): HostRequest {
  switch (action.is) {
    case 'inspect':
      return { phase: 'inspect', slots: slotsOf(plan) };
    case 'quiet': {
      const { container } = action;
      const own = slotOf(serviceOf(plan, action.service), action.color);
      return { phase: 'quiet', slot: own, container, window: plan.timing.quiet };
    }
    case 'pull': {
      const instance =
        seen.fleet.is === 'known' ? seen.fleet.value.find(({ id }) => id === action.instance) : undefined;
      const lacking = plan.services.filter(
        (service) => instance !== undefined && needsPull(plan, seen, instance, service),
      );
      return { phase: 'pull', images: lacking.map(pullOf) };
    }
    case 'task':
      return taskOf(serviceOf(plan, action.service));
    case 'start':
    case 'restore': {
      const service = serviceOf(plan, action.service);
      const { release, spec } = releaseIn(service, action.release);
      const own = slotOf(service, action.color);
      if (action.is === 'start') return { phase: 'start', slot: own, release, spec, keep: plan.keep };
      return { phase: 'restore', slot: own, release, spec, keep: plan.keep, ...asked(book, action) };
    }
    case 'stop': {
      const service = serviceOf(plan, action.service);
      const stopTimeout = Math.max(service.from.spec.stopTimeout, service.to.spec.stopTimeout);
      const own = slotOf(service, action.color);
      return { phase: 'stop', slot: own, stopTimeout, keep: plan.keep, ...asked(book, action) };
    }
  }
}

/** What is unexplained is asked about before it is gone. */
function asked(book: HostBook, spot: Spot): { readonly evidence?: true } {
  return book.isUnexplained(spot) ? { evidence: true } : {};
}

/** What may be sent while a plan is carried out, and how long it may run. */
export interface PossibleRequest {
  readonly request: HostRequest;
  readonly timeout: Ms;
  /** Absent: it is about all services. */
  readonly service?: string;
}

/** Every request that the plan may send to an instance, on the way to either of its releases: in both colors, whatever will be the case there. */
export function possibleRequests(plan: Plan): readonly PossibleRequest[] {
  const { keep, timing } = plan;
  const timeout = timing.hostCommand;
  const all: PossibleRequest[] = [{ request: { phase: 'inspect', slots: slotsOf(plan) }, timeout }];
  const goesForward = plan.kind === 'rollout';
  if (goesForward) {
    // Of an instance that joins, all of them.
    const images = plan.services.filter(({ to }) => to.release !== NO_RELEASE).map(pullOf);
    all.push({ request: { phase: 'pull', images }, timeout: timing.pullTimeout });
  }
  for (const service of plan.services) {
    const { service: name, from, to } = service;
    if (goesForward && to.spec.task !== undefined) {
      all.push({ request: taskOf(service), timeout: to.spec.task.timeout + timeout, service: name });
    }
    for (const { color } of Object.values(service.colors)) {
      const own = slotOf(service, color);
      const { stopTimeout } = to.spec;
      all.push({ request: { phase: 'stop', slot: own, stopTimeout, keep, evidence: true }, timeout, service: name });
      for (const { release, spec } of from.release === to.release ? [to] : [to, from]) {
        if (release === NO_RELEASE) continue;
        // A start is the same without the word for the evidence.
        const request = { phase: 'restore', slot: own, release, spec, keep, evidence: true } as const;
        all.push({ request, timeout, service: name });
      }
    }
  }
  return all;
}

function pullOf(service: ServicePlan): Extract<HostRequest, { phase: 'pull' }>['images'][number] {
  const { containerName, to } = service;
  return { service: service.service, release: to.release, containerName, spec: to.spec };
}

function taskOf({ service, containerName, to }: ServicePlan): Extract<HostRequest, { phase: 'task' }> {
  return { phase: 'task', service, containerName, release: to.release, spec: to.spec };
}

function timeoutOf(plan: Plan, action: HostAction): Ms {
  if (action.is === 'pull') return plan.timing.pullTimeout;
  if (action.is === 'task')
    return (serviceOf(plan, action.service).to.spec.task?.timeout ?? 0) + plan.timing.hostCommand;
  return plan.timing.hostCommand;
}

function serviceOf(plan: Plan, name: string): ServicePlan {
  const service = plan.services.find((each) => each.service === name);
  if (service === undefined) throw new Error(`the plan has no service ${name}`);
  return service;
}

function releaseIn(service: ServicePlan, release: string): ServiceRelease {
  const found = [service.to, service.from].find((each) => each.release === release);
  if (found === undefined)
    throw new Error(`${service.service}: release ${release} is neither where the plan comes from nor where it goes`);
  return found;
}
