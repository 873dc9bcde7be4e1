import { sleepReal } from '../time.js';
import { Connections } from './connections.js';
import type { LoadSummary, Outcome } from './tally.js';
import { Tally } from './tally.js';

export { loadLine, loadTable } from './report.js';
export type { LoadSummary } from './tally.js';

/** Generous, so that only a server that is really stuck counts as broken. */
const TIMEOUT_MS = 30_000;

export interface LoadOptions {
  /** Origin of the load balancer, http://HOST:PORT */
  readonly url: string;
  /** Requests per second. */
  readonly rate: number;
  /** Keep-alive connections. */
  readonly connections: number;
  /** Paths, asked in turn. */
  readonly paths: readonly string[];
  /** Absent: until `signal` aborts. */
  readonly durationMs?: number;
  readonly signal: AbortSignal;
  /** Called about once a second with everything so far. */
  readonly onSecond?: (summary: LoadSummary) => void;
}

/**
 * Sends requests at a fixed rate whatever the answers do (open loop): a slow server does not slow the arrivals down, and
 * latency counts from the instant at which a request was due, so waiting for a connection is part of it. Nothing is
 * retried. At the end no new request is sent and those under way are waited for, so that none is cut off by us.
 */
export async function runLoad(options: LoadOptions): Promise<LoadSummary> {
  const { rate, paths, signal } = options;
  if (paths.length === 0 || !(rate > 0) || !(options.connections >= 1)) {
    throw new RangeError(
      `a load needs a rate above 0, a connection and a path; got ${rate}/s, ${options.connections}, ${paths.length} paths`,
    );
  }
  const connections = new Connections(new URL(options.url).origin, options.connections, TIMEOUT_MS);
  const tally = new Tally();
  const underWay = new Set<Promise<void>>();
  const start = performance.now();
  const end = start + (options.durationMs ?? Number.POSITIVE_INFINITY);
  const report = setInterval(() => options.onSecond?.(tally.summary(performance.now() - start)), 1000);

  let next = 0;
  const due = (index: number): number => start + (index * 1000) / rate;
  try {
    while (!signal.aborted && due(next) < end) {
      const wait = due(next) - performance.now();
      if (wait > 0) {
        await pause(wait, signal);
        continue;
      }
      const path = paths[next % paths.length] ?? '/';
      const request: Promise<void> = ask(connections, path, due(next))
        .then((outcome) => tally.add(outcome))
        .finally(() => underWay.delete(request));
      underWay.add(request);
      next += 1;
    }
    const sentFor = (signal.aborted ? Math.min(performance.now(), end) : end) - start;
    await Promise.all(underWay);
    return tally.summary(sentFor);
  } finally {
    clearInterval(report);
    await connections.close();
  }
}

async function ask(connections: Connections, path: string, dueAt: number): Promise<Outcome> {
  const at = new Date();
  const seen: { status?: number; version?: string } = {};
  const outcome = (error?: string): Outcome => ({
    at,
    path,
    ...seen,
    ...(error === undefined ? {} : { error }),
    latencyMs: performance.now() - dueAt,
  });
  try {
    return await connections.with(async (client) => {
      const answer = await client.request({ path, method: 'GET' });
      seen.status = answer.statusCode;
      const version = answer.headers['x-shop-version'];
      if (typeof version === 'string') {
        seen.version = version;
      }
      // The body's end is part of the answer: a connection cut half-way is a broken one.
      await answer.body.arrayBuffer();
      return outcome();
    });
  } catch (error) {
    return outcome(error instanceof Error ? error.message || error.name : String(error));
  }
}

/** Waits `ms`, or shorter when the signal aborts. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await sleepReal(ms, signal);
  } catch (error) {
    if (!signal.aborted) {
      throw error;
    }
  }
}
