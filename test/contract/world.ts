import type { Fence, HostRequest, Slot } from '../../src/domain/host.js';
import type { Color, Digest, InstanceId, RouteArn, TargetGroupArn, TargetKey } from '../../src/domain/ids.js';
import { targetKey } from '../../src/domain/ids.js';
import type { Container, RouteView, TargetView } from '../../src/domain/observation.js';
import type { RunSpec } from '../../src/domain/release.js';
import type { HostCommandState, HostPort, HostReply } from '../../src/engine/host-port.js';
import type { FleetPort, ParameterPort, TrafficPort } from '../../src/engine/ports.js';

/**
 * What the engine works with: ports, and something behind them. At the start two instances run `old` of the backend on blue, without labels, as a person
 * would have started it; blue has all the weight, green is in no route and empty.
 */
export interface World {
  readonly fleet: FleetPort;
  readonly traffic: TrafficPort;
  readonly hosts: HostPort;
  readonly parameters: ParameterPort;
  readonly instances: readonly [InstanceId, InstanceId];
  readonly route: RouteArn;
  readonly groups: Readonly<Record<Color, TargetGroupArn>>;
  readonly ports: Readonly<Record<Color, number>>;
  digest(image: Image): Digest;
  /** Looks until it is as wanted. @throws with what was seen last when it does not come to that */
  until<T>(look: () => Promise<T>, wanted: (seen: T) => boolean): Promise<T>;
  /** Lets at least so much of the world's own time pass. */
  rest(scaledMs: number): Promise<void>;
  /** Another hand writes the weights of the route's groups, without asking. */
  foreignWeights(weights: ReadonlyMap<TargetGroupArn, number>): Promise<void>;
  /** Another hand changes something of the route that is not ours. @returns what undoes it */
  foreignEdit(): Promise<() => Promise<void>>;
  /** What becomes of the next command. */
  nextCommand(fate: CommandFate): Promise<void>;
  /** The agent falls silent. */
  silence(instance: InstanceId): Promise<void>;
  terminate(instance: InstanceId): Promise<void>;
  close(): Promise<void>;
}

/** `bad` never answers its health path with 200. */
export type Image = 'old' | 'new' | 'bad';

/** `twice`: run again after it has ended; `late`: reported as undelivered, and run after that; `never`: not delivered. */
export type CommandFate = 'twice' | 'late' | 'never';

/** Few words for what the tests say. */
export class Talk {
  readonly world: World;
  #send = 0;

  constructor(world: World) {
    this.world = world;
  }

  key = (index: 0 | 1, color: Color): TargetKey => targetKey(this.world.instances[index], this.world.ports[color]);

  target = (index: 0 | 1, color: Color): { readonly instance: InstanceId; readonly port: number } => ({
    instance: this.world.instances[index],
    port: this.world.ports[color],
  });

  async view(): Promise<RouteView> {
    const { traffic, route, groups } = this.world;
    const view = (await traffic.routes([route], Object.values(groups))).get(route);
    if (view === undefined) throw new Error(`${route} is not there`);
    return view;
  }

  weights(view: RouteView): Readonly<Record<Color, number | undefined>> {
    const of = (color: Color): number | undefined =>
      view.weights.find(({ group }) => group === this.world.groups[color])?.weight;
    return { blue: of('blue'), green: of('green') };
  }

  /** Writes weights under the frame and the weights that are there, unless told otherwise. */
  async shift(
    blue: number,
    green: number,
    change: { frame?: string; expected?: RouteView['weights'] } = {},
  ): Promise<RouteView> {
    const { traffic, route, groups } = this.world;
    const { frame, weights } = await this.view();
    return traffic.setWeights({
      route,
      managed: Object.values(groups),
      frame: change.frame ?? frame,
      expected: change.expected ?? weights,
      set: [
        { group: groups.blue, weight: blue },
        { group: groups.green, weight: green },
      ],
    });
  }

  targetOf = async (index: 0 | 1, color: Color): Promise<TargetView | undefined> =>
    (await this.world.traffic.targets(this.world.groups[color])).get(this.key(index, color));

  targetIs = (index: 0 | 1, color: Color, state: TargetView['state'] | undefined): Promise<TargetView | undefined> =>
    this.world.until(
      () => this.targetOf(index, color),
      (seen) => seen?.state === state,
    );

  slot = (color: Color): Slot => ({
    service: 'backend',
    containerName: 'backend',
    color,
    port: this.world.ports[color],
    adopts: { containers: [], ...(color === 'blue' ? { repository: 'shop/backend' } : {}) },
  });

  spec(image: Image): RunSpec {
    return {
      image: { repository: 'shop/backend', tag: image, digest: this.world.digest(image) },
      containerPort: 3000,
      env: {},
      envFiles: [],
      secrets: {},
      runOptions: [],
      command: [],
      stopTimeout: 2000,
      health: {
        path: '/health',
        passes: 2,
        interval: 100,
        timeout: 2000,
        startTimeout: image === 'bad' ? 1000 : 20_000,
      },
      checks: [],
      rollback: 'auto',
    };
  }

  start = (image: Image, color: Color): Extract<HostRequest, { phase: 'start' }> => ({
    phase: 'start',
    slot: this.slot(color),
    release: `r-${image}`,
    spec: this.spec(image),
    keep: 2,
  });

  inspect = (): HostRequest => ({ phase: 'inspect', slots: [this.slot('blue'), this.slot('green')] });

  /** The next fence of generation 1. */
  fence = (): Fence => [1, 0, (this.#send += 1)];

  send(index: 0 | 1, request: HostRequest, fence?: Fence): Promise<string> {
    const instance = this.world.instances[index];
    return this.world.hosts.send({ instance, request, timeout: 30_000, ...(fence === undefined ? {} : { fence }) });
  }

  async stateOf(index: 0 | 1, id: string): Promise<HostCommandState> {
    const states = await this.world.hosts.poll([{ id, instance: this.world.instances[index] }]);
    const state = states.get(id);
    if (state === undefined) throw new Error(`no state for ${id}`);
    return state;
  }

  endOf = (index: 0 | 1, id: string): Promise<HostCommandState> =>
    this.world.until(
      () => this.stateOf(index, id),
      ({ is }) => is !== 'pending',
    );

  /** Sends, and waits for the answer. */
  async ask(index: 0 | 1, request: HostRequest, fence: Fence | undefined = this.fence()): Promise<HostReply> {
    const end = await this.endOf(index, await this.send(index, request, fence));
    if (end.is !== 'replied') throw new Error(`${request.phase}: ${JSON.stringify(end)}`);
    return end.reply;
  }

  /** What an inspect without a fence shows. */
  async containers(index: 0 | 1): Promise<readonly Container[]> {
    const end = await this.endOf(index, await this.send(index, this.inspect()));
    if (end.is !== 'replied' || !end.reply.ok || end.reply.containers === undefined)
      throw new Error(`inspect: ${JSON.stringify(end)}`);
    return end.reply.containers;
  }

  async running(index: 0 | 1, color: Color): Promise<readonly Container[]> {
    const port = this.world.ports[color];
    return (await this.containers(index)).filter((one) => one.running && one.ports.includes(port));
  }
}
