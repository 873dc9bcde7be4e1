import { describe, expect, it } from 'vitest';
import type { Decision } from '../../src/domain/decision.js';
import type { TargetState } from '../../src/domain/observation.js';
import type { Plan } from '../../src/domain/plan.js';
import { redirect } from '../../src/domain/plan.js';
import { decideNext } from '../../src/strategies/index.js';
import { seenAtEnd } from '../../src/strategies/moved.js';
import { outagesOf } from '../../src/strategies/outage.js';
import { blueGreenHow, planOf, rollingHow, serviceRelease, servicePlan, twoSets } from '../_helpers/plan.js';
import { Scene } from '../_helpers/observation.js';
import { said } from './_said.js';

const next = (s: Scene, of: Plan = s.plan): Decision => decideNext(of, s.seen(), s.now);
const back = (s: Scene): Plan => redirect(s.plan, 'the release is bad');

/** All targets of a color are in that state, `seconds` ago since. */
function all(s: Scene, color: 'blue' | 'green', state: TargetState, seconds = 30): Scene {
  for (const { id } of s.fleet) s.target(id, s.service(), color, state, seconds);
  return s;
}

/** Green runs the new release, healthy, with these weights. */
function shifted(live: number, idle: number, plan: Plan = planOf(blueGreenHow)): Scene {
  const s = new Scene(plan, 2);
  s.weights(s.service(), live, idle);
  for (const { id } of s.fleet) s.runs(id, s.service(), 'green', s.service().to, 1);
  return all(s, 'green', 'healthy', 100);
}

describe('a color with traffic and without a healthy target', () => {
  it.each(['unhealthy', 'absent', 'draining', 'initial'] as const)(
    '%s: its traffic moves to the other one',
    (state) => {
      const s = all(shifted(50, 50), 'blue', state);
      expect(outagesOf(s.plan, s.seen())).toEqual([
        { service: 'backend', empty: 'blue', percent: 50, healthy: 'green' },
      ]);
      const decision = next(s);
      expect(said(decision)).toBe('weights 0/100');
      expect(decision).toMatchObject({ urgent: true });
    },
  );

  it.each([
    ['blue-green', planOf(blueGreenHow)],
    ['rolling', planOf(rollingHow)],
    ['retire', planOf({ is: 'retire' })],
  ])('%s: another hand has given the standby color, in which nothing runs, some of it', (_, plan) => {
    const s = new Scene(plan, 3);
    s.weights(s.service(), 40, 60);
    expect(said(next(s))).toBe('weights 100/0');
    expect(said(next(s, back(s))), 'on a rollback too').toBe('weights 100/0');
  });

  it('also of a service that the rollout does not change', () => {
    const frontend = servicePlan('frontend', { to: serviceRelease('frontend', 'old') });
    const s = new Scene(planOf(blueGreenHow, { services: [servicePlan('backend'), frontend] }), 2);
    s.weights(frontend, 0, 100);
    expect(next(s)).toMatchObject({
      is: 'act',
      actions: [{ is: 'weights', route: 'arn:rule/frontend' }],
      urgent: true,
    });
  });

  it('is read once more before anything is concluded from it', () => {
    const s = all(shifted(50, 50), 'blue', 'unhealthy', 0);
    expect(outagesOf(s.plan, s.seen())).toEqual([]);
    expect(next(s)).toMatchObject({ is: 'wait', recheckAt: s.now });
  });

  it.each(['blue', 'green'] as const)('nothing is concluded where the targets of %s cannot be read', (color) => {
    const s = all(shifted(50, 50), 'blue', 'unhealthy');
    s.unreadable(s.service().colors[color]?.group ?? '');
    expect(next(s)).not.toMatchObject({ urgent: true });
  });

  it('one healthy target is enough: nothing moves', () => {
    const s = all(shifted(50, 50), 'blue', 'unhealthy').target(
      'i-00000001',
      new Scene(planOf(blueGreenHow), 1).service(),
      'blue',
      'healthy',
    );
    expect(outagesOf(s.plan, s.seen())).toEqual([]);
  });

  it('moves on a blue-green rollback too where another route of the service is gone', () => {
    const routes = ['arn:rule/gone', 'arn:rule/backend'] as const;
    const plan = planOf(blueGreenHow, { services: [servicePlan('backend', { routes })] });
    const s = all(shifted(0, 100, plan), 'green', 'unhealthy');
    all(s, 'blue', 'healthy', 100);
    s.weights(s.service(), 0, 100).unreadable('arn:rule/gone');
    expect(next(s, back(s))).toMatchObject({ is: 'act', urgent: true, actions: [{ route: 'arn:rule/backend' }] });
  });

  it('moves on a blue-green rollback too where no instance of the fleet is healthy in the color that had it', () => {
    const s = all(shifted(0, 100), 'green', 'unhealthy');
    all(s, 'blue', 'absent').target('i-foreign', s.service(), 'blue', 'healthy', 100);
    expect(next(s, back(s))).toMatchObject({ is: 'act', urgent: true, actions: [{ is: 'weights' }] });
  });

  it('turns off the stickiness that binds clients to it', () => {
    const s = all(shifted(50, 50), 'blue', 'unhealthy');
    s.weights(s.service(), 50, 50, { sticky: true });
    expect(next(s)).toMatchObject({ actions: [{ is: 'weights', stickiness: { enabled: false } }] });
  });

  it('a pause does not hold that up', () => {
    const pause = { id: '1', is: 'pause', by: 'anna', at: 0 } as const;
    const s = all(shifted(50, 50), 'blue', 'unhealthy');
    s.sees({ steering: [{ ...pause, since: s.now - 1000 }] });
    expect(said(next(s))).toBe('weights 0/100');
  });

  it('a fleet of one, for which a downtime is allowed, is out of service on purpose', () => {
    const s = new Scene(planOf({ ...rollingHow, allowDowntime: true }), 1);
    s.weights(s.service(), 100, 0).target(s.id(1), s.service(), 'blue', 'draining', 30);
    s.runs(s.id(1), s.service(), 'green', serviceRelease('backend', 'older'));
    s.target(s.id(1), s.service(), 'green', 'healthy', 100, 100);
    expect(outagesOf(s.plan, s.seen())).toEqual([]);
  });
});

