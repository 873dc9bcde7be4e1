import { PortError } from '../../src/domain/errors.js';
import type { Fence, HostRequest } from '../../src/domain/host.js';
import type { Color, Digest, InstanceId, Instant, Ms, TargetGroupArn, TargetKey } from '../../src/domain/ids.js';
import { targetKey } from '../../src/domain/ids.js';
import type { Container, FleetInstance, RouteView, TargetView } from '../../src/domain/observation.js';
import type { Plan, ServicePlan } from '../../src/domain/plan.js';
import type { HostCommandState, HostPort, HostReply } from '../../src/engine/host-port.js';
import type { Clock, FleetPort, TrafficPort } from '../../src/engine/ports.js';
import { atMost, minimumHealthyOf } from '../../src/strategies/amounts.js';
import { destination } from '../../src/strategies/preload.js';
import { membersOf } from '../../src/strategies/standing.js';
import { START } from '../_helpers/plan.js';

/** What becomes of the new release. */
export type Fate =
  | 'good'
  | 'never-healthy'
  | 'unhealthy-behind-balancer'
  | 'exits-later'
  | 'restarts-later'
  | 'one-instance-bad'
  | 'gate-fails';

/** Repeatable randomness (mulberry32). */
export function dice(seed: number): { next(): number; between(low: number, high: number): number } {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return { next, between: (low, high) => low + Math.floor(next() * (high - low + 1)) };
}

interface Box {
  id: string;
  readonly release: string;
  readonly digest: Digest;
  readonly ours: boolean;
  startedAt: string;
  restartCount: number;
  running: boolean;
  /** Its health and checks passed on the instance since this start. */
  witnessed: boolean;
  /** The world, not the tool, ended or restarted it. */
  struck: boolean;
  /** Runs, but the load balancer's checks fail. */
  sick: boolean;
}

interface Host {
  readonly instance: FleetInstance;
  readonly joined: boolean;
  readonly slots: Map<string, Box>;
  readonly images: Set<string>;
  busyUntil: Instant;
  fence: Fence;
}

interface Target {
  state: 'initial' | 'healthy' | 'unhealthy' | 'draining';
  from: Instant;
  /** Since when the state that the checks would give differs from the one that is shown. */
  turning: Instant | undefined;
  /** Draining: when the last request in flight ends. */
  busyUntil?: Instant;
}

/** Deregistration delay of the groups: with `drain: quiet` longer than the settle time, so that there is something to gain. */
const drainOf = ({ drain }: Plan): Ms => (drain === 'quiet' ? 150_000 : 30_000);

/** How long a command takes, ms. */
const lasts: Readonly<Partial<Record<HostRequest['phase'], readonly [number, number]>>> = {
  inspect: [500, 2000],
  quiet: [5000, 7000],
};

export interface WorldOptions {
  readonly seed: number;
  readonly plan: Plan;
  readonly fleet: readonly FleetInstance[];
  readonly fate: Fate;
  /** The containers of before were started by hand, without labels. */
  readonly adopted: boolean;
  /** Share of host commands whose result is lost: executed, not executed, or executed late. */
  readonly loss: number;
  /** Share of refused or unanswered calls of the load balancer's API. */
  readonly flaky: number;
}

/**
 * A fleet behind a load balancer, as the engine's ports show it, on a clock of its own. It holds the tool to its promises: each broken one is a
 * line in `violations`.
 */
export class World {
  now: Instant = START;
  readonly violations: string[] = [];
  readonly log: string[] = [];
  readonly clock: Clock;
  /** The plan that steers now, for what is only promised on the way forward. */
  plan: Plan;
  changes = 0;
  readonly #options: WorldOptions;
  readonly #dice: ReturnType<typeof dice>;
  readonly #hosts = new Map<InstanceId, Host>();
  readonly #targets = new Map<TargetGroupArn, Map<TargetKey, Target>>();
  readonly #routes = new Map<string, { weights: Map<TargetGroupArn, number>; sticky: boolean }>();
  readonly #attachedAt = new Map<TargetGroupArn, Instant>();
  readonly #lastRouted = new Map<string, Instant>();
  readonly #commands = new Map<string, { state: HostCommandState }>();
  #events: { at: Instant; run: () => void }[] = [];
  #fleetSeen: readonly FleetInstance[] = [];
  #serial = 0;
  readonly #badOne: InstanceId | undefined;

