import type { InstanceId, RouteArn } from '../../src/domain/ids.js';
import type { Dice } from './dice.js';
import type { Group, Route, Target } from './world/balancer.js';
import type { Host } from './world/docker.js';
import { digestOf, instanceId, zoneOf } from './world/shape.js';
import type { World } from './world/world.js';

/** Somebody else at a console, or another tool: changes that deployctl has not made, at any moment. Each is done for good, unless it says otherwise. */
export const hands = {
  H2: (each: Hand) => each.deregister(),
  H4: (each: Hand) => each.moveWeights(),
  H5: (each: Hand) => each.deleteRule(),
  H6: (each: Hand) => each.editRule(),
  H9: (each: Hand) => each.stopContainers(),
  H12: (each: Hand) => each.terminateColor(),
  H13: (each: Hand) => each.retag(),
  H14: (each: Hand) => each.register(),
  H15: (each: Hand) => each.stop(),
  H16: (each: Hand) => each.damage(),
} as const;
export type HandId = keyof typeof hands;

/** They came later: they have dice of their own, so that a seed without them stands for the storm that it always stood for. */
const later: ReadonlySet<string> = new Set<HandId>(['H13', 'H14', 'H15', 'H16']);
export const isLater = (id: string): boolean => later.has(id);

export const isHand = (id: string): id is HandId => Object.hasOwn(hands, id);

/** Who is told of what another hand takes, so that it is not blamed on deployctl. */
export interface Told {
  /** Somebody has changed the weights of a route, or taken it away. */
  meddled(route: RouteArn, takesAll?: boolean): void;
  /** Somebody has edited a rule, and left its weights. */
  edited(route: RouteArn): void;
  /** A rule of a service is there again: until the next health checks its targets are what they were before. */
  returned(service: string): void;
  /** Somebody takes what serves in these slots of a service. */
  takes(service: string, slots: readonly string[], act: () => void): void;
  lost(): void;
  /** Somebody takes an instance out of the fleet, whose targets stay. */
  left(): void;
  /** Somebody deletes a parameter, or writes something else there. */
  damaged(name: string): void;
}

export class Hand {
  readonly #world: World;
  readonly #dice: Dice;
  readonly #told: Told;

  constructor(world: World, dice: Dice, told: Told) {
    this.#world = world;
    this.#dice = dice;
    this.#told = told;
  }

