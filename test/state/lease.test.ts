import { describe, expect, it } from 'vitest';
import { DeployctlError } from '../../src/domain/errors.js';
import type { Heartbeat, LeaseView } from '../../src/state/index.js';
import { BASE, HEARTBEAT, record, TTL, world } from './world.js';

async function errorOf(work: Promise<unknown>): Promise<DeployctlError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof DeployctlError) return error;
    throw error;
  }
  throw new Error('it succeeded');
}

describe('taking the lease', () => {
  it('gives generation 1, then 2 after a release, and no name twice', async () => {
    const { clock, store, person } = world();
    const anna = person('anna');
    const first = await clock.run(anna.state.acquireLease(anna.take()));
    expect(first.generation).toBe(1);
    expect(first.isValid(5000)).toBe(true);
    await clock.run(first.release());
    expect(first.isValid(0)).toBe(false);
    expect(await clock.run(anna.state.readLease({ isAlive: () => undefined }))).toEqual({ is: 'free', generation: 1 });
    const started = clock.monotonic();
    const second = await clock.run(anna.state.acquireLease(anna.take()));
    expect(second.generation).toBe(2);
    expect(clock.monotonic() - started).toBe(0);
    await clock.run(second.release());
    expect(store.recreated).toEqual([]);
    expect(clock.sleeping).toBe(0);
  });

  it('refuses at once while a holder beats: exit 13, who, since when, what, where, and what to do', async () => {
    const { clock, person } = world();
    const anna = person('anna');
    const bob = person('bob');
    const lease = await clock.run(anna.state.acquireLease(anna.take({ rollout: 'ro-7' })));
    await clock.advance(25_000);
    const started = clock.monotonic();
    const error = await errorOf(clock.run(bob.state.acquireLease(bob.take())));
    expect(clock.monotonic() - started).toBe(0);
    expect(error.code).toBe('lease.held');
    expect(error.exitCode).toBe(13);
    expect(error.message).toBe(
      'shop/production is locked by anna (pid 42 on anna-host), "rollout backend=1.1.0" (ro-7) since 2026-11-24 12:00:00Z, ' +
        'last heartbeat 5 s ago, generation 1',
    );
    expect(error.next.join('\n')).toMatch(/deployctl status[^]*--lock-wait 10m[^]*deployctl lease release/);
    expect(lease.isValid(0)).toBe(true);
    await clock.run(lease.release());
  });

  it('watches a holder that looks stale for one TTL, then takes over', async () => {
    const { clock, store, person } = world();
    const anna = person('anna');
    await clock.run(anna.state.acquireLease(anna.take()));
    store.inject({ client: 'anna', when: 'before', kind: 'network', times: 1e6 });
    await clock.advance(TTL + 1000);
    const bob = person('bob');
    const waited: LeaseView[] = [];
    const started = clock.monotonic();
    const lease = await clock.run(
      bob.state.acquireLease(bob.take({ onWait: (holder) => waited.push(holder) })),
      3 * TTL,
    );
    expect(lease.generation).toBe(2);
    expect(clock.monotonic() - started).toBeGreaterThanOrEqual(TTL);
    expect(clock.monotonic() - started).toBeLessThan(TTL + 10_000);
    expect(waited).toMatchObject([{ is: 'held', looks: 'stale', generation: 1, command: 'rollout backend=1.1.0' }]);
    await clock.run(lease.release());
  });

  it.each([-600_000, 600_000])('does not take from a live holder whose clock is off by %i ms', async (skew) => {
    const { clock, person } = world();
    const anna = person('anna', { skew });
    const lease = await clock.run(anna.state.acquireLease(anna.take()));
    const bob = person('bob');
    const error = await errorOf(clock.run(bob.state.acquireLease(bob.take()), TTL));
    expect(error.code).toBe('lease.held');
    await clock.advance(TTL);
    expect(lease.isValid(5000)).toBe(true);
    await clock.run(lease.release());
  });

  it('takes at once from a process of this machine that is gone', async () => {
    const { clock, store, person } = world();
    const anna = person('anna');
    await clock.run(anna.state.acquireLease(anna.take()));
    store.inject({ client: 'anna', when: 'hang', times: 1e6 });
    const bob = person('bob');
    const started = clock.monotonic();
    const lease = await clock.run(bob.state.acquireLease(bob.take({ isAlive: (actor) => actor.name !== 'anna' })));
    expect(lease.generation).toBe(2);
    expect(clock.monotonic() - started).toBe(0);
    await clock.run(lease.release());
  });

  it('waits for a live holder as long as asked', async () => {
    const { clock, person } = world();
    const anna = person('anna');
    const bob = person('bob');
    const first = await clock.run(anna.state.acquireLease(anna.take()));
    const waiting = bob.state.acquireLease(bob.take({ wait: 600_000 }));
    await clock.advance(100_000);
    const released = first.release();
    const second = await clock.run(waiting);
    await released;
    expect(second.generation).toBe(2);
    expect(clock.monotonic()).toBeLessThan(104_000);
    const impatient = await errorOf(clock.run(anna.state.acquireLease(anna.take({ wait: 20_000 }))));
    expect(impatient.code).toBe('lease.held');
    await clock.run(second.release());
  });

  it('stops waiting when aborted, and leaves nothing locked', async () => {
    const { clock, person } = world();
    const anna = person('anna');
    const bob = person('bob');
    const first = await clock.run(anna.state.acquireLease(anna.take()));
    const stop = new AbortController();
    const waiting = bob.state.acquireLease(bob.take({ wait: 600_000, signal: stop.signal }));
    waiting.catch(() => undefined);
    await clock.advance(5000);
    stop.abort(new Error('interrupted'));
    await expect(clock.run(waiting)).rejects.toThrow('interrupted');
    await clock.run(first.release());
    expect(await clock.run(bob.state.readLease({ isAlive: () => undefined }))).toEqual({ is: 'free', generation: 1 });
  });

  it('goes above what any instance has seen', async () => {
    const { clock, person } = world();
    const anna = person('anna');
    const lease = await clock.run(anna.state.acquireLease(anna.take({ knownGeneration: 41 })), 2 * TTL);
    expect(lease.generation).toBeGreaterThan(41);
    await clock.run(lease.release());
  });

  it('does not use a name again after someone deleted the leases by hand', async () => {
    const { clock, store, person } = world();
    const anna = person('anna');
    const first = await clock.run(anna.state.acquireLease(anna.take({ knownGeneration: 6 })), 2 * TTL);
    expect(first.generation).toBe(17);
    await clock.run(anna.state.writeRecord(record({ generation: 17 }), first));
    store.delete(`${BASE}/lease/17`);
    const bob = person('bob');
    const second = await clock.run(bob.state.acquireLease(bob.take()), 2 * TTL);
    expect(second.generation).toBe(28);
    await clock.advance(HEARTBEAT);
    expect(first.lost.aborted).toBe(true);
    expect(first.isValid(0)).toBe(false);
    await clock.run(Promise.all([first.release(), second.release()]));
    expect(store.recreated).toEqual([]);
  });

  it('waits for the holder of a lease that somebody removed by hand to find out', async () => {
    const { clock, store, person } = world();
    const [anna, bob] = [person('anna'), person('bob')];
    const first = await clock.run(anna.state.acquireLease(anna.take()));
    await clock.run(anna.state.writeRecord(record(), first));
    store.delete(`${BASE}/lease/1`);
    const waited: LeaseView[] = [];
    const started = clock.monotonic();
    const second = await clock.run(
      bob.state.acquireLease(bob.take({ onWait: (holder) => waited.push(holder) })),
      TTL * 2,
    );
    expect(clock.monotonic() - started).toBeGreaterThanOrEqual(TTL);
    expect(first.lost.aborted).toBe(true);
    expect(waited).toMatchObject([{ is: 'held', why: expect.stringContaining('removed by hand') as string }]);
    await clock.run(second.release());
  });

  it('is taken above what the instances followed only when whoever lived in a store that was deleted has ended', async () => {
    const { clock, store, person } = world();
    const [anna, bob] = [person('anna'), person('bob')];
    const old = await clock.run(anna.state.acquireLease(anna.take()));
    store.delete(`${BASE}/lease/1`);
    const lease = await clock.run(bob.state.acquireLease(bob.take()));
    // The name is the same, and each tells by the nonce whose it is.
    expect([old.generation, lease.generation]).toEqual([1, 1]);
    await clock.run(lease.release());
    const started = clock.monotonic();
    const higher = await clock.run(bob.state.acquireLease(bob.take({ knownGeneration: 31 })), 2 * TTL);
    expect(higher.generation).toBe(42);
    expect(clock.monotonic() - started).toBeGreaterThanOrEqual(TTL);
    expect([old.lost.aborted, old.isValid(0)]).toEqual([true, false]);
    await clock.run(higher.release());
    // What the store knows by now needs no wait.
    const again = clock.monotonic();
    const next = await clock.run(anna.state.acquireLease(anna.take({ knownGeneration: 31 })));
    expect([next.generation, clock.monotonic() - again]).toEqual([43, 0]);
    await clock.run(next.release());
  });

  it('refuses timings that one missed heartbeat would break', async () => {
    const { clock, person } = world();
    const anna = person('anna');
    const error = await errorOf(clock.run(anna.state.acquireLease(anna.take({ heartbeat: 16_000 }))));
    expect([error.code, error.exitCode]).toEqual(['lease.timing', 64]);
  });

  it('judges a holder that it cannot read by its standing still', async () => {
    const { clock, store, person } = world();
    store.set(`${BASE}/lease/3`, '{"schema":2,"who":"a newer deployctl"}');
    const bob = person('bob');
    expect(await clock.run(bob.state.readLease({ isAlive: () => undefined }))).toMatchObject({
      is: 'held',
      looks: 'unreadable',
    });
    const started = clock.monotonic();
    const lease = await clock.run(bob.state.acquireLease(bob.take()), 2 * TTL);
    expect(lease.generation).toBe(4);
    expect(clock.monotonic() - started).toBeGreaterThanOrEqual(TTL);
    await clock.run(lease.release());
  });
});

