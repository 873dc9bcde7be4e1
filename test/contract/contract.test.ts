import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ParameterPort } from '../../src/engine/ports.js';
import { MemoryParameters } from '../_helpers/memory-parameters.js';
import { openSimulated } from './simulated.js';
import { openWire } from './wire.js';
import type { World } from './world.js';
import { Talk } from './world.js';

/*
 * What the engine is promised by its ports. One text, held to each thing that stands behind them: the simulator, and the adapters over the wire on the
 * sandbox. What the simulator shows of deployctl is worth as much as this suite.
 */
const worlds = [
  { name: 'the simulator', open: openSimulated },
  { name: 'the sandbox over the wire', open: openWire },
] as const;

const conflict = { name: 'PortError', kind: 'conflict' };
const invalid = { name: 'PortError', kind: 'invalid' };
const notFound = { name: 'PortError', kind: 'not-found' };

/** Each test begins where the one before it left off. */
describe.each(worlds)('$name', { timeout: 120_000 }, ({ open }) => {
  let world: World;
  let talk: Talk;
  beforeAll(async () => {
    world = await open();
    talk = new Talk(world);
  }, 120_000);
  afterAll(() => world.close());

  describe('fleet', () => {
    it('lists the instances by id, with their agents', async () => {
      const seen = await world.fleet.instances({ is: 'tags', tags: { App: 'shop' } }, { is: 'ports' });
      expect(seen.map(({ id }) => id)).toEqual([...world.instances].sort());
      expect(seen.map(({ agent }) => agent)).toEqual(['online', 'online']);
    });

    it('says which instances run, and nothing of one that never was', async () => {
      const [first = 'i-0'] = world.instances;
      expect([...(await world.fleet.states([first, 'i-0123456789abcdef0']))]).toEqual([[first, 'running']]);
    });

    it('aborts a call', async () => {
      const aborted = world.traffic.targets(world.groups.blue, AbortSignal.abort(new Error('enough')));
      await expect(aborted).rejects.toMatchObject({ name: 'PortError', kind: 'aborted' });
    });
  });

  describe('targets and weights', () => {
    it('what serves is healthy, without a reason', async () => {
      expect(await talk.targetIs(0, 'blue', 'healthy')).toEqual({ state: 'healthy' });
      expect(await talk.targetIs(1, 'blue', 'healthy')).toEqual({ state: 'healthy' });
      expect([...(await world.traffic.targets(world.groups.blue)).keys()].sort()).toEqual(
        [talk.key(0, 'blue'), talk.key(1, 'blue')].sort(),
      );
    });

    it('a group in no route is not checked: its targets are unused', async () => {
      expect(await talk.targetOf(0, 'green')).toBeUndefined();
      await world.traffic.register(world.groups.green, [talk.target(0, 'green')]);
      expect(await talk.targetOf(0, 'green')).toMatchObject({ state: 'unused', reason: 'Target.NotInUse' });
      await world.rest(30_000);
      expect(await talk.targetOf(0, 'green')).toMatchObject({ state: 'unused' });
      expect(talk.weights(await talk.view()).green).toBeUndefined();
    });

    it('a weight is written only where things are as expected', async () => {
      const before = await talk.view();
      await expect(talk.shift(90, 10, { expected: [{ group: world.groups.blue, weight: 7 }] })).rejects.toMatchObject(
        conflict,
      );
      await expect(talk.shift(90, 10, { frame: 'something else' })).rejects.toMatchObject(conflict);
      expect(await talk.view()).toEqual(before);
    });

    it.each([
      ['all weights 0', 0, 0],
      ['a weight over 999', 1000, 0],
      ['half a weight', 0.5, 0],
    ])('%s is not sent', async (_what, blue, green) => {
      const before = await talk.view();
      await expect(talk.shift(blue, green)).rejects.toMatchObject(invalid);
      expect(await talk.view()).toEqual(before);
    });

    it('a group that is missing is appended, at 0, and is checked from then on', async () => {
      const before = await talk.view();
      const after = await talk.shift(100, 0);
      expect(talk.weights(after)).toEqual({ blue: 100, green: 0 });
      expect(after.frame).toBe(before.frame);
      expect(await talk.view()).toEqual(after);
      // Nothing listens there yet.
      expect(await talk.targetIs(0, 'green', 'unhealthy')).toMatchObject({ state: 'unhealthy' });
    });

    it('the same weights again are no change', async () => {
      expect(await talk.shift(100, 0)).toEqual(await talk.view());
    });

    it('weights of another hand are shown, and not written over', async () => {
      const { frame, weights } = await talk.view();
      await world.foreignWeights(
        new Map([
          [world.groups.blue, 60],
          [world.groups.green, 40],
        ]),
      );
      expect(talk.weights(await talk.view())).toEqual({ blue: 60, green: 40 });
      await expect(talk.shift(50, 50, { frame, expected: weights })).rejects.toMatchObject(conflict);
      expect(talk.weights(await talk.view())).toEqual({ blue: 60, green: 40 });
      expect(talk.weights(await talk.shift(100, 0))).toEqual({ blue: 100, green: 0 });
    });

    it('what another hand changes besides is another frame', async () => {
      const { frame } = await talk.view();
      const undo = await world.foreignEdit();
      expect((await talk.view()).frame).not.toBe(frame);
      await expect(talk.shift(90, 10, { frame })).rejects.toMatchObject(conflict);
      await undo();
      expect((await talk.view()).frame).toBe(frame);
    });

    it('stickiness is written with the weights, and is not a part of the frame', async () => {
      const { route, groups, traffic } = world;
      const before = await talk.view();
      const managed = Object.values(groups);
      const common = { route, managed, frame: before.frame, expected: before.weights, set: before.weights };
      const on = await traffic.setWeights({ ...common, stickiness: { enabled: true, seconds: 60 } });
      expect(on.stickiness).toEqual({ enabled: true, seconds: 60 });
      expect(on.frame).toBe(before.frame);
      expect(await talk.view()).toEqual(on);
      const off = await traffic.setWeights({ ...common, stickiness: { enabled: false } });
      expect(off.stickiness.enabled).toBe(false);
    });

    it('deregistered is draining at once, and absent after the drain', async () => {
      await world.traffic.deregister(world.groups.green, [talk.target(0, 'green')]);
      expect(await talk.targetOf(0, 'green')).toMatchObject({ state: 'draining' });
      await talk.targetIs(0, 'green', undefined);
      // What is not there may be taken away again.
      await world.traffic.deregister(world.groups.green, [talk.target(0, 'green')]);
      expect(await talk.targetOf(0, 'green')).toBeUndefined();
    });

    it('a draining target that is registered again begins as initial, and is healthy after one check', async () => {
      await world.traffic.deregister(world.groups.blue, [talk.target(0, 'blue')]);
      expect(await talk.targetOf(0, 'blue')).toMatchObject({ state: 'draining' });
      expect(await talk.targetOf(1, 'blue')).toEqual({ state: 'healthy' });
      await world.traffic.register(world.groups.blue, [talk.target(0, 'blue')]);
      expect((await talk.targetOf(0, 'blue'))?.state).toMatch(/initial|healthy/);
      await talk.targetIs(0, 'blue', 'healthy');
      // What is registered stays as it is.
      await world.traffic.register(world.groups.blue, [talk.target(0, 'blue')]);
      expect(await talk.targetOf(0, 'blue')).toEqual({ state: 'healthy' });
    });

    it('what does not exist is named as such', async () => {
      const nowhere = 'arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/no/0123456789abcdef';
      await expect(world.traffic.targets(nowhere)).rejects.toMatchObject(notFound);
      await expect(world.traffic.register(nowhere, [talk.target(0, 'green')])).rejects.toMatchObject(notFound);
      const unknown = { instance: 'i-0000000000000bad0' as const, port: world.ports.green };
      await expect(world.traffic.register(world.groups.green, [unknown])).rejects.toMatchObject(invalid);
    });
  });

  describe('commands on an instance', () => {
    it('is pending until it has been answered', async () => {
      const id = await talk.send(0, talk.inspect());
      expect(await talk.stateOf(0, id)).toEqual({ is: 'pending' });
      expect(await talk.endOf(0, id)).toMatchObject({ is: 'replied', reply: { ok: true, replayed: false } });
    });

    it('an inspect shows what a person started, which is not ours', async () => {
      const [found, ...more] = await talk.running(0, 'blue');
      expect(more).toEqual([]);
      expect(found).toMatchObject({
        digest: world.digest('old'),
        restartPolicy: 'unless-stopped',
        ports: [world.ports.blue],
      });
      expect(found?.ours).toBeUndefined();
    });

    it('start: the new container has our name on it, and is the one of the answer', async () => {
      const pulled = await talk.ask(0, {
        phase: 'pull',
        images: [{ service: 'backend', release: 'r-new', containerName: 'backend', spec: talk.spec('new') }],
      });
      expect(pulled).toMatchObject({ ok: true, replayed: false });
      const reply = await talk.ask(0, talk.start('new', 'green'));
      const [found] = await talk.running(0, 'green');
      expect(found).toMatchObject({
        digest: world.digest('new'),
        restartPolicy: 'unless-stopped',
        restartCount: 0,
        ours: { service: 'backend', color: 'green', release: 'r-new' },
      });
      expect(reply).toMatchObject({
        ok: true,
        replayed: false,
        container: { id: found?.id, startedAt: found?.startedAt },
      });
      // On its own port: what serves on the other one is as it was.
      expect(await talk.running(0, 'blue')).toHaveLength(1);
    });

    it('a target of it is healthy, even at weight 0', async () => {
      await world.traffic.register(world.groups.green, [talk.target(0, 'green')]);
      // On a busy machine the first check may have been before the first look.
      expect(['initial', 'healthy']).toContain((await talk.targetOf(0, 'green'))?.state);
      await talk.targetIs(0, 'green', 'healthy');
    });

    it('start again: the running container is found well, and stays', async () => {
      const [before] = await talk.running(0, 'green');
      expect(await talk.ask(0, talk.start('new', 'green'))).toMatchObject({ ok: true, container: { id: before?.id } });
      expect(await talk.running(0, 'green')).toEqual([before]);
    });

    it('an equal fence repeats the answer, a lower one is refused; neither does anything', async () => {
      const fence = talk.fence();
      const first = await talk.ask(0, talk.start('new', 'green'), fence);
      expect(first).toMatchObject({ ok: true, replayed: false });
      const again = await talk.ask(0, { phase: 'stop', slot: talk.slot('green'), stopTimeout: 2000, keep: 2 }, fence);
      expect(again).toMatchObject({ ok: true, replayed: true });
      const [generation, epoch, send] = fence;
      const late = await talk.ask(0, talk.start('bad', 'green'), [generation, epoch, send - 1]);
      expect(late).toMatchObject({ ok: false, code: 'fenced' });
      const earlier = await talk.ask(0, talk.start('bad', 'green'), [0, 9, 9]);
      expect(earlier).toMatchObject({ ok: false, code: 'fenced' });
      expect((await talk.running(0, 'green')).map(({ digest }) => digest)).toEqual([world.digest('new')]);
    });

    it('a command that runs twice does its work once', async () => {
      await world.nextCommand('twice');
      expect(await talk.ask(1, talk.start('new', 'green'))).toMatchObject({ ok: true });
      const [before] = await talk.running(1, 'green');
      // Under a later fence, so it waits for whatever still runs.
      const after = await talk.ask(1, talk.inspect());
      expect(after).toMatchObject({ ok: true });
      expect(await talk.running(1, 'green')).toEqual([before]);
    });

    it('a release that is not well is told with its evidence; what it replaced is kept and can be put back', async () => {
      const [before] = await talk.running(1, 'green');
      const reply = await talk.ask(1, talk.start('bad', 'green'));
      expect(reply).toMatchObject({ ok: false, code: 'unhealthy' });
      const kept = (await talk.containers(1)).find(({ id }) => id === before?.id);
      expect(kept).toMatchObject({ running: false, restartPolicy: 'no' });
      const restored = await talk.ask(1, { ...talk.start('new', 'green'), phase: 'restore' });
      expect(restored).toMatchObject({ ok: true, container: { id: before?.id } });
      const [after, ...more] = await talk.running(1, 'green');
      expect(more).toEqual([]);
      expect(after).toMatchObject({ id: before?.id, restartPolicy: 'unless-stopped', ours: { release: 'r-new' } });
      expect(after?.startedAt).not.toBe(before?.startedAt);
    });

    it('what a person started is set aside, and put back by the name of its image', async () => {
      const [before] = await talk.running(1, 'blue');
      expect(await talk.ask(1, talk.start('new', 'blue'))).toMatchObject({ ok: true });
      expect((await talk.running(1, 'blue')).map(({ ours }) => ours?.release)).toEqual(['r-new']);
      const release = `adopted-${world.digest('old').slice('sha256:'.length, 'sha256:'.length + 12)}`;
      const back = { ...talk.start('old', 'blue'), phase: 'restore', release } as const;
      expect(await talk.ask(1, back)).toMatchObject({ ok: true, container: { id: before?.id } });
    });

    it('what is kept nowhere cannot be put back when nobody knows how it was started', async () => {
      const back = { ...talk.start('old', 'green'), phase: 'restore', release: 'adopted-0123456789ab' } as const;
      expect(await talk.ask(0, back)).toMatchObject({ ok: false, code: 'nothing-to-restore' });
      expect((await talk.running(0, 'green')).map(({ ours }) => ours?.release)).toEqual(['r-new']);
    });

    it('stop: nothing runs in the slot, and it is kept', async () => {
      const [before] = await talk.running(0, 'green');
      const stop = { phase: 'stop', slot: talk.slot('green'), stopTimeout: 2000, keep: 2 } as const;
      expect(await talk.ask(0, stop)).toMatchObject({ ok: true });
      expect(await talk.running(0, 'green')).toEqual([]);
      const kept = (await talk.containers(0)).find(({ id }) => id === before?.id);
      expect(kept).toMatchObject({ running: false, restartPolicy: 'no' });
      await talk.targetIs(0, 'green', 'unhealthy');
      // Nothing to do is success.
      expect(await talk.ask(0, stop)).toMatchObject({ ok: true });
    });

    it('one that was reported as undelivered may still run, and changes nothing behind a higher fence', async () => {
      await world.nextCommand('late');
      const id = await talk.send(0, talk.start('new', 'green'), talk.fence());
      expect(await talk.endOf(0, id)).toMatchObject({ is: 'lost' });
      expect(await talk.ask(0, talk.inspect())).toMatchObject({ ok: true });
      await world.rest(150_000);
      expect(await talk.running(0, 'green')).toEqual([]);
      expect(await talk.stateOf(0, id)).toMatchObject({ is: 'lost' });
    });

    it('one that is never delivered is lost, and has done nothing', async () => {
      await world.nextCommand('never');
      const id = await talk.send(0, talk.start('new', 'green'), talk.fence());
      expect(await talk.endOf(0, id)).toMatchObject({ is: 'lost' });
      expect(await talk.running(0, 'green')).toEqual([]);
    });

    it('a silent agent takes no command: in the end it is lost', async () => {
      await world.silence(world.instances[1]);
      const id = await talk.send(1, talk.inspect());
      expect(await talk.stateOf(1, id)).toEqual({ is: 'pending' });
      expect(await talk.endOf(1, id)).toMatchObject({ is: 'lost' });
      await world.until(
        () => world.fleet.instances({ is: 'tags', tags: { App: 'shop' } }, { is: 'ports' }),
        (seen) => seen.find(({ id: one }) => one === world.instances[1])?.agent === 'offline',
      );
    });

    it('a terminated instance leaves the fleet, gets no traffic, no command and no registration', async () => {
      const gone = world.instances[1];
      await world.terminate(gone);
      const seen = await world.until(
        () => world.fleet.instances({ is: 'tags', tags: { App: 'shop' } }, { is: 'ports' }),
        (fleet) => fleet.every(({ id }) => id !== gone),
      );
      expect(seen.map(({ id }) => id)).toEqual([world.instances[0]]);
      await world.until(
        () => talk.targetOf(1, 'blue'),
        (target) => target === undefined || target.state === 'unused',
      );
      await expect(talk.send(1, talk.inspect())).rejects.toMatchObject(invalid);
      await expect(world.traffic.register(world.groups.green, [talk.target(1, 'green')])).rejects.toMatchObject(
        invalid,
      );
      await world.traffic.deregister(world.groups.blue, [talk.target(1, 'blue')]);
    });
  });

  describe('Parameter Store', () => {
    parameterStore(() => world.parameters);
  });
});

