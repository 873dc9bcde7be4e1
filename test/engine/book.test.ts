import { beforeEach, describe, expect, it } from 'vitest';
import type { Fence, HostRequest, Slot } from '../../src/domain/host.js';
import type { HostFailure, ObservedHost } from '../../src/domain/observation.js';
import { sentenceOf } from '../../src/domain/observation.js';
import { HostBook } from '../../src/engine/book.js';
import { PortError } from '../../src/domain/errors.js';
import { UnsendableRequest } from '../../src/engine/host-port.js';
import type { HostReply } from '../../src/engine/host-port.js';
import { ManualClock } from '../_helpers/manual-clock.js';
import { serviceRelease } from '../_helpers/plan.js';

const instance = 'i-00000001';
const slot: Slot = { service: 'backend', containerName: 'backend', color: 'blue', port: 8080 };
const { release, spec } = serviceRelease('backend', 'new');
const start: HostRequest = { phase: 'start', slot, release, spec, keep: 1 };
const inspect: HostRequest = { phase: 'inspect', slots: [slot] };
const noDocker: HostReply = { ok: false, code: 'no-docker', message: 'docker does not answer on the instance' };
const looked: HostReply = { ok: true, replayed: false, containers: [] };

let clock: ManualClock;
let reply: HostReply;
let book: HostBook;
let notes: string[];
let failures: HostFailure[];
let fences: (Fence | undefined)[];
let refusal: Error | undefined;

beforeEach(() => {
  clock = new ManualClock();
  notes = [];
  failures = [];
  const notUsed = (): Promise<never> => Promise.reject(new Error('not part of this test'));
  let sent = 0;
  let turns = 0;
  fences = [];
  refusal = undefined;
  book = new HostBook({
    hosts: {
      send: ({ fence }) => {
        fences.push(fence);
        if (refusal !== undefined) return Promise.reject(refusal);
        return Promise.resolve(`command-${String((sent += 1))}`);
      },
      poll: (open) => Promise.resolve(new Map(open.map(({ id }) => [id, { is: 'replied', reply }]))),
      sendResolve: notUsed,
      sendAsk: notUsed,
      sendList: notUsed,
      flaw: () => undefined,
    },
    clock,
    emit: (event) => {
      if (event.type === 'note') notes.push(event.text);
      if (event.type === 'host.failed') failures.push(event.failure);
    },
    nameOf: () => 'shop-1',
    nextFence: () => [1, 0, (turns += 1)],
  });
});

/** Sends, takes the answer in, and gives what is known then. */
async function ask(request: HostRequest, answer: HostReply): Promise<ObservedHost> {
  reply = answer;
  await book.send(instance, request, 10_000);
  await book.poll();
  const host = book.view([instance]).get(instance);
  if (host === undefined) throw new Error('the book does not know the instance');
  return host;
}

describe('docker that does not answer', () => {
  it('says nothing of the release: the instance is looked at, and is free again once docker answers', async () => {
    const lost = await ask(start, noDocker);
    expect(lost.op).toMatchObject({ is: 'lost', phase: 'start', why: noDocker.message });
    expect(lost.containers).toMatchObject({ is: 'unknown', why: noDocker.message });
    expect(lost.failures.size).toBe(0);
    const found = await ask(inspect, looked);
    expect(found.op).toEqual({ is: 'idle' });
    expect(found.containers).toMatchObject({ is: 'known', value: [] });
    expect(found.failures.size).toBe(0);
  });

  it('has not answered since the first time, however often it is asked', async () => {
    const since = clock.now();
    await ask(start, noDocker);
    await clock.advance(5000);
    const still = await ask(inspect, noDocker);
    expect(still.op).toMatchObject({ is: 'lost', since });
    expect(still.containers).toMatchObject({ is: 'unknown', since });
  });

  it('three times for the same step is a failure of that step', async () => {
    for (const times of [1, 2, 3]) {
      const { failures } = await ask(start, noDocker);
      expect(failures.size).toBe(times === 3 ? 1 : 0);
      if (times === 3)
        expect(failures.get('backend/blue')).toMatchObject({
          code: 'lost',
          message: `start was lost 3 times: ${noDocker.message}`,
        });
      await ask(inspect, looked);
    }
  });

  it('has not run a task', async () => {
    await ask({ phase: 'task', service: 'backend', containerName: 'backend', release, spec }, noDocker);
    expect(book.tasks.get('backend')).toEqual({ is: 'failed', why: noDocker.message });
  });
});

describe('a command that is lost', () => {
  it('is told once, with what it was to do, and once that the instance has answered again', async () => {
    const lost =
      'shop-1 (i-00000001): nobody knows what became of "start backend": docker does not answer on the instance. It is looked at before anything else is done there';
    await ask(start, noDocker);
    expect(notes).toEqual([lost]);
    await clock.advance(5000);
    await ask(inspect, noDocker);
    expect(notes).toEqual([lost]);
    await clock.advance(5000);
    await ask(inspect, looked);
    expect(notes).toEqual([lost, 'shop-1 (i-00000001) has answered again, after 10 s']);
    await ask(inspect, looked);
    expect(notes).toHaveLength(2);
  });

  it('that was a look only says so', async () => {
    await ask(inspect, noDocker);
    expect(notes).toEqual([
      'shop-1 (i-00000001) cannot be looked at: docker does not answer on the instance. It is asked again',
    ]);
  });
});