describe('lost answers', () => {
  it('knows its own creation by the nonce', async () => {
    const { clock, store, person } = world();
    const anna = person('anna');
    store.inject({ on: 'create', when: 'after', kind: 'timeout' });
    const lease = await clock.run(anna.state.acquireLease(anna.take()));
    expect(lease.generation).toBe(1);
    expect(store.calls.filter(({ operation }) => operation === 'create')).toHaveLength(2);
    await clock.run(lease.release());
  });

  it("does not take another's creation for its own", async () => {
    const { clock, store, person } = world();
    const anna = person('anna');
    const bob = person('bob');
    // Bob lists before Anna creates, and creates after her.
    store.inject({ client: 'bob', on: 'create', when: 'before', kind: 'throttled' });
    const bobs = errorOf(bob.state.acquireLease(bob.take()));
    const lease = await clock.run(anna.state.acquireLease(anna.take()));
    expect((await clock.run(bobs)).code).toBe('lease.held');
    await clock.run(lease.release());
  });

  it('marks a creation that it gave up on, so that the next one need not wait', async () => {
    const { clock, store, person } = world();
    const anna = person('anna');
    store.inject({ on: 'create', when: 'after', kind: 'network' }, { on: 'create', when: 'before', times: 10 });
    await expect(clock.run(anna.state.acquireLease(anna.take()))).rejects.toThrow('injected');
    store.clearFaults();
    expect(await clock.run(anna.state.readLease({ isAlive: () => undefined }))).toEqual({ is: 'free', generation: 1 });
  });

  it('survives heartbeats whose answers are lost, and throttled ones within the TTL', async () => {
    const { clock, store, person } = world();
    const anna = person('anna');
    const lease = await clock.run(anna.state.acquireLease(anna.take()));
    const beats: Heartbeat['is'][] = [];
    lease.onHeartbeat((beat) => beats.push(beat.is));
    store.inject({ on: 'overwrite', when: 'after' }, { on: 'overwrite', when: 'before', kind: 'throttled', times: 2 });
    await clock.advance(3 * HEARTBEAT);
    expect(beats.slice(0, 4)).toEqual(['failed', 'failed', 'failed', 'acknowledged']);
    expect(lease.isValid(5000)).toBe(true);
    await clock.run(lease.release());
  });
});

