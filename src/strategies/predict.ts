import { isLook } from '../domain/decision.js';
import type { Action, Decision } from '../domain/decision.js';
import type { InstanceId, Instant, Ms, TargetGroupArn } from '../domain/ids.js';
import { targetKey } from '../domain/ids.js';
import type {
  Connections,
  Container,
  FleetInstance,
  HostOp,
  ObservedHost,
  ObservedRoute,
  ObservedTarget,
  Observation,
  Seen,
  Verified,
} from '../domain/observation.js';
import { slotKey } from '../domain/observation.js';
import { belongs } from '../domain/occupancy.js';
import type { Plan, ServicePlan } from '../domain/plan.js';
import { describeAction } from './describe-action.js';
import { decideNext } from './index.js';
import { needsPull, pulledKey } from './preload.js';
import { WaitClock } from './waiting.js';
import { slotOf } from './standing.js';

/** How long the world takes, as far as it is known beforehand. */
export interface Durations {
  /** Deregistration delay per group. */
  readonly drain: ReadonlyMap<TargetGroupArn, Ms>;
  /** From registration to the first passed health check, per group. */
  readonly firstCheck: ReadonlyMap<TargetGroupArn, Ms>;
  readonly pull: Ms;
  readonly start: Ms;
  readonly hostCommand: Ms;
}

export interface PredictedStep {
  /** After the start. */
  readonly after: Ms;
  readonly text: string;
  readonly reason: string;
  /** Lowest number of healthy targets of a service in its group with traffic, right after this step. */
  readonly capacity: Readonly<Record<string, string>>;
}

export interface Prediction {
  readonly steps: readonly PredictedStep[];
  readonly duration: Ms;
  readonly end: Exclude<Decision, { is: 'act' | 'wait' }> | undefined;
}

/** More turns than any rollout has. */
const mostTurns = 20_000;
/** So often in a row may the same be decided without a change of the model: then nothing will ever come of it. */
const mostAlike = 3;

/**
 * Runs the very decisions of a rollout over a model of the world in which everything goes well: what `plan` prints, and the estimate. Pure.
 */
export function predict(plan: Plan, seen: Observation, now: Instant, durations: Durations): Prediction {
  const model = new Model(plan, seen, now, durations);
  const steps: PredictedStep[] = [];
  let alike = 0;
  let last = '';
  for (let turn = 0; turn < mostTurns; turn += 1) {
    const decision = decideNext(model.plan, model.observe(), model.now);
    model.decided(decision);
    switch (decision.is) {
      case 'act':
        alike = last === JSON.stringify(decision.actions) ? alike + 1 : 0;
        last = JSON.stringify(decision.actions);
        if (alike === mostAlike) {
          const what = decision.actions.map((action) => describeAction(plan, seen, action)).join(', ');
          const reason = `${decision.reason}: ${what} would change nothing`;
          return { steps, duration: model.now - now, end: { is: 'hold', reason } };
        }
        model.setBake(decision.bake);
        for (const action of decision.actions) {
          model.apply(action);
          if (isLook(action)) continue;
          const text = describeAction(plan, seen, action);
          steps.push({ after: model.now - now, text, reason: decision.reason, capacity: model.capacity() });
        }
        break;
      case 'wait':
        model.setBake(decision.bake);
        last = '';
        model.advance(Math.min(...decision.waits.map((wait) => wait.until)));
        break;
      case 'abort':
      case 'hold':
      case 'done':
        return { steps, duration: model.now - now, end: decision };
    }
  }
  return { steps, duration: model.now - now, end: undefined };
}

interface Pending {
  readonly at: Instant;
  readonly apply: () => void;
}

interface ModelHost {
  containers: Container[];
  op: HostOp;
  readonly verified: Map<`${string}/${'blue' | 'green'}`, Verified>;
  readonly connections: Map<`${string}/${'blue' | 'green'}`, Connections>;
  readonly pulled: Set<string>;
}

/** A world without surprises, on a clock that jumps from event to event. */
class Model {
  readonly plan: Plan;
  now: Instant;
  readonly #seen: Observation;
  readonly #began: Instant;
  readonly #durations: Durations;
  readonly #targets = new Map<TargetGroupArn, Map<string, ObservedTarget>>();
  readonly #hosts = new Map<InstanceId, ModelHost>();
  readonly #instances: ReadonlyMap<InstanceId, FleetInstance>;
  readonly #routes = new Map<string, ObservedRoute>();
  readonly #tasks = new Map<string, { readonly is: 'succeeded' | 'running' }>();
  #pending: Pending[] = [];
  readonly #waits = new WaitClock();
  #bake: { key: string; since: Instant } | undefined;
  #serial = 0;

