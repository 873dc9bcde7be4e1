import { describe, expect, it } from 'vitest';
import type { Decision } from '../../src/domain/decision.js';
import type { Plan } from '../../src/domain/plan.js';
import { redirect } from '../../src/domain/plan.js';
import { decideNext } from '../../src/strategies/index.js';
import { planOf, rollingHow, serviceRelease, servicePlan, timing } from '../_helpers/plan.js';
import { Scene } from '../_helpers/observation.js';
import { said } from './_said.js';

const plan = planOf(rollingHow);
const scene = (size: number, of: Plan = plan): Scene => new Scene(of, size);
const next = (s: Scene, of: Plan = s.plan): Decision => decideNext(of, s.seen(), s.now);
const back = (s: Scene): Plan => redirect(s.plan, 'the release is bad');

it('a target whose health is not checked, since its rule is gone, is not taken out for nothing', () => {
  const s = scene(3);
  for (const { id } of s.fleet) s.runs(id, s.service(), 'blue', s.service().to, 1);
  s.target(s.id(1), s.service(), 'blue', 'draining', 10, 10);
  for (const number of [2, 3]) s.target(s.id(number), s.service(), 'blue', 'unavailable');
  expect(said(next(s, back(s)))).toBe('wait');
});

describe('one instance on its way', () => {
  it('leaves the load balancer first', () => {
    expect(said(next(scene(3)))).toBe('deregister 1');
  });

  it('pulls before anything else, half the fleet at a time', () => {
    const s = scene(4);
    for (const { id } of s.fleet) s.notPulled(id);
    expect(said(next(s))).toBe('pull 1, pull 2');
  });

  it('changes nothing once a pull has failed, although its instance is not read again yet', () => {
    expect(next(scene(3).pullFailed('i-00000002'))).toMatchObject({
      is: 'abort',
      reason: expect.stringMatching(/^the image cannot be pulled on .*i-00000002.*: connection refused$/) as string,
    });
  });

  it('waits for the drain, then for the settle time, then swaps', () => {
    const s = scene(3);
    expect(said(next(s.target(s.id(1), s.service(), 'blue', 'draining', 10, 10)))).toBe('wait');
    expect(said(next(s.target(s.id(1), s.service(), 'blue', 'absent', 10, 59)))).toBe('wait');
    expect(said(next(s.target(s.id(1), s.service(), 'blue', 'absent', 10, 60)))).toBe('start 1');
  });

  it('a drain without an end is a failure of the world', () => {
    const s = scene(3).target('i-00000001', plan.services[0] ?? servicePlan('backend'), 'blue', 'draining', 400, 400);
    expect(next(s)).toMatchObject({
      is: 'abort',
      reason: expect.stringContaining('did not finish draining') as string,
    });
  });

  it('is registered only when its own start passed the witness', () => {
    const s = scene(3).target('i-00000001', servicePlan('backend'), 'blue', 'absent', 100, 100);
    expect(said(next(s.runs(s.id(1), s.service(), 'blue', s.service().to)))).toBe('start 1');
    expect(said(next(s.runs(s.id(1), s.service(), 'blue', s.service().to, 5)))).toBe('register 1');
  });

  it('healthy is not enough without the witness, as after the death of the process', () => {
    const s = scene(3);
    s.runs(s.id(1), s.service(), 'blue', s.service().to).target(s.id(1), s.service(), 'blue', 'healthy', 100);
    expect(said(next(s))).toBe('start 1');
  });

  it('must stay healthy, and is looked at once more, before the next one goes', () => {
    const s = scene(3);
    s.runs(s.id(1), s.service(), 'blue', s.service().to, 30);
    const healthyFor = (seconds: number): string =>
      said(next(s.target(s.id(1), s.service(), 'blue', 'healthy', seconds)));
    expect(healthyFor(4)).toBe('wait');
    // From one tick before the end on, so that nobody waits for the answer when the time is over.
    expect(healthyFor(6)).toBe('inspect 1');
    expect(healthyFor(15)).toBe('inspect 1');
    s.runs(s.id(1), s.service(), 'blue', s.service().to, 2);
    expect(healthyFor(8)).toBe('wait');
    expect(healthyFor(10)).toBe('deregister 2');
  });

  it('a look from before it was healthy does not count, however short it must stay so', () => {
    const s = scene(3, { ...plan, timing: { ...plan.timing, stabilize: 1000 } });
    s.runs(s.id(1), s.service(), 'blue', s.service().to, 3).target(s.id(1), s.service(), 'blue', 'healthy', 2);
    expect(said(next(s))).toBe('inspect 1');
  });

  it.each([
    ['initial', 'wait'],
    ['unhealthy', 'abort'],
    ['unavailable', 'wait'],
  ] as const)('registered and %s: %s', (state, is) => {
    const s = scene(3);
    s.runs(s.id(1), s.service(), 'blue', s.service().to, 5).target(s.id(1), s.service(), 'blue', state, 5);
    expect(next(s).is).toBe(is);
  });

  it('not healthy in time, restarted, gone or failed: all steer back', () => {
    const ready = (): Scene => {
      const s = scene(3);
      return s
        .runs(s.id(1), s.service(), 'blue', s.service().to, 5)
        .target(s.id(1), s.service(), 'blue', 'healthy', 200);
    };
    const late = ready();
    expect(next(late.target(late.id(1), late.service(), 'blue', 'initial', 121)).is).toBe('abort');
    const again = ready();
    expect(next(again.restarted(again.id(1), again.service(), 'blue')).is).toBe('abort');
    const gone = ready();
    expect(next(gone.empty(gone.id(1), gone.service(), 'blue')).is).toBe('abort');
    const failed = ready();
    expect(next(failed.failed(failed.id(1), failed.service(), 'blue', failed.service().to)).is).toBe('abort');
  });
});

