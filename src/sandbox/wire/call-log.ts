import type { ServiceName } from './protocols.js';

/** One AWS call that the sandbox got. `outcome` is `ok`, the error's code, or what a fault did to it. */
export interface LoggedCall {
  readonly time: string;
  readonly service: ServiceName;
  readonly operation: string;
  readonly requestId: string;
  readonly outcome: string;
  readonly durationMs: number;
}

export interface CallLog {
  add(call: LoggedCall): void;
  /** Calls per operation since the start, and the last ones, oldest first. */
  report(): { counts: Record<string, number>; recent: readonly LoggedCall[] };
}

/** Keeps the last `capacity` calls and counts them all. */
export function createCallLog(capacity = 1000): CallLog {
  const recent: LoggedCall[] = [];
  const counts = new Map<string, number>();
  return {
    add(call) {
      counts.set(call.operation, (counts.get(call.operation) ?? 0) + 1);
      recent.push(call);
      if (recent.length > capacity) {
        recent.shift();
      }
    },
    report: () => ({ counts: Object.fromEntries([...counts].sort()), recent: [...recent] }),
  };
}
