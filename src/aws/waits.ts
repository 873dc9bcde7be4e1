import type { Ms } from '../domain/ids.js';
import type { Clock } from '../engine/ports.js';

/** An operation that has not answered as it should for so long is told of, and again when it has taken twice as long, and so on. */
const tellAfter: Ms = 5_000;
/** Calls of one operation that fail, with less than this between them, are one row: somebody tries again. */
const rowGap: Ms = 4_000;

/** An operation that does not answer as it should. */
export interface CallWait {
  /** `ssm:GetParametersByPath`. */
  readonly operation: string;
  readonly seconds: number;
  /** Whether a call is under way. */
  readonly isOpen: boolean;
  /** What the last attempt came to, when that was a failure. */
  readonly last?: string;
}

/** One call, from the moment it is asked for. */
interface OpenCall {
  /** An attempt failed; the call may go on. */
  failed(why: string): void;
  /** `answered`: the service works. `given-up`: nobody wants to know any more. */
  ends(how: 'answered' | 'failed' | 'given-up'): void;
}

interface Row {
  /** When the oldest of its calls began: of those that failed one after the other, and of those that are open. */
  since: Ms;
  /** Calls that are under way, by when they began. */
  readonly open: Map<symbol, Ms>;
  lastEnd: Ms;
  tellAt: Ms;
  last: string | undefined;
}

export interface CallWaits {
  begin(operation: string): OpenCall;
  /** Tells nothing more, and keeps no process alive. */
  close(): void;
}

/** Watches calls, and tells of an operation that does not answer: nobody should look at a silent terminal for longer. */
export function createCallWaits(clock: Clock, tell: (wait: CallWait) => void): CallWaits {
  const rows = new Map<string, Row>();
  let watching: AbortController | undefined;

  const forget = (): void => {
    const now = clock.monotonic();
    for (const [operation, { open, lastEnd }] of rows) {
      if (open.size === 0 && now - lastEnd >= rowGap) rows.delete(operation);
    }
    if (rows.size > 0) return;
    watching?.abort();
    watching = undefined;
  };

  const tellDue = (): void => {
    for (const [operation, row] of rows) {
      const waited = clock.monotonic() - row.since;
      if (waited < row.tellAt) continue;
      while (row.tellAt <= waited) row.tellAt *= 2;
      const last = row.last === undefined ? {} : { last: row.last };
      tell({ operation, seconds: Math.round(waited / 1000), isOpen: row.open.size > 0, ...last });
    }
  };

  /** Runs only while there is something to watch. */
  const watch = async (signal: AbortSignal): Promise<void> => {
    for (;;) {
      const now = clock.monotonic();
      const due = [...rows.values()].flatMap(({ since, tellAt, open, lastEnd }) => [
        since + tellAt - now,
        ...(open.size === 0 ? [lastEnd + rowGap - now] : []),
      ]);
      // No longer than the first time to tell: a call that begins meanwhile has its own.
      await clock.sleep(Math.max(1, Math.min(tellAfter, ...due)), signal);
      forget();
      tellDue();
      if (signal.aborted) return;
    }
  };

  const watchOn = (): void => {
    if (watching !== undefined) return;
    const own = new AbortController();
    watching = own;
    watch(own.signal).catch((error: unknown) => {
      if (!own.signal.aborted) throw error;
    });
  };

  return {
    begin(operation) {
      const now = clock.monotonic();
      forget();
      const row = rows.get(operation) ?? {
        since: now,
        open: new Map<symbol, Ms>(),
        lastEnd: now,
        tellAt: tellAfter,
        last: undefined,
      };
      rows.set(operation, row);
      const call = Symbol(operation);
      row.open.set(call, now);
      watchOn();
      return {
        failed(why) {
          row.last = why;
        },
        ends(how) {
          row.open.delete(call);
          row.lastEnd = clock.monotonic();
          if (how === 'answered') {
            row.last = undefined;
            row.since = Math.min(row.lastEnd, ...row.open.values());
            row.tellAt = tellAfter;
          }
          if (how !== 'failed' && row.open.size === 0) rows.delete(operation);
          forget();
        },
      };
    },
    close() {
      rows.clear();
      forget();
    },
  };
}
