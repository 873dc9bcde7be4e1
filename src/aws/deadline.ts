import { TimeLimit } from '../domain/errors.js';
import type { Ms } from '../domain/ids.js';
import type { Clock } from '../engine/ports.js';

/**
 * Runs `run` with a signal that aborts when `signal` does, or after `limit` with a TimeLimit as reason. Rejects with that reason at once, whether or
 * not `run` heeds its signal: the SDK does not while it looks for credentials.
 */
export async function within<T>(
  clock: Pick<Clock, 'sleep'>,
  limit: Ms,
  signal: AbortSignal | undefined,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const own = new AbortController();
  const over = new AbortController();
  const stopped = new Promise<never>((_, reject) => {
    own.signal.addEventListener('abort', () => {
      reject(asError(own.signal.reason));
    });
  });
  const passOn = (): void => {
    own.abort(signal?.reason);
  };
  void clock.sleep(limit, over.signal).then(
    () => {
      own.abort(new TimeLimit(limit));
    },
    () => undefined, // the call ended first
  );
  // Added and removed by hand: AbortSignal.any would keep one signal alive per call for as long as the rollout's own lives.
  signal?.addEventListener('abort', passOn, { once: true });
  try {
    if (signal?.aborted === true) {
      passOn();
    }
    return await Promise.race([stopped, own.signal.aborted ? stopped : run(own.signal)]);
  } finally {
    over.abort();
    signal?.removeEventListener('abort', passOn);
  }
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(`aborted: ${String(reason)}`);
}