describe('the window', () => {
  it('takes as many as max parallel, zones alternating, and none below the minimum of healthy targets', () => {
    const wide = planOf({ ...rollingHow, maxParallel: { is: 'count', value: 2 } });
    expect(said(next(scene(4, wide)))).toBe('deregister 1+2');
    const high = planOf({
      ...wide.how,
      is: 'rolling',
      allowDowntime: false,
      maxParallel: { is: 'count', value: 2 },
      minimumHealthy: { is: 'count', value: 3 },
    });
    expect(said(next(scene(4, high)))).toBe('deregister 1');
  });

  it('begins with the one that is unhealthy anyway, at no cost', () => {
    const s = scene(4);
    expect(said(next(s.target(s.id(3), s.service(), 'blue', 'unhealthy')))).toBe('deregister 3');
  });

  it('does not open for a second one while nobody knows of the first', () => {
    const low = planOf({ ...rollingHow, minimumHealthy: { is: 'count', value: 1 } });
    const s = scene(4, low);
    s.target(s.id(1), s.service(), 'blue', 'absent', 100, 100).blind(s.id(1), 10);
    expect(said(next(s))).toBe('inspect 1');
    expect(said(next(s.op(s.id(1), { is: 'running', phase: 'inspect', since: s.now, until: s.now + 1000 })))).toBe(
      'wait',
    );
  });

  it('a fleet that has shrunk to its minimum of healthy targets holds, and says so', () => {
    const s = scene(2, planOf({ ...rollingHow, minimumHealthy: { is: 'count', value: 2 } }));
    expect(next(s)).toMatchObject({
      is: 'hold',
      reason: expect.stringContaining('2 healthy targets, and at least 2 must stay healthy') as string,
    });
  });

  it('what cannot be looked at for too long steers back; on the way back it is left out', () => {
    const s = scene(3);
    s.blind(s.id(1), 121);
    expect(next(s)).toMatchObject({ is: 'abort', reason: expect.stringContaining('cannot be looked at') as string });
    expect(next(s, back(s))).toMatchObject({ is: 'act' });
    expect(said(next(s, back(s)))).toBe('deregister 1');
  });

  it('unknown targets are neither absent nor healthy', () => {
    const s = scene(3);
    expect(next(s.unreadable('arn:tg/backend-blue')).is).toBe('wait');
  });

  it('an excluded instance leaves when all others serve, and the rollout ends without it', () => {
    const s = scene(4, planOf(rollingHow, { excluded: ['i-00000004'] }));
    s.blind(s.id(4), 500);
    expect(said(next(s))).toBe('deregister 1');
    for (const number of [1, 2, 3]) s.runs(s.id(number), s.service(), 'blue', s.service().to, 1);
    expect(said(next(s))).toBe('deregister 4');
    s.target(s.id(4), s.service(), 'blue', 'draining', 5, 5);
    expect(next(s)).toMatchObject({ is: 'wait', bake: 'rolling/final' });
  });
});

