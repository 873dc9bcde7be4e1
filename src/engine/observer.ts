import type { Instant, RouteArn, TargetGroupArn, TargetKey } from '../domain/ids.js';
import { targetKey } from '../domain/ids.js';
import { keptKey } from '../domain/observation.js';
import type {
  FleetInstance,
  ObservedRoute,
  ObservedTarget,
  Observation,
  RouteView,
  Seen,
  ObservedSteer,
  Steer,
  TargetView,
} from '../domain/observation.js';
import type { Decision } from '../domain/decision.js';
import { isDenied, messageOf, PortError } from '../domain/errors.js';
import { BREAK, WaitClock } from '../strategies/waiting.js';
import type { HostBook } from './book.js';
import { Expectations, STALE_FOR } from './expectations.js';
import type { Scope } from './scope.js';
import type { Clock, FleetPort, TrafficPort } from './ports.js';

/** Added to the time between two readings of the fleet for each instance: the agents of 50 are one call, and there is about one a second to spare. */
const FLEET_STEP = 20;
/** Readings that are further apart than this say nothing of the time between them. */
const gapFor = 20_000;

interface ObserverDeps {
  readonly fleet: Pick<FleetPort, 'instances'>;
  readonly traffic: TrafficPort;
  readonly clock: Clock;
  readonly book: HostBook;
  readonly steering: (signal?: AbortSignal) => Promise<readonly Steer[]>;
}

/** What a round of reads did not give. */
export interface Unread {
  /** Why the states of the commands on instances are not known. */
  readonly commands: string | undefined;
  /** Why the requests of other terminals are not known. */
  readonly steering: string | undefined;
  /** Reads that the service refused this identity: no later round does better by itself. */
  readonly refusals: readonly PortError[];
}

/**
 * Reads the world once a tick, and keeps what one reading cannot tell: since when a state has been seen without a break. A failed read is `unknown`;
 * what was seen before it is not taken for the present.
 */
export class Observer {
  readonly #deps: ObserverDeps;
  readonly #scope: Scope;
  #fleet: Seen<readonly FleetInstance[]>;
  #fleetRead: Instant | undefined;
  readonly #routes = new Map<RouteArn, Seen<ObservedRoute>>();
  readonly #targets = new Map<TargetGroupArn, Seen<Map<TargetKey, ObservedTarget>>>();
  /** The last good reading of each group: a reading that fails in between is no break unless it lasts. */
  readonly #lastKnown = new Map<
    TargetGroupArn,
    { readonly value: Map<TargetKey, ObservedTarget>; readonly at: Instant }
  >();
  readonly #expectations = new Expectations();
  #steering: readonly ObservedSteer[] = [];
  #steeringError: string | undefined;
  /** Reads of the last round that the service refused this identity. */
  readonly #denied = new Map<string, PortError>();
  readonly #waits = new WaitClock();
  readonly #kept = new Map<string, string>();
  readonly #refused = new Map<RouteArn, { readonly why: string; readonly view: string; readonly until: Instant }>();
  #forgiven = false;
  #bake: { key: string; since: Instant } | undefined;
  /** The bake that was interrupted, and when. */
  #broken: { readonly key: string; readonly since: Instant; readonly at: Instant } | undefined;

  constructor(deps: ObserverDeps, scope: Scope) {
    this.#deps = deps;
    this.#scope = scope;
    this.#fleet = { is: 'unknown', why: 'not read yet', since: deps.clock.now() };
  }

