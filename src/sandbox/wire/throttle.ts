/** A token bucket: `capacity` calls at once, refilled by `perSecond` (real seconds). */
export interface ThrottleSettings {
  readonly capacity: number;
  readonly perSecond: number;
}

/** Returns a function that takes one token and says whether there was one. */
export function createThrottle(settings: ThrottleSettings, now: () => number = Date.now): () => boolean {
  let tokens = settings.capacity;
  let last = now();
  return () => {
    const at = now();
    tokens = Math.min(settings.capacity, tokens + ((at - last) / 1000) * settings.perSecond);
    last = at;
    if (tokens < 1) {
      return false;
    }
    tokens -= 1;
    return true;
  };
}