describe('two services', () => {
  const unchanged = servicePlan('frontend', { to: serviceRelease('frontend', 'old') });
  const both = planOf(rollingHow, { services: [servicePlan('backend'), servicePlan('frontend')] });

  it('one after the other, and in reverse on the way back', () => {
    const s = scene(2, both);
    expect(next(s)).toMatchObject({ is: 'act', reason: expect.stringContaining('backend') as string });
    for (const { id } of s.fleet) for (const service of s.plan.services) s.runs(id, service, 'blue', service.to, 1);
    expect(next(s, back(s))).toMatchObject({ is: 'act', reason: expect.stringContaining('frontend') as string });
  });

  it('a service that does not change stays on an instance that cannot be reached', () => {
    const s = scene(3, planOf(rollingHow, { services: [servicePlan('backend'), unchanged] }));
    s.agent(s.id(3), 'offline').blind(s.id(3), 500);
    for (const number of [1, 2]) s.runs(s.id(number), s.service(), 'blue', s.service().from, 1);
    const decision = next(s, back(s));
    const groups = decision.is === 'act' ? decision.actions.flatMap((a) => ('group' in a ? [a.group] : [])) : [];
    expect(groups).not.toContain('arn:tg/frontend-blue');
    s.target(s.id(3), s.service(), 'blue', 'absent', 100, 100);
    expect(next(s, back(s))).toMatchObject({ is: 'done', outcome: 'rolled-back' });
  });

  it('a service that does not change is left alone, healthy or not, and brought up where it is missing', () => {
    const s = scene(3, planOf(rollingHow, { services: [unchanged] }));
    s.target(s.id(2), s.service(), 'blue', 'unhealthy');
    expect(next(s)).toMatchObject({ is: 'wait', bake: 'rolling/final' });
    expect(said(next(s.joins(4)))).toBe('pull 4');
  });
});

describe('the end', () => {
  it('bakes, looks at each container once more after it, and succeeds', () => {
    const s = scene(2);
    for (const { id } of s.fleet) s.runs(id, s.service(), 'blue', s.service().to, 1);
    expect(next(s)).toMatchObject({ is: 'wait', bake: 'rolling/final' });
    s.sees({ bake: { key: 'rolling/final', since: s.now - timing.bake - 5000 } });
    for (const { id } of s.fleet) s.runs(id, s.service(), 'blue', s.service().to, 20);
    expect(said(next(s))).toBe('inspect 1, inspect 2');
    for (const { id } of s.fleet) s.runs(id, s.service(), 'blue', s.service().to, 1);
    expect(next(s)).toMatchObject({ is: 'done', outcome: 'succeeded' });
  });

  it('after the deadline a way forward steers back, and a way back needs a human', () => {
    const s = scene(2);
    s.now = s.plan.deadline;
    expect(next(s).is).toBe('abort');
    expect(next(s, back(s))).toMatchObject({ is: 'done', outcome: 'failed' });
  });
});

