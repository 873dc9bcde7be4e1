import type { View } from '../../src/domain/event.js';
import type { Ms, RouteArn } from '../../src/domain/ids.js';
import type { Group, Route } from './world/balancer.js';
import type { ServiceShape } from './world/shape.js';
import type { World } from './world/world.js';

/** So many observations of a process may show a color with traffic and without a healthy target before it has begun to move the traffic away: one, one that confirms it, and one that was under way. */
const mostTicks = 3;
/** No longer than this may a process do other things between two of several attempts: it waits 8 s for an effect, turns away for 20 s, and its reads may be slow. */
const longestPause: Ms = 44_000;
/** So long is a deregistration believed that no reading has shown, until two of them have shown the opposite. */
const assumed: Ms = 15_000;
/** So often in a row may the same change be sent, or tried, without an effect: three times, once more later, and as often after a turn to the way back; where answers are lost, more often. */
const mostIdle = 12;
/** In so many observations in a row may the end of one and the same wait move. */
const mostMoves = 4;

/** Two observations of a process that does not stand still are no further apart. */
const longestTick: Ms = 15_000;

/** Two observations that are no further apart count as one: both may have been answered by the same node that lags. */
const sameMoment: Ms = 500;

interface Ticks {
  at: Ms;
  blind: boolean;
  /** Whether its last observation had reads that failed, lagged or took long. */
  wasBlind: boolean;
  /** When it last had such a one, or no lease that lets it change something. */
  blindAt: Ms;
  /** When it last went on after it had stood still. */
  wokeAt: Ms;
  /** When it last deregistered targets and nothing came of it: it takes them for gone. */
  assumedAt: Ms;
  /** Per route: since when its traffic could be saved, and how many observations have shown it. */
  readonly seen: Map<RouteArn, { readonly since: Ms; count: number }>;
  waits: ReadonlyMap<string, { readonly until: number; readonly moves: number }>;
}

/** What a process must do about what it could see, and must not do again and again. */
export class Duties {
  readonly #world: World;
  readonly #violated: (id: string, text: string) => void;
  /** Routes that send requests to an empty color while the other one is healthy, and since when. */
  readonly #savable = new Map<RouteArn, Ms>();
  readonly #processes = new Map<string, Ticks>();
  readonly #idle = new Map<string, number>();
  /** How often each process has tried to write the weights of a route, also where its first read was not answered. */
  readonly #attempts = new Map<string, number>();
  readonly #attempted = new Map<RouteArn, Ms>();
  readonly #edited = new Map<RouteArn, Ms>();
  readonly #records = new Set<string>();
  /** Services of which the fleet ran nothing, in the colors with traffic, when the newest rollout began: no release of theirs is known, and it leaves them alone. */
  readonly #unknown = new Set<string>();

  constructor(world: World, violated: (id: string, text: string) => void) {
    this.#world = world;
    this.#violated = violated;
  }

