import type { Fence, HostRequest } from '../../../src/domain/host.js';
import type { Digest, InstanceId, Ms, RouteArn, TargetGroupArn, TargetKey } from '../../../src/domain/ids.js';
import type { View } from '../../../src/domain/event.js';
import type { FleetInstance, RouteView, TargetView } from '../../../src/domain/observation.js';
import { Dice } from '../dice.js';
import type { Timeline } from '../timeline.js';
import type { Group, Route, Target } from './balancer.js';
import { Balancer } from './balancer.js';
import { Commands } from './commands.js';
import type { Box } from './docker.js';
import type { HostFacts } from './docker.js';
import { Host } from './docker.js';
import type { App, Fate, Shape } from './shape.js';
import { latestDeath } from './shape.js';
import { listed, Store } from './store.js';

/** Whoever looks on: told before each change that could break a promise, and after every change. */
export interface Watcher {
  changed(what: string): void;
  stopping(host: Host, box: Box): void;
  started(host: Host, box: Box): void;
  registering(group: Group, target: Target): void;
  deregistering(group: Group, target: Target): void;
  weighing(route: Route, weights: ReadonlyMap<TargetGroupArn, number>): void;
  fenced(host: Host, fence: Fence, request: HostRequest): void;
  stored(name: string, value: string): void;
  acting(by: string): void;
  /** The world itself, not deployctl, ended a container. */
  struck(host: Host, box: Box): void;
  ran(task: string): void;
  /** The world ended an instance, and what runs there with it. */
  gone(host: Host): void;
  /** A process has made an observation and decided. */
  ticked(by: string, view: View): void;
  /** A read of the load balancer has failed, or showed the past. */
  blind(by: string): void;
  /** A process is about to write the weights of a route. */
  attempting(by: string, route: RouteArn): void;
  /** The first read of that write was answered. `wish`: the weights and stickiness that it is to bring. */
  trying(by: string, route: RouteArn, wish: string): void;
  /** A change that a process has sent: whether it changed anything. */
  sent(by: string, what: string, changed: boolean): void;
}

/** What can be read of the world, now or as it was. */
export interface WorldView {
  fleet(): readonly FleetInstance[];
  states(ids: readonly InstanceId[]): ReadonlyMap<InstanceId, 'running' | 'stopped'>;
  route(arn: RouteArn): RouteView | undefined;
  targets(group: TargetGroupArn): ReadonlyMap<TargetKey, TargetView>;
  parameter(name: string): string | undefined;
  parameters(path: string): ReadonlyMap<string, string>;
}

