import { PortError } from '../../src/domain/errors.js';
import type { PortErrorKind } from '../../src/domain/errors.js';
import type { View } from '../../src/domain/event.js';
import type { Ms } from '../../src/domain/ids.js';
import type { Actor } from '../../src/domain/record.js';
import type { Clock } from '../../src/engine/ports.js';
import { Dice } from './dice.js';
import type { MachineTime } from './timeline.js';
import { clockOf } from './timeline.js';
import type { Delivery } from './world/commands.js';
import type { World } from './world/world.js';

/** Where a process dies: at its n-th external call, before it is sent, after it took effect and before its answer, or after its answer. */
export interface Kill {
  readonly call: number;
  readonly phase: KillPhase;
}
export type KillPhase = 'before' | 'lost' | 'after';
export const killPhases: readonly KillPhase[] = ['before', 'lost', 'after'];

/** What goes wrong with one call. `refused`: nothing happened. `lost`: it happened, and the answer says otherwise. */
export type Fault =
  | { readonly is: 'refused' | 'lost'; readonly kind: PortErrorKind }
  | { readonly is: 'slow'; readonly by: Ms }
  /** A read shows the world as it was so long ago. */
  | { readonly is: 'stale'; readonly by: Ms };

export interface Call {
  readonly number: number;
  readonly name: string;
  readonly use: 'read' | 'change';
  /** Version of the world when it was sent. */
  readonly version: number;
  /** Where the process runs. */
  readonly machine: string;
}

/** Decides what goes wrong; asked once a call. */
export interface Weather {
  fault(call: Call): Fault | undefined;
  delivery(): Delivery;
  /** For how long from now all processes of a machine stand still: what they wait for comes, and they see it late. */
  standstill(machine: string): Ms;
}

const calm: Weather = { fault: () => undefined, delivery: () => 'normal', standstill: () => 0 };

/** The longest that one changing call takes, and what an operation is told of it (`Toolbox.changeLimit`). */
export const changeLimit: Ms = 10_000;

const latency = { request: 20, answer: 15 } as const;

export interface ProcessOptions {
  readonly world: World;
  readonly name: string;
  /** Of the machine that it runs on: two processes with the same are on one machine. */
  readonly machine: string;
  readonly time?: MachineTime;
  readonly kill?: Kill | undefined;
  readonly weather?: Weather | undefined;
  /** Told of every point at which it could die, when it is there. */
  readonly onPoint?: ((point: Kill) => void) | undefined;
}

/** One run of the CLI: what is around the production code. It can die between any two things that it does outside of itself. */
export class Process {
  readonly world: World;
  readonly name: string;
  readonly actor: Actor;
  readonly clock: Clock;
  readonly stop = new AbortController();
  readonly calls: Call[] = [];
  lastView: View | undefined;
  readonly weather: Weather;
  readonly random: Dice;
  dead = false;
  onDeath: (() => void) | undefined;
  readonly #kill: Kill | undefined;
  readonly #onPoint: ((point: Kill) => void) | undefined;
  /** Calls whose answers came, after which nothing was done yet. */
  readonly #answered: number[] = [];
  #dying = false;

  constructor({ world, name, machine, time = { skew: 0 }, kill, weather = calm, onPoint }: ProcessOptions) {
    this.world = world;
    this.name = name;
    this.#kill = kill;
    this.#onPoint = onPoint;
    this.weather = weather;
    this.random = new Dice(world.dice.between(0, 0xffffffff));
    this.actor = { name, host: machine, bootId: 'boot', pid: Number(world.id('')), processStart: '1' };
    const clock = clockOf(world.timeline, time, () => !this.dead);
    this.clock = {
      ...clock,
      sleep: (duration, signal) => {
        if (this.#dying) this.die();
        this.#next();
        return clock.sleep(duration, signal).then(() => (this.#still() > 0 ? this.#thaw() : undefined));
      },
    };
  }

  die(): void {
    if (this.dead) return;
    this.dead = true;
    this.world.note(`${this.name} dies`);
    this.onDeath?.();
  }

  /** An external call: it travels, takes effect, and its answer travels back. */
  async call<T>(name: string, use: Call['use'], effect: () => T, signal?: AbortSignal): Promise<T> {
    if (this.#dying) this.die();
    if (this.dead) return never();
    this.#next();
    const call: Call = { number: this.calls.length, name, use, version: this.world.version, machine: this.actor.host };
    this.calls.push(call);
    this.#onPoint?.({ call: call.number, phase: 'before' });
    const kill = this.#kill?.call === call.number ? this.#kill.phase : undefined;
    if (kill === 'before') return this.#end();
    if (isAborted(signal)) throw failure('aborted', name, signal?.reason);
    const fault = this.weather.fault(call);
    if (fault !== undefined) this.world.note(`${this.name} ${name}: ${fault.is}`);
    if (fault !== undefined && use === 'read' && name.startsWith('elbv2')) this.world.watcher?.blind(this.name);
    await this.#pass(fault?.is === 'slow' ? latency.request + fault.by : latency.request);
    if (isAborted(signal)) throw failure('aborted', name, signal?.reason);
    if (fault?.is === 'refused') throw failure(fault.kind, name);
    let result: T;
    try {
      result = fault?.is === 'stale' ? this.world.past(fault.by, effect) : effect();
    } catch (error) {
      this.#onPoint?.({ call: call.number, phase: 'lost' });
      this.#answered.push(call.number);
      if (kill === 'lost') return this.#end();
      this.#dying ||= kill === 'after';
      throw error;
    }
    this.#onPoint?.({ call: call.number, phase: 'lost' });
    if (kill === 'lost') return this.#end();
    if (use === 'change') await this.#pass(latency.answer);
    if (this.#still() > 0) await this.#thaw();
    this.#answered.push(call.number);
    if (fault?.is === 'lost') throw failure(fault.kind, name);
    if (kill === 'after') this.#dying = true;
    return result;
  }

  /** It goes on after its answers: with the next thing that it does outside of itself, or with a sleep. */
  #next(): void {
    if (this.#onPoint === undefined) return;
    for (const call of this.#answered.splice(0)) this.#onPoint({ call, phase: 'after' });
  }

  #still(): Ms {
    return this.weather.standstill(this.actor.host);
  }

  async #thaw(): Promise<void> {
    for (let rest = this.#still(); rest > 0; rest = this.#still()) await this.#pass(rest);
  }

  #pass(duration: Ms): Promise<void> {
    return new Promise((resolve) => {
      this.world.timeline.after(duration, () => {
        if (!this.dead) resolve();
      });
    });
  }

  #end(): Promise<never> {
    this.die();
    return never();
  }
}

/** Asked anew: it may be aborted while a call is under way. */
const isAborted = (signal: AbortSignal | undefined): boolean => signal?.aborted === true;

const never = (): Promise<never> => new Promise(() => undefined);

function failure(kind: PortErrorKind, operation: string, cause?: unknown): PortError {
  return new PortError({ kind, operation, message: `${operation}: ${kind}`, cause });
}