  changed(): void {
    const { balancer, timeline } = this.#world;
    for (const route of balancer.routes.values()) {
      if (!this.#isSavable(route)) this.#savable.delete(route.arn);
      else if (!this.#savable.has(route.arn)) this.#savable.set(route.arn, timeline.now);
    }
    for (const arn of this.#savable.keys()) if (!balancer.routes.has(arn)) this.#savable.delete(arn);
  }

  #isSavable({ service, weights }: Route): boolean {
    const groups = [...this.#world.balancer.groups.values()].filter((group) => group.service === service);
    const isHealthy = (group: Group): boolean => [...group.targets.values()].some(({ state }) => state === 'healthy');
    return groups.some((group) => (weights.get(group.arn) ?? 0) > 0 && !isHealthy(group)) && groups.some(isHealthy);
  }

  /** A rollout has stored its record. */
  recorded(name: string): void {
    if (this.#records.has(name)) return;
    this.#records.add(name);
    this.#unknown.clear();
    for (const service of this.#world.shape.services) if (!this.#runs(service)) this.#unknown.add(service.name);
  }

  #runs({ name, routes }: ServiceShape): boolean {
    const { balancer, hosts } = this.#world;
    const isRouted = ({ arn }: Group): boolean =>
      routes.some((route) => (balancer.routes.get(route)?.weights.get(arn) ?? 0) > 0);
    const members = [...hosts.values()].filter(({ inFleet }) => inFleet);
    return [...balancer.groups.values()].some(
      (group) =>
        group.service === name &&
        isRouted(group) &&
        members.some((host) => (host.color ?? group.color) === group.color && host.on(group.port) !== undefined),
    );
  }

  /** A read of the load balancer failed, or showed the past. */
  blind(by: string): void {
    this.#ticksOf(by).blind = true;
  }

  wasBlind(by: string): boolean {
    return this.#ticksOf(by).wasBlind;
  }

  /** A process has observed and decided. `able`: its lease lets it change something. */
  ticked(by: string, view: View, able: boolean): void {
    const ticks = this.#ticksOf(by);
    const { now } = this.#world.timeline;
    if (now - ticks.at > longestTick) ticks.wokeAt = now;
    const isSameMoment = now - ticks.at < sameMoment;
    const isSure = !ticks.blind && able && now - ticks.assumedAt >= assumed;
    for (const [route, since] of this.#savable) {
      if (this.#unknown.has(this.#world.balancer.routes.get(route)?.service ?? '')) continue;
      const before = ticks.seen.get(route);
      const entry = before?.since === since ? before : { since, count: 0 };
      ticks.seen.set(route, entry);
      // What this observation has read, it has read after the one before.
      if (isSure && ticks.at >= since && !isSameMoment) entry.count += 1;
      // After each write without an effect the next one waits twice as long.
      const idle = this.#attempts.get(`${by} weights of ${route}`) ?? 0;
      if (entry.count <= mostTicks + (idle === 0 ? 0 : 2 ** idle)) continue;
      // After several it may turn to other things, and come back to it.
      const tried = Math.max(this.#attempted.get(route) ?? -Infinity, ticks.blindAt, ticks.wokeAt);
      if (idle >= 3 && now - tried < longestPause) continue;
      entry.count = -Infinity;
      this.#violated('I13', `${route} sends requests to a color without a healthy target, and ${by} has seen it`);
    }
    this.#deadlines(by, ticks, view);
    ticks.wasBlind = ticks.blind;
    if (ticks.blind || !able) ticks.blindAt = this.#world.timeline.now;
    [ticks.at, ticks.blind] = [this.#world.timeline.now, false];
  }

  /** A process is about to write weights. */
  attempting(by: string, route: RouteArn): void {
    // One write waits for another, and each of them counts as one (I16).
    this.#ticksOf(by).seen.clear();
    const key = `${by} weights of ${route}`;
    this.#attempted.set(route, this.#world.timeline.now);
    this.#attempts.set(key, (this.#attempts.get(key) ?? 0) + 1);
  }

  /** Whether another hand has changed the rule since a process last began to write its weights: the write is of what was there before. */
  isOvertaken(route: RouteArn): boolean {
    return (this.#edited.get(route) ?? -Infinity) > (this.#attempted.get(route) ?? -Infinity);
  }

  /** The load balancer has answered it, so that what comes of the write is up to the process. */
  trying(by: string, route: RouteArn, wish: string): void {
    this.#count(`${by} weights of ${route} to ${wish}`);
  }

  /** A change that a process has sent and that changed nothing. */
  idle(by: string, what: string): void {
    if (what.startsWith('elbv2:DeregisterTargets')) this.#ticksOf(by).assumedAt = this.#world.timeline.now;
    this.#count(`${by} ${what}`);
  }

  /** One that did. */
  effective(by: string, what: string): void {
    this.#idle.delete(`${by} ${what}`);
  }

  /** The weights of a route are others now. */
  weighed(route: RouteArn): void {
    for (const counts of [this.#idle, this.#attempts])
      for (const key of counts.keys()) if (`${key} `.includes(` weights of ${route} `)) counts.delete(key);
  }

  /** A rule is another one now: what was written to it before counts no more. */
  edited(route: RouteArn): void {
    this.#edited.set(route, this.#world.timeline.now);
    for (const key of this.#idle.keys()) if (`${key} `.includes(` weights of ${route} `)) this.#idle.delete(key);
  }

  #count(key: string): void {
    const count = (this.#idle.get(key) ?? 0) + 1;
    this.#idle.set(key, count);
    if (count === mostIdle + 1)
      this.#violated('I16', `${key}: ${String(count)} times in a row, and nothing has changed`);
  }

  #deadlines(by: string, ticks: Ticks, view: View): void {
    const wasPaused = this.#world.timeline.now - ticks.at > longestTick;
    const waits = new Map<string, { readonly until: number; readonly moves: number }>();
    for (const { what, instance, service, until } of view.waits) {
      const key = [what, instance, service].join(' ');
      const before = ticks.waits.get(key);
      const isMoved = before !== undefined && until > before.until + 500;
      // A process that was paused starts its waits again. That is not a moving deadline.
      const moves = isMoved ? before.moves + (wasPaused ? 0 : 1) : 0;
      waits.set(key, { until, moves });
      if (moves === mostMoves) this.#violated('I17', `${by}: the end of "${what}" moves with each observation`);
    }
    ticks.waits = waits;
  }

  #ticksOf(by: string): Ticks {
    const known = this.#processes.get(by);
    if (known !== undefined) return known;
    const made: Ticks = {
      at: -1,
      blind: false,
      wasBlind: false,
      blindAt: -Infinity,
      wokeAt: -Infinity,
      assumedAt: -Infinity,
      seen: new Map(),
      waits: new Map(),
    };
    this.#processes.set(by, made);
    return made;
  }
}
