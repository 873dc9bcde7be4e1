import type { Instant, Ms } from '../../src/domain/ids.js';
import type { Clock } from '../../src/engine/ports.js';

export const START: Instant = Date.UTC(2026, 10, 24, 12, 0, 0);

/** Something that is due. Cancelled ones stay in the queue and do nothing. */
export interface Due {
  readonly at: Ms;
  readonly order: number;
  run: (() => void) | undefined;
}

/**
 * Virtual time: a queue of things that are due. Everything that one of them sets off (all microtasks) runs before the next is taken, so a run
 * depends on nothing but the order of the queue. No timer of the machine is involved.
 */
export class Timeline {
  now: Ms = 0;
  #order = 0;
  readonly #heap: Due[] = [];

  after(delay: Ms, run: () => void): Due {
    const due: Due = { at: this.now + Math.max(0, delay), order: (this.#order += 1), run };
    this.#push(due);
    return due;
  }

  /** Takes what is due, one after the other, until `done`. @throws when nothing is left to wait for, or after `limit` of virtual time */
  async drive(done: () => boolean, limit: Ms): Promise<void> {
    const end = this.now + limit;
    await microtasks();
    while (!done()) {
      const due = this.#pop();
      if (due === undefined) throw new Stuck('everybody waits, and nothing is due');
      if (due.run === undefined) continue;
      if (due.at > end) throw new Stuck(`still not over after ${String(Math.round(limit / 1000))} s of virtual time`);
      this.now = due.at;
      due.run();
      await microtasks();
    }
  }

  #push(due: Due): void {
    const heap = this.#heap;
    let index = heap.length;
    heap.push(due);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || !sooner(due, above)) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = due;
  }

  #pop(): Due | undefined {
    const heap = this.#heap;
    const [first] = heap;
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      const [left, right] = [heap[child], heap[child + 1]];
      if (left === undefined) break;
      let least = left;
      if (right !== undefined && sooner(right, left)) [least, child] = [right, child + 1];
      if (!sooner(least, last)) break;
      heap[index] = least;
      index = child;
    }
    heap[index] = last;
    return first;
  }
}

/** A run that does not end within its time: the promise that every wait ends is broken. */
export class Stuck extends Error {}

const sooner = (a: Due, b: Due): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

/** Resolves when no microtask is left: node runs the tick queue only then. */
function microtasks(): Promise<void> {
  return new Promise((resolve) => {
    process.nextTick(resolve);
  });
}

/** The clocks of one machine: its wall clock may be wrong, and may be set. */
export interface MachineTime {
  skew: Ms;
}

/** A process's clock. A dead process never wakes. */
export function clockOf(timeline: Timeline, machine: MachineTime, alive: () => boolean): Clock {
  const born = timeline.now;
  return {
    now: () => START + timeline.now + machine.skew,
    monotonic: () => timeline.now - born,
    sleep: (duration, signal) =>
      new Promise<void>((resolve, reject) => {
        if (!alive()) return;
        if (signal?.aborted === true) {
          reject(asError(signal.reason));
          return;
        }
        const due = timeline.after(duration, () => {
          signal?.removeEventListener('abort', stop);
          if (alive()) resolve();
        });
        const stop = (): void => {
          due.run = undefined;
          if (alive()) reject(asError(signal?.reason));
        };
        signal?.addEventListener('abort', stop, { once: true });
      }),
  };
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(`aborted: ${String(reason)}`);
}
