import { beforeEach, describe, expect, it } from 'vitest';
import { PortError } from '../../src/domain/errors.js';
import type { ObservedTarget, TargetView } from '../../src/domain/observation.js';
import { HostBook } from '../../src/engine/book.js';
import { Observer } from '../../src/engine/observer.js';
import { scopeOf } from '../../src/engine/scope.js';
import type { TrafficPort } from '../../src/engine/ports.js';
import { ManualClock } from '../_helpers/manual-clock.js';
import { instanceOf, planOf, rollingHow } from '../_helpers/plan.js';

const group = 'arn:tg/backend-green';
const route = 'arn:rule/backend';
const key = 'i-00000001:8081';

let clock: ManualClock;
let idle: number;
let sticky: boolean;
let shown: TargetView | undefined;
let broken: boolean;
let size: number;
let fleetReads: number;
let gone: boolean;
let observer: Observer;

const notUsed = (): Promise<never> => Promise.reject(new Error('not part of this test'));
const traffic: TrafficPort = {
  resolveGroup: notUsed,
  resolveRoute: notUsed,
  groups: notUsed,
  groupsHolding: notUsed,
  routesUsing: notUsed,
  register: notUsed,
  deregister: notUsed,
  setWeights: notUsed,
  routes: () => Promise.resolve(new Map(gone ? [] : [[route, view()]])),
  targets: (of) => {
    if (broken)
      return Promise.reject(new PortError({ kind: 'throttled', operation: 'elbv2:Test', message: 'slow down' }));
    return Promise.resolve(of === group && shown !== undefined ? new Map([[key, shown]]) : new Map());
  },
};
const view = (): Awaited<ReturnType<TrafficPort['setWeights']>> => ({
  route,
  name: route,
  weights: [
    { group: 'arn:tg/backend-blue', weight: 100 - idle },
    { group, weight: idle },
  ],
  stickiness: { enabled: sticky },
  frame: 'frame',
});

beforeEach(() => {
  clock = new ManualClock();
  [idle, sticky, shown, broken, size, fleetReads, gone] = [0, false, { state: 'healthy' }, false, 1, 0, false];
  const fleet = {
    instances: () => {
      fleetReads += 1;
      return Promise.resolve(Array.from({ length: size }, (_, index) => instanceOf(index + 1)));
    },
  };
  const hosts = {
    send: notUsed,
    poll: () => Promise.resolve(new Map()),
    sendResolve: notUsed,
    sendAsk: notUsed,
    sendList: notUsed,
    flaw: () => undefined,
  };
  const book = new HostBook({ hosts, clock, emit: () => undefined, nameOf: (id) => id, nextFence: () => undefined });
  const steering = (): Promise<[]> => Promise.resolve([]);
  observer = new Observer({ fleet, traffic, clock, book, steering }, scopeOf(planOf(rollingHow)));
});

async function look(after = 0): Promise<ObservedTarget | undefined> {
  await clock.advance(after);
  const seen = (await observer.observe()).targets.get(group);
  return seen?.is === 'known' ? seen.value.get(key) : undefined;
}

