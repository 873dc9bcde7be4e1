import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DeployctlError, PortError } from '../../src/domain/errors.js';
import type { Lease } from '../../src/state/index.js';
import { flush } from '../_helpers/manual-clock.js';
import { world } from './world.js';
import type { Person, World } from './world.js';

const TTL = 3000;
const HEARTBEAT = 1000;

interface Contender {
  readonly person: Person;
  lease: Lease | undefined;
  dead: boolean;
}

/** Who could act right now. */
function valid(contenders: readonly Contender[]): number {
  return contenders.filter(({ lease, dead }) => !dead && lease?.isValid(0) === true).length;
}

async function compete(
  { clock }: World,
  contender: Contender,
  script: { readonly hold: number; readonly rounds: number; readonly dies: boolean; readonly wait: number },
  generations: number[],
): Promise<void> {
  for (let round = 0; round < script.rounds; round += 1) {
    try {
      const options = contender.person.take({ ttl: TTL, heartbeat: HEARTBEAT, wait: script.wait });
      const lease = await contender.person.state.acquireLease(options);
      contender.lease = lease;
      generations.push(lease.generation);
      await clock.sleep(script.hold, lease.lost);
      if (script.dies) {
        contender.dead = true;
        return;
      }
      contender.lease = undefined;
      await lease.release();
    } catch (error) {
      // Held by another, lost to another, or a call too slow: all in a day's work.
      if (!(error instanceof DeployctlError || error instanceof PortError)) throw error;
      await contender.lease?.release();
      contender.lease = undefined;
      await clock.sleep(200);
    }
  }
}

const script = fc.record({
  hold: fc.integer({ min: 0, max: 4000 }),
  rounds: fc.integer({ min: 1, max: 3 }),
  dies: fc.boolean(),
  wait: fc.constantFrom(0, 6000),
  skew: fc.constantFrom(0, -3600_000, 600_000),
  readLag: fc.constantFrom(0, 100, 250),
  /** Latencies of the calls, one after the other and over again; the long ones are pauses of the process. */
  latencies: fc.array(
    fc.oneof(
      { weight: 12, arbitrary: fc.integer({ min: 0, max: 150 }) },
      { weight: 1, arbitrary: fc.integer({ min: 150, max: 6000 }) },
    ),
    { minLength: 1, maxLength: 20 },
  ),
  outlivesAbort: fc.boolean(),
});

describe('several contenders', () => {
  it('never two valid holders, whatever the latencies, pauses, stale reads, deaths and clocks', async () => {
    let acquired = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(script, { minLength: 2, maxLength: 3 }), async (scripts) => {
        const w = world();
        const generations: number[] = [];
        const contenders = scripts.map(({ skew, readLag, latencies, outlivesAbort }, index): Contender => {
          let call = 0;
          const contender: Contender = {
            person: w.person(`c${index}`, {
              skew,
              readLag,
              outlivesAbort,
              // The dead make no calls.
              latency: () => (contender.dead ? 1e9 : (latencies[call++ % latencies.length] ?? 0)),
            }),
            lease: undefined,
            dead: false,
          };
          return contender;
        });
        let running = contenders.length;
        const failures: unknown[] = [];
        for (const [index, contender] of contenders.entries()) {
          const own = scripts[index];
          if (own === undefined) continue;
          compete(w, contender, own, generations)
            .catch((error: unknown) => failures.push(error))
            .finally(() => {
              running -= 1;
            });
        }
        for (let step = 0; step < 2000 && running > 0; step += 1) {
          await w.clock.advance(50);
          expect(valid(contenders)).toBeLessThanOrEqual(1);
        }
        expect(failures).toEqual([]);
        expect(w.store.recreated).toEqual([]);
        expect(new Set(generations).size).toBe(generations.length);
        acquired += generations.length;
      }),
      { numRuns: 150 },
    );
    // The property must not hold because nobody ever got the lease.
    expect(acquired).toBeGreaterThan(150);
  });

  it('a holder that comes back at any moment of a take-over, seen late or not, is never valid beside the taker', async () => {
    let revived = 0;
    let taken = 0;
    // Anna tries every 500 ms, Bob looks every 250 ms: the offset shifts one against the other.
    for (const readLag of [0, 280]) {
      for (const offset of [0, 60, 120, 180, 240]) {
        for (let back = 2500; back < 4500; back += 120) {
          const w = world();
          const anna = w.person('anna', { readLag });
          const bob = w.person('bob', { readLag });
          const options = { ttl: TTL, heartbeat: HEARTBEAT };
          const first = await w.clock.run(anna.state.acquireLease(anna.take(options)));
          w.store.inject({ client: 'anna', when: 'before', kind: 'network', times: 1e6 });
          await w.clock.advance(offset);
          let second: Lease | undefined;
          const taking = bob.state.acquireLease(bob.take({ ...options, wait: 4000 })).then(
            (lease) => (second = lease),
            (error: unknown) => error,
          );
          for (let at = 0; at < 8000; at += 20) {
            if (at === back) w.store.clearFaults();
            await w.clock.advance(20);
            expect(first.isValid(0) && second?.isValid(0) === true).toBe(false);
          }
          await w.clock.run(taking);
          if (second === undefined) revived += 1;
          else taken += 1;
          await w.clock.run(Promise.all([first.release(), second?.release()]));
        }
      }
    }
    // Both ends of the race were seen.
    expect(revived).toBeGreaterThan(10);
    expect(taken).toBeGreaterThan(10);
  });

  it('never two owners of a free lease, in any order of their calls', async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), fc.integer({ min: 2, max: 3 }), async (scheduler, count) => {
        const w = world();
        const turn = (): Promise<void> => scheduler.schedule(Promise.resolve());
        const people = Array.from({ length: count }, (_, index) => w.person(`c${index}`, { turn }));
        const leases: Lease[] = [];
        const refused: unknown[] = [];
        const work = people.map((person) =>
          person.state.acquireLease(person.take()).then(
            (lease) => leases.push(lease),
            (error: unknown) => refused.push(error),
          ),
        );
        const all = Promise.all(work);
        for (let step = 0; step < 500 && leases.length + refused.length < count; step += 1) {
          while (scheduler.count() > 0) await scheduler.waitOne();
          await flush();
          await w.clock.advance(100);
        }
        await all;
        expect(leases.filter((lease) => lease.isValid(0)).length).toBe(1);
        expect(refused).toHaveLength(count - 1);
        for (const error of refused) expect(error).toMatchObject({ code: 'lease.held', exitCode: 13 });
      }),
      { numRuns: 60 },
    );
  });
});
