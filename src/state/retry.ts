import { PortError, TimeLimit } from '../domain/errors.js';
import type { Ms } from '../domain/ids.js';
import type { Clock, Random } from '../engine/ports.js';

/** A change under the lease is given this long at most: the lease must outlast it. */
export const CALL_TIMEOUT: Ms = 5000;
/** Anything else: a list of many parameters takes a call for each ten, and waits its turn when AWS throttles. */
const LONGEST_CALL: Ms = 20_000;
/** With less time than this left another attempt would prove nothing. */
const SHORTEST_CALL: Ms = 1000;
const ATTEMPTS = 6;
/** All attempts together: a command before its first change ends with what the store has answered, and a rollout asks again by itself. */
export const PATIENCE: Ms = 30_000;
const FIRST_PAUSE: Ms = 200;
const LONGEST_PAUSE: Ms = 3000;

/**
 * Whether another attempt may do better. `TooManyUpdates` comes as `conflict` and is in no SDK's retry list. After a lost answer
 * (`timeout`, `network`, `server`) the caller's change may be there already: what is retried here must be the same when done twice.
 */
export function isTransient(error: unknown): boolean {
  if (!(error instanceof PortError)) return false;
  switch (error.kind) {
    case 'throttled':
    case 'conflict':
    case 'timeout':
    case 'network':
    case 'server':
    case 'aborted':
      return true;
    case 'access-denied':
    case 'expired-credentials':
    case 'not-found':
    case 'already-exists':
    case 'invalid':
      return false;
  }
}

/**
 * Calls until it succeeds, fails for good, or has been tried six times (about 5 s of pauses) or as often as `attempts` says, for half a minute at
 * most. `before` runs before each attempt, to refuse what was still right at the last one. Rejects with the last error; with the signal's reason
 * once that is aborted.
 */
export async function retry<T>(
  deps: { readonly clock: Clock; readonly random: Random },
  call: (signal: AbortSignal) => Promise<T>,
  options: {
    readonly signal?: AbortSignal | undefined;
    readonly before?: () => void;
    readonly timeout?: Ms;
    readonly attempts?: number;
  } = {},
): Promise<T> {
  const end = deps.clock.monotonic() + PATIENCE;
  let left = PATIENCE;
  let told: PortError | undefined;
  for (let attempt = 1; ; attempt += 1) {
    options.signal?.throwIfAborted();
    options.before?.();
    try {
      return await withTimeout(deps.clock, Math.min(options.timeout ?? LONGEST_CALL, left), call, options.signal);
    } catch (error) {
      options.signal?.throwIfAborted();
      if (!isTransient(error) || attempt >= (options.attempts ?? ATTEMPTS)) throw withCause(error, told);
      if (error instanceof PortError && !isSilence(error)) told = error;
      const rest = pause(attempt, deps.random);
      left = end - deps.clock.monotonic() - rest;
      if (left < SHORTEST_CALL) throw withCause(error, told);
      await deps.clock.sleep(rest, options.signal);
    }
  }
}

/** Nobody answered: what was said the last time that somebody did says more. */
const isSilence = ({ kind }: PortError): boolean => kind === 'timeout' || kind === 'aborted';

function withCause(error: unknown, told: PortError | undefined): unknown {
  if (!(error instanceof PortError) || !isSilence(error) || told === undefined) return error;
  const { kind, operation, serviceCode, requestId, endpoint } = told;
  const message = `${told.message} (and then: ${error.message.replace(`${error.operation}: `, '')})`;
  return new PortError({ kind, operation, message, serviceCode, requestId, endpoint, cause: error });
}

/** Aborts the call's own signal after `timeout`, or with the outer signal. The call ends with what it makes of that. */
export async function withTimeout<T>(
  clock: Clock,
  timeout: Ms,
  call: (signal: AbortSignal) => Promise<T>,
  outer?: AbortSignal,
): Promise<T> {
  const late = new AbortController();
  const over = new AbortController();
  const watch = clock.sleep(timeout, over.signal).then(
    () => {
      late.abort(new TimeLimit(timeout));
    },
    () => undefined, // the call ended first
  );
  try {
    return await call(outer === undefined ? late.signal : AbortSignal.any([outer, late.signal]));
  } finally {
    over.abort();
    await watch;
  }
}

function pause(attempt: number, random: Random): Ms {
  const full = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (attempt - 1));
  return Math.round(full * (0.5 + parseInt(random.hex(4), 16) / 0xffff / 2));
}
