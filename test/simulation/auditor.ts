import type { Fence, HostRequest } from '../../src/domain/host.js';
import type { Ms, RouteArn, TargetGroupArn } from '../../src/domain/ids.js';
import { z } from 'zod';
import type { View } from '../../src/domain/event.js';
import { unpack } from '../../src/state/codec.js';
import { UNROUTED, UNSERVED } from '../../src/strategies/moved.js';
import { Crowd } from './crowd.js';
import { Duties } from './duties.js';
import type { Group, Route, Target } from './world/balancer.js';
import type { Box, Host } from './world/docker.js';
import type { ServiceShape } from './world/shape.js';
import { takes } from './world/shape.js';
import type { Watcher, World } from './world/world.js';

/** What was promised about capacity, as docs/concepts.md words it; reckoned here without the code that is under test. */
export interface Promised {
  readonly strategy: 'rolling' | 'blue-green';
  readonly maxParallel: number;
  readonly allowDowntime: boolean;
  /** Drains end as soon as nobody is connected. */
  readonly quiet: boolean;
  /** Whether targets that the fleet does not cover are deregistered. */
  readonly foreignTargets: 'refuse' | 'deregister';
  /** Services that change. */
  readonly changes: readonly string[];
}

/** What is read of a stored outcome here. */
const outcomeShape = z.looseObject({
  generation: z.number(),
  kind: z.string(),
  outcome: z.string(),
  from: z.string(),
  to: z.string(),
  images: z.record(z.string(), z.string()),
});

/** What is read of a stored record here. */
const recordShape = z.looseObject({ kind: z.string(), excluded: z.array(z.string()).default([]) });

/** What is read of a stored lease here, by a reader of its own. */
const leaseShape = z.looseObject({
  holder: z.looseObject({ name: z.string() }),
  beat: z.number(),
  released: z.boolean(),
});

/** A weight may be raised on what was healthy this long ago: a reading may be 6 s old, and what is decided by it is sent within 4 s. */
const reaction: Ms = 10_000;

/** So long may a process not know that an instance has left the fleet, or has come: the fleet is read every 10 s, a reading may be old, and the next call under way. */
const unawares: Ms = 25_000;

/** From when a heartbeat is sent until it is stored. */
const slowestBeat: Ms = 8000;

/** Between two heartbeats of a lease, and the longest that one takes. */
const heartbeat: Ms = 15_000;

/**
 * Holds deployctl to its promises from the world's side: it knows nothing of plans and decisions. Looks after every change, as if a request were sent
 * to each target that may get one at that moment.
 */
