import type { PortErrorKind } from '../../src/domain/errors.js';
import type { InstanceId, Ms } from '../../src/domain/ids.js';
import { Dice } from './dice.js';
import type { Call, Fault, Weather } from './process.js';
import type { FaultId } from './faults.js';
import { faultIds } from './faults.js';
import type { Told as HandsTold } from './hands.js';
import { Hand, hands, isHand, isLater } from './hands.js';
import type { MachineTime } from './timeline.js';
import type { Delivery } from './world/commands.js';
import { digestOf, instanceId, zoneOf } from './world/shape.js';
import type { World } from './world/world.js';

const all = Object.keys(faultIds) as FaultId[];

const unclear: readonly [PortErrorKind, ...PortErrorKind[]] = ['timeout', 'network', 'server'];
const clear: readonly [PortErrorKind, ...PortErrorKind[]] = ['throttled', 'server', 'timeout', 'conflict'];

/** Who is told of what the world itself takes, so that it is not blamed on deployctl. */
export interface Told extends HandsTold {
  /** Somebody sets a wall clock. */
  clockSet(): void;
  removed(lease: string): void;
}

/** Faults of calls, commands and the world, by seed, for the first minutes; then calm. */
export class Storm implements Weather {
  readonly enabled: ReadonlySet<FaultId>;
  /** When it is over. */
  readonly end: Ms = 240_000;
  readonly #world: World;
  readonly #seed: number;
  readonly #dice: Dice;
  readonly #told: Told;
  #throttled: Ms = -1;
  #expired: Ms = -1;
  #unrenewed: Ms = -1;
  #denied: { readonly call: string; readonly until: Ms } | undefined;
  /** The load balancer has been changed by somebody else, who has not yet changed it back. */
  foreign = false;
  frozen: Ms = -1;

