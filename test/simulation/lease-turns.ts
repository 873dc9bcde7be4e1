import fc from 'fast-check';
import { DeployctlError, PortError } from '../../src/domain/errors.js';
import type { Lease } from '../../src/state/index.js';
import { flush } from '../_helpers/manual-clock.js';
import { world } from '../state/world.js';

const TTL = 3000;
const HEARTBEAT = 1000;

interface Contender {
  lease: Lease | undefined;
  took: number;
  over: boolean;
}

/**
 * Several processes want the lease at once. Each call of each of them to the store waits for its turn, before and after its effect; fast-check
 * chooses whose turn it is, and whether time passes first. At no moment may two of them believe in their lease.
 */
async function takeTurns(
  scheduler: fc.Scheduler,
  count: number,
  passes: readonly number[],
  dies: boolean,
): Promise<void> {
  const { clock, store, person } = world();
  const contenders = Array.from({ length: count }, (): Contender => ({ lease: undefined, took: 0, over: false }));
  const generations: number[] = [];
  contenders.forEach((contender, index) => {
    const name = `p${String(index)}`;
    const { state, take } = person(name, {
      turn: async ({ operation }, phase) => {
        await scheduler.schedule(Promise.resolve(), `${name} ${phase} ${operation}`);
      },
    });
    const compete = async (): Promise<void> => {
      try {
        const lease = await state.acquireLease(take({ ttl: TTL, heartbeat: HEARTBEAT, wait: 60_000 }));
        [contender.lease, contender.took] = [lease, contender.took + 1];
        generations.push(lease.generation);
        await clock.sleep(1500, lease.lost);
        if (dies && index === 0) {
          // A dead process neither beats nor releases: it only stops believing.
          contender.lease = undefined;
          return;
        }
        await lease.release();
      } catch (error) {
        if (!(error instanceof DeployctlError || error instanceof PortError)) throw error;
        await contender.lease?.release();
      } finally {
        contender.over = true;
      }
    };
    void compete();
  });
  for (let step = 0; contenders.some(({ over }) => !over); step += 1) {
    await flush();
    const waits = scheduler.count() > 0;
    // The choices are used up after a while: from then on calls are quick, and everything must come to its end.
    const time = waits ? (passes[step] ?? 0) : 250;
    if (time > 0) await clock.advance(time);
    else await scheduler.waitOne();
    const believers = contenders.filter(({ lease }) => lease?.isValid(0) === true);
    if (believers.length > 1)
      throw new Error(`${String(believers.length)} believe in their lease at step ${String(step)}`);
    if (step > 20_000) throw new Error('the contenders do not come to an end');
  }
  if (new Set(generations).size !== generations.length)
    throw new Error(`a generation was given twice: ${generations.join()}`);
  if (store.recreated.length > 0) throw new Error(`names were created again: ${store.recreated.join()}`);
}

/** Plays so many orders of the calls of two and of three contenders. Gives what is wrong, with the seed of the order. */
export async function contend(runs: number): Promise<string | undefined> {
  const passes = fc.array(fc.constantFrom(0, 0, 0, 0, 700, 3500), { minLength: 20, maxLength: 120 });
  for (const count of [2, 3]) {
    const property = fc.asyncProperty(fc.scheduler(), passes, fc.boolean(), (scheduler, when, dies) =>
      takeTurns(scheduler, count, when, dies),
    );
    const { failed, counterexamplePath, errorInstance } = await fc.check(property, {
      numRuns: runs,
      seed: 20_261_124,
      endOnFailure: true,
    });
    if (failed) return `${String(count)} contenders, order ${counterexamplePath ?? ''}: ${String(errorInstance)}`;
  }
  return undefined;
}
