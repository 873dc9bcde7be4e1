import { describe, expect, it } from 'vitest';
import type { Decision } from '../../src/domain/decision.js';
import type { TargetKey } from '../../src/domain/ids.js';
import type { ObservedTarget, TargetState } from '../../src/domain/observation.js';
import { keptKey } from '../../src/domain/observation.js';
import type { Plan } from '../../src/domain/plan.js';
import { redirect } from '../../src/domain/plan.js';
import { valueOf } from '../../src/strategies/standing.js';
import { decideNext } from '../../src/strategies/index.js';
import { blueGreenHow, instanceOf, planOf, rollingHow } from '../_helpers/plan.js';
import { Scene } from '../_helpers/observation.js';
import { said } from './_said.js';

const next = (s: Scene, of: Plan = s.plan): Decision => decideNext(of, s.seen(), s.now);
const outside = instanceOf(9).id;

/** Every instance runs the new release on blue, in place, and its bake is over: nothing is left to do. */
function rolled(plan: Plan = planOf(rollingHow)): Scene {
  const s = new Scene(plan, 2);
  s.sees({ bake: { key: 'rolling/final', since: s.now - plan.timing.bake - 5000 } });
  for (const { id } of s.fleet) s.runs(id, s.service(), 'blue', s.service().to, 1);
  return s;
}

/** The new release is healthy on green, without traffic. */
function prepared(plan: Plan = planOf(blueGreenHow)): Scene {
  const s = new Scene(plan, 2);
  s.weights(s.service(), 100, 0);
  for (const { id } of s.fleet) {
    s.runs(id, s.service(), 'green', s.service().to, 1);
    s.target(id, s.service(), 'green', 'healthy', 100, 3600);
  }
  return s;
}

const withForeign = (s: Scene, color: 'blue' | 'green', state: TargetState = 'healthy', seconds = 60): Scene =>
  s.target(outside, s.service(), color, state, seconds);

const deregisters = (plan: Plan): Plan => ({ ...plan, foreignTargets: 'deregister' });

describe('a rollout beside targets that the fleet does not cover', () => {
  it('ends where there are none', () => {
    expect(next(rolled())).toMatchObject({ is: 'done', outcome: 'succeeded' });
    expect(said(next(prepared()))).toBe('weights 90/10');
  });

  it('does not report a success, and says why', () => {
    const decision = next(withForeign(rolled(), 'blue'));
    expect(decision.is).toBe('hold');
    expect(decision.reason).toBe(
      'targets that the fleet does not cover get requests, and may serve another release: backend blue: i-00000009:8080 (not an instance of the fleet). Deregister them, or add their instances to the fleet',
    );
  });

  it('gives no traffic to a group that has some', () => {
    expect(next(withForeign(prepared(), 'green')).is).toBe('hold');
    expect(next(withForeign(prepared(), 'blue')).is).toBe('hold');
  });

  it('in place, the color without traffic is none of its business', () => {
    expect(next(withForeign(rolled(), 'green')).is).toBe('done');
  });

  it.each(['draining', 'absent'] as const)('one that is %s has left', (state) => {
    expect(next(withForeign(rolled(), 'blue', state)).is).toBe('done');
  });

  it.each([
    ['a success', 'blue', rolled],
    ['traffic', 'green', prepared],
  ] as const)('one that only our own deregistration says has left still keeps back %s', (_, color, scene) => {
    const s = withForeign(scene(), color, 'draining', 2);
    const seen = s.seen();
    const group = s.service().colors[color]?.group ?? 'arn:none';
    const targets = valueOf(seen.targets.get(group)) ?? new Map<TargetKey, ObservedTarget>();
    const value = new Map(
      [...targets].map(([key, each]) => [key, key.startsWith(outside) ? { ...each, assumed: true as const } : each]),
    );
    const observed = { ...seen, targets: new Map(seen.targets).set(group, { is: 'known' as const, value, at: s.now }) };
    expect(decideNext(s.plan, observed, s.now)).toMatchObject({
      is: 'wait',
      waits: [{ what: expect.stringContaining(`${outside}:`) as string, until: s.now + s.plan.timing.healthTimeout }],
    });
  });

  it('waits while the reading of the fleet may be older than the target, and not for ever', () => {
    const s = withForeign(rolled(), 'blue', 'healthy', 3);
    const decision = next(s);
    expect(decision).toMatchObject({ is: 'wait', waits: [{ until: s.now + s.plan.timing.healthTimeout }] });
    const key = decision.is === 'wait' ? (decision.waits[0].key ?? '') : '';
    s.sees({ waiting: new Map([[key, s.now - s.plan.timing.healthTimeout]]) });
    expect(next(s).is).toBe('hold');
  });

  it('goes on with what moves no traffic', () => {
    const s = new Scene(planOf(rollingHow), 3);
    expect(said(next(withForeign(s, 'blue')))).toBe('deregister 1');
  });

  it('keeps no rollback back', () => {
    const s = withForeign(prepared(), 'blue');
    s.weights(s.service(), 50, 50);
    expect(said(next(s, redirect(s.plan, 'bad')))).toBe('weights 100/0');
  });
});

describe('with foreign-targets: deregister', () => {
  it('takes them out before anything else, each group in one call', () => {
    const s = withForeign(new Scene(deregisters(planOf(rollingHow)), 3), 'blue');
    s.target(instanceOf(8).id, s.service(), 'blue', 'unused', 60);
    const decision = next(s);
    expect(said(decision)).toBe('deregister 9+8');
    expect(decision).toMatchObject({ actions: [{ foreign: true }] });
  });

  it('not one of which the fleet may know by now', () => {
    expect(said(next(withForeign(new Scene(deregisters(planOf(rollingHow)), 3), 'blue', 'initial', 3)))).toBe(
      'deregister 1',
    );
  });

  it('not the last healthy target of a group with traffic', () => {
    const s = withForeign(new Scene(deregisters(planOf(rollingHow)), 2), 'blue');
    for (const { id } of s.fleet) s.target(id, s.service(), 'blue', 'unhealthy', 60);
    expect(said(next(s))).not.toContain('9');
  });

  it('nor that of a group of which a node of the load balancer may not have heard yet that it gets none', () => {
    const s = new Scene(deregisters(planOf(blueGreenHow)), 2);
    s.weights(s.service(), 100, 0).target(outside, s.service(), 'green', 'healthy', 60, 2);
    expect(said(next(s))).not.toContain('9');
    s.target(outside, s.service(), 'green', 'healthy', 60, s.plan.timing.settle / 1000);
    expect(said(next(s))).toBe('deregister 9');
  });

  it('one that stays whatever is sent blocks the success, with the reason', () => {
    const s = withForeign(rolled(deregisters(planOf(rollingHow))), 'blue');
    expect(said(next(s))).toBe('deregister 9');
    s.sees({ kept: new Map([[keptKey('arn:tg/backend-blue', `${outside}:8080`), 'AWS said no']]) });
    expect(next(s)).toMatchObject({ is: 'hold', reason: expect.stringContaining('AWS said no') });
  });

  it('refuse takes none out', () => {
    expect(said(next(withForeign(new Scene(planOf(rollingHow), 3), 'blue')))).toBe('deregister 1');
  });
});