  constructor(world: World, seed: number, told: Told, only?: readonly FaultId[]) {
    this.#world = world;
    this.#told = told;
    this.#seed = seed;
    this.#dice = new Dice(seed * 7919 + 17);
    const fresh = new Dice(seed * 6007 + 29);
    this.enabled = new Set(only ?? all.filter((id) => (isLater(id) ? fresh.chance(0.15) : this.#dice.chance(0.3))));
    world.keepsPast = this.enabled.has('S1');
    for (const id of this.enabled) this.#plan(id);
    if (this.enabled.has('F21')) {
      world.counted('F21');
      world.balancer.bind({ enabled: true, seconds: 20 });
    }
  }

  #hit(id: FaultId, share: number): boolean {
    if (!this.enabled.has(id) || this.#world.timeline.now > this.end || !this.#dice.chance(share)) return false;
    this.#world.counted(id);
    return true;
  }

  fault(call: Call): Fault | undefined {
    const { name, use, machine } = call;
    const now = this.#world.timeline.now;
    // One operator's way to Parameter Store is cut, and to the rest of AWS it is not; another operator's is well.
    if (this.#unrenewed > now && name.includes('Parameter') && machine !== 'rival') {
      this.#world.counted('F30b');
      return { is: 'refused', kind: 'throttled' };
    }
    if (this.#throttled > now && name.startsWith('elbv2') && this.#dice.chance(0.8)) {
      this.#world.counted('F4');
      return { is: 'refused', kind: 'throttled' };
    }
    if (this.#expired > now) {
      this.#world.counted('F5');
      return { is: 'refused', kind: 'expired-credentials' };
    }
    if (this.#denied !== undefined && this.#denied.until > now && name.startsWith(this.#denied.call)) {
      this.#world.counted('F6');
      return { is: 'refused', kind: 'access-denied' };
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
    if (this.#hit('F12', 0.05)) return 'cut';
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
      this.#told.clockSet();
      this.#world.note(`a wall clock is set to ${String(time.skew / 1000)} s off`);
    });
    return time;
  }

  /** Sets when something of the world happens. */
  #plan(id: FaultId): void {
    const dice = isLater(id) ? new Dice(this.#seed * 7013 + Number(id.slice(1))) : this.#dice;
    const after = (act: () => void): void => {
      this.#world.timeline.after(dice.between(2000, 150_000), () => {
        this.#world.note(`${id}: ${faultIds[id]}`);
        act();
      });
    };
    if (isHand(id)) {
      const hand = new Hand(this.#world, dice, this.#told);
      after(() => this.#world.counted(id, hands[id](hand) ? 1 : 0));
      return;
    }
    switch (id) {
      case 'F4':
        after(() => (this.#throttled = this.#world.timeline.now + 30_000));
        return;
      case 'F5':
        after(() => (this.#expired = this.#world.timeline.now + this.#dice.between(3000, 40_000)));
        return;
      case 'F6':
        after(() => {
          const call = this.#dice.pick([
            'elbv2:RegisterTargets',
            'elbv2:DeregisterTargets',
            'elbv2:ModifyRule',
            'ssm:Send',
          ]);
          this.#denied = { call, until: this.#world.timeline.now + this.#dice.between(5000, 40_000) };
        });
        return;
      case 'F13':
        after(() => this.#endSoon());
        return;
      case 'F14b':
        after(() => this.#fillDisk());
        return;
      case 'F27':
        after(() => {
          const lost = this.#anyone();
          if (lost === undefined || !this.#lose([lost])) return;
          this.#world.counted('F27');
          this.#join(lost);
        });
        return;
      case 'F35':
        after(() => this.#dependency());
        return;
      case 'F36':
        after(() => {
          this.#world.counted('F36');
          this.#world.slowStart = { since: this.#world.timeline.now, takes: this.#dice.between(2000, 9000) };
          this.#world.timeline.after(60_000, () => (this.#world.slowStart = { since: Infinity, takes: 0 }));
        });
        return;
      case 'F38':
        this.#world.counted('F38');
        this.#world.deaf = true;
        return;
      case 'F40':
        after(() => {
          this.#world.counted('F40');
          this.#world.tagsMoved = true;
        });
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
      case 'F30b':
        after(() => (this.#unrenewed = this.#world.timeline.now + this.#dice.between(15_000, 70_000)));
        return;
      case 'F30':
        after(() => this.#removeLease());
        return;
      case 'F43':
        after(() => (this.#world.idleUntil = this.#world.timeline.now + this.#dice.between(10_000, 60_000)));
        return;
      default:
    }
  }

  #anyone(): InstanceId | undefined {
    const alive = [...this.#world.hosts.values()].filter((host) => host.inFleet);
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
    // None becomes 0: the nodes of the load balancer do not hear of it.
    const other = (weight: number): number => (weight > 1 ? weight - 1 : 2 * weight);
    const changed = new Map([...before].map(([group, weight]) => [group, other(weight)]));
    route.weights = changed;
    this.#told.edited(route.arn);
    this.foreign = true;
    this.#world.changed(`${route.arn} ${[...changed.values()].join('/')} by another hand`);
    this.#world.timeline.after(15_000, () => {
      this.foreign = false;
      if (route.weights === changed) route.weights = before;
      this.#told.edited(route.arn);
      this.#world.changed(`${route.arn} back by another hand`);
    });
  }

  /** Some container of the new release, the next one that passes its checks, ends for good a moment later. */
  #endSoon(): void {
    let over = false;
    this.#world.onWell = (host, box) => {
      // Once the storm is over, a repair must not run into a new fault.
      if (over || this.#world.timeline.now > this.end || box.digest !== digestOf(box.service, 'new')) return;
      over = true;
      this.#world.timeline.after(this.#dice.between(500, 8000), () => {
        if (box.status !== 'running') return;
        this.#world.counted('F13');
        host.crash(box, true);
      });
    };
  }

  #fillDisk(): void {
    const host = this.#world.hosts.get(this.#anyone() ?? 'i-');
    if (host === undefined) return;
    this.#world.counted('F14b');
    host.diskFull = true;
    this.#world.timeline.after(this.#dice.between(5000, 60_000), () => {
      host.diskFull = false;
    });
  }

  /** A database is away: whatever serves the service, old or new, answers 503. */
  #dependency(): void {
    const service = this.#dice.pick(['backend', 'frontend']);
    const shape = this.#world.shape.services.find(({ name }) => name === service);
    if (shape === undefined) return;
    this.#world.counted('F35');
    const duration = this.#dice.between(3000, 25_000);
    for (const host of this.#world.hosts.values()) {
      if (!host.alive) continue;
      for (const port of new Set([shape.colors.blue.port, shape.colors.green.port])) host.sicken(port, duration);
    }
  }

  #lose(ids: readonly (InstanceId | undefined)[]): boolean {
    for (const id of ids) {
      if (id === undefined || [...this.#world.hosts.values()].filter((host) => host.inFleet).length <= 2) return false;
      this.#world.counted('F22');
      this.#told.lost();
      this.#world.terminate(id);
    }
    return true;
  }

  #loseZone(): void {
    const zone = [...this.#world.hosts.values()].filter((host) => host.inFleet && host.zone === 'b');
    this.#world.counted('F25');
    this.#lose(zone.map(({ id }) => id));
  }

  /** `inPlaceOf`: it has the name and the color of one that is gone. */
  #join(inPlaceOf?: InstanceId): void {
    const index = this.#world.hosts.size + 1;
    this.#world.counted('F23');
    const two = this.#world.shape.layout === 'instances';
    const before = inPlaceOf === undefined ? undefined : this.#world.hosts.get(inPlaceOf);
    const color = before === undefined ? (two ? this.#dice.pick(['blue', 'green']) : undefined) : before.color;
    const name = before === undefined ? {} : { name: before.name };
    this.#world.addHost({ id: instanceId(index), zone: zoneOf(index), color, joined: true, ...name });
  }

  #removeLease(): void {
    const names = [...this.#world.store.values.keys()].filter((name) => name.includes('/lease/'));
    const [last] = names.sort((a, b) => Number(b.split('/').at(-1)) - Number(a.split('/').at(-1)));
    if (last === undefined) return;
    this.#world.counted('F30');
    this.#told.removed(last);
    this.#world.store.remove([last]);
  }
}
