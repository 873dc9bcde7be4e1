import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ProbeSamples } from '../../src/domain/observation.js';
import type { GateSettings, ProbeSettings } from '../../src/domain/settings.js';
import { judgeGates } from '../../src/strategies/gates.js';

const probe: ProbeSettings = {
  name: 'home',
  url: 'https://shop.example/',
  status: [[200, 299]],
  interval: 5000,
  timeout: 5000,
  successRate: 0.9,
  minSamples: 10,
  maxLatencyP95: 500,
};
const smoke = { name: 'smoke', command: ['./smoke'], timeout: 60_000 };
const gates = (more: Partial<GateSettings> = {}): GateSettings => ({
  probes: [probe],
  commands: [],
  inconclusive: 'pass',
  ...more,
});
const samples = (good: number, bad: number, more: Partial<ProbeSamples> = {}): ProbeSamples => ({
  probe: 'home',
  good,
  bad,
  ...more,
});

describe('probes', () => {
  it.each([
    [0, 0, 'inconclusive', 'probe home: 0 of 0 samples good, 10 samples are needed'],
    [0, 1, 'inconclusive', 'probe home: 0 of 1 samples good, 10 samples are needed'],
    [0, 2, 'fail', 'probe home: 0 of 2 samples good, wanted 90%'],
    [8, 1, 'inconclusive', 'probe home: 8 of 9 samples good, 10 samples are needed'],
    [9, 1, 'pass', 'probe home: 9 of 10 samples good'],
    [10, 0, 'pass', 'probe home: 10 of 10 samples good'],
    [9, 2, 'fail', 'probe home: 9 of 11 samples good, wanted 90%'],
    [90, 10, 'pass', 'probe home: 90 of 100 samples good'],
    [89, 11, 'fail', 'probe home: 89 of 100 samples good, wanted 90%'],
  ] as const)('%d good, %d bad: %s', (good, bad, is, why) => {
    expect(judgeGates(gates(), [samples(good, bad)], [], false)).toEqual({ is, why });
  });

  it('names the last failure', () => {
    const verdict = judgeGates(
      gates(),
      [samples(0, 2, { lastFailure: 'GET / answered 503, wanted 200-299' })],
      [],
      false,
    );
    expect(verdict.why).toContain('last failure: GET / answered 503, wanted 200-299');
  });

  it('a percentage that binary has not got does not fail what just reaches it', () => {
    const rate = 99.9 / 100;
    expect(999 / 1000 < rate).toBe(true);
    const strict = gates({ probes: [{ ...probe, successRate: rate, minSamples: 1000 }] });
    expect(judgeGates(strict, [samples(999, 1)], [], false).is).toBe('pass');
    expect(judgeGates(strict, [samples(998, 2)], [], false).is).toBe('fail');
  });

  it('is too slow at the 95th percentile, from the smallest number of samples on', () => {
    expect(judgeGates(gates(), [samples(9, 0, { p95: 900 })], [], false).is).toBe('inconclusive');
    expect(judgeGates(gates(), [samples(10, 0, { p95: 900 })], [], false)).toEqual({
      is: 'fail',
      why: 'probe home: 95% of 10 good samples took up to 900 ms, wanted at most 500 ms',
    });
    expect(judgeGates(gates(), [samples(10, 0, { p95: 500 })], [], false).is).toBe('pass');
  });

  it('without a probe of that name there are no samples', () => {
    expect(judgeGates(gates(), [samples(50, 0, { probe: 'other' })], [], false).is).toBe('inconclusive');
  });
});

describe('the final look', () => {
  it.each(['pass', 'fail'] as const)('inconclusive is a %s by policy, and says so', (inconclusive) => {
    const verdict = judgeGates(gates({ inconclusive }), [samples(3, 0)], [], true);
    expect(verdict.is).toBe(inconclusive);
    expect(verdict.why).toContain(`gates.inconclusive: ${inconclusive}`);
    expect(verdict.why).toContain('3 of 3 samples good, 10 samples are needed');
  });

  it('is never inconclusive, and enough good samples pass under either policy', () => {
    fc.assert(
      fc.property(fc.nat(200), fc.nat(200), fc.constantFrom('pass', 'fail'), (good, bad, inconclusive) => {
        const early = judgeGates(gates({ inconclusive }), [samples(good, bad)], [], false);
        const final = judgeGates(gates({ inconclusive }), [samples(good, bad)], [], true);
        expect(final.is).toBe(early.is === 'inconclusive' ? inconclusive : early.is);
        // Once failed, nothing but more samples changes it: one bad sample more never helps.
        if (early.is === 'fail') expect(judgeGates(gates(), [samples(good, bad + 1)], [], false).is).toBe('fail');
      }),
    );
  });
});

describe('commands', () => {
  const both = gates({ commands: [smoke] });
  it('no result yet is inconclusive, a failure fails all, a pass is one of the reasons', () => {
    expect(judgeGates(both, [samples(10, 0)], [], false)).toEqual({
      is: 'inconclusive',
      why: 'command smoke has no result yet',
    });
    expect(judgeGates(both, [samples(0, 0)], [{ gate: 'smoke', passed: false, why: 'exit 1' }], false)).toEqual({
      is: 'fail',
      why: 'command smoke failed: exit 1',
    });
    expect(judgeGates(both, [samples(10, 0)], [{ gate: 'smoke', passed: true, why: '' }], true)).toEqual({
      is: 'pass',
      why: 'probe home: 10 of 10 samples good; command smoke passed',
    });
  });

  it('no gate at all passes', () => {
    expect(judgeGates(gates({ probes: [] }), [], [], false).is).toBe('pass');
  });
});
