import { describe, expect, it } from 'vitest';
import type { Decision } from '../../src/domain/decision.js';
import type { ObservedSteer } from '../../src/domain/observation.js';
import type { Plan } from '../../src/domain/plan.js';
import { redirect } from '../../src/domain/plan.js';
import { decideNext } from '../../src/strategies/index.js';
import { blueGreenHow, planOf, rollingHow, servicePlan, timing } from '../_helpers/plan.js';
import { Scene } from '../_helpers/observation.js';
import { said } from './_said.js';

const blueGreen = planOf(blueGreenHow);
const rolling = planOf(rollingHow);
const next = (s: Scene, of: Plan = s.plan): Decision => decideNext(of, s.seen(), s.now);

/** Requests that were seen so many seconds ago, oldest first. */
function asked(s: Scene, ...steers: readonly (readonly [ObservedSteer['is'], number, number?])[]): Scene {
  const steering = steers.map(([is, seconds, lasts], index): ObservedSteer => {
    const since = s.now - seconds * 1000;
    return { id: `s${String(index)}`, is, by: 'anna', at: 0, since, ...(lasts === undefined ? {} : { for: lasts }) };
  });
  return s.sees({ steering });
}

/** The new color is up and verified, with `idle` percent of the traffic, its bake over unless `baking`. */
function up(idle: number, baking = timing.bake + 5000, of = blueGreen): Scene {
  const s = new Scene(of, 1);
  for (const service of of.services) {
    s.weights(service, 100 - idle, idle).runs(s.id(1), service, 'green', service.to, 1);
    s.target(s.id(1), service, 'green', 'healthy', 100, idle > 0 ? undefined : 100);
  }
  return s.sees({ bake: { key: `shift/${String(idle)}`, since: s.now - baking } });
}

const HOUR = 3_600_000;

describe('a pause', () => {
  it('holds before the next step of a shift, and says who asked, for what, and until when', () => {
    const s = asked(up(10), ['pause', 60, HOUR]);
    const decision = next(s);
    expect(decision).toMatchObject({
      is: 'wait',
      reason: 'paused by anna before: 50% of the traffic to the new color',
      waits: [{ until: s.now - 60_000 + HOUR }],
      bake: 'shift/10',
    });
  });

  it('holds back the first change, and the end', () => {
    expect(said(next(asked(new Scene(blueGreen, 2), ['pause', 0, HOUR])))).toBe('wait');
    expect(said(next(asked(new Scene(rolling, 2), ['pause', 0, HOUR])))).toBe('wait');
    expect(next(up(100)).is).toBe('done');
    expect(next(asked(up(100), ['pause', 0, HOUR]))).toMatchObject({
      is: 'wait',
      reason: expect.stringMatching(/the end/) as string,
    });
  });

  it('leaves no instance out of the load balancer: what was taken out comes back', () => {
    const s = new Scene(rolling, 3);
    s.target(s.id(1), s.service(), 'blue', 'absent', 120, 120);
    expect(said(next(asked(s, ['pause', 0, HOUR])))).toBe('start 1');
    s.runs(s.id(1), s.service(), 'blue', s.service().to, 1);
    expect(said(next(s))).toBe('register 1');
    s.target(s.id(1), s.service(), 'blue', 'healthy', 100);
    expect(said(next(s))).toBe('wait');
    expect(said(next(s.sees({ steering: [] })))).toBe('deregister 2');
  });

  it('lets a route that lags behind catch up, so that services do not stay apart', () => {
    const both = planOf(blueGreenHow, { services: [servicePlan('backend'), servicePlan('frontend')] });
    const s = up(10, 0, both);
    s.weights(s.service(1), 100, 0);
    expect(said(next(asked(s, ['pause', 0, HOUR])))).toBe('weights 90/10');
  });

  it('keeps its gates: a release that turns bad meanwhile is steered back', () => {
    const gates = {
      probes: [],
      commands: [{ name: 'smoke', command: ['x'], timeout: 1 }],
      inconclusive: 'pass',
    } as const;
    const s = asked(up(10, timing.bake + 5000, { ...blueGreen, gates }), ['pause', 60, HOUR]);
    expect(next(s).is).toBe('wait');
    expect(next(s.sees({ commands: [{ gate: 'smoke', passed: false, why: 'exit 1' }] })).is).toBe('abort');
  });

  it('becomes a hold for the end of its time: it does not last for ever', () => {
    expect(next(asked(up(10), ['pause', 60, timing.hold + 61_000])).is).toBe('wait');
    const s = asked(up(10), ['pause', 60, timing.hold + 60_000]);
    expect(next(s)).toMatchObject({ is: 'hold', until: s.now + timing.hold });
  });

  it('is ended by the next promote, and may be asked for again', () => {
    expect(said(next(asked(up(10), ['pause', 60, HOUR], ['promote', 30])))).toBe('weights 50/50');
    expect(said(next(asked(up(10), ['pause', 60, HOUR], ['promote', 30], ['pause', 10, HOUR])))).toBe('wait');
  });

  it('does not touch a way back', () => {
    const s = asked(up(10), ['pause', 60, HOUR]);
    expect(said(next(s, redirect(s.plan, 'bad')))).toBe('weights 100/0');
  });
});

describe('promote', () => {
  it('ends the bake that is on', () => {
    expect(said(next(asked(up(10, 800), ['promote', 0.5])))).toBe('inspect 1');
    const s = asked(up(10, 800), ['promote', 0.5]);
    s.runs(s.id(1), s.service(), 'green', s.service().to, 0);
    expect(said(next(s))).toBe('weights 50/50');
  });

  it('does not end the next one too', () => {
    expect(next(asked(up(10, 800), ['promote', 6])).is).toBe('wait');
  });

  it('counts for what is inconclusive, not for what failed', () => {
    const gates = {
      probes: [],
      commands: [{ name: 'smoke', command: ['x'], timeout: 1 }],
      inconclusive: 'fail',
    } as const;
    const s = asked(up(10, 800, { ...blueGreen, gates }), ['promote', 0.5]);
    expect(said(next(s))).toBe('inspect 1');
    expect(next(s.sees({ commands: [{ gate: 'smoke', passed: false, why: 'exit 1' }] })).is).toBe('abort');
  });

  it('skips no settle time and no drain', () => {
    const s = new Scene(rolling, 3);
    s.target(s.id(1), s.service(), 'blue', 'draining', 5, 5);
    const before = next(s);
    expect(next(asked(s, ['promote', 0]))).toEqual(before);
    s.target(s.id(1), s.service(), 'blue', 'absent', 5, 5);
    expect(next(s).is).toBe('wait');
  });
});