  /** What of the last round could not be read, beside what the observation says of itself. */
  get unread(): Unread {
    const { unread: commands, readError } = this.#deps.book;
    const refusals = [...this.#denied.values(), ...(isDenied(readError) ? [readError] : [])];
    return { commands, steering: this.#steeringError, refusals };
  }

  /** Names the bake whose gates are sampled: the one that is on, or one that a short break may yet lead back to. undefined: none. */
  get sampled(): string | undefined {
    const broken = this.#broken;
    const mayContinue = broken !== undefined && this.#deps.clock.now() - broken.at <= BREAK;
    const { key, since } = this.#bake ?? (mayContinue ? broken : {});
    return key === undefined ? undefined : `${key} since ${String(since)}`;
  }

  /**
   * The strategy says which bake is on; a new key starts a new one. A short break in which nothing was changed does not start it again.
   * @param changes whether this decision changes anything: then a bake that it breaks off is over
   */
  setBake(key: string | undefined, changes = false): void {
    if (changes && key === undefined) this.#broken = undefined;
    if (key === this.#bake?.key) return;
    const now = this.#deps.clock.now();
    if (key === undefined && this.#bake !== undefined && !changes) this.#broken = { ...this.#bake, at: now };
    const { key: before, since = now, at = now } = this.#broken ?? {};
    const continues = before === key && now - at <= BREAK;
    this.#bake = key === undefined ? undefined : { key, since: continues ? since : now };
  }

  /** One round of reads, all at once. Rejects only for aborts and bugs. */
  async observe(signal?: AbortSignal): Promise<Observation> {
    this.#denied.clear();
    await Promise.all([
      this.#readFleet(signal),
      this.#readRoutes(signal),
      ...this.#scope.groups.map(({ group }) => this.#readTargets(group, signal)),
      this.#deps.book.poll(signal),
      this.#readSteering(signal),
    ]);
    this.#completeTargets();
    return this.snapshot();
  }

  snapshot(): Observation {
    const instances = this.#fleet.is === 'known' ? this.#fleet.value.map(({ id }) => id) : [];
    const now = this.#deps.clock.now();
    return {
      fleet: this.#fleet,
      routes: new Map(this.#routes),
      targets: new Map(this.#targets),
      hosts: this.#deps.book.view(instances),
      ...(this.#bake === undefined ? {} : { bake: this.#bake }),
      probes: [],
      commands: [],
      tasks: this.#deps.book.tasks,
      steering: this.#steering,
      waiting: this.#waits.since(),
      refused: new Map([...this.#refused].flatMap(([route, { why, until }]) => (until > now ? [[route, why]] : []))),
      ...(this.#kept.size === 0 ? {} : { kept: new Map(this.#kept) }),
    };
  }

  /** What this process waits for from now on, for the next observation. */
  decided(decision: Decision): void {
    this.#waits.take(decision, this.#deps.clock.now());
  }

  /** A write of the route's weights was refused for good, or brought no effect. Holds until the route changes, or until then. */
  refuse(route: RouteArn, why: string, until: Instant = Infinity): void {
    this.#refused.set(route, { why, view: this.#lookOf(route), until });
  }

  /** Foreign targets whose deregistration was refused for good, or brought no effect. */
  keep(group: TargetGroupArn, targets: readonly TargetKey[], why: string): void {
    for (const target of targets) this.#kept.set(keptKey(group, target), why);
  }

  /** Before a good end: forgets, once, what could not be written on the way, such as a stickiness to put back. @returns whether there was anything */
  forgive(): boolean {
    const isDue = this.#refused.size > 0 && !this.#forgiven;
    this.#forgiven ||= isDue;
    if (isDue) this.#refused.clear();
    return isDue;
  }

  /** What AWS has just refused may be due to instances that are gone. */
  readFleetSoon(): void {
    this.#fleetRead = undefined;
  }

  /** A new direction: waits begin anew, and what was refused on the way there may be possible on the way back. */
  turn(): void {
    this.#waits.clear();
    this.#refused.clear();
    this.#kept.clear();
    this.#bake = undefined;
    this.#broken = undefined;
  }

  /** Whether a route looks other than right after our own write, so soon after it that the reading may be older than the write. */
  mayBeOlder(): boolean {
    const now = this.#deps.clock.now();
    return this.#scope.routes.some((route) => this.#expectations.mayBeOlder(route, this.#lookOf(route), now));
  }

  #lookOf(route: RouteArn): string {
    const seen = this.#routes.get(route);
    return seen?.is === 'known' ? JSON.stringify([seen.value.weights, seen.value.stickiness, seen.value.frame]) : '';
  }

  /** Our own accepted change: timers start again, and a reading that still shows the time before it is not believed for a while. */
  changed(group: TargetGroupArn, keys: readonly TargetKey[], registered: boolean): void {
    const at = this.#deps.clock.now();
    for (const key of keys) {
      this.#expectations.changed(group, key, registered, at);
      const seen = this.#targets.get(group);
      if (seen?.is !== 'known') continue;
      const before = seen.value.get(key);
      const state = registered ? 'initial' : 'draining';
      seen.value.set(key, {
        state,
        since: at,
        ...(before?.unroutedSince === undefined ? {} : { unroutedSince: before.unroutedSince }),
        ...(registered ? {} : { outSince: before?.outSince ?? at, assumed: true }),
      });
    }
  }

  /** A registration whose answer was lost: it may have been made, and the next readings may not show it yet. What waits for the target's quiet waits anew. */
  tried(group: TargetGroupArn, keys: readonly TargetKey[]): void {
    const at = this.#deps.clock.now();
    const seen = this.#targets.get(group);
    for (const key of keys) {
      this.#expectations.tried(group, key, at);
      const target = seen?.is === 'known' ? seen.value.get(key) : undefined;
      if (seen?.is === 'known' && target?.outSince !== undefined)
        seen.value.set(key, { ...target, outSince: at, unroutedSince: at });
    }
  }

  /** A weight write is read back at once: its answer is the newest reading of that route. */
  routeWritten(view: RouteView): void {
    const now = this.#deps.clock.now();
    this.#takeRoute(view, now);
    this.#expectations.wrote(view.route, this.#lookOf(view.route), now);
    this.#completeTargets();
  }

  async #readFleet(signal: AbortSignal | undefined): Promise<void> {
    const now = this.#deps.clock.now();
    const { timing, scope, layout } = this.#scope.plan;
    // Instances come and go slowly, and this is the dearest read: a large fleet is not read so often that the answers of its commands wait for it.
    const size = this.#fleet.is === 'known' ? this.#fleet.value.length : 0;
    const every = Math.max(timing.poll * 5, size * FLEET_STEP);
    if (this.#fleet.is === 'known' && this.#fleetRead !== undefined && now - this.#fleetRead < every) return;
    const read = await this.#reading(() => this.#deps.fleet.instances(scope, layout, signal), now);
    if (read.is === 'known') this.#fleetRead = now;
    this.#fleet = read.is === 'known' ? read : { ...read, since: unknownSince(this.#fleet, now) };
  }

  async #readRoutes(signal: AbortSignal | undefined): Promise<void> {
    const now = this.#deps.clock.now();
    if (this.#scope.routes.length === 0) return;
    const managed = this.#scope.groups.map(({ group }) => group);
    const read = await this.#reading(() => this.#deps.traffic.routes(this.#scope.routes, managed, signal), now);
    for (const route of this.#scope.routes) {
      const before = this.#routes.get(route);
      const view = read.is === 'known' ? read.value.get(route) : undefined;
      if (view !== undefined) this.#takeRoute(view, now);
      else {
        const why = read.is === 'unknown' ? read.why : 'the listener or rule is gone';
        this.#routes.set(route, { is: 'unknown', why, since: unknownSince(before, now) });
        // One that comes back takes writes again, also where it looks as before.
        if (read.is === 'known') this.#refused.delete(route);
      }
    }
  }

  #takeRoute(view: RouteView, now: Instant): void {
    const before = this.#routes.get(view.route);
    const since = new Map<TargetGroupArn, Instant>();
    for (const { group } of this.#scope.groups) {
      const was = before?.is === 'known' ? before.value : undefined;
      const same = was !== undefined && weightIn(was, group) === weightIn(view, group);
      since.set(group, same ? (was.since.get(group) ?? now) : now);
    }
    this.#routes.set(view.route, { is: 'known', value: { ...view, since }, at: now });
    if (this.#refused.get(view.route)?.view !== this.#lookOf(view.route)) this.#refused.delete(view.route);
  }

  async #readTargets(group: TargetGroupArn, signal: AbortSignal | undefined): Promise<void> {
    const now = this.#deps.clock.now();
    const before = this.#targets.get(group);
    const read = await this.#reading(() => this.#deps.traffic.targets(group, signal), now);
    if (read.is === 'unknown') {
      this.#targets.set(group, { is: 'unknown', why: read.why, since: unknownSince(before, now) });
      return;
    }
    const last = this.#lastKnown.get(group);
    const was = last !== undefined && now - last.at <= gapFor ? last.value : new Map<TargetKey, ObservedTarget>();
    const next = new Map<TargetKey, ObservedTarget>();
    for (const [key, view] of read.value) next.set(key, this.#believe(group, key, view, was.get(key), now));
    for (const [key, old] of was) {
      if (!next.has(key)) next.set(key, this.#believe(group, key, undefined, old, now));
    }
    this.#targets.set(group, { is: 'known', value: next, at: now });
    this.#lastKnown.set(group, { value: next, at: now });
  }

  #believe(
    group: TargetGroupArn,
    key: TargetKey,
    view: TargetView | undefined,
    before: ObservedTarget | undefined,
    now: Instant,
  ): ObservedTarget {
    const shows = view !== undefined && !isOut(view);
    const drain = this.#scope.groups.find((each) => each.group === group)?.drain ?? STALE_FOR;
    const shown = shows ? 'in' : view === undefined ? 'absent' : 'out';
    if (this.#expectations.isOlder(group, key, shown, now, drain) && before !== undefined) return before;
    const state = view?.state ?? 'absent';
    const since = before?.state === state ? before.since : now;
    return {
      state,
      since,
      ...(view?.reason === undefined ? {} : { reason: view.reason }),
      ...(view?.description === undefined ? {} : { description: view.description }),
      ...(before?.unroutedSince === undefined ? {} : { unroutedSince: before.unroutedSince }),
      ...(shows ? {} : { outSince: before?.outSince ?? now }),
    };
  }

  /** Targets that no group lists are absent; and for each, since when it has had no reason to get a request. */
  #completeTargets(): void {
    const now = this.#deps.clock.now();
    const instances = this.#fleet.is === 'known' ? this.#fleet.value : [];
    for (const { group, port, routes } of this.#scope.groups) {
      const seen = this.#targets.get(group);
      const sends = this.#maySend(group, routes);
      if (seen?.is !== 'known') {
        if (sends) this.#mayBeRouted(group);
        continue;
      }
      for (const { id } of instances) {
        const key = targetKey(id, port);
        if (!seen.value.has(key)) seen.value.set(key, { state: 'absent', since: now, outSince: now });
      }
      for (const [key, target] of seen.value) {
        const { unroutedSince, ...rest } = target;
        // Where its group has weight, only that it is out keeps requests from it, and the nodes learn of that one by one. Our own deregistration may have had no effect.
        const out = isOut(target) && target.assumed !== true;
        const outSince = target.outSince ?? now;
        const quiet = sends ? Math.max(unroutedSince ?? outSince, outSince) : (unroutedSince ?? now);
        seen.value.set(key, sends && !out ? rest : { ...rest, unroutedSince: quiet });
      }
    }
  }

  /** The group may get requests while its targets cannot be read: what the last reading said of their quiet ends here. */
  #mayBeRouted(group: TargetGroupArn): void {
    const last = this.#lastKnown.get(group);
    for (const [key, { unroutedSince, ...target }] of last?.value ?? [])
      if (unroutedSince !== undefined) last?.value.set(key, target);
  }

  /**
   * Whether any route may send the group requests. A route that cannot be read may, and so may one that was not configured. One with group stickiness
   * sends it the clients that are bound to it, whatever its weight (ELB guide, "Sticky sessions").
   */
  #maySend(group: TargetGroupArn, routes: readonly RouteArn[]): boolean {
    if (routes.length === 0) return true;
    return routes.some((route) => {
      const seen = this.#routes.get(route);
      if (seen?.is !== 'known') return true;
      const entry = seen.value.weights.find((each) => each.group === group);
      return entry !== undefined && (entry.weight > 0 || seen.value.stickiness.enabled);
    });
  }

  async #readSteering(signal: AbortSignal | undefined): Promise<void> {
    const now = this.#deps.clock.now();
    const read = await this.#reading(() => this.#deps.steering(signal), now);
    this.#steeringError = read.is === 'unknown' ? read.why : undefined;
    if (read.is === 'unknown') return;
    const since = new Map(this.#steering.map((steer) => [steer.id, steer.since]));
    const seen = read.value.map((steer) => ({ ...steer, since: since.get(steer.id) ?? now }));
    this.#steering = seen.sort((a, b) => a.since - b.since);
  }

  async #reading<T>(read: () => Promise<T>, now: Instant): Promise<Seen<T>> {
    try {
      return { is: 'known', value: await read(), at: now };
    } catch (error) {
      if (!(error instanceof PortError) || error.kind === 'aborted') throw error;
      if (isDenied(error)) this.#denied.set(error.operation, error);
      return { is: 'unknown', why: messageOf(error), since: now };
    }
  }
}

/** Out of the load balancer, or on its way out: no new request has a reason to go there. */
function isOut({ state, reason }: Pick<ObservedTarget, 'state' | 'reason'>): boolean {
  return state === 'absent' || state === 'draining' || reason === 'Target.NotRegistered';
}

function weightIn(route: RouteView, group: TargetGroupArn): number {
  return route.weights.find((entry) => entry.group === group)?.weight ?? 0;
}

function unknownSince(before: Seen<unknown> | undefined, now: Instant): Instant {
  return before?.is === 'unknown' ? before.since : now;
}