describe('holding the lease', () => {
  it('is valid for a call only if the call would end within the TTL', async () => {
    const { clock, store, person } = world();
    const anna = person('anna');
    const lease = await clock.run(anna.state.acquireLease(anna.take()));
    store.inject({ when: 'hang', times: 1e6 });
    await clock.advance(24_999);
    expect(lease.isValid(5000)).toBe(true);
    await clock.advance(1);
    expect(lease.isValid(5000)).toBe(false);
    expect(lease.isValid(4000)).toBe(true);
    await clock.advance(5000);
    expect(lease.isValid(0)).toBe(false);
    await clock.run(lease.release());
  });

  it('counts from the start of a heartbeat, not from its answer', async () => {
    const { clock, person } = world();
    let latency = 0;
    const anna = person('anna', { latency: () => latency });
    const lease = await clock.run(anna.state.acquireLease(anna.take()));
    latency = 2000;
    // Read, write, look: each 2 s to the store and 2 s back.
    await clock.advance(HEARTBEAT + 12_000);
    latency = 1e9;
    await clock.advance(TTL - 12_000 - 1);
    expect(lease.isValid(0)).toBe(true);
    await clock.advance(1);
    expect(lease.isValid(0)).toBe(false);
    latency = 0;
    await clock.run(lease.release());
  });

  it('a holder that slept is invalid until a heartbeat confirms it', async () => {
    const { clock, person } = world();
    const anna = person('anna');
    const lease = await clock.run(anna.state.acquireLease(anna.take()));
    clock.jump(8 * 3600_000);
    expect(lease.isValid(0)).toBe(false);
    const refused = await errorOf(clock.run(anna.state.writeRecord(record(), lease)));
    expect([refused.code, refused.exitCode]).toEqual(['lease.expired', 14]);
    await clock.advance(HEARTBEAT + 3000);
    expect(lease.isValid(5000)).toBe(true);
    await clock.run(lease.release());
  });

  it('a wall clock set back does not lengthen the lease', async () => {
    const { clock, store, person } = world();
    const anna = person('anna');
    const lease = await clock.run(anna.state.acquireLease(anna.take()));
    store.inject({ when: 'hang', times: 1e6 });
    clock.jump(-3600_000);
    expect(lease.isValid(5000)).toBe(true);
    await clock.advance(TTL);
    expect(lease.isValid(0)).toBe(false);
    await clock.run(lease.release());
  });

  it('a holder that was paused past its TTL and taken over finds out, and its writes are refused', async () => {
    const { clock, store, person } = world();
    const anna = person('anna');
    const bob = person('bob');
    const first = await clock.run(anna.state.acquireLease(anna.take()));
    await clock.run(anna.state.writeRecord(record(), first));
    store.inject({ client: 'anna', when: 'before', kind: 'network', times: 1e6 });
    const second = await clock.run(bob.state.acquireLease(bob.take({ wait: 600_000, command: 'rollback' })), 4 * TTL);
    expect(first.isValid(0)).toBe(false);
    store.clearFaults();
    const before = store.version(`${BASE}/rollouts/ro-20261124-120000-0001`);
    expect((await errorOf(clock.run(anna.state.writeRecord(record(), first)))).code).toMatch(/^lease\.(expired|lost)$/);
    await clock.advance(HEARTBEAT);
    expect(first.lost.reason).toMatchObject({ code: 'lease.lost', exitCode: 13 });
    expect(String(first.lost.reason)).toMatch(/taken by bob .*"rollback"/);
    expect(store.version(`${BASE}/rollouts/ro-20261124-120000-0001`)).toBe(before);
    expect(second.isValid(5000)).toBe(true);
    await clock.run(Promise.all([first.release(), second.release()]));
  });

  it('a paused holder that was taken over finds out even when somebody has removed the lease of the taker', async () => {
    const { clock, store, person } = world();
    const [anna, bob] = [person('anna'), person('bob')];
    const first = await clock.run(anna.state.acquireLease(anna.take()));
    store.inject({ client: 'anna', when: 'before', kind: 'network', times: 1e6 });
    await clock.run(bob.state.acquireLease(bob.take({ wait: 600_000 })), 4 * TTL);
    store.delete(`${BASE}/lease/2`);
    store.clearFaults();
    await clock.advance(HEARTBEAT);
    expect(first.lost.reason).toMatchObject({ code: 'lease.lost', exitCode: 13 });
    expect(first.isValid(0)).toBe(false);
  });

  it('is lost, not made again, when its parameter is deleted by hand', async () => {
    const { clock, store, person } = world();
    const anna = person('anna');
    const lease = await clock.run(anna.state.acquireLease(anna.take()));
    store.delete(`${BASE}/lease/1`);
    await clock.advance(HEARTBEAT);
    expect(lease.lost.aborted).toBe(true);
    await clock.run(lease.release());
    expect(store.snapshot().has(`${BASE}/lease/1`)).toBe(false);
  });

  it('does not write under its name when that was deleted and made again', async () => {
    const { clock, store, person } = world();
    const anna = person('anna');
    const lease = await clock.run(anna.state.acquireLease(anna.take()));
    const value = store.snapshot().get(`${BASE}/lease/1`) ?? '';
    const other = JSON.stringify({ ...JSON.parse(value), nonce: 'another' });
    store.delete(`${BASE}/lease/1`);
    store.set(`${BASE}/lease/1`, other);
    await clock.advance(HEARTBEAT);
    expect(lease.lost.aborted).toBe(true);
    await clock.run(lease.release());
    expect(store.snapshot().get(`${BASE}/lease/1`)).toBe(other);
  });

  it('is not released under its name when another process has created that again since the last heartbeat', async () => {
    const { clock, store, person } = world();
    const [anna, bo] = [person('anna'), person('bo')];
    const lease = await clock.run(anna.state.acquireLease(anna.take()));
    store.delete(`${BASE}/lease/1`);
    const other = await clock.run(bo.state.acquireLease(bo.take()));
    expect(other.generation).toBe(lease.generation);
    const stored = store.snapshot().get(`${BASE}/lease/1`);
    await clock.run(lease.release());
    expect(store.snapshot().get(`${BASE}/lease/1`)).toBe(stored);
    expect(other.isValid(0)).toBe(true);
  });

  it('gives up quickly when the store does not answer, and the lock runs out by itself', async () => {
    const { clock, store, person } = world();
    const anna = person('anna');
    const lease = await clock.run(anna.state.acquireLease(anna.take()));
    const told: Heartbeat[] = [];
    lease.onHeartbeat((beat) => told.push(beat));
    store.inject({ when: 'hang', times: 1e6 });
    const started = clock.monotonic();
    await clock.run(lease.release());
    expect(clock.monotonic() - started).toBeLessThan(4000);
    expect(told).toMatchObject([{ is: 'failed', validFor: 0 }]);
  });
});
