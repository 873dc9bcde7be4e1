import type { Instant, Ms } from '../domain/ids.js';
import type { ProbeSamples } from '../domain/observation.js';
import type { ProbeSettings } from '../domain/settings.js';
import type { Clock, HttpPort, HttpSample, ProbeSample } from '../engine/ports.js';

/** What was counted since the present bake began. */
export interface BakeSamples {
  readonly key: string;
  readonly since: Instant;
  readonly probes: readonly ProbeSamples[];
}

export interface Sampler {
  /**
   * Tells which bake is on. The same key goes on counting; another key starts anew; undefined stops.
   */
  follow(bake: string | undefined, probes: readonly ProbeSettings[]): void;
  /** undefined when no bake is on. */
  current(): BakeSamples | undefined;
  /** Ends all probes; resolves when none is under way. The sampler can be used again. */
  stop(): Promise<void>;
}

/** Latencies kept per probe for the percentile; the oldest give way. */
const LATENCIES = 10_000;

interface Tally {
  readonly probe: ProbeSettings;
  good: number;
  bad: number;
  readonly latencies: number[];
  lastFailure?: string;
}

interface Bake {
  readonly key: string;
  readonly since: Instant;
  readonly tallies: readonly Tally[];
  readonly ended: AbortController;
}

/**
 * Runs the probes of a bake, each at its interval, the first sample at once, and counts. It judges single answers against the probe's expectation, never the release.
 * An answer that comes after its bake has ended is not counted.
 */
export function createSampler(deps: {
  readonly http: HttpPort;
  readonly clock: Clock;
  /** Told of every sample that is counted. */
  readonly sampled?: (sample: ProbeSample) => void;
}): Sampler {
  const { http, clock } = deps;
  const loops = new Set<Promise<void>>();
  let bake: Bake | undefined;

  async function run(tally: Tally, ended: AbortSignal): Promise<void> {
    const { probe } = tally;
    const interval = Math.max(1, probe.interval);
    let due = clock.monotonic();
    while (!ended.aborted) {
      const sample = await http.probe(probe.url, { timeout: probe.timeout }, ended);
      if (ended.aborted) return;
      const why = count(tally, sample);
      deps.sampled?.({ probe: probe.name, latency: sample.latency, ...(why === undefined ? {} : { why }) });
      // A slow answer skips beats rather than being followed by a burst.
      const late = Math.max(0, clock.monotonic() - due);
      due += interval * (Math.floor(late / interval) + 1);
      await clock.sleep(Math.max(0, due - clock.monotonic()), ended);
    }
  }

  function start(key: string, probes: readonly ProbeSettings[]): void {
    const ended = new AbortController();
    const tallies = probes.map((probe): Tally => ({ probe, good: 0, bad: 0, latencies: [] }));
    bake = { key, since: clock.now(), tallies, ended };
    for (const tally of tallies) {
      const loop: Promise<void> = run(tally, ended.signal)
        .catch((error: unknown) => {
          // A sleep that was cut short. Anything else is a port that broke its promise: the probe counts as failed and goes quiet.
          if (!ended.signal.aborted) fail(tally, `the probe could not run: ${String(error)}`);
        })
        .finally(() => loops.delete(loop));
      loops.add(loop);
    }
  }

  return {
    follow(key, probes) {
      if (bake?.key === key) return;
      bake?.ended.abort();
      bake = undefined;
      if (key !== undefined) start(key, probes);
    },
    current() {
      return bake === undefined ? undefined : { key: bake.key, since: bake.since, probes: bake.tallies.map(samplesOf) };
    },
    async stop() {
      bake?.ended.abort();
      bake = undefined;
      await Promise.all(loops);
    },
  };
}

/** @returns what was wrong with it */
function count(tally: Tally, sample: HttpSample): string | undefined {
  const why = complaint(tally.probe, sample);
  if (why !== undefined) {
    fail(tally, why);
    return why;
  }
  tally.good += 1;
  tally.latencies.push(sample.latency);
  if (tally.latencies.length > LATENCIES) tally.latencies.shift();
  return undefined;
}

function fail(tally: Tally, why: string): void {
  tally.bad += 1;
  tally.lastFailure = why;
}

/** What is wrong with an answer, in words; undefined when it is as expected. */
function complaint(probe: ProbeSettings, sample: HttpSample): string | undefined {
  const asked = `GET ${withoutSecrets(probe.url)}`;
  if (sample.error !== undefined || sample.status === undefined) return `${asked}: ${sample.error ?? 'no answer'}`;
  const { status } = sample;
  if (!probe.status.some(([low, high]) => status >= low && status <= high)) {
    const wanted = probe.status.map(([low, high]) => (low === high ? String(low) : `${low}-${high}`)).join(', ');
    return `${asked} answered ${status}, wanted ${wanted}`;
  }
  if (probe.contains !== undefined && sample.body?.includes(probe.contains) !== true) {
    return `${asked} answered ${status} without ${JSON.stringify(probe.contains)} in its first 64 KB`;
  }
  return undefined;
}

/** User, password and query may hold a key. */
function withoutSecrets(url: string): string {
  if (!URL.canParse(url)) return '(not a URL)';
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}

function samplesOf(tally: Tally): ProbeSamples {
  const p95 = percentile95(tally.latencies);
  return {
    probe: tally.probe.name,
    good: tally.good,
    bad: tally.bad,
    ...(p95 === undefined ? {} : { p95 }),
    ...(tally.lastFailure === undefined ? {} : { lastFailure: tally.lastFailure }),
  };
}

/** By nearest rank. */
function percentile95(latencies: readonly Ms[]): Ms | undefined {
  const sorted = [...latencies].sort((a, b) => a - b);
  return sorted[Math.ceil(sorted.length * 0.95) - 1];
}
