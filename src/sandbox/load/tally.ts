import { Histogram } from './histogram.js';

const KEPT_FAILURES = 20;

/** One request's end. `status` is absent when the connection broke before an answer was whole. */
export interface Outcome {
  readonly at: Date;
  readonly path: string;
  readonly status?: number;
  /** Header x-shop-version of the answer. */
  readonly version?: string;
  readonly error?: string;
  /** From the instant at which the request was due, in milliseconds. */
  readonly latencyMs: number;
}

export interface LoadFailure {
  /** ISO 8601 */
  readonly time: string;
  readonly path: string;
  readonly status?: number;
  readonly version?: string;
  readonly error?: string;
}

/** What a load saw so far. A failure is an answer outside of 200-399 or a broken connection. */
export interface LoadSummary {
  readonly requests: number;
  readonly failures: number;
  /** Connections that broke, or timed out, before an answer was whole; part of `failures`. */
  readonly broken: number;
  readonly byStatus: Readonly<Record<string, number>>;
  readonly byVersion: Readonly<Record<string, number>>;
  readonly latencyMs: { readonly p50: number; readonly p90: number; readonly p99: number; readonly max: number };
  readonly durationMs: number;
  /** Requests per second that were started. */
  readonly rate: number;
  /** The first 20. */
  readonly firstFailures: readonly LoadFailure[];
}

/** Counts outcomes. */
export class Tally {
  readonly #latency = new Histogram();
  readonly #byStatus = new Map<string, number>();
  readonly #byVersion = new Map<string, number>();
  readonly #failures: LoadFailure[] = [];
  #requests = 0;
  #failed = 0;
  #broken = 0;

  add(outcome: Outcome): void {
    const { status, version, error } = outcome;
    this.#requests += 1;
    this.#latency.add(outcome.latencyMs);
    const whole = status !== undefined && error === undefined;
    count(this.#byStatus, whole ? String(status) : 'broken');
    if (version !== undefined) {
      count(this.#byVersion, version);
    }
    if (!whole) {
      this.#broken += 1;
    } else if (status >= 200 && status < 400) {
      return;
    }
    this.#failed += 1;
    if (this.#failures.length < KEPT_FAILURES) {
      this.#failures.push({
        time: outcome.at.toISOString(),
        path: outcome.path,
        ...(status === undefined ? {} : { status }),
        ...(version === undefined ? {} : { version }),
        ...(error === undefined ? {} : { error }),
      });
    }
  }

  summary(durationMs: number): LoadSummary {
    return {
      requests: this.#requests,
      failures: this.#failed,
      broken: this.#broken,
      byStatus: Object.fromEntries([...this.#byStatus].sort()),
      byVersion: Object.fromEntries([...this.#byVersion].sort()),
      latencyMs: {
        p50: this.#latency.percentile(50),
        p90: this.#latency.percentile(90),
        p99: this.#latency.percentile(99),
        max: this.#latency.max,
      },
      durationMs: Math.round(durationMs),
      rate: durationMs > 0 ? Math.round((this.#requests * 10_000) / durationMs) / 10 : 0,
      firstFailures: [...this.#failures],
    };
  }
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