/** Everything outside of deployctl, on virtual time. It knows nothing of plans, strategies or what deployctl wants. */
export class World {
  readonly timeline: Timeline;
  readonly dice: Dice;
  readonly shape: Shape;
  readonly hosts = new Map<InstanceId, Host>();
  readonly balancer: Balancer;
  readonly commands: Commands;
  readonly store: Store;
  /** Grows with every change. */
  version = 0;
  /** Process ids that are alive: what a process can tell of others on its machine. */
  readonly living = new Set<number>();
  readonly trace: string[] = [];
  /** Events that ought to happen sometimes: a suite in which they never do tests less than it seems. */
  readonly counts = new Map<string, number>();
  watcher: Watcher | undefined;
  readonly #apps = new Map<Digest, App>();
  readonly #dying = new Set<Group>();
  #doomed = false;
  #serial = 0;
  /** Pictures of the past, newest last; kept only where reads may lag. */
  readonly #past: { readonly at: Ms; readonly view: WorldView }[] = [];
  #shown: WorldView | undefined;
  keepsPast = false;
  /** How much longer than usual a container needs until it is well, when it is started at this time or later. */
  slowStart: { readonly since: Ms; readonly takes: Ms } = { since: Infinity, takes: 0 };
  /** Containers do not heed the signal to stop: they are killed after their time. */
  deaf = false;
  /** The tags of the registry name other images than before. */
  tagsMoved = false;
  /** Until when the load balancer accepts changes and does nothing. */
  idleUntil: Ms = -1;
  /** Connections of users to a container; whoever plays the users says how many. */
  connections: (box: Box) => number = () => 0;
  /** Told of each container that has passed its checks on the instance. */
  onWell: ((host: Host, box: Box) => void) | undefined;
  readonly #present: WorldView = {
    fleet: () => this.fleet(),
    states: (ids) => this.states(ids),
    route: (arn) => (this.balancer.routes.has(arn) ? this.balancer.routeView(arn) : undefined),
    targets: (group) => this.balancer.targetViews(group),
    parameter: (name) => this.store.values.get(name),
    parameters: (path) => listed(this.store.values, path),
  };

  constructor(timeline: Timeline, shape: Shape, seed: number) {
    this.timeline = timeline;
    this.shape = shape;
    this.dice = new Dice(seed);
    this.balancer = new Balancer(this);
    this.commands = new Commands(this);
    this.store = new Store(this);
  }

  app(digest: Digest): App {
    return this.#apps.get(digest) ?? { digest, fate: 'good' };
  }

  isPublished(digest: Digest): boolean {
    return this.#apps.has(digest);
  }

  publish(digest: Digest, fate: Fate): void {
    this.#apps.set(digest, { digest, fate });
    this.#doomed ||= fate === 'dies' || fate === 'restarts' || fate === 'hiccup';
  }

  id(prefix: string): string {
    this.#serial += 1;
    return `${prefix}${String(this.#serial)}`;
  }

  counted(what: string, times = 1): void {
    if (times > 0) this.counts.set(what, (this.counts.get(what) ?? 0) + times);
  }

  addHost(facts: HostFacts): Host {
    const host = new Host(this, facts);
    this.hosts.set(facts.id, host);
    this.changed(facts.joined === true ? `${facts.id} joins` : '');
    return host;
  }

  terminate(id: InstanceId): void {
    const host = this.hosts.get(id);
    if (host?.alive !== true) return;
    this.watcher?.gone(host);
    host.alive = false;
    host.boxes = [];
    this.balancer.lost(id);
    this.changed(`${id} is gone`);
  }

  /** An instance is stopped: nothing of it is deregistered. */
  stop(host: Host): void {
    host.stop();
    this.balancer.stopped(host.id);
    this.changed(`${host.id} is stopped`);
  }

  start(host: Host): void {
    host.boot();
    this.balancer.started(host.id);
    this.changed(`${host.id} runs again`);
  }

  /** An instance gets the tags of the fleet, or loses them. */
  tag(host: Host, tagged: boolean): void {
    host.tagged = tagged;
    if (tagged) host.returns();
    else host.leaves();
    this.changed(`${host.id} ${tagged ? 'joins the fleet again' : 'leaves the fleet'}`);
  }

  fleet(): readonly FleetInstance[] {
    return [...this.hosts.values()]
      .filter(({ inFleet }) => inFleet)
      .map(({ id, name, zone, color, agent }) => ({
        id,
        name,
        zone,
        address: '10.0.0.1',
        agent,
        ...(color === undefined ? {} : { color }),
      }))
      .sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  states(ids: readonly InstanceId[]): ReadonlyMap<InstanceId, 'running' | 'stopped'> {
    const states = ids.flatMap((id): readonly (readonly [InstanceId, 'running' | 'stopped'])[] => {
      const host = this.hosts.get(id);
      if (host?.alive !== true && host?.stopped !== true) return [];
      return [[id, host.alive ? 'running' : 'stopped']];
    });
    return new Map(states);
  }

  /** Every change of the world ends here; `what` is for the trace, empty where it is a consequence of one that is in it. */
  changed(what: string): void {
    this.version += 1;
    if (this.keepsPast) this.#past.push({ at: this.timeline.now, view: this.#picture() });
    if (what !== '') this.note(what);
    this.watcher?.changed(what);
    if (this.#doomed) this.#doom();
  }

  /** A release that dies once the whole of it serves: some seconds later one of its containers ends, or all do. */
  #doom(): void {
    for (const group of this.balancer.groups.values()) {
      const fate = this.#fateOf(group);
      if (fate === undefined || this.#dying.has(group)) continue;
      this.#dying.add(group);
      this.timeline.after(this.dice.between(3000, latestDeath), () => {
        this.#dying.delete(group);
        if (this.#fateOf(group) === undefined) return;
        this.counted('release dies in its bake');
        const all = this.dice.chance(0.5);
        for (const { instance } of group.targets.values()) {
          const host = this.hosts.get(instance);
          const box = host?.on(group.port);
          if (host?.inFleet !== true || box === undefined || this.app(box.digest).fate !== fate) continue;
          if (fate === 'hiccup') this.app(box.digest).fate = 'good';
          host.crash(box, fate === 'dies');
          if (!all) return;
        }
      });
    }
  }

  /** Groups whose release is about to die. */
  dying(): readonly TargetGroupArn[] {
    return [...this.#dying].map(({ arn }) => arn);
  }

  /** How a group's release dies, when it is one that does and all of it serves. */
  #fateOf(group: Group): 'dies' | 'restarts' | 'hiccup' | undefined {
    if (![...this.balancer.routes.values()].some(({ weights }) => (weights.get(group.arn) ?? 0) > 0)) return undefined;
    // Targets that another hand has registered do not keep it alive: no rollout waits for them.
    const targets = [...group.targets.values()].filter(
      ({ state, instance }) => state !== 'gone' && state !== 'stopped' && this.hosts.get(instance)?.inFleet === true,
    );
    const members = [...this.hosts.values()].filter(
      (host) => host.inFleet && (host.color ?? group.color) === group.color,
    );
    if (targets.length < members.length) return undefined;
    const found = targets.map(({ state, instance }) => {
      const digest = this.hosts.get(instance)?.on(group.port)?.digest;
      return state === 'healthy' && digest !== undefined ? this.app(digest).fate : 'good';
    });
    const [fate] = found;
    if (fate !== 'dies' && fate !== 'restarts' && fate !== 'hiccup') return undefined;
    return found.every((each) => each === fate) ? fate : undefined;
  }

  /** Status of one user's request to a service: 503 where no target answers. */
  ask(service: string): number {
    const routes = [...this.balancer.routes.values()].filter((route) => route.service === service);
    const route = routes[this.dice.between(0, routes.length - 1)];
    const places = route === undefined ? [] : (this.balancer.places(route)[this.dice.between(0, 1)] ?? []);
    let left = this.dice.next() * places.reduce((sum, { share }) => sum + share, 0);
    const place = places.find(({ share }) => (left -= share) < 0);
    const target = place?.targets[this.dice.between(0, place.targets.length - 1)];
    const host = target === undefined ? undefined : this.hosts.get(target.instance);
    if (target === undefined || host?.passes(target.port) !== true) return 503;
    return host.errs(target.port, this.dice) ? 500 : 200;
  }

  /** What a read shows: the present, or what `past` is showing. */
  view(): WorldView {
    return this.#shown ?? this.#present;
  }

  /** Lets `read` see the world as it was `by` ago. */
  past<T>(by: Ms, read: () => T): T {
    const then = this.timeline.now - by;
    this.#shown = [...this.#past].reverse().find(({ at }) => at <= then)?.view ?? this.#past[0]?.view;
    try {
      return read();
    } finally {
      this.#shown = undefined;
    }
  }

  #picture(): WorldView {
    const fleet = this.fleet();
    const states = this.states([...this.hosts.keys()]);
    const routes = new Map([...this.balancer.routes.keys()].map((arn) => [arn, this.balancer.routeView(arn)]));
    const targets = new Map([...this.balancer.groups.keys()].map((arn) => [arn, this.balancer.targetViews(arn)]));
    const parameters = new Map(this.store.values);
    return {
      fleet: () => fleet,
      states: () => states,
      route: (arn) => routes.get(arn),
      targets: (group) => targets.get(group) ?? new Map(),
      parameter: (name) => parameters.get(name),
      parameters: (path) => listed(parameters, path),
    };
  }

  note(text: string): void {
    this.trace.push(`${(this.timeline.now / 1000).toFixed(3)} ${text}`);
  }

  stopping(host: Host, box: Box): void {
    this.watcher?.stopping(host, box);
  }

  started(host: Host, box: Box): void {
    this.watcher?.started(host, box);
    this.balancer.wake(host.id);
    this.changed(`${host.id} ${box.service} ${box.color} ${box.release ?? 'unlabelled'} started`);
  }

  registering(group: Group, target: Target): void {
    this.watcher?.registering(group, target);
  }

  deregistering(group: Group, target: Target): void {
    this.watcher?.deregistering(group, target);
  }

  weighing(route: Route, weights: ReadonlyMap<TargetGroupArn, number>): void {
    this.watcher?.weighing(route, weights);
  }

  fenced(host: Host, fence: Fence, request: HostRequest): void {
    this.watcher?.fenced(host, fence, request);
  }

  /** A process changes something that no fence guards. */
  acting(by: string): void {
    this.watcher?.acting(by);
  }

  stored(name: string, value: string): void {
    if (this.keepsPast) this.#past.push({ at: this.timeline.now, view: this.#picture() });
    this.watcher?.stored(name, value);
  }

  well(host: Host, box: Box): void {
    this.changed(`${host.id} ${box.service} ${box.color} is well`);
    this.onWell?.(host, box);
  }

  struck(host: Host, box: Box): void {
    this.watcher?.struck(host, box);
  }

  ran(task: string): void {
    this.watcher?.ran(task);
  }
}