describe('an instance that refuses to be looked at', () => {
  it('is unknown since the first time, however often it is asked', async () => {
    const fullDisk: HostReply = { ok: false, code: 'no-state', message: 'cannot write the fence (disk full?)' };
    await ask(inspect, looked);
    await clock.advance(5000);
    const since = clock.now();
    expect((await ask(inspect, fullDisk)).containers).toMatchObject({ is: 'unknown', why: fullDisk.message, since });
    await clock.advance(5000);
    expect((await ask(inspect, fullDisk)).containers).toMatchObject({ is: 'unknown', since });
  });
});

describe('one request for several instances', () => {
  it('goes under one fence, and under a higher one to an instance that had it before', async () => {
    await book.send('i-00000001', inspect, 10_000);
    await book.send('i-00000002', inspect, 10_000);
    await book.send('i-00000001', inspect, 10_000);
    await book.send('i-00000002', start, 10_000);
    expect(fences).toEqual([
      [1, 0, 1],
      [1, 0, 1],
      [1, 0, 2],
      [1, 0, 3],
    ]);
  });
});

describe('a command that was never sent', () => {
  const task: HostRequest = { phase: 'task', service: 'backend', containerName: 'backend', release, spec };
  const invalid = (serviceCode?: string): PortError =>
    new PortError({ kind: 'invalid', operation: 'ssm:SendCommand', message: 'ssm:SendCommand: no', serviceCode });
  const unsendable = new UnsendableRequest('env PATH: its value has a line break', { tooLarge: false });
  const send = async (request: HostRequest, error: Error): Promise<ObservedHost> => {
    refusal = error;
    await book.send(instance, request, 10_000);
    const host = book.view([instance]).get(instance);
    if (host === undefined) throw new Error('the book does not know the instance');
    return host;
  };

  it.each([
    ['that cannot be encoded', unsendable, 'unsendable', unsendable.message],
    ['that is too large for SSM', invalid('MaxDocumentSizeExceeded'), 'unsendable', 'ssm:SendCommand: no'],
    ['that SSM finds invalid', invalid('ValidationException'), 'unsendable', 'ssm:SendCommand: no'],
  ])('%s is a failure of its step, with its reason', async (_, error, code, message) => {
    book.seed(instance, []);
    const started = await send(start, error);
    expect(started.op).toEqual({ is: 'idle' });
    expect(started.failures.get('backend/blue')).toMatchObject({ phase: 'start', code, message });
    expect(started.containers, 'they have not heard of it').toMatchObject({ is: 'known' });
    const pulled = await send({ phase: 'pull', images: [] }, error);
    expect(pulled.pullFailure).toMatchObject({ code, message });
    await send(task, error);
    expect(book.tasks.get('backend')).toEqual({ is: 'failed', why: message });
  });

  it('to an instance that SSM does not know is no failure of the release, and its task has not run', async () => {
    const host = await send(start, invalid('InvalidInstanceId'));
    expect(host.op).toMatchObject({ is: 'lost' });
    expect(host.failures.size).toBe(0);
    await send(task, invalid('InvalidInstanceId'));
    expect(book.tasks.get('backend')).toEqual({ is: 'none' });
    await send(task, invalid());
    expect(book.tasks.get('backend')).toEqual({ is: 'none' });
  });

  it('and was a look leaves the instance unknown', async () => {
    expect((await send(inspect, unsendable)).op).toMatchObject({ is: 'lost', phase: 'inspect' });
  });
});

describe('what is bad for a reason that nobody knows', () => {
  const spot = { instance, service: 'backend', color: 'blue' } as const;
  const stop: HostRequest = { phase: 'stop', slot, stopTimeout: 1000, keep: 1, evidence: true };
  const aside = { release: 'r-2', restarts: 1, oomKilled: true, logTail: 'fills up' };

  it('is explained by what its instance tells when it is set aside, once', async () => {
    book.explain([spot]);
    expect(book.isUnexplained(spot)).toBe(true);
    expect(book.isUnexplained({ ...spot, color: 'green' })).toBe(false);
    await ask(stop, { ok: true, replayed: false, containers: [], aside });
    expect(failures.map(sentenceOf)).toEqual([
      'backend r-2 was killed for memory, and docker started it again (restarts: 1), before it was set aside',
    ]);
    expect(book.firstFailure()).toMatchObject({ code: 'set-aside', oomKilled: true, logTail: 'fills up' });
    expect(book.isUnexplained(spot)).toBe(false);
    book.forgetFailures();
    expect(book.firstFailure(), 'a new aim does not make it unknown').toBeDefined();
  });

  it('stays so where the command that sets it aside fails: the next one asks again', async () => {
    book.explain([spot]);
    await ask(stop, { ok: false, code: 'stop-failed', message: 'it still runs' });
    expect(book.isUnexplained(spot)).toBe(true);
  });

  it.each([
    [{ restarts: 0 }, 'ran until it was set aside'],
    [{ restarts: 0, exitCode: 3 }, 'ended before it was set aside'],
    [{ restarts: 2 }, 'ended, and docker started it again (restarts: 2), before it was set aside'],
    [{ restarts: 0, exitCode: 137, oomKilled: true }, 'was killed for memory before it was set aside'],
  ])('is told as it is: %j', async (seen, words) => {
    book.explain([spot]);
    await ask(stop, { ok: true, replayed: false, containers: [], aside: { release: 'r-2', ...seen } });
    expect(failures.map(sentenceOf)).toEqual([`backend r-2 ${words}`]);
  });
});