  /** One target or all of them leave a group. */
  deregister(): boolean {
    const group = this.#group();
    if (group === undefined) return false;
    const there = [...group.targets.values()].filter(isIn);
    const all = this.#dice.chance(0.5);
    const [first] = there;
    if (first === undefined) return false;
    const leaving = all ? there : [first];
    this.#world.note(`another hand takes ${all ? 'all targets' : first.key} out of ${group.service} ${group.color}`);
    const slots = leaving.map(({ instance }) => `${instance} ${group.service} ${group.color}`);
    this.#told.takes(group.service, slots, () => {
      this.#world.balancer.deregister(
        group.arn,
        leaving.map(({ instance, port }) => ({ instance, port })),
      );
    });
    return true;
  }

  /** All or half of the traffic to one of the colors. */
  moveWeights(): boolean {
    const route = this.#route();
    const shape = this.#world.shape.services.find(({ name }) => name === route?.service);
    if (route === undefined || shape === undefined) return false;
    const shares: readonly [readonly [number, number], ...(readonly [number, number])[]] = [
      [100, 0],
      [0, 100],
      [50, 50],
      [0, 1],
    ];
    const [blue, green] = this.#dice.pick(shares);
    this.#told.meddled(route.arn, blue === 0);
    this.#world.balancer.writtenByHand(
      route.arn,
      new Map([...route.weights, [shape.colors.blue.group, blue], [shape.colors.green.group, green]]),
    );
    return true;
  }

  /** A rule is deleted; somebody notices, and makes it again as it was. */
  deleteRule(): boolean {
    const route = this.#route();
    if (route === undefined) return false;
    const { routes } = this.#world.balancer;
    this.#told.meddled(route.arn);
    routes.delete(route.arn);
    this.#world.changed(`${route.arn} is deleted by another hand`);
    this.#world.timeline.after(this.#dice.between(5000, 60_000), () => {
      routes.set(route.arn, route);
      // Its groups were checked by nobody while no rule used them.
      for (const { arn } of this.#world.balancer.groups.values())
        if (route.weights.has(arn)) this.#world.balancer.wakeGroup(arn);
      this.#told.returned(route.service);
      this.#world.changed(`${route.arn} is there again`);
    });
    return true;
  }

  /** Another action than the forward is changed: an authentication, a header. */
  editRule(): boolean {
    const route = this.#route();
    if (route === undefined) return false;
    route.frame = this.#world.id('frame-');
    this.#told.edited(route.arn);
    this.#world.changed(`${route.arn} is edited by another hand`);
    return true;
  }

  /** `docker stop`, on one instance or on all of them: docker does not start them again. */
  stopContainers(): boolean {
    const group = this.#group();
    if (group === undefined) return false;
    const running = [...this.#world.hosts.values()].flatMap((host) => {
      const box = host.inFleet && (host.color ?? group.color) === group.color ? host.on(group.port) : undefined;
      return box === undefined ? [] : [{ host, box }];
    });
    const all = this.#dice.chance(0.5);
    this.#world.note(`another hand stops ${all ? 'all containers' : 'a container'} of ${group.service} ${group.color}`);
    for (const { host, box } of all ? running : running.slice(0, 1)) host.crash(box, true);
    return running.length > 0;
  }

  /** Of two sets of instances one is terminated; one of each color is left to the environment. */
  terminateColor(): boolean {
    if (this.#world.shape.layout !== 'instances') return false;
    const color = this.#dice.pick(['blue', 'green']);
    const alive = [...this.#world.hosts.values()].filter((host) => host.inFleet);
    const leaving = alive.filter((host) => host.color === color);
    if (leaving.length === 0 || leaving.length === alive.length) return false;
    this.#world.note(`another hand terminates all instances of ${color}`);
    for (const { id } of leaving) {
      this.#told.lost();
      this.#world.terminate(id);
    }
    this.#world.timeline.after(this.#dice.between(20_000, 90_000), () => {
      for (const { zone } of leaving) {
        const id: InstanceId = instanceId(this.#world.hosts.size + 1);
        this.#world.addHost({ id, zone, color, joined: true });
      }
    });
    return true;
  }

  /** An instance loses its tags, and goes on serving. Somebody puts them back, or takes its targets out. */
  retag(): boolean {
    const host = this.#member();
    if (host === undefined) return false;
    this.#told.left();
    this.#world.tag(host, false);
    const isPutBack = this.#dice.chance(0.5);
    this.#soon(() => {
      if (isPutBack && host.alive) this.#world.tag(host, true);
      else this.#takeOut(host);
    });
    return true;
  }

  /** An instance that never was in the fleet, with the release of before on a port of the service. */
  register(): boolean {
    const group = this.#group();
    if (group === undefined) return false;
    const index = this.#world.hosts.size + 1;
    const color = this.#world.shape.layout === 'instances' ? group.color : undefined;
    const host = this.#world.addHost({ id: instanceId(index), zone: zoneOf(index), color, outside: true });
    const { service, port } = group;
    const box = { service, color: group.color, port, digest: digestOf(service, 'old'), release: undefined } as const;
    host.add({ ...box, status: 'running', restart: true, witnessed: true });
    this.#world.note(`another hand registers ${host.id} with ${service} ${group.color}`);
    this.#world.balancer.register(group.arn, [{ instance: host.id, port }]);
    this.#soon(() => {
      this.#takeOut(host);
    });
    return true;
  }

  /** An instance is stopped, and started again. */
  stop(): boolean {
    const host = this.#member();
    if (host === undefined) return false;
    for (const { service, slots } of this.#slotsOf(host)) this.#told.takes(service, slots, () => undefined);
    this.#told.lost();
    this.#world.stop(host);
    this.#soon(() => {
      if (host.stopped) this.#world.start(host);
    });
    return true;
  }

  /** A record, an outcome or a release is deleted, or is something else now. */
  damage(): boolean {
    const { store } = this.#world;
    const names = [...store.values.keys()].filter((name) => /\/(?:rollouts|outcomes|releases)\//.test(name));
    const name = names[this.#dice.between(0, names.length - 1)];
    if (name === undefined) return false;
    const isDeleted = this.#dice.chance(0.5);
    this.#told.damaged(name);
    if (isDeleted) store.remove([name]);
    else store.spoil(name, '{"schema":');
    this.#world.changed(`another hand ${isDeleted ? 'deletes' : 'damages'} ${name}`);
    return true;
  }

  /** All targets of an instance leave their groups. */
  #takeOut(host: Host): void {
    this.#world.note(`another hand takes all targets of ${host.id} out`);
    for (const { service, groups } of this.#slotsOf(host)) {
      const held = groups.filter(({ targets, port }) => isIn(targets.get(`${host.id}:${port}`)));
      if (held.length === 0) continue;
      // The fleet has none of these slots: there is nothing that deployctl could bring back.
      this.#told.takes(service, [], () => {
        for (const { arn, port } of held) this.#world.balancer.deregister(arn, [{ instance: host.id, port }]);
      });
    }
  }

  /** What an instance has to do with each service. */
  #slotsOf({ id }: Host): readonly {
    readonly service: string;
    readonly slots: readonly string[];
    readonly groups: readonly Group[];
  }[] {
    return this.#world.shape.services.map(({ name }) => {
      const groups = [...this.#world.balancer.groups.values()].filter(({ service }) => service === name);
      return { service: name, slots: groups.map(({ color }) => `${id} ${name} ${color}`), groups };
    });
  }

  /** Somebody ends it, some time later. */
  #soon(act: () => void): void {
    this.#world.timeline.after(this.#dice.between(20_000, 90_000), act);
  }

  /** An instance of the fleet that is not the last of its color. */
  #member(): Host | undefined {
    const members = [...this.#world.hosts.values()].filter(({ inFleet }) => inFleet);
    const host = members[this.#dice.between(0, members.length - 1)];
    return members.filter(({ color }) => color === host?.color).length < 2 ? undefined : host;
  }

  #group(): Group | undefined {
    const groups = [...this.#world.balancer.groups.values()];
    return groups[this.#dice.between(0, groups.length - 1)];
  }

  #route(): Route | undefined {
    const routes = [...this.#world.balancer.routes.values()];
    return routes[this.#dice.between(0, routes.length - 1)];
  }
}

const isIn = (target: Target | undefined): boolean =>
  target !== undefined && target.state !== 'gone' && target.state !== 'draining';