describe('where no target of a service is healthy', () => {
  it('the previous release is started again where it ran, before the standby color is waited for', () => {
    const s = new Scene(planOf(blueGreenHow), 2);
    s.weights(s.service(), 100, 0);
    for (const { id } of s.fleet) s.empty(id, s.service(), 'blue');
    expect(said(next(all(s, 'blue', 'unhealthy')))).toBe('restore 1, restore 2');
  });

  it('what somebody took out of the load balancer comes back', () => {
    const s = new Scene(planOf(blueGreenHow), 2);
    s.weights(s.service(), 100, 0);
    all(s, 'blue', 'absent');
    expect(said(next(s)), 'its container is checked first').toBe('restore 1, restore 2');
    for (const { id } of s.fleet) s.runs(id, s.service(), 'blue', s.service().from, 1);
    expect(said(next(s))).toMatch(/^register 1\+2/);
  });

  it('a rollback that finds it so is over only when a target is healthy again', () => {
    const s = new Scene(planOf(blueGreenHow), 2);
    s.weights(s.service(), 100, 0);
    expect(said(next(all(s, 'blue', 'unhealthy'), back(s)))).toBe('hold');
    expect(next(s, back(s))).toMatchObject({ reason: expect.stringContaining('no healthy target in blue') as string });
  });
});