  constructor(plan: Plan, seen: Observation, now: Instant, durations: Durations) {
    this.plan = {
      ...plan,
      gates: { probes: [], commands: [], inconclusive: 'pass' },
      deadline: Number.MAX_SAFE_INTEGER,
    };
    this.now = now;
    this.#began = now;
    this.#seen = seen;
    this.#durations = durations;
    this.#instances = new Map((seen.fleet.is === 'known' ? seen.fleet.value : []).map((one) => [one.id, one]));
    for (const [group, targets] of seen.targets) {
      if (targets.is === 'known') this.#targets.set(group, new Map(targets.value));
    }
    for (const [id, host] of seen.hosts) {
      const containers = host.containers.is === 'known' ? [...host.containers.value] : [];
      this.#hosts.set(id, {
        containers,
        op: { is: 'idle' },
        verified: new Map(host.verified),
        connections: new Map(),
        pulled: new Set(host.pulled),
      });
    }
    for (const [arn, route] of seen.routes) if (route.is === 'known') this.#routes.set(arn, route.value);
  }

  setBake(key: string | undefined): void {
    if (key === this.#bake?.key) return;
    this.#bake = key === undefined ? undefined : { key, since: this.now };
  }

  decided(decision: Decision): void {
    this.#waits.take(decision, this.now);
  }

  observe(): Observation {
    this.#route();
    const known = <T>(value: T): Seen<T> => ({ is: 'known', value, at: this.now });
    const hosts = new Map([...this.#hosts].map(([id, host]) => [id, this.#hostSeen(id, host)]));
    return {
      ...this.#seen,
      routes: new Map([...this.#routes].map(([arn, route]) => [asArn(arn), known(route)])),
      targets: new Map([...this.#targets].map(([group, targets]) => [group, known(asTargets(targets))])),
      hosts,
      tasks: this.#tasks,
      waiting: this.#waits.since(),
      ...(this.#bake === undefined ? {} : { bake: this.#bake }),
    };
  }

  #hostSeen(id: InstanceId, { containers, op, verified, connections, pulled }: ModelHost): ObservedHost {
    const silent = this.#seen.hosts.get(id)?.containers.is === 'unknown';
    return {
      // Silent since the beginning: silence that began anew at each look would be waited for without an end.
      containers: silent
        ? { is: 'unknown', why: 'cannot be reached', since: this.#began }
        : { is: 'known', value: containers, at: this.now },
      op,
      verified,
      connections,
      failures: new Map(),
      pulled,
    };
  }

  /** Jumps to the next thing that happens, or to `until` when nothing happens before. */
  advance(until: Instant): void {
    const next = Math.min(...this.#pending.map(({ at }) => at), Math.max(until, this.now + 1));
    this.now = Math.max(next, this.now);
    const due = this.#pending.filter(({ at }) => at <= this.now);
    this.#pending = this.#pending.filter(({ at }) => at > this.now);
    for (const { apply } of due) apply();
  }

  apply(action: Action): void {
    switch (action.is) {
      case 'register':
      case 'deregister':
        for (const { instance, port } of action.targets)
          this.#membership(action.group, targetKey(instance, port), action.is === 'register');
        return;
      case 'weights': {
        const route = this.#routes.get(action.route);
        if (route === undefined) return;
        const set = new Set(action.set.map(({ group }) => group));
        const weights = [...route.weights.filter(({ group }) => !set.has(group)), ...action.set];
        const since = new Map(weights.map(({ group }) => [group, this.now]));
        this.#routes.set(action.route, { ...route, weights, since, stickiness: action.stickiness ?? route.stickiness });
        return;
      }
      case 'inspect':
      case 'quiet':
      case 'pull':
      case 'task':
      case 'start':
      case 'restore':
      case 'stop':
        this.#command(action);
    }
  }

  /** Healthy targets of each service in the color that has most of its traffic. */
  capacity(): Record<string, string> {
    const result: Record<string, string> = {};
    for (const service of this.plan.services) {
      const group = this.#busiest(service);
      const targets = [...(this.#targets.get(group)?.values() ?? [])];
      result[service.service] =
        `${String(targets.filter(({ state }) => state === 'healthy').length)}/${String(this.#hosts.size)}`;
    }
    return result;
  }

  #busiest(service: ServicePlan): TargetGroupArn {
    const colors = Object.values(service.colors);
    const weightOf = (group: TargetGroupArn): number => {
      const route = service.routes.map((arn) => this.#routes.get(arn)).find((each) => each !== undefined);
      return route?.weights.find((entry) => entry.group === group)?.weight ?? 0;
    };
    const [first, ...rest] = [...colors].sort((a, b) => weightOf(b.group) - weightOf(a.group));
    return (first ?? rest[0])?.group ?? 'arn:none';
  }

  #membership(group: TargetGroupArn, key: string, registered: boolean): void {
    const targets = this.#targets.get(group) ?? new Map<string, ObservedTarget>();
    this.#targets.set(group, targets);
    const before = targets.get(key);
    const unrouted = before?.unroutedSince === undefined ? {} : { unroutedSince: before.unroutedSince };
    targets.set(key, { state: registered ? 'initial' : 'draining', since: this.now, ...unrouted });
    const takes = (registered ? this.#durations.firstCheck : this.#durations.drain).get(group) ?? 0;
    const at = this.now + takes;
    const apply = (): void => {
      const { unroutedSince } = targets.get(key) ?? {};
      const state = registered ? 'healthy' : 'absent';
      targets.set(key, { state, since: at, ...(unroutedSince === undefined ? {} : { unroutedSince }) });
    };
    this.#pending.push({ at, apply });
  }

  #command(action: Extract<Action, { readonly instance: unknown }>): void {
    const host = this.#hosts.get(action.instance);
    if (host === undefined) return;
    const { hostCommand, pull, start } = this.#durations;
    const quiet = hostCommand + this.plan.timing.quiet;
    const takes = { inspect: hostCommand, quiet, pull, task: start, start, restore: start, stop: hostCommand }[
      action.is
    ];
    const at = this.now + takes;
    const service = 'service' in action ? { service: action.service } : {};
    host.op = { is: 'running', phase: action.is, since: this.now, until: at, ...service };
    if (action.is === 'task') this.#tasks.set(action.service, { is: 'running' });
    this.#pending.push({ at, apply: () => this.#ended(action, host, at) });
  }

  #ended(action: Extract<Action, { readonly instance: unknown }>, host: ModelHost, at: Instant): void {
    host.op = { is: 'idle' };
    switch (action.is) {
      case 'inspect':
        for (const [slot, verified] of host.verified) host.verified.set(slot, { ...verified, at });
        return;
      case 'quiet': {
        const { service, color, container } = action;
        const sent = at - this.#durations.hostCommand - this.plan.timing.quiet;
        host.connections.set(slotKey(service, color), { containerId: container, open: 0, at: sent });
        return;
      }
      case 'pull': {
        const instance = this.#instances.get(action.instance);
        // All of a large fleet pulls at about the same time: this looks at the one instance only.
        const seen = { ...this.#seen, hosts: new Map([[action.instance, this.#hostSeen(action.instance, host)]]) };
        for (const service of this.plan.services) {
          if (instance !== undefined && needsPull(this.plan, seen, instance, service))
            host.pulled.add(pulledKey(service.service, service.to.release));
        }
        return;
      }
      case 'task':
        this.#tasks.set(action.service, { is: 'succeeded' });
        return;
      case 'start':
      case 'restore':
      case 'stop': {
        const service = this.plan.services.find((each) => each.service === action.service);
        const color = service?.colors[action.color];
        if (service === undefined || color === undefined) return;
        const slot = slotOf(service, action.color);
        host.containers = host.containers.filter((container) => !belongs(container, slot));
        if (action.is === 'stop') return;
        const release = [service.to, service.from].find((each) => each.release === action.release) ?? service.to;
        this.#serial += 1;
        const id = `model-${String(this.#serial)}`;
        host.containers.push({
          id,
          name: id,
          running: true,
          startedAt: id,
          restartCount: 0,
          exitCode: 0,
          oomKilled: false,
          restartPolicy: 'unless-stopped',
          ports: [color.port],
          digest: release.spec.image.digest,
          imageReference: release.spec.image.repository,
          ours: { service: action.service, color: action.color, release: release.release },
        });
        host.verified.set(slotKey(action.service, action.color), {
          release: release.release,
          containerId: id,
          startedAt: id,
          restartCount: 0,
          since: at,
          at,
        });
      }
    }
  }

  /** Since when each target has had no reason to get requests. */
  #route(): void {
    for (const service of this.plan.services) {
      for (const color of Object.values(service.colors)) {
        const weighted =
          service.routes.length === 0 ||
          service.routes.some(
            (arn) => (this.#routes.get(arn)?.weights.find(({ group }) => group === color.group)?.weight ?? 0) > 0,
          );
        const targets = this.#targets.get(color.group) ?? new Map<string, ObservedTarget>();
        this.#targets.set(color.group, targets);
        for (const id of this.#hosts.keys()) {
          const key = targetKey(id, color.port);
          const { unroutedSince, ...target } = targets.get(key) ?? { state: 'absent', since: this.now };
          const out = target.state === 'absent' || target.state === 'draining';
          targets.set(key, weighted && !out ? target : { ...target, unroutedSince: unroutedSince ?? this.now });
        }
      }
    }
  }
}

const asArn = (text: string): `arn:${string}` => `arn:${text.slice('arn:'.length)}`;

function asTargets(targets: ReadonlyMap<string, ObservedTarget>): ReadonlyMap<`i-${string}:${number}`, ObservedTarget> {
  return new Map([...targets].map(([key, target]) => [asKey(key), target]));
}

function asKey(text: string): `i-${string}:${number}` {
  const at = text.lastIndexOf(':');
  return `i-${text.slice(2, at)}:${Number(text.slice(at + 1))}`;
}
