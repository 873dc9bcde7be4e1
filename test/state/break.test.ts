import { describe, expect, it } from 'vitest';
import { BASE, HEARTBEAT, TTL, world } from './world.js';

const stored = (text: string | undefined): unknown => JSON.parse(text ?? 'null');

describe('breaking the lease', () => {
  it('fences a live holder out, waits until it can act no more, and leaves the lock free', async () => {
    const { clock, store, person } = world();
    const anna = person('anna');
    const bob = person('bob');
    const lease = await clock.run(anna.state.acquireLease(anna.take()));
    let validAtFree: boolean | undefined;
    const broken = bob.state.breakLease({ ...bob.take({ command: 'lease release' }), force: true }).then((view) => {
      validAtFree = lease.isValid(0);
      return view;
    });
    const view = await clock.run(broken, 2 * TTL);
    expect(view).toMatchObject({ is: 'held', looks: 'fresh', generation: 1 });
    expect(validAtFree).toBe(false);
    expect(String(lease.lost.reason)).toMatch(/taken by bob .*"lease release"/);
    expect(stored(store.snapshot().get(`${BASE}/lease/2`))).toMatchObject({ released: true, holder: { name: 'bob' } });
    const next = await clock.run(anna.state.acquireLease(anna.take()));
    expect(next.generation).toBe(3);
    await clock.run(Promise.all([lease.release(), next.release()]));
  });

  it('is over as soon as the old holder has let go', async () => {
    const { clock, person } = world();
    const anna = person('anna');
    const bob = person('bob');
    const lease = await clock.run(anna.state.acquireLease(anna.take()));
    lease.lost.addEventListener('abort', () => void lease.release());
    const started = clock.monotonic();
    await clock.run(bob.state.breakLease({ ...bob.take(), force: true }), 2 * TTL);
    expect(clock.monotonic() - started).toBeLessThan(HEARTBEAT + 5000);
  });

  it('a breaker that dies half-way does not let the next one act beside the old holder', async () => {
    const { clock, store, person } = world();
    const anna = person('anna');
    const bob = person('bob');
    const carl = person('carl');
    const lease = await clock.run(anna.state.acquireLease(anna.take()));
    store.inject({ client: 'anna', when: 'hang', times: 1e6 });
    const broken = bob.state.breakLease({ ...bob.take(), force: true });
    await clock.advance(3000);
    store.inject({ client: 'bob', when: 'hang', times: 1e6 });
    const started = clock.monotonic();
    const taking = carl.state.acquireLease(carl.take({ wait: 600_000, isAlive: (actor) => actor.name !== 'bob' }));
    let validThen: boolean | undefined;
    const taken = taking.then((next) => {
      validThen = lease.isValid(0);
      return next;
    });
    const next = await clock.run(taken, 3 * TTL);
    expect(validThen).toBe(false);
    expect(clock.monotonic() - started).toBeGreaterThan(TTL - 5000);
    store.clearFaults();
    await clock.run(next.release());
    broken.catch(() => undefined);
  });

  it('is refused while the holder beats, and changes nothing', async () => {
    const { clock, store, person } = world();
    const [anna, bob] = [person('anna'), person('bob')];
    const lease = await clock.run(anna.state.acquireLease(anna.take()));
    await clock.advance(4000);
    const names = [...store.snapshot().keys()];
    const refused = clock.run(bob.state.breakLease({ ...bob.take(), force: false }));
    await expect(refused).rejects.toMatchObject({ code: 'lease.alive', exitCode: 13 });
    expect([...store.snapshot().keys()]).toEqual(names);
    expect(lease.isValid(0)).toBe(true);
    await clock.run(lease.release());
  });

  it('is refused while the holder beats by a clock that is hours off: what counts is that it moves', async () => {
    const { clock, person } = world();
    const [anna, bob] = [person('anna', { skew: -7_200_000 }), person('bob')];
    const lease = await clock.run(anna.state.acquireLease(anna.take()));
    const refused = clock.run(bob.state.breakLease({ ...bob.take(), force: false }), 2 * TTL);
    await expect(refused).rejects.toMatchObject({ code: 'lease.alive' });
    expect(lease.isValid(0)).toBe(true);
    await clock.run(lease.release());
  });

  it('takes it from a holder that is gone, when its heartbeat is as old as its TTL', async () => {
    const { clock, store, person } = world();
    const [anna, bob] = [person('anna'), person('bob')];
    const lease = await clock.run(anna.state.acquireLease(anna.take()));
    store.inject({ client: 'anna', when: 'hang', times: 1e6 });
    await clock.advance(2 * TTL);
    const broken = await clock.run(bob.state.breakLease({ ...bob.take(), force: false }), 2 * TTL);
    expect(broken).toMatchObject({ is: 'held', looks: 'stale', generation: 1 });
    expect(await clock.run(bob.state.readLease({ isAlive: () => undefined }))).toMatchObject({ is: 'free' });
    store.clearFaults();
    await clock.run(lease.release());
  });

  it('does nothing when there is nothing to break', async () => {
    const { clock, store, person } = world();
    const bob = person('bob');
    expect(await clock.run(bob.state.breakLease({ ...bob.take(), force: true }))).toEqual({
      is: 'free',
      generation: 0,
    });
    expect(store.snapshot().size).toBe(0);
  });
});
