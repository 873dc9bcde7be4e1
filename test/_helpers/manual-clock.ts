import type { Instant, Ms } from '../../src/domain/ids.js';
import type { Clock, Random } from '../../src/engine/ports.js';

interface Sleeper {
  readonly due: Ms;
  readonly order: number;
  readonly wake: () => void;
}

/** Lets everything that is ready run: all microtasks, and what they make ready. */
export function flush(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/**
 * A clock that stands still until a test moves it. Sleepers wake in the order of their due times, and everything that a sleeper sets off runs
 * before the next one wakes. The wall clock and the monotonic clock move together, except for `jump` (someone sets the wall clock; or the
 * machine slept, which the monotonic clock of Linux does not count).
 */
export class ManualClock implements Clock {
  #elapsed: Ms = 0;
  #wall: Instant;
  #order = 0;
  readonly #sleepers = new Set<Sleeper>();

  constructor(start: Instant = Date.UTC(2026, 10, 24, 12, 0, 0)) {
    this.#wall = start;
  }

  now(): Instant {
    return this.#wall;
  }

  monotonic(): Ms {
    return this.#elapsed;
  }

  /** How many sleeps are under way. */
  get sleeping(): number {
    return this.#sleepers.size;
  }

  /** Time until the next sleeper wakes; undefined: nobody sleeps. */
  get untilNext(): Ms | undefined {
    const next = this.#next();
    return next === undefined ? undefined : Math.max(0, next.due - this.#elapsed);
  }

  sleep(duration: Ms, signal?: AbortSignal): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(asError(signal.reason));
        return;
      }
      const sleeper: Sleeper = {
        due: this.#elapsed + Math.max(0, duration),
        order: this.#order++,
        wake: () => {
          this.#sleepers.delete(sleeper);
          signal?.removeEventListener('abort', onAbort);
          resolve();
        },
      };
      const onAbort = (): void => {
        this.#sleepers.delete(sleeper);
        reject(asError(signal?.reason));
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#sleepers.add(sleeper);
      // A sleep of no time is over in the next turn, moved or not.
      if (duration <= 0) setImmediate(sleeper.wake);
    });
  }

  /** Moves both clocks by `duration`, waking sleepers on the way, each at its own time. */
  async advance(duration: Ms): Promise<void> {
    const end = this.#elapsed + duration;
    await flush();
    for (let next = this.#next(); next !== undefined && next.due <= end; next = this.#next()) {
      this.#moveTo(next.due);
      next.wake();
      await flush();
    }
    this.#moveTo(Math.max(end, this.#elapsed));
    await flush();
  }

  /** Moves from sleeper to sleeper until nobody sleeps. Throws when that takes longer than `limit` (a background loop never ends). */
  async runUntilIdle(limit: Ms = 24 * 3600_000): Promise<void> {
    const end = this.#elapsed + limit;
    await flush();
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      if (next.due > end) throw new Error(`someone still sleeps after ${limit} ms of virtual time`);
      await this.advance(next.due - this.#elapsed);
    }
  }

  /** Moves from sleeper to sleeper until `work` settles, and gives its result. Throws when it takes longer than `limit`. */
  async run<T>(work: Promise<T>, limit: Ms = 24 * 3600_000): Promise<T> {
    const end = this.#elapsed + limit;
    let settled = false;
    const done = (): void => {
      settled = true;
    };
    work.then(done, done);
    // Real I/O (a local server, say) may be what the work waits for: turns without a sleeper are tolerated for a while.
    let idle = 0;
    await flush();
    while (!settled) {
      const next = this.#next();
      if (next === undefined) {
        idle += 1;
        if (idle > 1000) throw new Error('the work waits for something, but nobody sleeps');
        await flush();
        continue;
      }
      idle = 0;
      if (next.due > end) throw new Error(`the work still runs after ${limit} ms of virtual time`);
      await this.advance(next.due - this.#elapsed);
    }
    return work;
  }

  /** Moves the wall clock only, forward or back. */
  jump(duration: Ms): void {
    this.#wall += duration;
  }

  #next(): Sleeper | undefined {
    let first: Sleeper | undefined;
    for (const sleeper of this.#sleepers) {
      if (
        first === undefined ||
        sleeper.due < first.due ||
        (sleeper.due === first.due && sleeper.order < first.order)
      ) {
        first = sleeper;
      }
    }
    return first;
  }

  #moveTo(elapsed: Ms): void {
    this.#wall += elapsed - this.#elapsed;
    this.#elapsed = elapsed;
  }
}

/** Random that repeats itself: the same seed gives the same words (mulberry32). */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  };
  return {
    hex: (length) => {
      let text = '';
      while (text.length < length) text += next().toString(16).padStart(8, '0');
      return text.slice(0, length);
    },
  };
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(`aborted: ${String(reason)}`);
}
