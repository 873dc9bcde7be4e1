import { PortError } from '../../../src/domain/errors.js';
import type { PortErrorKind } from '../../../src/domain/errors.js';
import type { Color, InstanceId, Ms, RouteArn, TargetGroupArn, TargetKey } from '../../../src/domain/ids.js';
import { targetKey } from '../../../src/domain/ids.js';
import type { GroupWeight, RouteView, TargetView } from '../../../src/domain/observation.js';
import type { Due } from '../timeline.js';
import { takes } from './shape.js';
import type { World } from './world.js';

/** The load balancer has this many nodes; each hears of a change in its own time. */
const nodes = [0, 1] as const;

export interface Target {
  readonly key: TargetKey;
  readonly instance: InstanceId;
  readonly port: number;
  /** `stopped`: it is registered, and its instance does not run. */
  state: 'initial' | 'healthy' | 'unhealthy' | 'stopped' | 'draining' | 'gone';
  fails: number;
  passes: number;
  /** Which nodes send to it, as far as they have heard. */
  readonly on: boolean[];
  check: Due | undefined;
  drain: Due | undefined;
  readonly phase: Ms;
  lastHealthy: Ms;
}

export interface Group {
  readonly arn: TargetGroupArn;
  readonly service: string;
  readonly color: Color;
  readonly port: number;
  readonly targets: Map<TargetKey, Target>;
}

export interface Route {
  readonly arn: RouteArn;
  readonly service: string;
  weights: ReadonlyMap<TargetGroupArn, number>;
  sticky: { readonly enabled: boolean; readonly seconds?: number };
  frame: string;
  /** What each node has heard. */
  readonly heard: { weights: ReadonlyMap<TargetGroupArn, number>; sticky: boolean }[];
  /** Groups to which clients are bound by stickiness, whatever the weights say, and until when. */
  readonly bound: Map<TargetGroupArn, Ms>;
}

