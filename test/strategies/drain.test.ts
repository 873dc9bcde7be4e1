import { describe, expect, it } from 'vitest';
import type { Decision } from '../../src/domain/decision.js';
import { decideNext } from '../../src/strategies/index.js';
import { valueOf } from '../../src/strategies/standing.js';
import { blueGreenHow, planOf, rollingHow } from '../_helpers/plan.js';
import { Scene } from '../_helpers/observation.js';
import { said } from './_said.js';

// Settle time 60 s, quiet for 5 s, a poll of 5 s.
const quiet = { drain: 'quiet' } as const;

/** Instance 1 of three left the load balancer so many seconds ago, whose delay has not passed. */
function draining(seconds: number, more: Parameters<typeof planOf>[1] = quiet): Scene {
  const s = new Scene(planOf(rollingHow, more), 3);
  return s.target(s.id(1), s.service(), 'blue', 'draining', seconds, seconds);
}
const next = (s: Scene): Decision => decideNext(s.plan, s.seen(), s.now);

/** Instance 1 with what a watch, sent so many seconds ago, saw of its connections. */
const after = (seconds: number, open: number | undefined, ago: number): Scene => {
  const s = draining(seconds);
  return s.connected(s.id(1), s.service(), 'blue', open, ago);
};

describe('drain: full', () => {
  it('waits for the whole delay, and does not look', () => {
    const s = draining(200, {});
    expect(said(next(s))).toBe('wait');
    expect(said(next(s.connected(s.id(1), s.service(), 'blue', 0, 6)))).toBe('wait');
  });
});

describe('drain: quiet', () => {
  it('looks when the settle time is about to be over, not before', () => {
    expect(said(next(draining(54)))).toBe('wait');
    expect(said(next(draining(55)))).toBe('quiet 1');
  });

  it('swaps when nobody was connected until the settle time was over, and not sooner', () => {
    expect(said(next(after(59, 0, 4)))).toBe('wait');
    expect(said(next(after(61, 0, 6)))).toBe('start 1');
    // Seen quiet before the load balancer could no longer send anything: that says nothing.
    expect(said(next(after(61, 0, 10)))).not.toContain('start');
  });

  it('is not over while nothing but our own deregistration says that it drains', () => {
    const s = after(61, 0, 6);
    const seen = s.seen();
    const blue = s.service().colors.blue?.group ?? 'arn:none';
    const targets = valueOf(seen.targets.get(blue)) ?? new Map<never, never>();
    const value = new Map([...targets].map(([key, each]) => [key, { ...each, assumed: true as const }]));
    const assumed = new Map(seen.targets).set(blue, { is: 'known', value, at: s.now });
    expect(said(decideNext(s.plan, { ...seen, targets: assumed }, s.now))).toBe('wait');
  });

  it('an open connection keeps it, and is looked at again', () => {
    expect(said(next(after(80, 1, 9)))).toBe('wait');
    expect(next(after(80, 3, 9))).toMatchObject({
      waits: expect.arrayContaining([
        expect.objectContaining({ what: 'requests in flight finish; open connections: 3' }),
      ]) as unknown,
    });
    expect(said(next(after(80, 1, 10)))).toBe('quiet 1');
  });

  it('what could not be read is not quiet', () => {
    expect(said(next(after(80, undefined, 6)))).toBe('wait');
    expect(said(next(after(80, undefined, 10)))).toBe('quiet 1');
  });

  it('what was seen of another container says nothing of this one', () => {
    const s = after(80, 0, 6);
    s.runs(s.id(1), s.service(), 'blue', s.service().from);
    expect(said(next(s))).toBe('quiet 1');
  });

  it('does not look while a command runs there', () => {
    const s = draining(80).op('i-00000001', { is: 'running', phase: 'pull', since: 0, until: 1e15 });
    expect(said(next(s))).toBe('wait');
  });

  it('where nothing runs there is nothing to wait for but the settle time', () => {
    const gone = (seconds: number): Scene => {
      const s = draining(seconds);
      return s.empty(s.id(1), s.service(), 'blue');
    };
    expect(said(next(gone(59)))).toBe('wait');
    expect(said(next(gone(61)))).toBe('start 1');
  });

  it('the idle color too is emptied as soon as it is quiet', () => {
    const s = new Scene(planOf(blueGreenHow, quiet), 1);
    const service = s.service();
    s.weights(service, 100, 0)
      .runs(s.id(1), service, 'green', service.from)
      .target(s.id(1), service, 'green', 'draining', 200, 3600);
    expect(said(next(s))).toBe('quiet 1');
    s.connected(s.id(1), service, 'green', 0, 6);
    expect(said(next(s))).toBe('start 1');
  });
});