describe('since when', () => {
  it('a state lasts from its first reading, and a new one starts again', async () => {
    const begin = clock.now();
    expect((await look())?.since).toBe(begin);
    expect((await look(5000))?.since).toBe(begin);
    shown = { state: 'unhealthy' };
    expect(await look(5000)).toMatchObject({ state: 'unhealthy', since: begin + 10_000 });
  });

  it('a failed reading is unknown, and no break unless it lasts', async () => {
    const begin = clock.now();
    await look();
    broken = true;
    expect(await look(5000)).toBeUndefined();
    broken = false;
    expect((await look(5000))?.since).toBe(begin);
    broken = true;
    await look(15_000);
    broken = false;
    expect((await look(10_000))?.since).toBe(clock.now());
  });

  it('a reading from before our registration is not believed after one that has shown it either', async () => {
    shown = undefined;
    await look();
    observer.changed(group, [key], true);
    shown = { state: 'initial' };
    expect(await look(1000)).toMatchObject({ state: 'initial' });
    shown = undefined;
    expect(await look(1000)).toMatchObject({ state: 'initial' });
    expect(await look(8000)).toMatchObject({ state: 'absent' });
  });

  it('a registration that a reading has shown is over when two in a row show it no more', async () => {
    observer.changed(group, [key], true);
    shown = { state: 'healthy' };
    await look(1000);
    shown = { state: 'draining' };
    expect(await look(1000)).toMatchObject({ state: 'healthy' });
    expect(await look(2000)).toMatchObject({ state: 'draining' });
  });

  it('a registration that a reading has shown is not over by two readings of the same moment', async () => {
    observer.changed(group, [key], true);
    shown = { state: 'initial' };
    await look(1000);
    shown = undefined;
    expect(await look(300)).toMatchObject({ state: 'initial' });
    expect(await look(50)).toMatchObject({ state: 'initial' });
    shown = { state: 'healthy' };
    expect(await look(50)).toMatchObject({ state: 'healthy' });
  });

  it('our own deregistration that has no effect is no time without requests', async () => {
    idle = 100;
    await look();
    observer.changed(group, [key], false);
    expect(await look(2000)).not.toHaveProperty('unroutedSince');
    idle = 0;
    await look(2000);
    const quiet = clock.now();
    expect(await look(7000)).toMatchObject({ state: 'healthy', unroutedSince: quiet });
  });

  it('our own registration starts it again, and a reading from before it is not believed for a while', async () => {
    shown = { state: 'draining' };
    await look();
    observer.changed(group, [key], true);
    expect((await look(2000))?.state).toBe('initial');
    expect((await look(9000))?.state).toBe('draining');
  });

  it('a reading from before our registration is not taken for the end of the drain that followed it', async () => {
    observer.changed(group, [key], true);
    shown = { state: 'initial' };
    await look(2000);
    observer.changed(group, [key], false);
    shown = undefined;
    expect(await look(1000)).toMatchObject({ state: 'draining' });
    expect(await look(7000)).toMatchObject({ state: 'absent' });
  });

  it('our own deregistration is assumed until a reading shows it', async () => {
    await look();
    observer.changed(group, [key], false);
    expect(await look(2000)).toMatchObject({ state: 'draining', assumed: true });
    shown = { state: 'draining' };
    expect(await look(1000)).not.toHaveProperty('assumed');
    shown = { state: 'healthy' };
    expect((await look(8000))?.state).toBe('healthy');
  });

  it('the end of a drain is believed at once where the registration was long ago', async () => {
    await look();
    observer.changed(group, [key], false);
    shown = undefined;
    expect(await look(100)).toMatchObject({ state: 'absent' });
  });
});

describe('without a reason to get requests', () => {
  it('since the weight is 0, from anew after each time that it was not', async () => {
    const begin = clock.now();
    expect((await look())?.unroutedSince).toBe(begin);
    idle = 10;
    expect((await look(5000))?.unroutedSince).toBeUndefined();
    idle = 0;
    expect((await look(5000))?.unroutedSince).toBe(clock.now());
  });

  it('not where stickiness may bind clients to its group; then since it is out', async () => {
    sticky = true;
    expect((await look())?.unroutedSince).toBeUndefined();
    await clock.advance(10_000);
    observer.changed(group, [key], false);
    const left = clock.now();
    shown = { state: 'draining' };
    expect((await look())?.unroutedSince).toBe(left);
    shown = undefined;
    expect((await look(15_000))?.unroutedSince).toBe(left);
    sticky = false;
    shown = { state: 'healthy' };
    expect((await look(1000))?.unroutedSince).toBe(left);
  });

  it('since it is out where its group is given weight again, however long the weight was 0 before', async () => {
    await look();
    await clock.advance(10_000);
    observer.changed(group, [key], false);
    const left = clock.now();
    shown = { state: 'draining' };
    await look(500);
    idle = 50;
    expect((await look(500))?.unroutedSince).toBe(left);
    idle = 0;
    shown = undefined;
    expect((await look(1000))?.unroutedSince).toBe(left);
  });

  it('a weight that came and went while the targets could not be read counts', async () => {
    await look();
    broken = true;
    idle = 10;
    await look(5000);
    idle = 0;
    observer.routeWritten(view());
    broken = false;
    expect((await look(1000))?.unroutedSince).toBe(clock.now());
  });
});

