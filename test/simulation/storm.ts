import type { PortErrorKind } from '../../src/domain/errors.js';
import type { InstanceId, Ms } from '../../src/domain/ids.js';
import { Dice } from './dice.js';
import type { Call, Fault, Weather } from './process.js';
import type { MachineTime } from './timeline.js';
import type { Delivery } from './world/commands.js';
import { instanceId, zoneOf } from './world/shape.js';
import type { World } from './world/world.js';

/**
 * What can go wrong besides the release. A seed enables some of them: all at once would hide each other.
 */
export const faultIds = {
  F1: 'a change took effect and its answer was lost',
  F2: 'a call failed before it had an effect',
  F3: 'a call took seconds',
  F4: 'half a minute in which the load balancer answers hardly any call',
  F8: 'a command on an instance ran twice',
  F9: 'a command was never delivered',
  F10: 'a command ran long after it was reported undelivered',
  F11: 'an SSM agent was offline for a while',
  F14: 'a command was killed in the middle',
  F16: 'a target was ill for a while',
  F19: 'another hand changed weights, and changed them back',
  F22: 'an instance was terminated',
  F23: 'an instance joined',
  F25: 'a zone was lost',
  F28: 'a second operator wants to go on at the same time',
  F29: 'a process stood still past its lease, and woke up',
  F30: 'somebody removed the lease by hand',
  F31: 'a wall clock jumped',
  S1: 'a read showed the past',
  K1: 'a process was killed',
} as const;
export type FaultId = keyof typeof faultIds;
const all = Object.keys(faultIds) as FaultId[];

const unclear: readonly [PortErrorKind, ...PortErrorKind[]] = ['timeout', 'network', 'server'];
const clear: readonly [PortErrorKind, ...PortErrorKind[]] = ['throttled', 'server', 'timeout', 'conflict'];

/** Faults of calls, commands and the world, by seed, for the first minutes; then calm. */
export class Storm implements Weather {
  readonly enabled: ReadonlySet<FaultId>;
  /** When it is over. */
  readonly end: Ms = 240_000;
  readonly #world: World;
  readonly #dice: Dice;
  readonly #onLost: () => void;
  #throttled: Ms = -1;
  /** The load balancer has been changed by somebody else, who has not yet changed it back. */
  foreign = false;
  frozen: Ms = -1;

