import { describe, expect, it } from 'vitest';
import type { Decision } from '../../src/domain/decision.js';
import type { Plan } from '../../src/domain/plan.js';
import { redirect } from '../../src/domain/plan.js';
import type { GateSettings } from '../../src/domain/settings.js';
import { decideNext } from '../../src/strategies/index.js';
import { blueGreenHow, planOf, serviceRelease, servicePlan, timing, twoSets } from '../_helpers/plan.js';
import { Scene } from '../_helpers/observation.js';
import { said } from './_said.js';

const plan = planOf(blueGreenHow);
const scene = (size: number, of: Plan = plan): Scene => new Scene(of, size);
const next = (s: Scene, of: Plan = s.plan): Decision => decideNext(of, s.seen(), s.now);
const back = (s: Scene): Plan => redirect(s.plan, 'the release is bad');

/** The new release is up on the idle color of every instance: verified, registered, healthy; `live` and `idle` are its weights. */
function up(s: Scene, live: number, idle: number, verified = 1): Scene {
  for (const service of s.plan.services) {
    if (service.from.release === service.to.release) continue;
    s.weights(service, live, idle);
    for (const { id, color } of s.fleet) {
      if (color === 'blue') continue;
      s.runs(id, service, 'green', service.to, verified).target(
        id,
        service,
        'green',
        'healthy',
        100,
        idle > 0 ? undefined : 100,
      );
    }
  }
  return s;
}

const baked = (s: Scene, percent: number): Scene =>
  s.sees({ bake: { key: `shift/${String(percent)}`, since: s.now - timing.bake - 5000 } });

describe('the idle color', () => {
  it('its group comes into the routes at weight 0 first', () => {
    expect(said(next(scene(2)))).toBe('weights 100/0');
  });

  it('then it is started everywhere at once, since it has no traffic', () => {
    const s = scene(3);
    expect(said(next(s.weights(s.service(), 100, 0)))).toBe('start 1, start 2, start 3');
  });

  it('what ran there before leaves the load balancer after the settle time, drains, and is stopped last', () => {
    const s = scene(1);
    s.weights(s.service(), 100, 0).runs(s.id(1), s.service(), 'green', serviceRelease('backend', 'older'));
    expect(said(next(s.target(s.id(1), s.service(), 'green', 'healthy', 100, 59)))).toBe('wait');
    expect(said(next(s.target(s.id(1), s.service(), 'green', 'healthy', 100, 60)))).toBe('deregister 1');
    expect(said(next(s.target(s.id(1), s.service(), 'green', 'draining', 5, 65)))).toBe('wait');
    expect(said(next(s.target(s.id(1), s.service(), 'green', 'absent', 5, 100)))).toBe('start 1');
    expect(said(next(s.target(s.id(1), s.service(), 'green', 'absent', 5, 20)))).toBe('wait');
  });

  it('clients that stickiness binds to what ran there before are let go first; the first step binds again', () => {
    const before = { enabled: true, seconds: 60 } as const;
    const s = scene(1, planOf(blueGreenHow, { stickinessBefore: new Map([['arn:rule/backend', before]]) }));
    s.weights(s.service(), 100, 0, { sticky: true });
    expect(said(next(s)), 'nothing is there that they could be bound to').toBe('start 1');
    s.runs(s.id(1), s.service(), 'green', serviceRelease('backend', 'older'));
    s.target(s.id(1), s.service(), 'green', 'healthy', 100);
    const first = next(s);
    expect(said(first)).toBe('weights 100/0');
    expect(first).toMatchObject({ actions: [{ stickiness: { enabled: false } }] });
    s.weights(s.service(), 100, 0).target(s.id(1), s.service(), 'green', 'healthy', 100, 60);
    expect(said(next(s))).toBe('deregister 1');
    expect(next(up(s, 100, 0))).toMatchObject({ actions: [{ is: 'weights', stickiness: before }] });
  });

  it('is judged on its own witness, never on what was healthy there before', () => {
    const s = scene(1);
    s.weights(s.service(), 100, 0).runs(s.id(1), s.service(), 'green', s.service().to);
    expect(said(next(s.target(s.id(1), s.service(), 'green', 'healthy', 100, 100)))).toBe('start 1');
  });

  it('is registered when it passed, and no weight moves before all of it is healthy', () => {
    const s = up(scene(2), 100, 0);
    expect(said(next(s.target(s.id(2), s.service(), 'green', 'absent', 5, 5)))).toBe('register 2');
    expect(said(next(s.target(s.id(2), s.service(), 'green', 'initial', 5, 5)))).toBe('wait');
    expect(said(next(s.target(s.id(2), s.service(), 'green', 'unhealthy', 0, 5)))).toBe('abort');
    expect(said(next(s.target(s.id(2), s.service(), 'green', 'healthy', 4, 4)))).toBe('wait');
    s.target(s.id(2), s.service(), 'green', 'healthy', 15, 15);
    expect(said(next(s))).toBe('weights 90/10');
  });

  it('gets no traffic by a rollback that has brought it up before its targets have been healthy for a while', () => {
    const s = up(scene(2, planOf({ ...blueGreenHow, steps: [100] }, { kind: 'rollback' })), 100, 0);
    for (const { id } of s.fleet) s.target(id, s.service(), 'green', 'healthy', 3, 100);
    expect(said(next(s))).toBe('wait');
    for (const { id } of s.fleet) s.target(id, s.service(), 'green', 'healthy', 10, 100);
    expect(said(next(s))).toBe('weights 0/100');
  });

  it('in two sets of instances only the idle set is touched', () => {
    const s = scene(2, planOf(blueGreenHow, { layout: twoSets }));
    expect(said(next(s.weights(s.service(), 100, 0)))).toBe('start 3, start 4');
  });
});