/** Rules, weights, targets, health checks and draining, with what lies between a change and the nodes that act on it. */
export class Balancer {
  readonly groups = new Map<TargetGroupArn, Group>();
  readonly routes = new Map<RouteArn, Route>();
  /** Deregistration delay of all groups. */
  drains: Ms = takes.deregistrationDelay;
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
    for (const service of world.shape.services) {
      for (const color of ['blue', 'green'] as const) {
        const { group, port } = service.colors[color];
        this.groups.set(group, { arn: group, service: service.name, color, port, targets: new Map() });
      }
    }
  }

  place(route: RouteArn, service: string, weights: ReadonlyMap<TargetGroupArn, number>): void {
    const heard = nodes.map(() => ({ weights, sticky: false }));
    const sticky = { enabled: false };
    this.routes.set(route, { arn: route, service, weights, sticky, frame: 'frame-0', heard, bound: new Map() });
  }

  /** Stickiness that somebody has set before, on all routes. */
  bind(sticky: Route['sticky']): void {
    for (const route of this.routes.values()) {
      route.sticky = sticky;
      for (const heard of route.heard) heard.sticky = sticky.enabled;
    }
  }

  /** Puts a target there that has been healthy for long. */
  seat(group: TargetGroupArn, instance: InstanceId): void {
    const target = this.#target(this.#group(group), instance);
    target.state = 'healthy';
    for (const node of nodes) target.on[node] = true;
  }

  register(arn: TargetGroupArn, targets: readonly { instance: InstanceId; port: number }[]): void {
    const group = this.#group(arn);
    for (const { instance, port } of targets) {
      if (this.#world.hosts.get(instance)?.alive !== true) throw refused('invalid', `${instance} is not running`);
      if (port !== group.port) throw refused('invalid', `${arn} has no port ${String(port)} here`);
    }
    for (const { instance } of targets) {
      const target = this.#target(group, instance);
      this.#world.registering(group, target);
      if (target.state !== 'draining' && target.state !== 'gone') continue;
      if (target.drain !== undefined) target.drain.run = undefined;
      [target.state, target.fails, target.passes] = ['initial', 0, 0];
      this.#tell(target, true);
      this.#world.changed(`register ${target.key}`);
      this.#wake(group, target);
    }
  }

  deregister(arn: TargetGroupArn, targets: readonly { instance: InstanceId; port: number }[]): void {
    const group = this.#group(arn);
    for (const { instance } of targets) {
      const target = group.targets.get(targetKey(instance, group.port));
      if (target === undefined || target.state === 'draining' || target.state === 'gone') continue;
      this.#world.deregistering(group, target);
      this.#leave(target);
      this.#world.changed(`deregister ${target.key}`);
    }
  }

  /** The instance is gone: AWS takes it out of its groups. */
  lost(instance: InstanceId): void {
    for (const group of this.groups.values()) {
      const target = group.targets.get(targetKey(instance, group.port));
      if (target === undefined || target.state === 'gone') continue;
      if (target.state === 'healthy') target.lastHealthy = this.#world.timeline.now;
      target.state = 'gone';
      for (const node of nodes) target.on[node] = false;
    }
  }

  /** The instance is stopped: its targets stay registered, and get no requests. */
  stopped(instance: InstanceId): void {
    for (const target of this.#targetsOf(instance)) {
      for (const node of nodes) target.on[node] = false;
      if (target.state === 'draining' || target.state === 'gone') continue;
      if (target.state === 'healthy') target.lastHealthy = this.#world.timeline.now;
      target.state = 'stopped';
    }
  }

  /** The instance runs again: what is registered gets its checks from the first one on. */
  started(instance: InstanceId): void {
    for (const target of this.#targetsOf(instance)) {
      if (target.state !== 'stopped') continue;
      [target.state, target.fails, target.passes] = ['initial', 0, 0];
      this.#tell(target, true);
    }
    this.wake(instance);
  }

  #targetsOf(instance: InstanceId): readonly Target[] {
    return [...this.groups.values()].flatMap((group) => group.targets.get(targetKey(instance, group.port)) ?? []);
  }

  write(arn: RouteArn, set: readonly GroupWeight[], sticky: Route['sticky'] | undefined): void {
    const route = this.#route(arn);
    const weights = new Map(route.weights);
    for (const { group, weight } of set) weights.set(group, weight);
    this.#world.weighing(route, weights);
    const attached = set.some(({ group }) => !route.weights.has(group));
    if (sticky !== undefined) route.sticky = sticky;
    this.#place(route, weights);
    this.#world.changed(`weights ${arn} ${[...weights.values()].join('/')}${route.sticky.enabled ? ' sticky' : ''}`);
    if (attached) for (const { group } of set) this.wakeGroup(group);
  }

  /** Weights that deployctl has not written. */
  writtenByHand(arn: RouteArn, weights: ReadonlyMap<TargetGroupArn, number>): void {
    const route = this.#route(arn);
    this.#place(route, weights);
    this.#world.changed(`weights ${arn} ${[...weights.values()].join('/')} by another hand`);
    for (const group of weights.keys()) if (this.groups.has(group)) this.wakeGroup(group);
  }

  #place(route: Route, weights: ReadonlyMap<TargetGroupArn, number>): void {
    route.weights = weights;
    for (const node of nodes) {
      this.#world.timeline.after(this.#lag(), () => {
        const heard = route.heard[node];
        if (heard === undefined) return;
        if (heard.sticky) this.#bind(route, heard.weights);
        [heard.weights, heard.sticky] = [route.weights, route.sticky.enabled];
        if (!route.heard.some((each) => each.sticky)) route.bound.clear();
        this.#world.changed('');
      });
    }
  }

  wakeGroup(arn: TargetGroupArn): void {
    const group = this.#group(arn);
    for (const target of group.targets.values()) this.#wake(group, target);
  }

  /** What runs on the instance has changed: its next checks may end otherwise. */
  wake(instance: InstanceId): void {
    for (const group of this.groups.values()) {
      const target = group.targets.get(targetKey(instance, group.port));
      if (target !== undefined) this.#wake(group, target);
    }
  }

  isAttached(arn: TargetGroupArn): boolean {
    for (const route of this.routes.values()) if (route.weights.has(arn)) return true;
    return false;
  }

  /** Targets of a group to which some node may send a new request at this moment. */
  receivers(group: Group): readonly Target[] {
    const found = new Set<Target>();
    for (const node of nodes) {
      if (!this.#sends(group, node)) continue;
      const on = [...group.targets.values()].filter((target) => target.on[node] === true);
      const healthy = on.filter((target) => target.state === 'healthy');
      for (const target of healthy.length > 0 ? healthy : on) found.add(target);
    }
    return [...found];
  }

  /** Whether a node sends requests to the group and knows no target there: each is answered with 503. */
  isVoid(group: Group): boolean {
    return nodes.some(
      (node) => this.#sends(group, node) && ![...group.targets.values()].some((target) => target.on[node] === true),
    );
  }

  #sends(group: Group, node: number): boolean {
    for (const route of this.routes.values()) {
      const heard = route.heard[node];
      const weight = heard?.weights.get(group.arn);
      if (heard === undefined || weight === undefined) continue;
      if (weight > 0 || isBound(route, heard, group.arn, this.#world.timeline.now)) return true;
    }
    return false;
  }

  /** For each node where it sends the requests of a route: groups with their shares, and the targets there that get requests. */
  places(route: Route): readonly (readonly { group: Group; targets: readonly Target[]; share: number }[])[] {
    return nodes.map((node) => {
      const heard = route.heard[node];
      return [...(heard?.weights ?? [])].flatMap(([arn, weight]) => {
        const group = this.groups.get(arn);
        // Clients that are bound to a group go on to it, whatever the weights say.
        const bound = heard !== undefined && isBound(route, heard, arn, this.#world.timeline.now);
        const share = bound ? Math.max(weight, 10) : weight;
        if (group === undefined || share === 0) return [];
        const on = [...group.targets.values()].filter((target) => target.on[node] === true);
        const healthy = on.filter((target) => target.state === 'healthy');
        return [{ group, targets: healthy.length > 0 ? healthy : on, share }];
      });
    });
  }

  routeView(arn: RouteArn): RouteView {
    const { weights, sticky, frame } = this.#route(arn);
    return {
      route: arn,
      name: arn,
      weights: [...weights].map(([group, weight]) => ({ group, weight })),
      stickiness: sticky,
      frame,
    };
  }

  targetViews(arn: TargetGroupArn): ReadonlyMap<TargetKey, TargetView> {
    const group = this.#group(arn);
    const attached = this.isAttached(arn);
    const views = new Map<TargetKey, TargetView>();
    for (const { key, state } of group.targets.values()) {
      if (state === 'gone') continue;
      if (state === 'stopped') views.set(key, { state: 'unused', reason: 'Target.InvalidState' });
      else
        views.set(key, attached || state === 'draining' ? { state } : { state: 'unused', reason: 'Target.NotInUse' });
    }
    return views;
  }

  /** Clients that got an answer from a group with weight go on to it for a while. */
  #bind(route: Route, weights: ReadonlyMap<TargetGroupArn, number>): void {
    const lasts = (route.sticky.seconds ?? 60) * 1000;
    for (const [arn, weight] of weights) if (weight > 0) route.bound.set(arn, this.#world.timeline.now + lasts);
    this.#world.timeline.after(lasts + 1, () => {
      this.#world.changed('');
    });
  }

  #leave(target: Target): void {
    if (target.state === 'healthy') target.lastHealthy = this.#world.timeline.now;
    [target.state, target.fails, target.passes] = ['draining', 0, 0];
    this.#tell(target, false);
    target.drain = this.#world.timeline.after(this.drains, () => {
      target.state = 'gone';
      this.#world.changed(`drained ${target.key}`);
    });
  }

  #tell(target: Target, on: boolean): void {
    for (const node of nodes) {
      this.#world.timeline.after(this.#lag(), () => {
        if (target.state === 'gone' && on) return;
        target.on[node] = !isOut(target);
        this.#world.changed('');
      });
    }
  }

  /** Sets the next check, unless it is known that it would say what the last one said. */
  #wake(group: Group, target: Target): void {
    if (target.check !== undefined || isOut(target)) return;
    if (!this.isAttached(group.arn)) return;
    const { healthInterval } = takes;
    const since = (this.#world.timeline.now - target.phase + healthInterval) % healthInterval;
    target.check = this.#world.timeline.after(healthInterval - since, () => {
      target.check = undefined;
      this.#check(group, target);
    });
  }

  #check(group: Group, target: Target): void {
    if (isOut(target)) return;
    const host = this.#world.hosts.get(target.instance);
    const passed = host?.alive === true && host.passes(target.port);
    const before = target.state;
    [target.passes, target.fails] = passed ? [target.passes + 1, 0] : [0, target.fails + 1];
    if (passed && (before === 'initial' || target.passes >= takes.healthyThreshold)) target.state = 'healthy';
    if (target.fails >= takes.unhealthyThreshold) target.state = 'unhealthy';
    if (before === 'healthy' && target.state !== 'healthy') target.lastHealthy = this.#world.timeline.now;
    if (target.state !== before) this.#world.changed(`${target.key} ${target.state}`);
    if (passed !== (target.state === 'healthy') || target.state === 'initial') this.#wake(group, target);
  }

  #target(group: Group, instance: InstanceId): Target {
    const key = targetKey(instance, group.port);
    const phase = this.#world.dice.between(0, takes.healthInterval - 1);
    const made: Target = {
      key,
      instance,
      port: group.port,
      state: 'gone',
      fails: 0,
      passes: 0,
      on: nodes.map(() => false),
      check: undefined,
      drain: undefined,
      phase,
      lastHealthy: -Infinity,
    };
    const target = group.targets.get(key) ?? made;
    group.targets.set(key, target);
    return target;
  }

  #lag(): Ms {
    return this.#world.dice.between(200, takes.propagation);
  }

  #group(arn: TargetGroupArn): Group {
    const group = this.groups.get(arn);
    if (group === undefined) throw refused('not-found', `there is no target group ${arn}`);
    return group;
  }

  #route(arn: RouteArn): Route {
    const route = this.routes.get(arn);
    if (route === undefined) throw refused('not-found', `there is no route ${arn}`);
    return route;
  }
}

/** Whether clients go on to a group though it has no weight: as long as the node heeds what binds them. */
function isBound(route: Route, heard: Route['heard'][number], arn: TargetGroupArn, now: Ms): boolean {
  return heard.sticky && (route.bound.get(arn) ?? -1) >= now;
}

/** Nodes send it nothing new. */
const isOut = ({ state }: Target): boolean => state === 'draining' || state === 'gone' || state === 'stopped';

export function refused(kind: PortErrorKind, message: string): PortError {
  return new PortError({ kind, operation: 'sim:Call', message });
}