describe('a bake', () => {
  it('continues after a short break, and starts again after a long one, a change, another one, or a turn', async () => {
    observer.setBake('final');
    const since = clock.now();
    const breakOff = async (duration: number): Promise<void> => {
      observer.setBake(undefined);
      expect(observer.snapshot().bake).toBeUndefined();
      await clock.advance(duration);
    };
    await clock.advance(10_000);
    await breakOff(20_000);
    observer.setBake('final');
    expect(observer.snapshot().bake).toEqual({ key: 'final', since });

    // Its gates are sampled over the short break, and not over the long one.
    const sampled = observer.sampled;
    expect(sampled).toBeDefined();
    await breakOff(20_000);
    expect(observer.sampled).toBe(sampled);
    observer.setBake('final');
    expect(observer.sampled).toBe(sampled);

    await breakOff(20_001);
    expect(observer.sampled).toBeUndefined();
    observer.setBake('final');
    expect(observer.snapshot().bake).toEqual({ key: 'final', since: clock.now() });

    observer.setBake(undefined, true);
    await clock.advance(1000);
    observer.setBake('final');
    expect(observer.snapshot().bake).toEqual({ key: 'final', since: clock.now() });

    observer.setBake(undefined);
    observer.setBake(undefined, true);
    await clock.advance(1000);
    observer.setBake('final');
    expect(observer.snapshot().bake).toEqual({ key: 'final', since: clock.now() });

    await breakOff(1000);
    observer.setBake('shift/10');
    expect(observer.snapshot().bake).toEqual({ key: 'shift/10', since: clock.now() });

    await breakOff(1000);
    observer.turn();
    observer.setBake('shift/10');
    expect(observer.snapshot().bake).toEqual({ key: 'shift/10', since: clock.now() });
  });
});

describe('the fleet', () => {
  it.each([
    [10, 25_000],
    [10_000, 200_000],
  ])('of %d instances is read again after %d ms, not before', async (many, every) => {
    size = many;
    await look();
    await look(every - 1);
    expect(fleetReads).toBe(1);
    await look(1);
    expect(fleetReads).toBe(2);
  });
});

it('a rule that was gone, and is there again as it was, takes writes again', async () => {
  await observer.observe(undefined);
  observer.refuse(route, 'not found');
  expect((await observer.observe(undefined)).refused.has(route)).toBe(true);
  gone = true;
  await observer.observe(undefined);
  gone = false;
  expect((await observer.observe(undefined)).refused.has(route)).toBe(false);
});

it('a registration whose answer was lost, and that was taken back, is not over with a reading from before it', async () => {
  shown = undefined;
  await observer.observe(undefined);
  observer.tried(group, [key]);
  observer.changed(group, [key], false);
  const { targets } = await observer.observe(undefined);
  const seen = targets.get(group);
  expect(seen?.is === 'known' ? seen.value.get(key)?.state : undefined).toBe('draining');
});

it('a registration whose answer was lost begins the quiet of its target anew, also where readings do not show it', async () => {
  shown = undefined;
  await observer.observe(undefined);
  await clock.advance(3000);
  await observer.observe(undefined);
  observer.tried(group, [key]);
  const at = clock.now();
  await clock.advance(2000);
  const { targets } = await observer.observe(undefined);
  const seen = targets.get(group);
  expect(seen?.is === 'known' ? seen.value.get(key) : undefined).toMatchObject({
    state: 'absent',
    outSince: at,
    unroutedSince: at,
  });
});

it('a reading of a route that contradicts our own write of a moment ago may be older', async () => {
  await observer.observe(undefined);
  expect(observer.mayBeOlder()).toBe(false);
  observer.routeWritten({ ...view(), stickiness: { enabled: true } });
  expect(observer.mayBeOlder()).toBe(false);
  await observer.observe(undefined);
  expect(observer.mayBeOlder()).toBe(true);
  sticky = true;
  await observer.observe(undefined);
  expect(observer.mayBeOlder()).toBe(false);
  sticky = false;
  await clock.advance(10_000);
  await observer.observe(undefined);
  expect(observer.mayBeOlder()).toBe(false);
});

it('a registration whose answer was lost, soon after a deregistration, is believed as soon as a reading shows it', async () => {
  await observer.observe(undefined);
  observer.changed(group, [key], false);
  shown = undefined;
  await clock.advance(3000);
  await observer.observe(undefined);
  observer.tried(group, [key]);
  shown = { state: 'initial' };
  const { targets } = await observer.observe(undefined);
  const seen = targets.get(group);
  expect(seen?.is === 'known' ? seen.value.get(key)?.state : undefined).toBe('initial');
});