describe('the shift', () => {
  it.each([
    [100, 0, 0, 'weights 90/10'],
    [90, 10, 10, 'weights 50/50'],
    [50, 50, 50, 'weights 0/100'],
  ] as const)('from %d/%d', (live, idle, percent, wanted) => {
    expect(said(next(baked(up(scene(2), live, idle), percent)))).toBe(wanted);
  });

  it('bakes each step, from anew for each', () => {
    const s = up(scene(2), 90, 10);
    expect(next(s)).toMatchObject({ is: 'wait', bake: 'shift/10' });
    expect(next(baked(s, 0))).toMatchObject({ is: 'wait', bake: 'shift/10' });
  });

  it('the last look of a bake goes out one tick before its end, and that is when the world is looked at', () => {
    const s = up(scene(1), 90, 10, 20);
    const leftOf = (left: number): Decision =>
      next(s.sees({ bake: { key: 'shift/10', since: s.now - timing.bake + left } }));
    expect(leftOf(timing.poll + 3000)).toMatchObject({ is: 'wait', recheckAt: s.now + 3000 });
    expect(said(leftOf(timing.poll))).toBe('inspect 1');
    expect(said(leftOf(-1000))).toBe('inspect 1');
    s.runs(s.id(1), s.service(), 'green', s.service().to, 2);
    expect(leftOf(1000)).toMatchObject({ is: 'wait', recheckAt: s.now + 1000 });
    expect(said(leftOf(0))).toBe('weights 50/50');
  });

  it('ends at 100 % after its bake, with the old color as it is', () => {
    expect(next(baked(up(scene(2), 0, 100), 100))).toMatchObject({ is: 'done', outcome: 'succeeded' });
  });

  it('a route that lags behind catches up before the next step', () => {
    const s = up(
      scene(1, planOf(blueGreenHow, { services: [servicePlan('backend'), servicePlan('frontend')] })),
      90,
      10,
    );
    s.weights(s.service(1), 100, 0).target(s.id(1), s.service(1), 'green', 'healthy', 100, 100);
    const decision = next(baked(s, 10));
    expect(said(decision)).toBe('weights 90/10');
    expect(decision).toMatchObject({ actions: [{ route: 'arn:rule/frontend' }] });
  });

  it('weights that are no step of ours hold', () => {
    expect(next(up(scene(1), 70, 30))).toMatchObject({
      is: 'hold',
      reason: expect.stringContaining('another hand') as string,
    });
    expect(next(up(scene(1), 0, 0)).is).toBe('hold');
  });

  it('a route that cannot be read: wait, then hold, and never a write', () => {
    const s = up(scene(1), 90, 10).unreadable('arn:rule/backend');
    expect(next(s).is).toBe('wait');
  });
});

