import type { Color, InstanceId, Instant, TargetGroupArn, TargetKey } from '../../src/domain/ids.js';
import { targetKey } from '../../src/domain/ids.js';
import type {
  Connections,
  Container,
  FleetInstance,
  GroupWeight,
  HostFailure,
  HostOp,
  ObservedHost,
  ObservedTarget,
  Observation,
  Seen,
  TargetState,
  Verified,
} from '../../src/domain/observation.js';
import { slotKey } from '../../src/domain/observation.js';
import type { Plan, ServicePlan } from '../../src/domain/plan.js';
import type { ServiceRelease } from '../../src/domain/release.js';
import { membersOf } from '../../src/strategies/standing.js';
import { instanceOf, START } from './plan.js';

interface HostScene {
  containers: Container[] | undefined;
  unknownSince: Instant;
  op: HostOp;
  verified: Map<`${string}/${Color}`, Verified>;
  connections: Map<`${string}/${Color}`, Connections>;
  failures: Map<`${string}/${Color}`, HostFailure>;
  pulled: Set<string>;
  pullFailure?: HostFailure;
}

/**
 * A world to judge, built sentence by sentence. It begins as it is before a rollout: every instance runs the old release of each service in the
 * live color, healthy for an hour, images pulled, all weight on the live color, nothing in the idle one.
 */
export class Scene {
  now: Instant = START + 3_600_000;
  readonly plan: Plan;
  fleet: FleetInstance[];
  readonly #hosts = new Map<InstanceId, HostScene>();
  readonly #targets = new Map<string, Map<TargetKey, ObservedTarget>>();
  readonly #weights = new Map<string, Map<`arn:${string}`, number>>();
  readonly #unreadable = new Set<string>();
  #sticky = false;
  #weightsAge: number | undefined;
  #more: Partial<Observation> = {};
  #serial = 0;

  constructor(plan: Plan, size: number) {
    this.plan = { ...plan, startedAt: this.now - 1000, deadline: this.now + plan.timing.rolloutDeadline };
    const two = plan.layout.is === 'instances';
    this.fleet = Array.from({ length: two ? size * 2 : size }, (_, index) =>
      instanceOf(index + 1, two ? (index < size ? 'blue' : 'green') : undefined),
    );
    for (const { id } of this.fleet) this.#host(id);
    for (const service of plan.services) {
      const live = service.colors[service.live];
      if (live === undefined) continue;
      for (const route of service.routes) this.#weights.set(route, new Map([[live.group, 100]]));
      if (service.from.release === 'none') continue;
      for (const { id } of membersOf(plan, this.fleet, service.live)) {
        this.runs(id, service, service.live, service.from);
        this.target(id, service, service.live, 'healthy');
      }
    }
  }

  id(number: number): InstanceId {
    return instanceOf(number).id;
  }

  service(index = 0): ServicePlan {
    const service = this.plan.services[index];
    if (service === undefined) throw new Error('no such service');
    return service;
  }

