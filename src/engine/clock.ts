import { randomBytes } from 'node:crypto';
import type { Clock, Random } from './ports.js';

/** setTimeout counts in 32 bits: a longer sleep is slept in pieces. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** The machine's clocks. `sleep` rejects with the signal's reason, and keeps the process alive until then. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: async (duration, signal) => {
    const end = performance.now() + duration;
    for (let left = duration; ; left = end - performance.now()) {
      await timer(Math.min(Math.max(0, left), LONGEST_TIMER), signal);
      if (left <= LONGEST_TIMER) return;
    }
  },
};

/**
 * A clock whose wall time starts right and then goes on evenly, whoever sets the machine's clock meanwhile: what a loop measures by it (settle,
 * drain, bake, deadlines) takes as long as it should. Time in which the machine slept does not count.
 */
export function steadyClock(clock: Clock): Clock {
  const wall = clock.now();
  const begun = clock.monotonic();
  return {
    now: () => wall + (clock.monotonic() - begun),
    monotonic: () => clock.monotonic(),
    sleep: (duration, signal) => clock.sleep(duration, signal),
  };
}

/** Randomness of the operating system. */
export const systemRandom: Random = {
  hex: (length) =>
    randomBytes(Math.ceil(length / 2))
      .toString('hex')
      .slice(0, length),
};

function timer(duration: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(handle);
      const reason: unknown = signal?.reason;
      reject(reason instanceof Error ? reason : new Error(String(reason)));
    };
    const handle = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, duration);
    if (signal?.aborted === true) stop();
    else signal?.addEventListener('abort', stop, { once: true });
  });
}