  constructor(world: World, seed: number, onLost: () => void, only?: readonly FaultId[]) {
    this.#world = world;
    this.#onLost = onLost;
    this.#dice = new Dice(seed * 7919 + 17);
    this.enabled = new Set(only ?? all.filter(() => this.#dice.chance(0.3)));
    world.keepsPast = this.enabled.has('S1');
    for (const id of this.enabled) this.#plan(id);
  }

  #hit(id: FaultId, share: number): boolean {
    if (!this.enabled.has(id) || this.#world.timeline.now > this.end || !this.#dice.chance(share)) return false;
    this.#world.counted(id);
    return true;
  }

  fault(call: Call): Fault | undefined {
    const { name, use } = call;
    const now = this.#world.timeline.now;
    if (this.#throttled > now && name.startsWith('elbv2') && this.#dice.chance(0.8)) {
      this.#world.counted('F4');
      return { is: 'refused', kind: 'throttled' };
    }
    if (use === 'change' && this.#hit('F1', 0.05)) return { is: 'lost', kind: this.#dice.pick(unclear) };
    if (this.#hit('F2', 0.04)) return { is: 'refused', kind: this.#dice.pick(clear) };
    const parameter = name.includes('Parameter');
    if (this.#hit('F3', 0.03)) return { is: 'slow', by: this.#dice.between(500, parameter ? 4000 : 9000) };
    // How late Parameter Store may show a change is not documented; src/state allows for a tenth of the lease.
    if (use === 'read' && !name.startsWith('ssm:S') && this.#hit('S1', 0.06))
      return { is: 'stale', by: this.#dice.between(200, parameter ? 1500 : 6000) };
    return undefined;
  }

  standstill(machine: string): Ms {
    return machine === 'rival' ? 0 : Math.max(0, this.frozen - this.#world.timeline.now);
  }

  delivery(): Delivery {
    if (this.#hit('F8', 0.1)) return 'twice';
    if (this.#hit('F9', 0.05)) return 'never';
    if (this.#hit('F10', 0.05)) return 'zombie';
    return this.#hit('F14', 0.06) ? 'killed' : 'normal';
  }

  /** At which of its calls the next process dies. */
  kill(): number | undefined {
    return this.#hit('K1', 0.6) ? this.#dice.between(5, 400) : undefined;
  }

  /** The clock of the next process's machine. */
  time(): MachineTime {
    const time = { skew: 0 };
    if (!this.#hit('F31', 0.7)) return time;
    time.skew = this.#dice.pick([0, 600_000, -600_000]);
    this.#world.timeline.after(this.#dice.between(5000, 100_000), () => {
      time.skew += this.#dice.pick([15_000, 60_000, -3_600_000, 8 * 3_600_000, -5000]);
      this.#world.note(`a wall clock is set to ${String(time.skew / 1000)} s off`);
    });
    return time;
  }

  /** Sets when something of the world happens. */
  #plan(id: FaultId): void {
    const after = (act: () => void): void => {
      this.#world.timeline.after(this.#dice.between(2000, 150_000), () => {
        this.#world.note(`${id}: ${faultIds[id]}`);
        act();
      });
    };
    switch (id) {
      case 'F4':
        after(() => (this.#throttled = this.#world.timeline.now + 30_000));
        return;
      case 'F11':
        after(() => this.#agentRests());
        return;
      case 'F16':
        after(() => this.#illness());
        return;
      case 'F19':
        after(() => this.#otherHand());
        return;
      case 'F22':
        after(() => this.#lose([this.#anyone()]));
        return;
      case 'F23':
        after(() => this.#join());
        return;
      case 'F25':
        after(() => this.#loseZone());
        return;
      case 'F29':
        after(() => {
          this.#world.counted('F29');
          this.frozen = this.#world.timeline.now + this.#dice.between(25_000, 70_000);
        });
        return;
      case 'F30':
        after(() => this.#removeLease());
        return;
      default:
    }
  }

  #anyone(): InstanceId | undefined {
    const alive = [...this.#world.hosts.values()].filter((host) => host.alive);
    return alive[this.#dice.between(0, alive.length - 1)]?.id;
  }

  #agentRests(): void {
    const host = this.#world.hosts.get(this.#anyone() ?? 'i-');
    if (host === undefined) return;
    this.#world.counted('F11');
    host.agent = 'offline';
    this.#world.timeline.after(this.#dice.between(5000, 60_000), () => {
      host.agent = 'online';
    });
  }

  #illness(): void {
    const host = this.#world.hosts.get(this.#anyone() ?? 'i-');
    const service = this.#dice.pick(['backend', 'frontend']);
    const shape = this.#world.shape.services.find(({ name }) => name === service);
    if (host === undefined || shape === undefined) return;
    this.#world.counted('F16');
    host.sicken(shape.colors[this.#dice.pick(['blue', 'green'])].port, this.#dice.between(3000, 20_000));
  }

  /** Weights as somebody at the console sets them: outside of what deployctl is held to. */
  #otherHand(): void {
    const routes = [...this.#world.balancer.routes.values()];
    const route = routes[this.#dice.between(0, routes.length - 1)];
    if (route === undefined) return;
    this.#world.counted('F19');
    const before = route.weights;
    const changed = new Map([...before].map(([group, weight]) => [group, weight > 0 ? weight - 1 : weight]));
    route.weights = changed;
    this.foreign = true;
    this.#world.changed(`${route.arn} ${[...changed.values()].join('/')} by another hand`);
    this.#world.timeline.after(15_000, () => {
      this.foreign = false;
      if (route.weights === changed) route.weights = before;
      this.#world.changed(`${route.arn} back by another hand`);
    });
  }

  #lose(ids: readonly (InstanceId | undefined)[]): void {
    for (const id of ids) {
      if (id === undefined || [...this.#world.hosts.values()].filter((host) => host.alive).length <= 2) return;
      this.#world.counted('F22');
      this.#onLost();
      this.#world.terminate(id);
    }
  }

  #loseZone(): void {
    const zone = [...this.#world.hosts.values()].filter((host) => host.alive && host.zone === 'b');
    this.#world.counted('F25');
    this.#lose(zone.map(({ id }) => id));
  }

  #join(): void {
    const index = this.#world.hosts.size + 1;
    this.#world.counted('F23');
    const two = this.#world.shape.layout === 'instances';
    const color = two ? this.#dice.pick(['blue', 'green']) : undefined;
    this.#world.addHost({ id: instanceId(index), zone: zoneOf(index), color, joined: true });
  }

  #removeLease(): void {
    const names = [...this.#world.store.values.keys()].filter((name) => name.includes('/lease/'));
    const [last] = names.sort((a, b) => Number(b.split('/').at(-1)) - Number(a.split('/').at(-1)));
    if (last === undefined) return;
    this.#world.counted('F30');
    this.#world.store.remove([last]);
  }
}