  #host(id: InstanceId): HostScene {
    const host = this.#hosts.get(id) ?? {
      containers: [],
      unknownSince: this.now,
      op: { is: 'idle' as const },
      verified: new Map(),
      connections: new Map(),
      failures: new Map(),
      pulled: new Set(this.plan.services.map(({ service, to }) => `${service}@${to.release}`)),
    };
    this.#hosts.set(id, host);
    return host;
  }

  /** The release runs in the slot, in place of what ran there; `verified`: its witness is this process's, `seconds` ago. */
  runs(id: InstanceId, service: ServicePlan, color: Color, release: ServiceRelease, verified?: number): this {
    const host = this.#host(id);
    this.empty(id, service, color);
    this.#serial += 1;
    const container: Container = {
      id: `k${String(this.#serial)}`,
      name: `${service.service}-${color}`,
      running: true,
      startedAt: '2026-11-24T12:00:00Z',
      restartCount: 0,
      exitCode: 0,
      oomKilled: false,
      restartPolicy: 'unless-stopped',
      ports: [service.colors[color]?.port ?? 0],
      digest: release.spec.image.digest,
      imageReference: 'image',
      ours: { service: service.service, color, release: release.release },
    };
    host.containers?.push(container);
    if (verified !== undefined) {
      const { id: containerId, startedAt, restartCount } = container;
      const at = this.now - verified * 1000;
      host.verified.set(slotKey(service.service, color), {
        release: release.release,
        containerId,
        startedAt,
        restartCount,
        since: at,
        at,
      });
    }
    return this;
  }

  /** The container of the slot was started again by itself. */
  restarted(id: InstanceId, service: ServicePlan, color: Color): this {
    const host = this.#host(id);
    host.containers = host.containers?.map((each) =>
      each.ours?.service === service.service && each.ours.color === color
        ? { ...each, restartCount: 1, startedAt: 'later' }
        : each,
    );
    return this;
  }

  /** The container of the slot ends again and again, and docker is about to start it once more. */
  crashLoops(id: InstanceId, service: ServicePlan, color: Color): this {
    const host = this.#host(id);
    host.containers = host.containers?.map((each) =>
      each.ours?.service === service.service && each.ours.color === color
        ? { ...each, running: false, restarting: true }
        : each,
    );
    return this;
  }

  /** Nothing runs in the slot. */
  empty(id: InstanceId, service: ServicePlan, color: Color): this {
    const host = this.#host(id);
    host.containers = host.containers?.filter(
      (each) => each.ours?.service !== service.service || each.ours.color !== color,
    );
    return this;
  }

  /** The target is in that state, `seconds` ago since; `quiet`: seconds for which it has had no reason to get a request. */
  target(id: InstanceId, service: ServicePlan, color: Color, state: TargetState, seconds = 3600, quiet?: number): this {
    const place = service.colors[color];
    if (place === undefined) return this;
    const targets = this.#targets.get(place.group) ?? new Map<TargetKey, ObservedTarget>();
    this.#targets.set(place.group, targets);
    const unrouted = quiet === undefined ? {} : { unroutedSince: this.now - quiet * 1000 };
    targets.set(targetKey(id, place.port), { state, since: this.now - seconds * 1000, ...unrouted });
    return this;
  }

  /** `seconds`: for so long they have been seen; absent: for long. */
  weights(
    service: ServicePlan,
    live: number,
    idle: number,
    options: { readonly sticky?: boolean; readonly seconds?: number } = {},
  ): this {
    const idleColor = service.live === 'blue' ? 'green' : 'blue';
    for (const route of service.routes) {
      const weights = this.#weights.get(route);
      const [from, to] = [service.colors[service.live], service.colors[idleColor]];
      if (from !== undefined) weights?.set(from.group, live);
      if (to !== undefined) weights?.set(to.group, idle);
    }
    this.#sticky = options.sticky ?? false;
    this.#weightsAge = options.seconds;
    return this;
  }

  #since(weights: readonly GroupWeight[]): ReadonlyMap<TargetGroupArn, Instant> {
    const age = this.#weightsAge;
    return new Map(age === undefined ? [] : weights.map(({ group }) => [group, this.now - age * 1000]));
  }

  /** Exactly these weights, other groups included. */
  routeHas(route: string, weights: readonly GroupWeight[]): this {
    this.#weights.set(route, new Map(weights.map(({ group, weight }) => [group, weight])));
    return this;
  }

  op(id: InstanceId, op: HostOp): this {
    this.#host(id).op = op;
    return this;
  }

  /** Its containers could not be read for so long. */
  blind(id: InstanceId, seconds = 0): this {
    const host = this.#host(id);
    host.containers = undefined;
    host.unknownSince = this.now - seconds * 1000;
    return this;
  }

  /** A watch that was sent `seconds` ago saw so many connections to what runs in the slot; undefined: it could not read them. */
  connected(id: InstanceId, service: ServicePlan, color: Color, open: number | undefined, seconds: number): this {
    const host = this.#host(id);
    const containerId = host.containers?.find(({ ours }) => ours?.color === color)?.id ?? 'none';
    const at = this.now - seconds * 1000;
    host.connections.set(slotKey(service.service, color), {
      containerId,
      at,
      ...(open === undefined ? {} : { open }),
    });
    return this;
  }

  /** This process has witnessed nothing there. */
  forget(id: InstanceId): this {
    this.#host(id).verified.clear();
    return this;
  }

  notPulled(id: InstanceId): this {
    this.#host(id).pulled.clear();
    return this;
  }

  /** The registry refused; the answer does not tell the containers. */
  pullFailed(id: InstanceId): this {
    const host = this.notPulled(id).blind(id).#host(id);
    host.pullFailure = { phase: 'pull', code: 'pull-failed', message: 'connection refused', at: this.now };
    return this;
  }

  failed(id: InstanceId, service: ServicePlan, color: Color, release: ServiceRelease): this {
    const failure: HostFailure = {
      phase: 'start',
      code: 'unhealthy',
      message: '/health answered 503',
      release: release.release,
      at: this.now,
    };
    this.#host(id).failures.set(slotKey(service.service, color), failure);
    return this;
  }

  agent(id: InstanceId, agent: FleetInstance['agent']): this {
    this.fleet = this.fleet.map((each) => (each.id === id ? { ...each, agent } : each));
    return this;
  }

  /** Joins the fleet; nothing runs there and nothing was pulled. */
  joins(number: number): this {
    const instance = instanceOf(number);
    this.fleet = [...this.fleet, instance];
    this.#host(instance.id);
    return this.notPulled(instance.id);
  }

  /** A route or group that cannot be read. */
  unreadable(arn: string): this {
    this.#unreadable.add(arn);
    return this;
  }

  sees(more: Partial<Observation>): this {
    this.#more = { ...this.#more, ...more };
    return this;
  }

  seen(): Observation {
    const known = <T>(value: T): Seen<T> => ({ is: 'known', value, at: this.now });
    const unknown: Seen<never> = { is: 'unknown', why: 'throttled', since: this.now };
    const hosts = new Map<InstanceId, ObservedHost>();
    for (const [id, { containers, unknownSince, ...host }] of this.#hosts)
      hosts.set(id, {
        ...host,
        containers:
          containers === undefined ? { is: 'unknown', why: 'no answer', since: unknownSince } : known(containers),
      });
    const targets = new Map<`arn:${string}`, Seen<ReadonlyMap<`i-${string}:${number}`, ObservedTarget>>>();
    const routes: Observation['routes'] = new Map(
      this.plan.services.flatMap((service) =>
        service.routes.map((route) => {
          const weights = [...(this.#weights.get(route) ?? [])].map(([group, weight]) => ({ group, weight }));
          const stickiness = { enabled: this.#sticky };
          const view = { route, name: route, weights, stickiness, frame: 'frame', since: this.#since(weights) };
          return [route, this.#unreadable.has(route) ? unknown : known(view)] as const;
        }),
      ),
    );
    for (const service of this.plan.services) {
      for (const { group, port } of Object.values(service.colors)) {
        const all = new Map(this.#targets.get(group));
        for (const { id } of this.fleet) {
          const key = targetKey(id, port);
          if (!all.has(key)) all.set(key, { state: 'absent', since: START, unroutedSince: START });
        }
        targets.set(group, this.#unreadable.has(group) ? unknown : known(all));
      }
    }
    return {
      fleet: known(this.fleet),
      routes,
      targets,
      hosts,
      probes: [],
      commands: [],
      tasks: new Map(),
      steering: [],
      waiting: new Map(),
      refused: new Map(),
      ...this.#more,
    };
  }
}