  constructor(options: WorldOptions) {
    this.#options = options;
    this.plan = options.plan;
    this.#dice = dice(options.seed);
    this.clock = {
      now: () => this.now,
      monotonic: () => this.now - START,
      sleep: (duration) => {
        this.advance(duration);
        return Promise.resolve();
      },
    };
    for (const instance of options.fleet) this.#addHost(instance, false);
    const first = options.plan.services[0];
    const affected =
      first === undefined ? [] : membersOf(options.plan, options.fleet, destination(options.plan, first));
    this.#badOne = affected[this.#dice.between(0, affected.length - 1)]?.id;
    for (const service of options.plan.services) this.#placeService(service);
  }

  #placeService(service: ServicePlan): void {
    const { plan, adopted } = this.#options;
    for (const color of Object.values(service.colors)) this.#targets.set(color.group, new Map());
    const live = service.colors[service.live];
    if (live === undefined) return;
    for (const route of service.routes)
      this.#routes.set(route, { weights: new Map([[live.group, 100]]), sticky: false });
    this.#attachedAt.set(live.group, START - 3_600_000);
    if (service.from.release === 'none') return;
    for (const { id } of membersOf(plan, this.#options.fleet, service.live)) {
      const box = this.#box(service.from.release, service.from.spec.image.digest, !adopted);
      box.witnessed = true;
      this.#hosts.get(id)?.slots.set(`${service.service}/${service.live}`, box);
      this.#group(live.group).set(targetKey(id, live.port), {
        state: 'healthy',
        from: START - 3_600_000,
        turning: undefined,
      });
    }
  }

  /** What ran before the previous release still stands in the idle color, registered or not. */
  placePredecessor(registered: boolean): void {
    for (const service of this.plan.services) {
      const color = service.live === 'blue' ? 'green' : 'blue';
      const idle = service.colors[color];
      if (idle === undefined) continue;
      for (const { id } of membersOf(this.plan, this.#options.fleet, color)) {
        const box = this.#box('r-older', `sha256:${'1'.repeat(64)}`, true);
        box.witnessed = true;
        this.#hosts.get(id)?.slots.set(`${service.service}/${color}`, box);
        if (registered)
          this.#group(idle.group).set(targetKey(id, idle.port), { state: 'initial', from: START, turning: undefined });
      }
    }
  }

  #addHost(instance: FleetInstance, joined: boolean): void {
    this.#hosts.set(instance.id, {
      instance,
      joined,
      slots: new Map(),
      images: new Set(),
      busyUntil: 0,
      fence: [0, 0, 0],
    });
  }

  join(instance: FleetInstance): void {
    this.log.push(`${this.#at()} ${instance.id} joins`);
    this.#addHost(instance, true);
  }

  lose(index: number): void {
    const id = [...this.#hosts.keys()][index % this.#hosts.size];
    if (id === undefined) return;
    this.log.push(`${this.#at()} ${id} is lost`);
    this.#hosts.delete(id);
    for (const targets of this.#targets.values())
      for (const key of targets.keys()) if (key.startsWith(`${id}:`)) targets.delete(key);
  }

  get size(): number {
    return this.#hosts.size;
  }

  after(delay: Ms, run: () => void): void {
    this.#events.push({ at: this.now + delay, run });
  }

  advance(duration: Ms): void {
    const end = this.now + duration;
    for (;;) {
      const due = this.#events.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.#events = this.#events.filter((event) => event !== due);
      this.now = Math.max(this.now, due.at);
      this.#check();
      due.run();
    }
    this.now = end;
    this.#check();
  }

  /** The load balancer's health checks, and what the passing of time does. */
  #check(): void {
    for (const service of this.plan.services) {
      for (const color of Object.values(service.colors)) {
        const attached = this.#attachedAt.get(color.group);
        for (const [key, target] of this.#group(color.group)) {
          if (target.state === 'draining') {
            if (this.now - target.from >= drainOf(this.plan)) this.#group(color.group).delete(key);
            continue;
          }
          if (attached === undefined) continue;
          const id = instanceIn(key);
          const well = this.#isWell(service, color.color, id);
          if (target.state === 'initial') {
            if (this.now - Math.max(target.from, attached) >= 12_000) target.state = well ? 'healthy' : 'unhealthy';
            continue;
          }
          if (well === (target.state === 'healthy')) target.turning = undefined;
          else {
            target.turning ??= this.now;
            if (this.now - target.turning >= 10_000) target.state = well ? 'healthy' : 'unhealthy';
          }
        }
      }
    }
    this.#noteRouted();
  }

  #isWell(service: ServicePlan, color: Color, id: InstanceId): boolean {
    const box = this.#hosts.get(id)?.slots.get(`${service.service}/${color}`);
    if (box?.running !== true || box.sick) return false;
    return !(
      box.release === service.to.release &&
      isChanged(service) &&
      this.#options.fate === 'unhealthy-behind-balancer'
    );
  }

  #witnessPasses(service: ServicePlan, release: string, id: InstanceId): boolean {
    if (release !== service.to.release || !isChanged(service)) return true;
    if (this.#options.fate === 'never-healthy') return false;
    return !(this.#options.fate === 'one-instance-bad' && id === this.#badOne);
  }

  /** Whether a gate of the bake is content with what runs. */
  get gatePasses(): boolean {
    return this.#options.fate !== 'gate-fails' || this.plan.aim.to === 'old';
  }

  #weighted(service: ServicePlan, group: TargetGroupArn): boolean {
    return service.routes.some((route) => (this.#routes.get(route)?.weights.get(group) ?? 0) > 0);
  }

  #noteRouted(): void {
    for (const service of this.plan.services) {
      for (const color of Object.values(service.colors)) {
        if (!this.#weighted(service, color.group)) continue;
        for (const [key, target] of this.#group(color.group))
          if (target.state !== 'draining') this.#lastRouted.set(`${color.group} ${key}`, this.now);
      }
    }
  }

  // ---- the ports ----

  readonly fleet: FleetPort = {
    instances: () => {
      this.#fleetSeen = [...this.#hosts.values()].map(({ instance }) => instance);
      return Promise.resolve(this.#fleetSeen);
    },
    states: () => this.#notUsed(),
  };

  readonly #notUsed = (): Promise<never> => Promise.reject(new Error('not part of this world'));

  readonly traffic: TrafficPort = {
    resolveGroup: this.#notUsed,
    resolveRoute: this.#notUsed,
    groups: this.#notUsed,
    groupsHolding: this.#notUsed,
    routesUsing: this.#notUsed,
    routes: (routes) => this.#answer(() => new Map(routes.map((route) => [route, this.#routeView(route)]))),
    targets: (group) => this.#answer(() => this.#targetViews(group)),
    register: (group, targets) =>
      this.#change(() => {
        for (const { instance, port } of targets) this.#register(group, instance, port);
      }),
    deregister: (group, targets) =>
      this.#change(() => {
        for (const { instance, port } of targets) this.#deregister(group, instance, port);
      }),
    setWeights: (change) =>
      this.#change(() => this.#setWeights(change.route, change.expected, change.set, change.stickiness)),
  };

  readonly hosts: HostPort = {
    send: ({ instance, request, fence }) => {
      const id = `c-${String((this.#serial += 1))}`;
      this.#send(id, instance, request, fence ?? [0, 0, 0]);
      return Promise.resolve(id);
    },
    poll: (commands) =>
      Promise.resolve(new Map(commands.map(({ id }) => [id, this.#commands.get(id)?.state ?? { is: 'pending' }]))),
    sendResolve: this.#notUsed,
    sendAsk: this.#notUsed,
    sendList: this.#notUsed,
    flaw: () => undefined,
  };

  #answer<T>(read: () => T): Promise<T> {
    if (this.#dice.next() < this.#options.flaky) return Promise.reject(portError('throttled'));
    return Promise.resolve(read());
  }

  /** A change may be refused, or made with its answer lost. */
  #change<T>(make: () => T): Promise<T> {
    this.changes += 1;
    const luck = this.#dice.next();
    if (luck < this.#options.flaky / 2) return Promise.reject(portError('throttled'));
    this.#noteRouted();
    const made = make();
    this.#noteRouted();
    return luck < this.#options.flaky ? Promise.reject(portError('timeout')) : Promise.resolve(made);
  }

  #routeView(route: `arn:${string}`): RouteView {
    const seen = this.#routes.get(route);
    const weights = [...(seen?.weights ?? [])].map(([group, weight]) => ({ group, weight }));
    return { route, name: route, weights, stickiness: { enabled: seen?.sticky ?? false }, frame: 'frame' };
  }

  #targetViews(group: TargetGroupArn): ReadonlyMap<TargetKey, TargetView> {
    const attached = this.#attachedAt.has(group);
    const view = ({ state }: Target): TargetView =>
      attached || state === 'draining' ? { state } : { state: 'unused', reason: 'Target.NotInUse' };
    return new Map([...this.#group(group)].map(([key, target]) => [key, view(target)]));
  }

  #register(group: TargetGroupArn, instance: InstanceId, port: number): void {
    const [service, color] = this.#owner(group);
    this.log.push(`${this.#at()} register ${instance} ${service.service} ${color}`);
    const host = this.#hosts.get(instance);
    if (host === undefined) return;
    const box = host.slots.get(`${service.service}/${color}`);
    if (box === undefined || (!box.witnessed && !box.struck))
      this.#violation(`${instance} ${service.service} ${color} is registered, and what runs there is not verified`);
    this.#group(group).set(targetKey(instance, port), { state: 'initial', from: this.now, turning: undefined });
  }

  #deregister(group: TargetGroupArn, instance: InstanceId, port: number): void {
    const [service, color] = this.#owner(group);
    this.log.push(`${this.#at()} deregister ${instance} ${service.service} ${color}`);
    const key = targetKey(instance, port);
    const target = this.#group(group).get(key);
    if (target === undefined || target.state === 'draining') return;
    const wasHealthy = target.state === 'healthy';
    target.state = 'draining';
    target.from = this.now;
    if (wasHealthy && this.#weighted(service, group))
      target.busyUntil = this.now + this.#dice.between(0, drainOf(this.plan));
    if (!this.#weighted(service, group)) return;
    const { how } = this.plan;
    const members = membersOf(this.plan, this.#fleetSeen, color);
    const window =
      how.is === 'rolling' ? how : ({ maxParallel: { is: 'count', value: 1 }, allowDowntime: false } as const);
    const states = members.map(({ id }) => this.#group(group).get(targetKey(id, port))?.state);
    const healthy = states.filter((state) => state === 'healthy').length;
    const minimum = minimumHealthyOf(members.length, window);
    if (wasHealthy && healthy < minimum)
      this.#violation(
        `${service.service}: ${String(healthy)} healthy targets are left, the minimum is ${String(minimum)}`,
      );
    if (this.plan.aim.to !== 'new') return;
    const out = members.filter(({ id }, index) => {
      const state = states[index];
      return (
        this.#hosts.get(id)?.joined === false && (state === undefined || state === 'draining' || state === 'initial')
      );
    });
    if (out.length > atMost(window.maxParallel, members.length))
      this.#violation(`${service.service}: ${String(out.length)} instances are out of service at once`);
  }

  #setWeights(
    route: `arn:${string}`,
    expected: readonly { group: TargetGroupArn; weight: number }[],
    set: readonly { group: TargetGroupArn; weight: number }[],
    stickiness: { enabled: boolean } | undefined,
  ): RouteView {
    const seen = this.#routes.get(route);
    if (seen === undefined) throw portError('not-found');
    if (expected.some(({ group, weight }) => seen.weights.get(group) !== weight)) throw portError('conflict');
    this.log.push(`${this.#at()} weights ${route} ${set.map(({ weight }) => weight).join('/')}`);
    const same = set.every(({ group, weight }) => seen.weights.get(group) === weight);
    if (same && (stickiness === undefined || stickiness.enabled === seen.sticky))
      this.#violation(`${route}: written without a difference`);
    if (set.reduce((sum, { weight }) => sum + weight, 0) === 0) this.#violation(`${route}: all weights are zero`);
    for (const { group, weight } of set) {
      const [service, color] = this.#owner(group);
      const raised = weight > (seen.weights.get(group) ?? 0);
      if (!this.#attachedAt.has(group)) this.#attachedAt.set(group, this.now);
      if (!raised) continue;
      const healthy = [...this.#group(group)].filter(([, { state }]) => state === 'healthy');
      if (healthy.length === 0) this.#violation(`${route}: weight for ${group}, which has no healthy target`);
      for (const [key] of healthy) {
        const box = this.#hosts.get(instanceIn(key))?.slots.get(`${service.service}/${color}`);
        if (box !== undefined && !box.witnessed && !box.struck)
          this.#violation(`${route}: traffic for ${key}, which is not verified`);
      }
    }
    for (const { group, weight } of set) seen.weights.set(group, weight);
    if (stickiness !== undefined) seen.sticky = stickiness.enabled;
    return this.#routeView(route);
  }

  // ---- commands on instances ----

  #send(id: string, instance: InstanceId, request: HostRequest, fence: Fence): void {
    const command: { state: HostCommandState } = { state: { is: 'pending' } };
    this.#commands.set(id, command);
    const host = this.#hosts.get(instance);
    if (host === undefined) {
      command.state = { is: 'lost', why: 'the instance is gone' };
      return;
    }
    const begins = Math.max(this.now, host.busyUntil) + this.#dice.between(500, 4000);
    const [least, most] = lasts[request.phase] ?? [3000, 20_000];
    const takes = this.#dice.between(least, most);
    const lost = this.#dice.next() < this.#options.loss;
    const kind = lost ? this.#dice.between(0, 2) : -1;
    const late = kind === 2 ? 20_000 : 0;
    if (lost) this.after(begins - this.now, () => (command.state = { is: 'lost', why: 'no answer' }));
    if (kind === 1) return;
    if (kind !== 2) host.busyUntil = begins + takes;
    this.#events.push({
      at: begins + late,
      run: () => {
        if (this.#hosts.get(instance) !== host) {
          command.state = { is: 'lost', why: 'the instance is gone' };
          return;
        }
        const refused = lower(fence, host.fence);
        if (refused || (kind === 2 && host.busyUntil > this.now)) {
          if (!lost)
            command.state = { is: 'replied', reply: { ok: false, code: 'fenced', message: 'a higher fence was seen' } };
          return;
        }
        host.fence = fence;
        if (kind === 2) host.busyUntil = this.now + takes;
        const finish = this.#begin(host, request);
        this.after(takes, () => {
          const reply = finish();
          if (this.#hosts.get(instance) !== host) command.state = { is: 'lost', why: 'the instance is gone' };
          else if (!lost) command.state = { is: 'replied', reply };
        });
      },
    });
  }

  /** Starts a command's work; what it gives is called at its end. */
  #begin(host: Host, request: HostRequest): () => HostReply {
    const containers = (): readonly Container[] => this.#containers(host);
    const { id } = host.instance;
    switch (request.phase) {
      case 'quiet': {
        const { service: name, color } = request.slot;
        const group = this.#service(name).colors[color]?.group ?? 'arn:none';
        const busyUntil = this.#group(group).get(targetKey(id, request.slot.port))?.busyUntil ?? 0;
        const open = this.now < busyUntil ? 1 : 0;
        const readable = this.#dice.next() > 0.1;
        return () => ({
          ok: true,
          replayed: false,
          containers: containers(),
          ...(readable ? { connections: open } : {}),
        });
      }
      case 'inspect':
        return () => ({ ok: true, replayed: false, containers: containers() });
      case 'pull':
        return () => {
          for (const image of request.images) host.images.add(image.spec.image.digest);
          return { ok: true, replayed: false, containers: containers() };
        };
      case 'task':
        return () => ({ ok: true, replayed: false, containers: containers() });
      case 'stop': {
        const slot = `${request.slot.service}/${request.slot.color}`;
        this.#mayStop(host, request.slot.service, request.slot.color);
        host.slots.delete(slot);
        this.log.push(`${this.#at()} stop ${id} ${slot}`);
        return () => ({ ok: true, replayed: false, containers: containers() });
      }
      case 'start':
      case 'restore':
        return this.#start(host, request);
    }
  }

  #start(host: Host, request: Extract<HostRequest, { phase: 'start' | 'restore' }>): () => HostReply {
    const { service: name, color } = request.slot;
    const { id } = host.instance;
    const slot = `${name}/${color}`;
    const service = this.#service(name);
    this.log.push(`${this.#at()} ${request.phase} ${id} ${slot} ${request.release}`);
    if (request.release === 'none') this.#violation(`${id}: a start of nothing`);
    if (request.phase === 'start' && isChanged(service) && !host.images.has(request.spec.image.digest)) {
      const present = host.slots.get(slot);
      if (present?.release !== request.release)
        this.#violation(`${id}: ${name} is started before its image was pulled`);
    }
    let box = host.slots.get(slot);
    if (box?.release !== request.release || !box.running) {
      if (box?.running === true) this.#mayStop(host, name, color);
      box = this.#box(request.release, request.spec.image.digest, !request.release.startsWith('adopted-'));
      host.slots.set(slot, box);
    }
    const started = box;
    return () => {
      const containers = this.#containers(host);
      const container = containers.find((each) => each.id === started.id);
      if (container === undefined || !started.running || !this.#witnessPasses(service, request.release, id)) {
        if (this.#dice.next() < 0.5) host.slots.delete(slot);
        return {
          ok: false,
          code: 'unhealthy',
          message: 'its health path answered 503',
          containers: this.#containers(host),
        };
      }
      started.witnessed = true;
      this.#strikeLater(service, started);
      return { ok: true, replayed: false, containers, container };
    };
  }

  #strikeLater(service: ServicePlan, box: Box): void {
    const { fate } = this.#options;
    if (box.release !== service.to.release || !isChanged(service)) return;
    if (fate !== 'exits-later' && fate !== 'restarts-later') return;
    this.after(this.#dice.between(15_000, 40_000), () => {
      box.struck = true;
      if (fate === 'exits-later') box.running = false;
      else {
        box.restartCount += 1;
        box.startedAt = String(this.now);
        box.witnessed = false;
      }
    });
  }

  #mayStop(host: Host, name: string, color: Color): void {
    const service = this.#service(name);
    const place = service.colors[color];
    const box = host.slots.get(`${name}/${color}`);
    if (place === undefined || box?.running !== true) return;
    const key = targetKey(host.instance.id, place.port);
    const target = this.#group(place.group).get(key);
    const what = `${host.instance.id} ${name} ${color} is stopped`;
    const quiet = this.plan.drain === 'quiet' && target?.state === 'draining' && this.now >= (target.busyUntil ?? 0);
    if (target !== undefined && !quiet) this.#violation(`${what} while its target is ${target.state}`);
    const routed = this.#lastRouted.get(`${place.group} ${key}`);
    if (routed !== undefined && this.now - routed < this.plan.timing.settle)
      this.#violation(`${what} ${String(this.now - routed)} ms after it could get traffic`);
  }

  #box(release: string, digest: Digest, ours: boolean): Box {
    this.#serial += 1;
    const id = `k${String(this.#serial)}`;
    return {
      id,
      release,
      digest,
      ours,
      startedAt: String(this.now),
      restartCount: 0,
      running: true,
      witnessed: false,
      struck: false,
      sick: false,
    };
  }

  #containers(host: Host): readonly Container[] {
    return [...host.slots].map(([slot, box]): Container => {
      const [name = '', tail] = slot.split('/');
      const color: Color = tail === 'green' ? 'green' : 'blue';
      const port = this.#service(name).colors[color]?.port ?? 0;
      return {
        id: box.id,
        name: slot,
        running: box.running,
        startedAt: box.startedAt,
        restartCount: box.restartCount,
        exitCode: 0,
        oomKilled: false,
        restartPolicy: 'unless-stopped',
        ports: [port],
        digest: box.digest,
        imageReference: `shop/${name}:old`,
        ...(box.ours ? { ours: { service: name, color, release: box.release } } : {}),
      };
    });
  }

  // ---- what it looks like in the end ----

  /** Releases of a service on the targets that can get requests; `?` where nothing runs. */
  serving(service: ServicePlan): readonly string[] {
    const releases = new Set<string>();
    for (const color of Object.values(service.colors)) {
      if (!this.#weighted(service, color.group)) continue;
      for (const [key, { state }] of this.#group(color.group)) {
        if (state === 'draining') continue;
        const box = this.#hosts.get(instanceIn(key))?.slots.get(`${service.service}/${color.color}`);
        releases.add(box?.running === true ? box.release : '?');
      }
    }
    return [...releases].sort();
  }

  /** Where this release of a service runs, registered or not. */
  running(service: ServicePlan, release: string): readonly string[] {
    return [...this.#hosts].flatMap(([id, { slots }]) =>
      [...slots]
        .filter(([slot, box]) => slot.startsWith(`${service.service}/`) && box.running && box.release === release)
        .map(([slot]) => `${id} ${slot}`),
    );
  }

  /** The load balancer finds this instance's container of before ill, and always has. */
  sicken(service: ServicePlan, index: number): void {
    const id = [...this.#hosts.keys()][index];
    const live = service.colors[service.live];
    const target =
      live === undefined || id === undefined ? undefined : this.#group(live.group).get(targetKey(id, live.port));
    const box = id === undefined ? undefined : this.#hosts.get(id)?.slots.get(`${service.service}/${service.live}`);
    if (target === undefined || box === undefined) return;
    target.state = 'unhealthy';
    box.sick = true;
  }

  /** Weights of blue and green as somebody else sets them. */
  setWeightsByHand(route: string, [blue, green]: readonly [number, number]): void {
    const service = this.plan.services.find(({ routes }) => routes.some((each) => each === route));
    const weights = this.#routes.get(route)?.weights;
    if (service?.colors.blue === undefined || service.colors.green === undefined) return;
    weights?.set(service.colors.blue.group, blue).set(service.colors.green.group, green);
    this.#attachedAt.set(service.colors.green.group, this.#attachedAt.get(service.colors.green.group) ?? this.now);
  }

  weights(route: string): readonly number[] {
    return [...(this.#routes.get(route)?.weights.values() ?? [])];
  }

  #group(group: TargetGroupArn): Map<TargetKey, Target> {
    const targets = this.#targets.get(group) ?? new Map<TargetKey, Target>();
    this.#targets.set(group, targets);
    return targets;
  }

  #owner(group: TargetGroupArn): readonly [ServicePlan, Color] {
    for (const service of this.plan.services)
      for (const color of Object.values(service.colors)) if (color.group === group) return [service, color.color];
    throw new Error(`nobody owns ${group}`);
  }

  #service(name: string): ServicePlan {
    const found = this.plan.services.find(({ service }) => service === name);
    if (found === undefined) throw new Error(`no service ${name}`);
    return found;
  }

  #violation(text: string): void {
    this.violations.push(`${this.#at()} ${text}`);
    this.log.push(`${this.#at()} VIOLATION ${text}`);
  }

  #at(): string {
    return `+${String(Math.round((this.now - START) / 1000))}s`;
  }
}

const isChanged = (service: ServicePlan): boolean => service.from.release !== service.to.release;

const instanceIn = (key: TargetKey): InstanceId => `i-${key.slice(2, key.lastIndexOf(':'))}`;

function lower(a: Fence, b: Fence): boolean {
  const at = a.findIndex((part, index) => part !== b[index]);
  return at >= 0 && (a[at] ?? 0) < (b[at] ?? 0);
}

function portError(kind: 'throttled' | 'timeout' | 'conflict' | 'not-found'): PortError {
  return new PortError({ kind, operation: 'elbv2:Test', message: `${kind} by the test` });
}