export class Auditor implements Watcher {
  readonly violations: string[] = [];
  /** How many changes each object has seen: `register web-1:8080`, `weights arn:…`. */
  readonly writes = new Map<string, number>();
  readonly crowd: Crowd;
  readonly #duties: Duties;
  /** Routes whose weights another hand has moved, or that it has taken away, until deployctl has written them. */
  readonly #foreign = new Set<RouteArn>();
  /** Groups to which another hand has given traffic that deployctl has taken away again, until the last node has heard of that. */
  readonly #fading = new Map<TargetGroupArn, Ms>();
  /** Groups from which another hand has taken the last healthy target: nobody but the duty to repair that (I13) is concerned. */
  readonly #emptied = new Set<Group>();
  /** Groups to which traffic comes from a color without a healthy target: until all nodes know their new targets, nobody loses more than before. */
  readonly #arriving = new Map<TargetGroupArn, Ms>();
  /** When the world or another hand last disturbed what serves a service. */
  readonly disturbed = new Map<string, Ms>();
  #blind = false;
  /** Who has last begun to write weights. */
  #writer = '';
  /** When a process last made an observation. */
  #lastTick: Ms = 0;
  /** Since when targets of instances outside of the fleet have been healthy in their groups. */
  readonly #outside = new Map<Target, Ms>();
  /** When the outcome of each generation was stored. */
  readonly storedAt = new Map<number, Ms>();
  /** Parameters that somebody has deleted or damaged, and when. */
  readonly damages = new Map<string, Ms>();
  /** Services whose traffic was moved away from a color without healthy targets, and that have not yet as many targets as they should. */
  readonly #rescued = new Set<string>();
  /** Groups without a healthy target, and when others last were so: a reading from then may still be acted on. */
  readonly #unhealthy = new Set<Group>();
  readonly #lastUnhealthy = new Map<TargetGroupArn, Ms>();
  /** When the traffic of a service was last moved away from a color without healthy targets. */
  readonly rescuedAt = new Map<string, Ms>();
  readonly #weightsBefore = new Map<RouteArn, ReadonlyMap<TargetGroupArn, number>>();
  /** When a process last renewed its lease. */
  readonly #beats = new Map<string, Ms>();
  #clockSet: Ms = -Infinity;
  /** Reads may lag: what the world struck may have been taken for healthy once more, elsewhere. */
  readsLag = false;
  readonly #world: World;
  #promised: Promised;
  /** Instances per service and color when it all began. */
  readonly #members = new Map<string, number>();
  #lost = 0;
  /** When the world last took an instance. */
  lostAt: Ms = -Infinity;
  /** When another hand moved the weights of a route, or took it away. */
  readonly meddledAt: Ms[] = [];
  /** When another hand last took an instance out of the fleet. */
  leftAt: Ms = -Infinity;
  /** Instances that could not be reached, and that a rollback has left out. */
  readonly #excluded = new Set<string>();
  /** The newest record is that of a rollback, which goes on without instances that do not answer. */
  #isRollback = false;
  /** Slots that the world has struck and that do not serve again yet. */
  readonly #struck = new Set<string>();
  readonly #restarted = new WeakSet<Box>();
  readonly #lastRouted = new Map<Target, Ms>();
  readonly #fences = new Map<string, string>();
  readonly #leases = new Map<number, { by: string; beats: boolean; closed: boolean; readonly since: Ms }>();
  /** When somebody removed the lease of a process. */
  readonly #removed = new Map<string, Ms>();
  readonly #tasks = new Set<string>();
  readonly #original: { readonly host: Host; readonly box: Box }[] = [];

