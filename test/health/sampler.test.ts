import { describe, expect, it } from 'vitest';
import type { ProbeSettings } from '../../src/domain/settings.js';
import type { HttpPort, HttpSample, ProbeSample } from '../../src/engine/ports.js';
import { createSampler } from '../../src/health/sampler.js';
import type { Sampler } from '../../src/health/sampler.js';
import { ManualClock } from '../_helpers/manual-clock.js';

const probe: ProbeSettings = {
  name: 'home',
  url: 'https://user:secret@shop.example/api/?key=secret',
  status: [[200, 299]],
  interval: 5000,
  timeout: 2000,
  successRate: 0.9,
  minSamples: 5,
};

function setup(answers: (n: number, clock: ManualClock) => HttpSample | Promise<HttpSample>): {
  clock: ManualClock;
  sampler: Sampler;
  asked: number[];
  told: ProbeSample[];
} {
  const clock = new ManualClock();
  const asked: number[] = [];
  const told: ProbeSample[] = [];
  const http: HttpPort = {
    probe: async () => {
      asked.push(clock.monotonic());
      return answers(asked.length, clock);
    },
  };
  return { clock, asked, told, sampler: createSampler({ http, clock, sampled: (sample) => told.push(sample) }) };
}

const good = (latency = 10): HttpSample => ({ ok: true, status: 200, latency, body: 'welcome' });

describe('the sampler', () => {
  it('counts at each interval, the first sample at once, for the bake at hand', async () => {
    const it = setup((n) => (n % 4 === 0 ? { ok: false, status: 503, latency: 1 } : good(n)));
    expect(it.sampler.current()).toBeUndefined();
    it.sampler.follow('step 10', [probe]);
    const since = it.clock.now();
    for (let n = 0; n < 4; n += 1) {
      await it.clock.advance(5000);
      it.sampler.follow('step 10', [probe]);
    }
    expect(it.asked).toEqual([0, 5000, 10_000, 15_000, 20_000]);
    const bad = { probe: 'home', latency: 1, why: 'GET https://shop.example/api/ answered 503, wanted 200-299' };
    expect(it.told).toEqual([1, 2, 3, 4, 5].map((n) => (n === 4 ? bad : { probe: 'home', latency: n })));
    expect(it.sampler.current()).toEqual({
      key: 'step 10',
      since,
      probes: [
        {
          probe: 'home',
          good: 4,
          bad: 1,
          p95: 5,
          lastFailure: 'GET https://shop.example/api/ answered 503, wanted 200-299',
        },
      ],
    });
    await it.sampler.stop();
    expect(it.clock.sleeping).toBe(0);
    expect(it.sampler.current()).toBeUndefined();
  });

  it('starts anew with another bake, and an answer of the bake before is not counted', async () => {
    const it = setup(async (n, clock) => {
      if (n === 1) await clock.sleep(3000);
      return n === 1 ? { ok: false, latency: 3000, error: 'late' } : good();
    });
    it.sampler.follow('step 10', [probe]);
    await it.clock.advance(1000);
    it.sampler.follow('step 50', [probe]);
    await it.clock.advance(4000);
    expect(it.sampler.current()).toMatchObject({ key: 'step 50', probes: [{ good: 1, bad: 0 }] });
    it.sampler.follow(undefined, [probe]);
    expect(it.sampler.current()).toBeUndefined();
    await it.clock.advance(60_000);
    expect(it.asked).toHaveLength(2);
  });

  it('a slow answer skips beats instead of being followed by a burst', async () => {
    const it = setup(async (n, clock) => {
      if (n === 2) await clock.sleep(12_000);
      return good();
    });
    it.sampler.follow('x', [probe]);
    await it.clock.advance(30_000);
    expect(it.asked).toEqual([0, 5000, 20_000, 25_000, 30_000]);
    await it.sampler.stop();
  });

  it.each([
    [{ ok: false, latency: 1, error: 'connection refused' }, 'GET https://shop.example/api/: connection refused'],
    [
      { ok: true, status: 200, latency: 1, body: 'other' },
      'GET https://shop.example/api/ answered 200 without "welcome" in its first 64 KB',
    ],
  ])('an answer that is not as expected is bad: %o', async (sample, why) => {
    const it = setup(() => sample);
    it.sampler.follow('x', [{ ...probe, contains: 'welcome' }]);
    await it.clock.advance(0);
    expect(it.sampler.current()?.probes).toEqual([{ probe: 'home', good: 0, bad: 1, lastFailure: why }]);
    await it.sampler.stop();
  });

  it('takes a status of the ranges for good even when it is no success of HTTP', async () => {
    const it = setup(() => ({ ok: false, status: 302, latency: 1 }));
    it.sampler.follow('x', [{ ...probe, status: [[301, 302]] }]);
    await it.clock.advance(0);
    expect(it.sampler.current()?.probes[0]).toMatchObject({ good: 1, bad: 0 });
    await it.sampler.stop();
  });

  it('a port that breaks its promise is a failed sample, not a crash', async () => {
    const it = setup(() => {
      throw new Error('boom');
    });
    it.sampler.follow('x', [probe]);
    await it.clock.advance(0);
    expect(it.sampler.current()?.probes[0]).toMatchObject({ good: 0, bad: 1 });
    await it.sampler.stop();
  });
});
