import type { SandboxTime } from './types.js';

/**
 * The sandbox's one knob: AWS durations divided by `scale`.
 * @param scale 1 is AWS's own speed, 10 ten times faster; must be a positive finite number
 */
export function createTime(scale: number): SandboxTime {
  if (!Number.isFinite(scale) || scale <= 0) {
    throw new RangeError(`time scale is ${scale}; it must be a number above 0 (1 is AWS's own speed)`);
  }
  const real = (awsMs: number): number => awsMs / scale;
  return {
    scale,
    real,
    sleep: (awsMs, signal) => sleepReal(real(awsMs), signal),
  };
}

/** Resolves after `ms` real milliseconds; rejects with the signal's reason when it aborts first. */
export function sleepReal(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(asError(signal.reason));
      return;
    }
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(asError(signal?.reason));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}