describe('resumed in the middle of the shift', () => {
  it('what has traffic and is not witnessed by this process is asked again before anything else', () => {
    const s = up(scene(2), 90, 10);
    for (const { id } of s.fleet) s.forget(id);
    expect(said(next(baked(s, 10)))).toBe('start 1, start 2');
  });

  it('a container that is gone while its target gets requests steers back', () => {
    const s = up(scene(2), 90, 10);
    s.forget(s.id(2)).empty(s.id(2), s.service(), 'green');
    expect(next(s)).toMatchObject({ is: 'abort', reason: expect.stringContaining('web-2') as string });
  });

  it('one that joins during a bake is brought up in the new color, registered last', () => {
    const s = up(scene(2), 90, 10).joins(3);
    expect(said(next(baked(s, 10)))).toBe('pull 3');
    const bare = up(scene(3), 90, 10);
    bare.empty(bare.id(3), bare.service(), 'blue').target(bare.id(3), bare.service(), 'blue', 'absent', 5, 5);
    bare.target(bare.id(3), bare.service(), 'green', 'absent', 5, 5).empty(bare.id(3), bare.service(), 'green');
    bare.forget(bare.id(3));
    expect(said(next(baked(bare, 10)))).toBe('start 3');
    const fresh = up(scene(3), 90, 10);
    for (const color of ['blue', 'green'] as const) fresh.target(fresh.id(3), fresh.service(), color, 'absent', 5, 5);
    expect(said(next(baked(fresh, 10)))).toBe('register 3');
  });
});