describe('the end of a rollback', () => {
  it.each([
    ['blue-green', planOf(blueGreenHow)],
    ['rolling', planOf(rollingHow)],
  ])('%s: is blocked while another hand keeps the traffic from both colors', (_, plan) => {
    const s = new Scene(plan, 2);
    s.weights(s.service(), 0, 0);
    expect(next(s, back(s))).toMatchObject({ is: 'hold', reason: expect.stringContaining('has weight 0') as string });
    if (plan.how.is === 'rolling') expect(said(next(s)), 'forward too').toBe('hold');
  });

  it('comes after a check of the containers', () => {
    const s = new Scene(planOf(blueGreenHow), 2);
    s.weights(s.service(), 100, 0);
    const key = 'check the containers of the previous release';
    expect(said(next(s.sees({ waiting: new Map([[key, s.now + 1]]) }), back(s)))).toBe('inspect 1, inspect 2');
    expect(next(s.sees({ waiting: new Map([[key, s.now - 1000]]) }), back(s))).toMatchObject({
      outcome: 'rolled-back',
    });
  });

  it('does not check an instance again that has not answered for as long as a command may take', () => {
    const s = new Scene(planOf(blueGreenHow), 2);
    s.weights(s.service(), 100, 0).blind(s.id(1), 130);
    s.op(s.id(1), { is: 'lost', phase: 'inspect', since: s.now - 1000, why: 'TimedOut' });
    const key = 'check the containers of the previous release';
    expect(said(next(s.sees({ waiting: new Map([[key, s.now + 1]]) }), back(s)))).toBe('inspect 2');
  });

  it('names a service that it does not change and that nobody is served by', () => {
    const frontend = servicePlan('frontend', { to: serviceRelease('frontend', 'old') });
    const s = new Scene(planOf(blueGreenHow, { services: [servicePlan('backend'), frontend] }), 2);
    s.weights(s.service(), 100, 0).weights(frontend, 100, 0);
    expect(seenAtEnd(s.plan, s.seen()).moved).toEqual([]);
    for (const { id } of s.fleet) s.target(id, frontend, 'blue', 'unhealthy');
    expect(seenAtEnd(s.plan, s.seen()).moved).toEqual([
      {
        service: 'frontend',
        images: ['no healthy target'],
        text: 'frontend, which this rollout does not change, has no healthy target in blue: its requests fail',
      },
    ]);
    s.target(s.id(1), frontend, 'blue', 'healthy');
    expect(seenAtEnd(s.plan, s.seen()).moved).toEqual([]);
    s.weights(frontend, 0, 0);
    expect(seenAtEnd(s.plan, s.seen()).moved).toEqual([
      {
        service: 'frontend',
        images: ['no traffic'],
        text: 'frontend, which this rollout does not change, has weight 0 in both colors: no request reaches it',
      },
    ]);
  });

  it('has failed where something else answers on the healthy targets', () => {
    const s = new Scene(planOf(blueGreenHow), 2);
    s.weights(s.service(), 100, 0);
    for (const { id } of s.fleet) s.runs(id, s.service(), 'blue', serviceRelease('backend', 'older'));
    expect(next(s, back(s))).toMatchObject({
      is: 'done',
      outcome: 'failed',
      reason: expect.stringContaining('it is not known that r-old serves again') as string,
    });
  });
});

describe('the standby color', () => {
  it('fails at once when it has no instance left', () => {
    const s = new Scene(planOf(blueGreenHow, { layout: twoSets }), 2);
    s.weights(s.service(), 100, 0);
    s.fleet = s.fleet.filter(({ color }) => color === 'blue');
    expect(next(s)).toMatchObject({ is: 'abort', reason: 'backend: green has no instance any more' });
  });

  it('fails when none of its instances could be reached for timing.health-timeout, counted from when that began', () => {
    const s = new Scene(planOf(blueGreenHow, { layout: twoSets }), 1);
    s.weights(s.service(), 100, 0);
    const excluded = s.fleet.filter(({ color }) => color === 'green').map(({ id }) => id);
    const plan = { ...s.plan, excluded };
    const began = (seconds: number): Scene =>
      s.sees({ waiting: new Map([['backend: no instance of green can be reached', s.now - seconds * 1000]]) });
    expect(next(began(119), plan)).toMatchObject({ is: 'wait', waits: [{ until: s.now + 1000 }] });
    expect(next(began(120), plan)).toMatchObject({ is: 'abort' });
  });
});