describe('the way back', () => {
  it('what is out already comes back at once, the rest as the minimum of healthy targets allows', () => {
    const s = scene(4);
    s.runs(s.id(1), s.service(), 'blue', s.service().to, 50);
    s.runs(s.id(2), s.service(), 'blue', s.service().to).target(s.id(2), s.service(), 'blue', 'absent', 100, 100);
    expect(said(next(s, back(s)))).toBe('restore 2');
    s.target(s.id(2), s.service(), 'blue', 'healthy', 1).runs(s.id(2), s.service(), 'blue', s.service().from, 1);
    expect(next(s, back(s)), 'what came back a second ago takes nobody away').toMatchObject({
      is: 'wait',
      waits: expect.arrayContaining([expect.objectContaining({ what: 'back; must stay healthy' })]) as unknown,
    });
    s.target(s.id(2), s.service(), 'blue', 'healthy', 60);
    expect(said(next(s, back(s)))).toBe('deregister 1');
  });

  it('does not end before one that cannot be reached has left, however fresh the others are', () => {
    const s = scene(3);
    s.agent(s.id(2), 'offline').runs(s.id(2), s.service(), 'blue', s.service().to);
    for (const number of [1, 3]) s.runs(s.id(number), s.service(), 'blue', s.service().from, 1);
    s.target(s.id(3), s.service(), 'blue', 'healthy', 1);
    expect(said(next(s, back(s)))).toBe('wait');
    s.target(s.id(3), s.service(), 'blue', 'healthy', 60);
    expect(said(next(s, back(s)))).toBe('deregister 2');
  });

  it('what came back a moment ago takes nobody away either while its checks are repeated', () => {
    const s = scene(2);
    s.runs(s.id(2), s.service(), 'blue', s.service().to);
    s.runs(s.id(1), s.service(), 'blue', s.service().from).target(s.id(1), s.service(), 'blue', 'healthy', 1);
    s.op(s.id(1), { is: 'running', phase: 'restore', service: 'backend', since: s.now, until: s.now + 60_000 });
    expect(next(s, back(s)).is).toBe('wait');
    s.target(s.id(1), s.service(), 'blue', 'healthy', 60);
    expect(said(next(s, back(s)))).toBe('deregister 2');
  });

  it('one that was unhealthy before its new container passed its checks may yet get healthy, for so long as any may', () => {
    const s = scene(2);
    const { healthTimeout } = timing;
    const began = (ago: number): Scene =>
      s
        .runs(s.id(1), s.service(), 'blue', s.service().to, ago)
        .target(s.id(1), s.service(), 'blue', 'unhealthy', ago + 1);
    expect(said(next(began(5)))).toBe('wait');
    expect(said(next(began(healthTimeout / 1000 - 1)))).toBe('wait');
    expect(said(next(began(healthTimeout / 1000)))).toBe('abort');
    expect(said(next(began(5).target(s.id(1), s.service(), 'blue', 'unhealthy', 4)))).toBe('abort');
  });

  it('on a rollback too: how long it was unhealthy before does not count', () => {
    const { healthTimeout } = timing;
    const undone = (ago: number): Decision => {
      const s = scene(2);
      const { from } = s.service();
      for (const { id } of s.fleet)
        s.runs(id, s.service(), 'blue', from, ago).target(
          id,
          s.service(),
          'blue',
          'unhealthy',
          healthTimeout / 1000 + ago,
        );
      return next(s, back(s));
    };
    expect(said(undone(5))).toBe('wait');
    expect(said(undone(healthTimeout / 1000 - 1))).toBe('wait');
    expect(undone(healthTimeout / 1000)).toMatchObject({ is: 'done', outcome: 'failed' });
  });

  it('of targets that are all unhealthy the last one stays registered until another is back, if one can come', () => {
    const s = scene(2);
    for (const { id } of s.fleet)
      s.runs(id, s.service(), 'blue', s.service().to).target(id, s.service(), 'blue', 'unhealthy', 5);
    expect(said(next(s, back(s)))).toBe('deregister 1');
    s.target(s.id(1), s.service(), 'blue', 'absent', 100, 100);
    expect(said(next(s, back(s)))).toBe('restore 1');
    s.runs(s.id(1), s.service(), 'blue', s.service().from, 5);
    expect(said(next(s, back(s)))).toBe('register 1');
    s.target(s.id(1), s.service(), 'blue', 'initial', 1);
    expect(said(next(s, back(s)))).toBe('deregister 2');
    // Nobody is there who could come.
    const alone = scene(2);
    alone.agent(alone.id(1), 'offline').target(alone.id(1), alone.service(), 'blue', 'absent', 100, 100);
    alone.runs(alone.id(2), alone.service(), 'blue', alone.service().to);
    alone.target(alone.id(2), alone.service(), 'blue', 'unhealthy', 5);
    expect(said(next(alone, back(alone)))).toBe('deregister 2');
  });

  it('waits for what still runs on the instance, then undoes it', () => {
    const s = scene(3).target('i-00000001', servicePlan('backend'), 'blue', 'absent', 100, 100);
    s.op(s.id(1), { is: 'running', phase: 'start', service: 'backend', since: s.now, until: s.now + 60_000 });
    expect(next(s, back(s)).is).toBe('wait');
    s.op(s.id(1), { is: 'idle' }).runs(s.id(1), s.service(), 'blue', s.service().to);
    expect(said(next(s, back(s)))).toBe('restore 1');
    expect(said(next(s.empty(s.id(1), s.service(), 'blue'), back(s)))).toBe('restore 1');
  });

  it('an untouched instance that was ill before is left as it is', () => {
    const s = scene(3).target('i-00000002', servicePlan('backend'), 'blue', 'unhealthy');
    expect(next(s, back(s))).toEqual({ is: 'done', outcome: 'rolled-back', reason: 'the release is bad' });
  });

  it('does not wait for an instance that went silent, and takes it out', () => {
    const s = scene(3);
    s.agent(s.id(3), 'offline').blind(s.id(3), 5);
    expect(said(next(s, back(s)))).toBe('deregister 3');
    s.target(s.id(3), s.service(), 'blue', 'absent', 5, 5);
    expect(next(s, back(s)), 'and names it').toEqual({
      is: 'done',
      outcome: 'rolled-back',
      reason: 'the release is bad; left out: backend on web-3 (i-00000003): its SSM agent is offline',
    });
  });

  it('is not over while one that may run anything gets requests, since it is needed for the minimum of healthy targets', () => {
    const s = scene(2, planOf({ ...rollingHow, minimumHealthy: { is: 'count', value: 2 } }));
    s.agent(s.id(2), 'offline').blind(s.id(2), 5);
    expect(next(s, back(s))).toMatchObject({
      is: 'done',
      outcome: 'failed',
      reason: expect.stringMatching(/web-2 .*still gets requests/) as string,
    });
    // Nothing of ours was there: it was left out from the beginning.
    const out = scene(
      2,
      planOf({ ...rollingHow, minimumHealthy: { is: 'count', value: 2 } }, { excluded: ['i-00000002'] }),
    );
    out.blind(out.id(2), 500);
    expect(next(out, back(out))).toMatchObject({ is: 'done', outcome: 'rolled-back' });
    const rollback = planOf(
      { ...rollingHow, minimumHealthy: { is: 'count', value: 2 } },
      { kind: 'rollback', excluded: ['i-00000002'] },
    );
    const s2 = scene(2, rollback).blind('i-00000002', 500);
    s2.runs(s2.id(1), s2.service(), 'blue', s2.service().to, 100);
    expect(next(s2)).toMatchObject({ is: 'done', outcome: 'failed' });
  });

  it('a restore that fails ends as failed once all that can be helped is, and names the instance', () => {
    const s = scene(3).target('i-00000001', servicePlan('backend'), 'blue', 'absent', 100, 100);
    s.empty(s.id(1), s.service(), 'blue').failed(s.id(1), s.service(), 'blue', s.service().from);
    s.runs(s.id(2), s.service(), 'blue', s.service().to, 1);
    // Two of three are healthy and two must stay healthy: nothing more can be brought back.
    expect(next(s, back(s))).toMatchObject({
      is: 'done',
      outcome: 'failed',
      reason: expect.stringContaining('web-1') as string,
    });
  });

  it('after a first installation there is none: nothing is started, and the reason says it', () => {
    const first = planOf(rollingHow, {
      services: [servicePlan('backend', { from: serviceRelease('backend', 'none') })],
    });
    const s = scene(2, first);
    expect(said(next(s))).toBe('start 1');
    s.runs(s.id(1), s.service(), 'blue', s.service().to, 5).target(s.id(1), s.service(), 'blue', 'unhealthy', 5);
    expect(next(s).is).toBe('abort');
    expect(next(s, back(s))).toMatchObject({
      is: 'done',
      outcome: 'failed',
      reason: expect.stringContaining('nothing to go back to') as string,
    });
  });
});

describe('who is to blame', () => {
  it('the old version fails too, where nothing was touched: hold, and after the hold steer back', () => {
    const s = scene(3);
    s.runs(s.id(1), s.service(), 'blue', s.service().to, 5).target(s.id(1), s.service(), 'blue', 'unhealthy', 5);
    expect(next(s).is).toBe('abort');
    s.target(s.id(2), s.service(), 'blue', 'unhealthy', 30);
    expect(next(s)).toMatchObject({ is: 'hold', reason: expect.stringContaining('web-2') as string });
    s.target(s.id(2), s.service(), 'blue', 'unhealthy', 601);
    expect(next(s).is).toBe('abort');
  });

  it('a witness that failed on the instance is the release, whatever the others do', () => {
    const s = scene(3).target('i-00000002', servicePlan('backend'), 'blue', 'unhealthy', 30);
    expect(next(s.failed(s.id(1), s.service(), 'blue', s.service().to)).is).toBe('abort');
  });
});