describe('the way back', () => {
  it('gives the traffic back first, frontend before backend, whatever the state of the new color', () => {
    const s = up(
      scene(1, planOf(blueGreenHow, { services: [servicePlan('backend'), servicePlan('frontend')] })),
      50,
      50,
    );
    s.empty(s.id(1), s.service(), 'green').target(s.id(1), s.service(), 'green', 'unhealthy', 5);
    const decision = next(s, back(s));
    expect(said(decision)).toBe('weights 100/0, weights 100/0');
    expect(decision).toMatchObject({ actions: [{ route: 'arn:rule/frontend' }, { route: 'arn:rule/backend' }] });
  });

  it('gives weights back in the numbers they had', () => {
    const blue = servicePlan('backend').colors.blue?.group ?? 'arn:none';
    const before = new Map([['arn:rule/backend', [{ group: blue, weight: 7 }]]] as const);
    const s = up(scene(1, planOf(blueGreenHow, { weightsBefore: before })), 50, 50);
    expect(said(next(s, back(s)))).toBe('weights 7/0');
  });

  it('waits for the rest of the targets that have just been brought back, where the other color has more that are healthy', () => {
    const s = up(scene(2), 0, 100);
    s.target(s.id(2), s.service(), 'blue', 'initial', 3);
    expect(next(s, back(s))).toMatchObject({ is: 'wait', waits: [{ until: s.now - 3000 + timing.healthTimeout }] });
    s.target(s.id(2), s.service(), 'blue', 'unhealthy', 3);
    expect(said(next(s, back(s)))).toBe('weights 100/0');
    s.target(s.id(2), s.service(), 'blue', 'initial', timing.healthTimeout / 1000);
    expect(said(next(s, back(s)))).toBe('weights 100/0');
  });

  it('turns stickiness off in the same write, and puts it back at the end', () => {
    const s = up(
      scene(
        1,
        planOf(blueGreenHow, { stickinessBefore: new Map([['arn:rule/backend', { enabled: true, seconds: 60 }]]) }),
      ),
      50,
      50,
    );
    s.weights(s.service(), 50, 50, { sticky: true });
    expect(next(s, back(s))).toMatchObject({ actions: [{ stickiness: { enabled: false } }] });
    s.weights(s.service(), 100, 0)
      .empty(s.id(1), s.service(), 'green')
      .target(s.id(1), s.service(), 'green', 'absent', 5, 100);
    expect(next(s, back(s))).toMatchObject({ actions: [{ stickiness: { enabled: true, seconds: 60 } }] });
  });

  it('puts it back only after the clients of the color that lost its traffic have been let go', () => {
    const stickinessBefore = new Map([['arn:rule/backend', { enabled: true, seconds: 20 }]] as const);
    const s = up(scene(1, planOf(blueGreenHow, { stickinessBefore })), 100, 0);
    const { settle } = s.plan.timing;
    s.empty(s.id(1), s.service(), 'green').target(s.id(1), s.service(), 'green', 'absent', 5, 100);
    s.weights(s.service(), 100, 0, { seconds: 2 });
    expect(next(s, back(s))).toMatchObject({ is: 'wait', waits: [{ until: s.now - 2000 + settle }] });
    s.weights(s.service(), 100, 0, { seconds: settle / 1000 });
    expect(next(s, back(s))).toMatchObject({ actions: [{ stickiness: { enabled: true, seconds: 20 } }] });
  });

  it('lets go of the clients that are bound to the failed color before it takes it out, although it has no weight', () => {
    const stickinessBefore = new Map([['arn:rule/backend', { enabled: true, seconds: 60 }]] as const);
    const s = up(scene(1, planOf(blueGreenHow, { stickinessBefore })), 100, 0);
    s.weights(s.service(), 100, 0, { sticky: true });
    expect(next(s, back(s))).toMatchObject({ actions: [{ is: 'weights', stickiness: { enabled: false } }] });
    s.weights(s.service(), 100, 0);
    expect(said(next(s, back(s)))).toBe('deregister 1');
  });

  it('then takes the failed color out: settled, drained, stopped', () => {
    const s = up(scene(1), 100, 0);
    const at = (state: 'healthy' | 'draining' | 'absent', seconds: number, quiet: number): string =>
      said(next(s.target(s.id(1), s.service(), 'green', state, seconds, quiet), back(s)));
    expect(at('healthy', 100, 59)).toBe('wait');
    expect(at('healthy', 100, 60)).toBe('deregister 1');
    expect(at('draining', 5, 65)).toBe('wait');
    expect(at('absent', 5, 59)).toBe('wait');
    expect(at('absent', 5, 95)).toBe('stop 1');
    s.empty(s.id(1), s.service(), 'green');
    expect(next(s, back(s))).toEqual({ is: 'done', outcome: 'rolled-back', reason: 'the release is bad' });
  });

  it('stops what docker starts again and again', () => {
    const s = up(scene(1), 100, 0).crashLoops(scene(1).id(1), scene(1).service(), 'green');
    s.target(s.id(1), s.service(), 'green', 'absent', 100, 100);
    expect(said(next(s, back(s)))).toBe('stop 1');
  });

  it('waits for a command that still runs, and looks where nobody knows', () => {
    const s = up(scene(2), 100, 0);
    s.op(s.id(1), { is: 'running', phase: 'start', service: 'backend', since: s.now, until: s.now + 1000 });
    expect(said(next(s.blind(s.id(2)), back(s)))).toBe('inspect 2');
  });

  it('leaves the predecessor in the idle color alone where the release never came', () => {
    const s = scene(1);
    s.weights(s.service(), 100, 0).runs(s.id(1), s.service(), 'green', serviceRelease('backend', 'older'));
    s.target(s.id(1), s.service(), 'green', 'healthy', 3600, 3600);
    expect(next(s, back(s))).toMatchObject({ is: 'done', outcome: 'rolled-back' });
  });

  it('never gives weight to a color without a healthy target', () => {
    const s = up(scene(2), 50, 50);
    for (const { id } of s.fleet) s.target(id, s.service(), 'blue', 'unhealthy', 5);
    expect(said(next(s, back(s))), 'green is the only one that can serve').toBe('weights 0/100');
    expect(next(s.weights(s.service(), 0, 100), back(s))).toMatchObject({
      is: 'hold',
      reason: expect.stringContaining('no healthy target') as string,
    });
  });

  it('after a first installation: traffic stays, nothing starts, and it has failed', () => {
    const first = planOf(blueGreenHow, {
      services: [servicePlan('backend', { from: serviceRelease('backend', 'none') })],
    });
    const s = up(scene(2, first), 50, 50);
    const failed = {
      is: 'done',
      outcome: 'failed',
      reason: expect.stringContaining('nothing to go back to') as string,
    };
    expect(next(s, back(s))).toMatchObject(failed);
    s.weights(s.service(), 100, 0);
    for (const { id } of s.fleet) s.target(id, s.service(), 'green', 'absent', 100, 100);
    expect(said(next(s, back(s)))).toBe('stop 1, stop 2');
    for (const { id } of s.fleet) s.empty(id, s.service(), 'green');
    expect(next(s, back(s))).toMatchObject(failed);
  });
});