describe('the store of the state tests', () => {
  const store = new MemoryParameters();
  parameterStore(() => store);
});

function parameterStore(of: () => ParameterPort): void {
  const base = '/deployctl/shop/contract';

  it('of several that create a name one wins', async () => {
    const name = `${base}/lease/1`;
    await of().create(name, 'a');
    await expect(of().create(name, 'b')).rejects.toMatchObject({ name: 'PortError', kind: 'already-exists' });
    expect(await of().get(name)).toBe('a');
  });

  it('an overwrite never creates', async () => {
    const name = `${base}/lease/2`;
    expect(await of().get(name)).toBeUndefined();
    await expect(of().overwrite(name, 'a')).rejects.toMatchObject(notFound);
    expect(await of().get(name)).toBeUndefined();
    await of().create(name, 'a');
    await of().overwrite(name, 'b');
    expect(await of().get(name)).toBe('b');
  });

  it('a list has everything below the path and nothing beside it, however many pages that takes', async () => {
    const names = Array.from({ length: 23 }, (_, index) => `${base}/many/${String(index).padStart(2, '0')}/deep`);
    for (const name of names) await of().create(name, name.slice(-7));
    await of().create(`${base}/many-more`, 'beside');
    expect([...(await of().list(`${base}/many`))].sort()).toEqual(names.map((name) => [name, name.slice(-7)]));
    expect((await of().list(`${base}/nothing`)).size).toBe(0);
    await of().remove([...names, `${base}/many-more`]);
    expect((await of().list(`${base}/many`)).size).toBe(0);
  });

  it('what is removed is gone; what is missing may be removed', async () => {
    const name = `${base}/lease/3`;
    await of().create(name, 'a');
    await of().remove([name, `${base}/never`]);
    expect(await of().get(name)).toBeUndefined();
    await expect(of().overwrite(name, 'b')).rejects.toMatchObject(notFound);
    await expect(of().secret(name)).rejects.toMatchObject(notFound);
  });

  it.each([
    ['no value', ''],
    ['4097 bytes', 'x'.repeat(4097)],
    ['4097 bytes in fewer characters', `${'ü'.repeat(2048)}x`],
    ['a reference', 'a{{ssm:b}}'],
  ])('%s is refused', async (_what, value) => {
    await expect(of().create(`${base}/bad`, value)).rejects.toMatchObject(invalid);
    expect(await of().get(`${base}/bad`)).toBeUndefined();
  });

  it('4096 bytes are taken', async () => {
    await of().create(`${base}/large`, 'x'.repeat(4096));
    expect((await of().get(`${base}/large`))?.length).toBe(4096);
  });

  it('an illegal name is refused', async () => {
    await expect(of().create(`${base}/with space`, 'a')).rejects.toMatchObject(invalid);
  });
}