  constructor(world: World, promised: Promised) {
    this.#world = world;
    this.#promised = promised;
    for (const service of world.shape.services) {
      for (const color of ['blue', 'green'] as const) {
        const members = [...world.hosts.values()].filter((host) => host.color === undefined || host.color === color);
        this.#members.set(`${service.name} ${color}`, members.length);
      }
    }
    this.crowd = new Crowd(world, world.dice.seed, {
      unserved: (group, target, why) => {
        this.#unserved(group, target, why);
      },
      cut: (box, count) => {
        this.violated('I2', `${String(count)} requests to ${box.service} ${box.color} get no answer: it is stopped`);
      },
    });
    for (const { arn, weights } of world.balancer.routes.values()) this.#weightsBefore.set(arn, weights);
    world.connections = (box) => this.crowd.openIn(box);
    this.#duties = new Duties(world, (id, text) => {
      this.violated(id, text);
    });
    for (const host of world.hosts.values())
      for (const box of host.boxes) if (box.color === 'blue') this.#original.push({ host, box });
    this.changed();
  }

  promise(promised: Promised): void {
    this.#promised = promised;
  }

  violated(id: string, text: string): void {
    const line = `${id}: ${text}`;
    if (this.violations.at(-1)?.endsWith(line) === true) return;
    this.#world.note(`VIOLATION ${line}`);
    this.violations.push(`${(this.#world.timeline.now / 1000).toFixed(3)} s ${line}`);
  }

  lost(): void {
    this.#lost += 1;
    this.lostAt = this.#world.timeline.now;
  }

  /** Another hand takes what serves in these slots of a service. */
  takes(service: string, slots: readonly string[], act: () => void): void {
    const groups = [...this.#world.balancer.groups.values()].filter((group) => group.service === service);
    const served = groups.filter(isServed);
    this.#blind = true;
    act();
    this.#blind = false;
    for (const group of served.filter((each) => !isServed(each))) {
      this.#emptied.add(group);
      // A rollout that begins later finds that the other color serves.
      this.#forget(service);
    }
    for (const slot of slots) this.#struck.add(slot);
    this.disturbed.set(service, this.#world.timeline.now);
    this.changed();
  }

  /** An instance leaves the fleet, and its targets stay: deployctl reckons without it from now on. */
  left(): void {
    this.#lost += 1;
    this.leftAt = this.#world.timeline.now;
    for (const { name } of this.#world.shape.services) this.disturbed.set(name, this.#world.timeline.now);
  }

  /** Somebody edits a rule: what was written without an effect was written to another one. */
  edited(route: RouteArn): void {
    this.#duties.edited(route);
  }

  /** A rule is there again: nobody has checked the targets of its groups in the meantime. */
  returned(service: string): void {
    this.disturbed.set(service, this.#world.timeline.now);
  }

  /** What ran at the beginning is no longer what the next outcome has to leave. */
  #forget(service: string | undefined): void {
    const left = this.#original.filter(({ box }) => service !== undefined && box.service !== service);
    this.#original.splice(0, this.#original.length, ...left);
  }

  damaged(name: string): void {
    // Whoever comes after that cannot know where the rollout had begun.
    if (name.includes('/rollouts/')) this.#forget(undefined);
    this.damages.set(name, this.#world.timeline.now);
  }

  /** @param takesAll all traffic of blue, so that what a later rollout replaces is what serves then */
  meddled(route: RouteArn, takesAll = false): void {
    this.#foreign.add(route);
    this.meddledAt.push(this.#world.timeline.now);
    this.#duties.edited(route);
    if (takesAll) this.#forget(this.#world.balancer.routes.get(route)?.service);
    const service = this.#world.balancer.routes.get(route)?.service;
    if (service !== undefined) this.disturbed.set(service, this.#world.timeline.now);
  }

  /** Whether another hand has moved a part of the traffic of a service that the rollout does not change, so that two releases serve it. */
  isDivided(service: string): boolean {
    return !this.#promised.changes.includes(service) && this.#isForeign(service);
  }

  #isForeign(service: string): boolean {
    const shape = this.#world.shape.services.find(({ name }) => name === service);
    return shape?.routes.some((route) => this.#foreign.has(route)) === true;
  }

  ticked(by: string, view: View): void {
    this.#lastTick = this.#world.timeline.now;
    // A lease of 30 s, less what a change may take and what a beat did: it counts from when that was sent, by a clock that nobody has set since.
    const { now } = this.#world.timeline;
    const beat = this.#beats.get(by) ?? -Infinity;
    const able = now - beat < 12_000 && this.#clockSet < beat - slowestBeat;
    this.#duties.ticked(by, view, able);
  }

  /** Somebody sets the clock of a machine: its processes trust their leases again once they have renewed them. */
  clockSet(): void {
    this.#clockSet = this.#world.timeline.now;
  }

  blind(by: string): void {
    this.#duties.blind(by);
  }

  attempting(by: string, route: RouteArn): void {
    this.#writer = by;
    this.#duties.attempting(by, route);
  }

  trying(by: string, route: RouteArn, wish: string): void {
    this.#duties.trying(by, route, wish);
  }

  sent(by: string, what: string, changed: boolean): void {
    if (changed) this.#duties.effective(by, what);
    else this.#duties.idle(by, what);
  }

  changed(): void {
    if (this.#blind) return;
    this.crowd.changed();
    this.#duties.changed();
    for (const group of this.#world.balancer.groups.values()) {
      // Its nodes learn one by one that it has targets again.
      if (isServed(group) && this.#emptied.delete(group))
        this.#arriving.set(group.arn, this.#world.timeline.now + takes.propagation);
      if (!isServed(group)) this.#unhealthy.add(group);
      else if (this.#unhealthy.delete(group)) this.#lastUnhealthy.set(group.arn, this.#world.timeline.now);
      this.#traffic(group);
      this.#outsiders(group);
    }
    for (const service of this.#world.shape.services) this.#capacity(service);
  }

  /** Targets that are healthy and that no rollout reaches. */
  #outsiders({ targets }: Group): void {
    for (const target of targets.values()) {
      const host = this.#world.hosts.get(target.instance);
      if (target.state !== 'healthy' || host?.inFleet !== false) this.#outside.delete(target);
      else if (!this.#outside.has(target)) this.#outside.set(target, this.#world.timeline.now);
    }
  }

  #traffic(group: Group): void {
    if (this.#isForeign(group.service)) return;
    const isFading = this.#isFading(group);
    for (const target of this.#world.balancer.receivers(group)) {
      this.#lastRouted.set(target, this.#world.timeline.now);
      const host = this.#world.hosts.get(target.instance);
      if (host?.alive !== true || this.#struck.has(slotOf(target, group)) || isFading) continue;
      const box = host.on(group.port);
      const what = `${target.key} of ${group.service} ${group.color}`;
      if (box === undefined) this.violated('I2', `a request to ${what} finds nothing that listens`);
      else if (!box.witnessed && !this.#restarted.has(box))
        this.violated('I4', `a request to ${what} reaches ${box.release ?? 'a container'}, which was not verified`);
    }
    if (this.#world.balancer.isVoid(group) && !isFading && !this.#isArriving(group) && this.#isOurs(group))
      this.violated('I2', `requests to ${group.service} ${group.color} find no target: 503`);
  }

  #unserved(group: Group, target: Target | undefined, why: 'void' | 'refused'): void {
    if (this.#isForeign(group.service) || this.#isFading(group)) return;
    if (
      target === undefined ? this.#isArriving(group) || !this.#isOurs(group) : this.#struck.has(slotOf(target, group))
    )
      return;
    if (target !== undefined && this.#world.hosts.get(target.instance)?.alive !== true) return;
    this.violated('I2', `a request to ${target?.key ?? ''} ${group.service} ${group.color} fails: ${why}`);
  }

  #isArriving({ arn }: Group): boolean {
    return this.#world.timeline.now <= (this.#arriving.get(arn) ?? -1);
  }

  #isFading({ arn }: Group): boolean {
    return this.#world.timeline.now <= (this.#fading.get(arn) ?? -1);
  }

  /** Whether deployctl, not the world and not a downtime that was allowed, left a group without targets. */
  #isOurs(group: Group): boolean {
    const members = this.#members.get(`${group.service} ${group.color}`) ?? 0;
    // One that got the traffic in an outage may not have more than one target yet.
    if (this.#emptied.has(group) || this.#rescued.has(group.service) || (this.#promised.allowDowntime && members <= 1))
      return false;
    const struck = [...group.targets.values()].filter((target) => this.#struck.has(slotOf(target, group))).length;
    const window = this.#promised.strategy === 'rolling' ? this.#promised.maxParallel : 0;
    return members - window - struck * (this.readsLag ? 2 : 1) - this.#lost > 0 && group.targets.size > 0;
  }

  #capacity(service: ServiceShape): void {
    if (this.#isForeign(service.name)) return;
    const weighted = (['blue', 'green'] as const).filter((color) =>
      service.routes.some(
        (arn) => (this.#world.balancer.routes.get(arn)?.weights.get(service.colors[color].group) ?? 0) > 0,
      ),
    );
    let [serving, struck, members] = [0, 0, 0];
    for (const color of weighted) {
      const group = this.#world.balancer.groups.get(service.colors[color].group);
      members = Math.max(members, this.#members.get(`${service.name} ${color}`) ?? 0);
      for (const target of group?.targets.values() ?? []) {
        if (group === undefined) continue;
        const host = this.#world.hosts.get(target.instance);
        if (host?.inFleet !== true) continue;
        const box = host.on(group.port);
        const serves = target.state === 'healthy' && box !== undefined && host.passes(group.port);
        if (serves && box.witnessed && target.on.every(Boolean)) this.#struck.delete(slotOf(target, group));
        if (serves) serving += 1;
        else if (this.#struck.has(slotOf(target, group))) struck += 1;
      }
    }
    if (serving >= this.#minimum(members)) this.#rescued.delete(service.name);
    if (this.#rescued.has(service.name)) return;
    const minimum =
      this.#minimum(members) - this.#lost - this.#excluded.size - this.#silent() - struck * (this.readsLag ? 2 : 1);
    if (serving < minimum)
      this.violated('I1', `${service.name} has ${String(serving)} serving targets, the minimum is ${String(minimum)}`);
  }

  /** Instances without which a rollback goes on, though its record does not name them. */
  #silent(): number {
    if (!this.#isRollback) return 0;
    return [...this.#world.hosts.values()].filter(
      ({ id, agent, inFleet }) => agent === 'offline' && inFleet && !this.#excluded.has(id),
    ).length;
  }

  #minimum(members: number): number {
    const { strategy, maxParallel, allowDowntime } = this.#promised;
    if (strategy === 'blue-green') return members;
    if (allowDowntime && members <= 1) return 0;
    return Math.max(members - maxParallel, Math.ceil(members / 2));
  }

  stopping(host: Host, box: Box): void {
    const isOurs = box.release !== undefined || box.adopted !== undefined;
    if (!isOurs) this.violated('I14', `a container of somebody else on ${host.id} is stopped: ${box.service}`);
    const since = host.awaySince;
    if (since !== undefined && host.orderedAt - since > unawares)
      this.violated('I14', `a container on ${host.id} is stopped, which is no instance of the fleet`);
    this.#count(`stop ${host.id} ${box.service} ${box.color}`);
    const open = this.crowd.openIn(box);
    this.crowd.ends(box, !this.#isStruck(host, box));
    const group = [...this.#world.balancer.groups.values()].find(
      (each) => each.service === box.service && each.port === box.port && (host.color ?? each.color) === each.color,
    );
    const target = group?.targets.get(`${host.id}:${box.port}`);
    if (group === undefined || target === undefined || this.#struck.has(slotOf(target, group))) return;
    const what = `${box.service} ${box.color} on ${host.id} is stopped`;
    // Where drains may end sooner, those who are still connected judge.
    const ended = target.state === 'gone' || (this.#promised.quiet && target.state === 'draining');
    if (!ended) this.violated('I2', `${what} while its target is ${target.state}`);
    if (target.state === 'draining' && open > 0)
      this.violated('I2', `${what} while it drains, with ${String(open)} requests`);
    const quiet = this.#world.timeline.now - (this.#lastRouted.get(target) ?? -Infinity);
    if (quiet < takes.request && !this.#isFading(group))
      this.violated('I2', `${what} ${String(quiet)} ms after it may have got a request`);
  }

  started(host: Host, box: Box): void {
    this.#count(`start ${host.id} ${box.service} ${box.color}`);
  }

  struck(host: Host, box: Box): void {
    this.#restarted.add(box);
    this.crowd.ends(box, false);
    this.#struck.add(`${host.id} ${box.service} ${box.color}`);
    this.disturbed.set(box.service, this.#world.timeline.now);
  }

  #isStruck(host: Host, box: Box): boolean {
    return this.#struck.has(`${host.id} ${box.service} ${box.color}`);
  }

  registering(group: Group, target: Target): void {
    const fresh = target.state === 'draining' || target.state === 'gone';
    if (fresh) this.#count(`register ${target.key} ${group.service} ${group.color}`);
    if (this.#struck.has(slotOf(target, group))) return;
    const box = this.#world.hosts.get(target.instance)?.on(group.port);
    if (box === undefined || (!box.witnessed && !this.#restarted.has(box)))
      this.violated('I4', `${target.key} is registered, and what runs there is not verified`);
  }

  deregistering(group: Group, target: Target): void {
    this.#count(`deregister ${target.key} ${group.service} ${group.color}`);
    const since = this.#world.hosts.get(target.instance)?.awaySince;
    if (this.#blind || since === undefined || this.#lastTick - since <= unawares) return;
    const what = `${target.key} of ${group.service} ${group.color}, which the fleet does not cover,`;
    if (this.#promised.foreignTargets === 'refuse') this.violated('I14', `${what} is deregistered`);
    if (target.state !== 'healthy' || !this.#isRouted(group)) return;
    const { now } = this.#world.timeline;
    const others = [...group.targets.values()].filter((other) => other !== target);
    if (!others.some(({ state, lastHealthy }) => state === 'healthy' || now - lastHealthy < reaction))
      this.violated('I14', `${what} is deregistered, and is the last one that is healthy`);
  }

  #isRouted({ arn }: Group): boolean {
    return [...this.#world.balancer.routes.values()].some(({ weights }) => (weights.get(arn) ?? 0) > 0);
  }

  weighing(route: Route, weights: ReadonlyMap<TargetGroupArn, number>): void {
    this.#count(`weights ${route.arn}`);
    // Weights that stay as another hand has set them are still its own.
    const isSame = [...weights].every(([arn, weight]) => weight === (route.weights.get(arn) ?? 0));
    if (!isSame && this.#foreign.delete(route.arn)) {
      const until = this.#world.timeline.now + takes.propagation;
      for (const [arn, weight] of route.weights)
        if (weight > 0 && (weights.get(arn) ?? 0) === 0) this.#fading.set(arn, until);
    }
    // What this write does not change reaches the nodes with it.
    for (const [arn, until] of this.#fading)
      if (weights.has(arn) && this.#world.timeline.now <= until)
        this.#fading.set(arn, this.#world.timeline.now + takes.propagation);
    this.#duties.weighed(route.arn);
    if (this.#isEmpty(route)) {
      this.#rescued.add(route.service);
      this.#forget(route.service);
      this.rescuedAt.set(route.service, this.#world.timeline.now);
      for (const arn of weights.keys()) this.#arriving.set(arn, this.#world.timeline.now + takes.propagation);
    }
    if ([...weights.values()].every((weight) => weight === 0)) this.violated('I3', `${route.arn}: all weights are 0`);
    for (const [arn, weight] of weights) {
      const group = this.#world.balancer.groups.get(arn);
      const before = route.weights.get(arn) ?? 0;
      if (group?.service !== route.service) {
        if (weight === this.#weightsBefore.get(route.arn)?.get(arn) || this.#duties.isOvertaken(route.arn)) continue;
        // Small weights may grow and shrink together: what counts is the share.
        if (weight * this.#sumOf(route, route.weights) !== before * this.#sumOf(route, weights))
          this.violated('I5', `${route.arn}: the share of ${arn} is not ours to change`);
        continue;
      }
      // A group that got requests keeps them: only the number is of before another hand's write.
      if (weight <= before || (before > 0 && this.#duties.isOvertaken(route.arn))) continue;
      const targets = [...group.targets.values()];
      const { now } = this.#world.timeline;
      const allowed = this.#duties.wasBlind(this.#writer) ? 2 * reaction : reaction;
      const healthy = targets.filter(({ state, lastHealthy }) => state === 'healthy' || now - lastHealthy < allowed);
      if (healthy.length === 0) this.violated('I3', `${route.arn}: weight for ${arn}, which has no healthy target`);
    }
  }

  /** What the groups of a route's own service have in all. */
  #sumOf({ service }: Route, weights: ReadonlyMap<TargetGroupArn, number>): number {
    const own = [...weights].filter(([arn]) => this.#world.balancer.groups.get(arn)?.service === service);
    return own.reduce((sum, [, weight]) => sum + weight, 0);
  }

  /** Whether a color to which it sends requests has no healthy target, or had none a moment ago. */
  #isEmpty({ weights }: Route): boolean {
    return [...weights].some(([arn, weight]) => {
      const group = this.#world.balancer.groups.get(arn);
      if (group === undefined || weight === 0 || group.targets.size === 0) return false;
      return !isServed(group) || this.#world.timeline.now - (this.#lastUnhealthy.get(arn) ?? -Infinity) < reaction;
    });
  }

  fenced(host: Host, fence: Fence, request: HostRequest): void {
    const key = `${host.id} ${fence.join('.')}`;
    const what = JSON.stringify(request);
    const before = this.#fences.get(key);
    if (before !== undefined && before !== what) this.violated('I8', `${key} stands for two commands`);
    this.#fences.set(key, what);
  }

  /** A change that no fence guards: only the owner of the highest lease that ever beat may make it. */
  acting(by: string): void {
    // Its holder learns with its next heartbeat that somebody has removed a lease by hand.
    const removed = this.#removed.get(by);
    if (removed !== undefined && this.#world.timeline.now - removed < heartbeat) return;
    const own = Math.max(0, ...[...this.#leases].filter(([, lease]) => lease.by === by).map(([number]) => number));
    const { since, closed } = this.#leases.get(own) ?? { since: 0, closed: false };
    // One that was removed before ours was made, or before it had closed ours, was nowhere to be seen.
    const higher = [...this.#leases].find(
      ([number, lease]) =>
        number > own &&
        lease.beats &&
        (this.#removed.get(lease.by) ?? Infinity) > (closed ? since : this.#world.timeline.now),
    );
    if (own === 0) this.violated('I8', `${by} changes the load balancer without a lease`);
    if (higher !== undefined)
      this.violated(
        'I8',
        `${by} (generation ${String(own)}) changes the load balancer, and ${higher[1].by} owns generation ${String(higher[0])}`,
      );
  }

  /** Somebody removes a lease by hand. */
  removed(name: string): void {
    const lease = this.#leases.get(Number(name.split('/').at(-1)));
    if (lease !== undefined) this.#removed.set(lease.by, this.#world.timeline.now);
  }

  stored(name: string, value: string): void {
    const generation = /\/lease\/(\d+)$/.exec(name)?.[1];
    if (generation !== undefined) {
      const number = Number(generation);
      const { holder, beat, released: closed } = leaseShape.parse(JSON.parse(value));
      const before = this.#leases.get(number);
      // Whose it is says the value: whoever takes over closes the ones below, and one that was removed by hand may be made again by another.
      const since = before?.by === holder.name ? before.since : this.#world.timeline.now;
      this.#leases.set(number, { by: holder.name, beats: beat > 0, closed, since });
      this.#beats.set(holder.name, this.#world.timeline.now);
    } else if (name.includes('/rollouts/')) {
      this.#duties.recorded(name);
      const { kind, excluded } = recordShape.parse(JSON.parse(unpack(value)));
      this.#isRollback = kind === 'rollback';
      if (kind === 'rollback') for (const id of excluded) this.#excluded.add(id);
    } else if (name.includes('/outcomes/')) {
      this.#count(`outcome ${name}`);
      this.#wayBack();
      const stored = outcomeShape.parse(JSON.parse(unpack(value)));
      this.storedAt.set(stored.generation, this.#world.timeline.now);
      this.#served(stored);
    }
  }

  /** What is said to serve has a healthy target at that moment, or had one a moment ago. */
  #served({ kind, outcome, from, to, images }: z.infer<typeof outcomeShape>): void {
    if ((kind !== 'rollout' && kind !== 'rollback') || outcome === 'failed') return;
    const { balancer, timeline } = this.#world;
    for (const { name } of this.#world.shape.services.filter((each) => this.#promised.changes.includes(each.name))) {
      const groups = [...balancer.groups.values()].filter((group) => group.service === name);
      const routes = [...balancer.routes.values()].filter((route) => route.service === name);
      const routed = groups.filter((group) => this.#isRouted(group));
      if (kind === 'rollout' && outcome === 'succeeded' && from !== to) this.#covered(routed);
      const serves = routed
        .flatMap((group) => [...group.targets.values()])
        .some(({ state, lastHealthy }) => state === 'healthy' || timeline.now - lastHealthy < reaction);
      // It says so itself, or something has just happened.
      const isFresh = timeline.now - (this.disturbed.get(name) ?? -Infinity) < reaction;
      // Of a service that ran nowhere when it began, and that is not named, nothing is said.
      const isSaid = [undefined, UNSERVED, UNROUTED].includes(images[name]);
      if (!serves && !isSaid && !isFresh && routes.length > 0)
        this.violated('I15', `${kind} ${outcome}, and no target of ${name} is healthy: ${images[name] ?? ''}`);
    }
  }

  /** A rollout that has succeeded has looked for targets that it does not reach. */
  #covered(routed: readonly Group[]): void {
    for (const { targets, service } of routed) {
      for (const target of targets.values()) {
        const since = this.#outside.get(target);
        if (since === undefined || this.#lastTick - since <= unawares) continue;
        this.violated('I18', `succeeded, and ${target.key} serves ${service} outside of the fleet`);
      }
    }
  }

  /** Until the outcome is stored, what served before is still there, running or kept. */
  #wayBack(): void {
    for (const { host, box } of this.#original) {
      if (host.alive && !host.boxes.includes(box))
        this.violated('I6', `the ${box.service} of before is not on ${host.id} any more`);
    }
    this.#original.length = 0;
  }

  gone(host: Host): void {
    for (const box of host.boxes) this.crowd.ends(box, false);
  }

  ran(task: string): void {
    if (this.#tasks.has(task)) this.violated('I10', `the task ${task} has run twice`);
    this.#tasks.add(task);
  }

  #count(what: string): void {
    this.writes.set(what, (this.writes.get(what) ?? 0) + 1);
  }
}

const isServed = ({ targets }: Group): boolean => [...targets.values()].some(({ state }) => state === 'healthy');

const slotOf = (target: Target, group: Group): string => `${target.instance} ${group.service} ${group.color}`;
