import { describe, expect, it } from 'vitest';
import { DeployctlError } from '../../src/domain/errors.js';
import type { InstanceId } from '../../src/domain/ids.js';
import type { Release } from '../../src/domain/release.js';
import type { Lease } from '../../src/state/index.js';
import { namesOf } from '../../src/state/names.js';
import { BASE, outcome, record, release, spec, world } from './world.js';
import type { Person, World } from './world.js';

const code = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'fine',
    (error: unknown) => (error instanceof DeployctlError ? error.code : String(error)),
  );

async function holding(): Promise<{ w: World; anna: Person; lease: Lease }> {
  const w = world();
  const anna = w.person('anna');
  const lease = await w.clock.run(anna.state.acquireLease(anna.take()));
  return { w, anna, lease };
}

/** Text that does not compress. */
function noise(length: number): string {
  let text = '';
  for (let at = 1; text.length < length; at += 1) text += Math.imul(at, 0x9e3779b1).toString(36);
  return text.slice(0, length);
}

describe('releases', () => {
  it('come back as they were, and may be stored twice', async () => {
    const { clock, store, person } = world();
    const { state } = person('anna');
    const one = release('r-1', {
      services: {
        backend: {
          release: 'r-1',
          spec: spec({ env: { T: '{{ssm:x}} ü "quoted"\n' }, task: { command: ['migrate'], timeout: 1 } }),
        },
      },
    });
    await clock.run(state.putRelease(one));
    await clock.run(state.putRelease(one));
    expect(await clock.run(state.getRelease('r-1'))).toEqual(one);
    expect(await clock.run(state.getRelease('r-2'))).toBeUndefined();
    expect([...store.snapshot().keys()]).toEqual([`${BASE}/releases/r-1/backend`]);
  });

  it('are split over parts, all or nothing', async () => {
    const { clock, store, person } = world();
    const { state } = person('anna');
    const big: Release = release('r-1', {
      services: { backend: { release: 'r-1', spec: spec({ env: { BIG: noise(20_000) } }) } },
    });
    await clock.run(state.putRelease(big));
    expect(store.snapshot().size).toBeGreaterThan(3);
    expect(await clock.run(state.getRelease('r-1'))).toEqual(big);
    const head = store.snapshot().get(`${BASE}/releases/r-1/backend`) ?? '';
    const part = store.snapshot().get(`${BASE}/releases/r-1/backend/part-2`) ?? '';
    store.set(`${BASE}/releases/r-1/backend/part-2`, part.replace(/^..../, 'AAAA'));
    expect(await code(clock.run(state.getRelease('r-1')))).toBe('state.damaged');
    store.delete(`${BASE}/releases/r-1/backend/part-2`);
    expect(await code(clock.run(state.getRelease('r-1')))).toBe('state.damaged');
    store.set(`${BASE}/releases/r-1/backend/part-2`, part);
    store.set(`${BASE}/releases/r-1/backend`, head.replace(/"sha256":"../, '"sha256":"zz'));
    expect(await code(clock.run(state.getRelease('r-1')))).toBe('state.damaged');
    store.delete(`${BASE}/releases/r-1/backend`);
    expect(await code(clock.run(state.getRelease('r-1')))).toBe('state.damaged');
  });

  it('never change: another content under the same id is refused', async () => {
    const { clock, person } = world();
    const { state } = person('anna');
    await clock.run(state.putRelease(release('r-1')));
    const other = release('r-1', {
      services: { ...release('r-1').services, backend: { release: 'r-1', spec: spec({ env: {} }) } },
    });
    expect(await code(clock.run(state.putRelease(other)))).toBe('release.differs');
    expect(await clock.run(state.getRelease('r-1'))).toEqual(release('r-1'));
  });

  it('that cannot be read are replaced; what a newer deployctl wrote is not', async () => {
    const { clock, store, person } = world();
    const { state } = person('anna');
    const big = release('r-1', {
      services: {
        backend: { release: 'r-1', spec: spec({ env: { BIG: noise(20_000) } }) },
        frontend: { release: 'r-1', spec: spec({ env: {} }) },
      },
    });
    const rebuilt = release('r-1', {
      services: { ...big.services, backend: { release: 'r-1', spec: spec({ env: { BIG: noise(15_000) } }) } },
    });
    await clock.run(state.putRelease(big));
    const damages = [
      () => store.set(`${BASE}/releases/r-1/backend`, '{"schema":'),
      () => store.set(`${BASE}/releases/r-1/backend/part-2`, 'AAAA'),
      () => store.delete(`${BASE}/releases/r-1/backend/part-2`),
    ];
    for (const damage of damages) {
      damage();
      await clock.run(state.putRelease(rebuilt));
      expect(await clock.run(state.getRelease('r-1'))).toEqual(rebuilt);
      damage();
      await clock.run(state.putRelease(big));
      expect(await clock.run(state.getRelease('r-1'))).toEqual(big);
    }
    // What can be read stays, whatever is damaged beside it.
    store.set(`${BASE}/releases/r-1/frontend`, '{"schema":');
    expect(await code(clock.run(state.putRelease(rebuilt)))).toBe('release.differs');
    await clock.run(state.putRelease(big));
    const newer = '{"schema":99}';
    store.set(`${BASE}/releases/r-1/frontend`, newer);
    expect(await code(clock.run(state.putRelease(big)))).toBe('state.newer');
    store.set(`${BASE}/releases/r-1/backend`, '{"schema":');
    expect(await code(clock.run(state.putRelease(big)))).toBe('state.damaged');
    expect(store.snapshot().get(`${BASE}/releases/r-1/frontend`)).toBe(newer);
  });

  it('half written is not smaller, and a second try completes it', async () => {
    const { clock, store, person } = world();
    const { state } = person('anna');
    store.inject({ on: 'create', name: /frontend/, when: 'before', kind: 'access-denied' });
    await expect(clock.run(state.putRelease(release('r-1')))).rejects.toThrow('injected');
    expect(await code(clock.run(state.getRelease('r-1')))).toBe('state.damaged');
    expect(await clock.run(state.listReleases())).toMatchObject({ releases: [], unreadable: [{ id: 'r-1' }] });
    store.inject({ on: 'create', when: 'after', kind: 'timeout' });
    await clock.run(state.putRelease(release('r-1')));
    await clock.run(state.putRelease(release('r-2', { createdAt: Date.UTC(2026, 11, 1) })));
    expect((await clock.run(state.listReleases())).releases.map(({ id }) => id)).toEqual(['r-2', 'r-1']);
  });

  it('of more than 16 parts are refused before anything is written', async () => {
    const { clock, store, person } = world();
    const { state } = person('anna');
    const huge = release('r-1', {
      services: { backend: { release: 'r-1', spec: spec({ env: { BIG: noise(120_000) } }) } },
    });
    expect(await code(clock.run(state.putRelease(huge)))).toBe('state.too-large');
    expect(store.calls).toEqual([]);
  });
});

describe('records', () => {
  it('are created, replaced, read and listed, newest generation first', async () => {
    const { w, anna, lease } = await holding();
    const { clock } = w;
    await clock.run(anna.state.writeRecord(record(), lease));
    await clock.run(anna.state.writeRecord(record({ phase: 'shifting' }), lease));
    expect(await clock.run(anna.state.readRecord(record().id))).toEqual(record({ phase: 'shifting' }));
    expect(await clock.run(anna.state.readRecord('ro-none'))).toBeUndefined();
    await clock.run(lease.release());
    const next = await clock.run(anna.state.acquireLease(anna.take()));
    const later = record({ id: 'ro-2025-from-a-wrong-clock', generation: 2, outcome: 'succeeded', endedAt: 1 });
    await clock.run(anna.state.writeRecord(later, next));
    expect((await clock.run(anna.state.listRecords())).map(({ id }) => id)).toEqual([later.id, record().id]);
    expect(await clock.run(anna.state.listRecords(1))).toHaveLength(1);
    // The older one was superseded: it is not to be gone on with.
    expect(await clock.run(anna.state.unfinishedRollout())).toBeUndefined();
    await clock.run(next.release());
  });

  it.each([
    [{}, true],
    [{ outcome: 'interrupted', endedAt: 1 } as const, true],
    [{ outcome: 'held' } as const, true],
    [{ outcome: 'failed', endedAt: 1 } as const, false],
  ])('unfinished: %j → %s', async (overrides, unfinished) => {
    const { w, anna, lease } = await holding();
    await w.clock.run(anna.state.writeRecord(record(overrides), lease));
    expect((await w.clock.run(anna.state.unfinishedRollout()))?.id).toBe(unfinished ? record().id : undefined);
    await w.clock.run(lease.release());
  });

  it('is finished when its outcome is written, though the record was not closed', async () => {
    const { w, anna, lease } = await holding();
    await w.clock.run(anna.state.writeRecord(record(), lease));
    await w.clock.run(anna.state.writeOutcome(outcome(1, { kind: 'adopted', rollout: record().id }), lease));
    expect(await w.clock.run(anna.state.unfinishedRollout())).toBeDefined();
    await w.clock.run(anna.state.writeOutcome(outcome(1, { rollout: record().id }), lease));
    expect(await w.clock.run(anna.state.unfinishedRollout())).toBeUndefined();
    await w.clock.run(lease.release());
  });

  it('fit with 50 excluded instances and 40 routes, by compression', async () => {
    const { w, anna, lease } = await holding();
    const excluded = Array.from({ length: 50 }, (_, i): InstanceId => `i-${String(i).padStart(17, '0')}`);
    const routes = Array.from(
      { length: 40 },
      (_, i) => `arn:aws:elasticloadbalancing:eu-west-1:1:listener-rule/app/x/1/2/${i}` as const,
    );
    const weights = Object.fromEntries(
      routes.map((route) => [route, [{ group: 'arn:aws:tg/blue' as const, weight: 100 }]]),
    );
    const full = record({ excluded, weightsBefore: weights, weightsIntended: weights, weightsLast: weights });
    await w.clock.run(anna.state.writeRecord(full, lease));
    expect(w.store.snapshot().get(`${BASE}/rollouts/${full.id}`)).toMatch(/^gz1:/);
    expect(await w.clock.run(anna.state.readRecord(full.id))).toEqual(full);
    const calls = w.store.calls.length;
    expect(await code(w.clock.run(anna.state.writeRecord(record({ reason: noise(8000) }), lease)))).toBe(
      'state.too-large',
    );
    expect(w.store.calls).toHaveLength(calls);
    await w.clock.run(lease.release());
  });

  it('are written through throttling, conflicts and lost answers, but not for ever', async () => {
    const { w, anna, lease } = await holding();
    w.store.inject(
      { on: 'overwrite', when: 'before', kind: 'throttled' },
      { on: 'overwrite', when: 'before', kind: 'conflict' },
      { on: 'create', when: 'after', kind: 'timeout' },
    );
    await w.clock.run(anna.state.writeRecord(record(), lease));
    expect(await w.clock.run(anna.state.readRecord(record().id))).toEqual(record());
    w.store.inject({ on: 'overwrite', name: /rollouts/, when: 'before', kind: 'conflict', times: 100 });
    await expect(w.clock.run(anna.state.writeRecord(record(), lease))).rejects.toMatchObject({ kind: 'conflict' });
    await w.clock.run(lease.release());
  });

  it('a lease that ends between two attempts stops the write', async () => {
    const { w, anna, lease } = await holding();
    w.store.inject({ on: 'overwrite', name: /rollouts/, when: 'before', kind: 'throttled' });
    const writing = anna.state.writeRecord(record(), lease);
    w.clock.jump(3600_000);
    expect(await code(w.clock.run(writing))).toBe('lease.expired');
    await w.clock.run(lease.release());
    expect(w.store.snapshot().has(`${BASE}/rollouts/${record().id}`)).toBe(false);
  });

  it('keep what a later version added, and refuse a newer schema and damage by name', async () => {
    const { w, anna, lease } = await holding();
    const name = `${BASE}/rollouts/${record().id}`;
    w.store.set(name, JSON.stringify({ ...record(), added: 'later' }));
    expect(await w.clock.run(anna.state.readRecord(record().id))).toMatchObject({ added: 'later' });
    w.store.set(name, JSON.stringify({ ...record(), schema: 2 }));
    expect(await code(w.clock.run(anna.state.readRecord(record().id)))).toBe('state.newer');
    for (const bad of ['{', '[]', JSON.stringify({ ...record(), aim: { to: 'sideways' } }), 'gz1:AAAA']) {
      w.store.set(name, bad);
      expect(await code(w.clock.run(anna.state.readRecord(record().id)))).toBe('state.damaged');
      expect(await code(w.clock.run(anna.state.unfinishedRollout()))).toBe('state.damaged');
    }
    await w.clock.run(lease.release());
  });
});

describe('outcomes', () => {
  it('are written once a generation; the same again is fine, another is not', async () => {
    const { w, anna, lease } = await holding();
    const { state } = anna;
    w.store.inject({ on: 'create', when: 'after', kind: 'server' });
    await w.clock.run(state.writeOutcome(outcome(1), lease));
    await w.clock.run(state.writeOutcome(outcome(1), lease));
    await w.clock.run(state.writeOutcome(outcome(1, { kind: 'adopted' }), lease));
    expect(await code(w.clock.run(state.writeOutcome(outcome(1, { outcome: 'failed' }), lease)))).toBe('state.outcome');
    expect(await code(w.clock.run(state.writeOutcome(outcome(2), lease)))).toBe('state.generation');
    expect((await w.clock.run(state.listOutcomes())).map(({ kind }) => kind)).toEqual(['rollout', 'adopted']);
    await w.clock.run(lease.release());
    expect(await code(w.clock.run(state.writeOutcome(outcome(1), lease)))).toBe('lease.expired');
  });

  it('sort by number, and are cut where the reason quotes a long log', async () => {
    const w = world();
    const { state, take } = w.person('anna');
    for (const known of [1, 8, 9, 99]) {
      const lease = await w.clock.run(state.acquireLease(take({ knownGeneration: known })));
      await w.clock.run(state.writeOutcome(outcome(lease.generation, { reason: noise(5000) }), lease));
      await w.clock.run(lease.release());
    }
    const outcomes = await w.clock.run(state.listOutcomes(3));
    expect(outcomes.map(({ generation }) => generation)).toEqual([110, 14, 13]);
    expect(outcomes[0]?.reason.length).toBe(1200);
  });
});

describe('claims', () => {
  const wanted = {
    groups: ['arn:aws:elasticloadbalancing:tg/blue'] as const,
    routes: ['arn:aws:elasticloadbalancing:rule/1'] as const,
    fleetPorts: [{ fleet: { is: 'tags', tags: { app: 'shop', env: 'x' } }, port: 8081 }] as const,
  };

  it('are ours for good, and refused to another environment by name', async () => {
    const w = world();
    const anna = w.person('anna');
    const eve = w.person('eve', { environment: 'staging' });
    expect(await w.clock.run(anna.state.claimConflicts(wanted))).toEqual([]);
    expect(w.store.snapshot().size).toBe(0);
    await w.clock.run(anna.state.claim(wanted));
    await w.clock.run(anna.state.claim(wanted));
    expect(await w.clock.run(anna.state.ownClaims())).toHaveLength(3);
    const other = {
      groups: [],
      routes: [],
      fleetPorts: [{ fleet: { is: 'tags', tags: { env: 'x', app: 'shop' } }, port: 8081 }],
    } as const;
    expect(await w.clock.run(eve.state.claimConflicts(other))).toMatchObject([
      { kind: 'port', environment: 'production' },
    ]);
    const error = await w.clock.run(eve.state.claim(wanted)).then(
      () => undefined,
      (caught: unknown) => caught,
    );
    expect(error).toMatchObject({ code: 'claim.taken', exitCode: 12 });
    expect(String(error)).toMatch(/shop\/staging .*target group arn:\S+ is managed by shop\/production/);
    expect(error instanceof DeployctlError && error.next.join()).toMatch(
      /delete-parameter --name \/deployctl\/claims\/group-/,
    );
    expect(await w.clock.run(eve.state.ownClaims())).toEqual([]);
  });

  it('fleets of ids collide where they share an instance', async () => {
    const w = world();
    const ids = (...list: InstanceId[]) => ({
      groups: [],
      routes: [],
      fleetPorts: [{ fleet: { is: 'ids', ids: list } as const, port: 80 }],
    });
    await w.clock.run(w.person('anna').state.claim(ids('i-00000001', 'i-00000002')));
    const eve = w.person('eve', { environment: 'staging' });
    expect(await code(w.clock.run(eve.state.claim(ids('i-00000002', 'i-00000003'))))).toBe('claim.taken');
    expect(await code(w.clock.run(eve.state.claim(ids('i-00000003'))))).toBe('fine');
  });

  it('one that was taken between look and claim gives back what was claimed before it', async () => {
    const w = world();
    const anna = w.person('anna', { latency: 10 });
    const eve = w.person('eve', { latency: 11, environment: 'staging' });
    const hers = { ...wanted, groups: ['arn:aws:elasticloadbalancing:tg/eve'] as const };
    const results = await w.clock.run(Promise.all([code(anna.state.claim(wanted)), code(eve.state.claim(hers))]));
    expect(results).toEqual(['fine', 'claim.taken']);
    expect(w.store.calls.filter(({ client, operation }) => client === 'eve' && operation === 'remove')).toHaveLength(1);
    expect(await w.clock.run(eve.state.ownClaims())).toEqual([]);
  });

  it('of two at the same time one wins, and the loser keeps nothing', async () => {
    const w = world();
    const anna = w.person('anna', { latency: 10 });
    const eve = w.person('eve', { latency: 11, environment: 'staging' });
    const results = await w.clock.run(Promise.all([code(anna.state.claim(wanted)), code(eve.state.claim(wanted))]));
    expect(results).toEqual(['fine', 'claim.taken']);
    expect(await w.clock.run(eve.state.ownClaims())).toEqual([]);
    expect(await w.clock.run(anna.state.ownClaims())).toHaveLength(3);
  });
});

describe('steering', () => {
  it('requests reach the loop in order, and are gone once removed', async () => {
    const { w, anna, lease } = await holding();
    const { clock } = w;
    const bob = w.person('bob');
    await clock.run(anna.state.writeRecord(record(), lease));
    const pause = await clock.run(bob.state.requestSteer(record().id, { is: 'pause', by: 'bob' }));
    await clock.advance(1000);
    w.store.inject({ on: 'create', when: 'after', kind: 'timeout' });
    await clock.run(bob.state.requestSteer(record().id, { is: 'abort', by: 'bob', reason: 'smells {{odd}}' }));
    const steers = await clock.run(anna.state.listSteers(record().id));
    expect(steers).toMatchObject([{ is: 'pause' }, { is: 'abort', reason: 'smells {{odd}}' }]);
    await clock.run(anna.state.removeSteers(record().id, [pause.id]));
    expect(await clock.run(anna.state.listSteers(record().id))).toHaveLength(1);
    // Requests are no records.
    expect(await clock.run(anna.state.listRecords())).toHaveLength(1);
    await clock.run(anna.state.writeRecord(record({ outcome: 'succeeded' }), lease));
    expect(await code(clock.run(bob.state.requestSteer(record().id, { is: 'abort', by: 'b' })))).toBe('steer.ended');
    expect(await code(clock.run(bob.state.requestSteer('ro-x', { is: 'abort', by: 'b' })))).toBe('steer.no-rollout');
    await clock.run(lease.release());
  });
});

describe('pruning', () => {
  it('keeps fifty, what they name, what serves, the way back, the newest leases, and everything of today', async () => {
    const w = world();
    const { clock } = w;
    const { state, take } = w.person('anna');
    for (let step = 1; step <= 60; step += 1) {
      const lease = await clock.run(state.acquireLease(take()));
      const { generation } = lease;
      const [from, to] = [`r-${generation}`, `r-${generation + 1}`];
      await clock.run(state.putRelease(release(to, { createdAt: clock.now() })));
      const id = `ro-${generation}`;
      await clock.run(state.writeRecord(record({ id, generation, from, to, startedAt: clock.now() }), lease));
      await clock.run(state.requestSteer(id, { is: 'promote', by: 'anna' }));
      await clock.run(state.writeTimeline({ schema: 1, rollout: id, leftOut: 0, entries: [] }, lease));
      await clock.run(state.writePicture({ schema: 1, rollout: id, weights: [], lanes: [], probes: [] }, lease));
      await clock.run(state.writeOutcome(outcome(generation, { endedAt: clock.now() }), lease));
      await clock.run(lease.release());
    }
    const lease = await clock.run(state.acquireLease(take()));
    expect(await clock.run(state.prune(lease))).toEqual({ outcomes: 0, records: 0, releases: 0, leases: 0 });
    clock.jump(25 * 3600_000);
    expect(await code(clock.run(state.prune(lease)))).toBe('lease.expired');
    await clock.advance(13_000);
    expect(await clock.run(state.prune(lease))).toEqual({ outcomes: 10, records: 10, releases: 9, leases: 51 });
    expect(await clock.run(state.listOutcomes(100))).toHaveLength(50);
    expect(await clock.run(state.listRecords(100))).toHaveLength(50);
    const ids = (await clock.run(state.listReleases())).releases.map(({ id }) => id);
    expect(ids).toHaveLength(51);
    expect(ids).toEqual(expect.arrayContaining(['r-11', 'r-60', 'r-61']));
    const names = [...w.store.snapshot().keys()];
    expect(names.filter((name) => name.includes('/steer/'))).toHaveLength(50);
    expect(names.filter((name) => name.includes('/timelines/'))).toHaveLength(50);
    expect(names.filter((name) => name.includes('/pictures/'))).toHaveLength(50);
    expect(names.filter((name) => name.includes('/lease/'))).toHaveLength(10);
    expect(await clock.run(state.prune(lease))).toEqual({ outcomes: 0, records: 0, releases: 0, leases: 0 });
    await clock.run(lease.release());
    expect(w.store.recreated).toEqual([]);
  });
});

describe('names', () => {
  it.each([
    ['claims', 'production'],
    ['shop', 'pro duction'],
    ['shop/x', 'production'],
    ['', 'production'],
  ])('refuses app "%s", environment "%s"', (app, environment) => {
    expect(() => namesOf(app, environment)).toThrow(DeployctlError);
  });
});