describe('a gate', () => {
  it('that fails steers back, one without a result is waited for', () => {
    const gates = {
      probes: [],
      commands: [{ name: 'smoke', command: ['./smoke'], timeout: 1000 }],
      inconclusive: 'fail',
    } as const;
    const s = up(scene(1, planOf(blueGreenHow, { gates })), 90, 10);
    expect(next(s)).toMatchObject({ is: 'wait', bake: 'shift/10' });
    expect(next(baked(s, 10)).is).toBe('abort');
    expect(next(s.sees({ commands: [{ gate: 'smoke', passed: false, why: 'exit 1' }] }))).toMatchObject({
      is: 'abort',
      reason: 'command smoke failed: exit 1',
    });
  });

  it('that has no data when the bake is over is waited for: a command for its timeout, a probe for another bake', () => {
    const url = 'http://shop/';
    const probe = {
      name: 'home',
      url,
      status: [[200, 299]],
      interval: 1000,
      timeout: 1000,
      successRate: 1,
      minSamples: 3,
    } as const;
    const smoke = { name: 'smoke', command: ['./smoke'], timeout: timing.bake + 20_000 };
    const after = (gates: Partial<GateSettings>, age: number, sees: Parameters<Scene['sees']>[0] = {}): string => {
      const plan = planOf(blueGreenHow, { gates: { probes: [], commands: [], inconclusive: 'pass', ...gates } });
      const s = up(scene(1, plan), 90, 10);
      return said(next(s.sees({ ...sees, bake: { key: 'shift/10', since: s.now - age } })));
    };
    const { bake, poll } = timing;
    const isMoved = 'weights 50/50';
    expect(after({ commands: [smoke] }, smoke.timeout + poll - 1)).toBe('wait');
    expect(after({ commands: [smoke] }, smoke.timeout + poll)).toBe(isMoved);
    const passed = { commands: [{ gate: 'smoke', passed: true, why: 'exit 0' }] };
    expect(after({ commands: [smoke] }, bake, passed)).toBe(isMoved);
    expect(after({ probes: [probe] }, 2 * bake - 1)).toBe('wait');
    expect(after({ probes: [probe] }, 2 * bake)).toBe(isMoved);
    expect(after({ probes: [probe] }, bake, { probes: [{ probe: 'home', good: 1, bad: 0 }] })).toBe(isMoved);
  });
});

describe('a one-off task', () => {
  const base = servicePlan('backend');
  const to = { ...base.to, spec: { ...base.to.spec, task: { command: ['migrate'], timeout: 60_000 } } };
  const withTask = planOf(blueGreenHow, { services: [{ ...base, to }] });

  it.each([
    ['none', 'task 1'],
    ['running', 'wait'],
    ['failed', 'abort'],
    ['unknown', 'hold'],
    ['succeeded', 'weights 100/0'],
  ] as const)('%s: %s', (is, wanted) => {
    expect(said(next(scene(2, withTask).sees({ tasks: new Map([['backend', { is }]]) })))).toBe(wanted);
  });
});

describe('retire', () => {
  it('drains and stops the idle color, and refuses where it has traffic', () => {
    const s = up(scene(1, planOf({ is: 'retire' })), 100, 0);
    expect(said(next(s))).toBe('deregister 1');
    expect(said(next(s.target(s.id(1), s.service(), 'green', 'absent', 5, 100)))).toBe('stop 1');
    expect(next(s.empty(s.id(1), s.service(), 'green'))).toMatchObject({ is: 'done', outcome: 'succeeded' });
    expect(said(next(s.weights(s.service(), 90, 10))), 'another hand gave the empty color some').toBe('weights 100/0');
    const served = up(scene(1, planOf({ is: 'retire' })), 90, 10);
    expect(next(served)).toMatchObject({ is: 'done', outcome: 'failed' });
  });

  it('puts a stickiness back that the repair of an outage has turned off meanwhile', () => {
    const stickinessBefore = new Map([['arn:rule/backend', { enabled: true, seconds: 60 }]] as const);
    const s = scene(1, planOf({ is: 'retire' }, { stickinessBefore })).weights(servicePlan('backend'), 100, 0);
    expect(next(s)).toMatchObject({ actions: [{ stickiness: { enabled: true, seconds: 60 } }] });
  });

  it('refuses where clients may be bound to it', () => {
    const s = up(scene(1, planOf({ is: 'retire' })), 100, 0).weights(servicePlan('backend'), 100, 0, { sticky: true });
    expect(next(s)).toMatchObject({
      is: 'done',
      outcome: 'failed',
      reason: expect.stringContaining('would get 503') as string,
    });
    s.target(s.id(1), s.service(), 'green', 'absent', 5, 100);
    expect(said(next(s))).toBe('stop 1');
  });

  it('refuses where they may be bound to that of any service, whichever is sticky first', () => {
    const services = [servicePlan('backend'), servicePlan('frontend')];
    const s = up(scene(1, planOf({ is: 'retire' }, { services })), 100, 0);
    for (const service of services) s.weights(service, 100, 0, { sticky: true });
    s.target(s.id(1), s.service(0), 'green', 'absent', 5, 100);
    expect(next(s)).toMatchObject({
      is: 'done',
      outcome: 'failed',
      reason: expect.stringContaining('arn:rule/frontend has group stickiness on') as string,
    });
  });
});
