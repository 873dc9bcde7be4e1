/** Numbers and times in Parameter Store that nobody who counts can have made. */
import { describe, expect, it } from 'vitest';
import type { DeployctlError } from '../../src/domain/errors.js';
import { PortError, TimeLimit } from '../../src/domain/errors.js';
import { MOST_GENERATION } from '../../src/domain/host.js';
import { retry } from '../../src/state/retry.js';
import { ManualClock, seededRandom } from '../_helpers/manual-clock.js';
import { BASE, outcome, record, world } from './world.js';

const refusal = async (work: Promise<unknown>): Promise<DeployctlError> =>
  work.then(
    () => {
      throw new Error('it succeeded');
    },
    (error: unknown) => error as DeployctlError,
  );

describe('a lease with an absurd number', () => {
  it.each([
    ['the highest', '999999999999999'],
    ['one digit more', '9999999999999999'],
    ['beyond what 64 bits hold', '99999999999999999999'],
  ])('%s is refused at once, with the parameter and what to type', async (_, number) => {
    const { clock, store, person } = world();
    const anna = person('anna');
    const name = `${BASE}/lease/${number}`;
    store.set(name, '{}');
    const began = clock.monotonic();
    const error = await refusal(clock.run(anna.state.acquireLease(anna.take({ wait: 600_000 }))));
    expect(error).toMatchObject({ code: 'lease.generation', exitCode: 12 });
    expect(error.message).toContain(name);
    expect(error.next[0]).toBe(`aws ssm delete-parameter --name ${name}   # while no deployctl runs`);
    expect(clock.monotonic() - began).toBe(0);
    // Who looks is told the same; breaking the lock does not help either.
    const isAlive = (): undefined => undefined;
    expect(await clock.run(anna.state.readLease({ isAlive }))).toMatchObject({
      is: 'held',
      looks: 'unreadable',
      why: error.message,
    });
    expect(await refusal(clock.run(anna.state.breakLease({ ...anna.take(), force: true })))).toMatchObject({
      code: 'lease.generation',
    });
    // Without it all is well again.
    store.delete(name);
    const lease = await clock.run(anna.state.acquireLease(anna.take()));
    expect(lease.generation).toBe(1);
    await clock.run(lease.release());
  });

  it('below the last one is counted on, and then refused', async () => {
    const { clock, store, person } = world();
    const anna = person('anna');
    const released = {
      schema: 1,
      generation: MOST_GENERATION - 2,
      nonce: 'x',
      holder: anna.actor,
      command: 'x',
      ttl: 1,
      beat: 1,
      at: 1,
      since: 1,
      released: true,
    };
    store.set(`${BASE}/lease/${String(MOST_GENERATION - 2)}`, JSON.stringify(released));
    const lease = await clock.run(anna.state.acquireLease(anna.take()));
    expect(lease.generation).toBe(MOST_GENERATION - 1);
    await clock.run(lease.release());
    expect(await refusal(clock.run(anna.state.acquireLease(anna.take())))).toMatchObject({ code: 'lease.generation' });
  });

  it('that only an outcome has is refused too', async () => {
    const { clock, store, person } = world();
    const anna = person('anna');
    const name = `${BASE}/outcomes/${String(MOST_GENERATION)}`;
    store.set(name, JSON.stringify(outcome(MOST_GENERATION)));
    const error = await refusal(clock.run(anna.state.acquireLease(anna.take())));
    expect(error).toMatchObject({ code: 'lease.generation' });
    expect(error.message).toContain(name);
  });
});

describe('a record with an absurd number or time', () => {
  it.each([
    ['a time after all calendars', { endedAt: 1e20 }, 'endedAt'],
    ['a time that no clock has shown', { startedAt: 8.64e15 }, 'startedAt'],
    ['a generation of too many digits', { generation: 1e15 }, 'generation'],
  ])('%s is damaged, and named', async (_, change, field) => {
    const { clock, store, person } = world();
    const anna = person('anna');
    store.set(`${BASE}/outcomes/7`, JSON.stringify(outcome(7, change)));
    const { outcomes, damaged, unclear } = await clock.run(anna.state.past());
    expect(outcomes).toEqual([]);
    const name = `${BASE}/outcomes/7`;
    expect(damaged).toEqual([{ name, why: expect.stringMatching(new RegExp(`^${field}`)) as string }]);
    expect(unclear?.name).toBe(name);
  });
});

describe('a record that would not fit', () => {
  const routes = (count: number): Parameters<typeof record>[0] => {
    const hex = (at: number): string => (Math.imul(at, 0x9e3779b1) >>> 0).toString(16).padStart(8, '0').repeat(2);
    const arn = (at: number) =>
      `arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener-rule/app/shop/${hex(at)}/${hex(at + 1)}/${hex(at + 2)}` as const;
    const group = (at: number) =>
      `arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/shop-${String(at)}/${hex(at)}` as const;
    const all = Array.from(
      { length: count },
      (_, index) =>
        [
          arn(3 * index),
          [
            { group: group(index), weight: 100 },
            { group: group(index + 1000), weight: 0 },
          ],
        ] as const,
    );
    return { weightsBefore: Object.fromEntries(all) };
  };

  it('is known before it is written', () => {
    const { person } = world();
    const { state } = person('anna');
    expect(state.recordFlaw(record(routes(5)))).toBeUndefined();
    expect(state.recordFlaw(record(routes(200)))).toMatch(
      /would hold \d+ bytes \(\d+ compressed\); a parameter holds at most 4096/,
    );
  });
});

describe('a call that is tried again', () => {
  const deps = { clock: new ManualClock(), random: seededRandom(1) };
  const failing = (kinds: readonly PortError['kind'][]): ((signal: AbortSignal) => Promise<never>) => {
    let at = 0;
    return () => {
      const kind = kinds[Math.min(at, kinds.length - 1)] ?? 'server';
      at += 1;
      const message =
        kind === 'throttled'
          ? 'ssm:PutParameter: ThrottlingException: Rate exceeded'
          : 'ssm:PutParameter: no answer within 5 s';
      return Promise.reject(new PortError({ kind, operation: 'ssm:PutParameter', message }));
    };
  };

  it('ends with what the service said, when it said something', async () => {
    const { clock } = deps;
    const storm = refusal(clock.run(retry(deps, failing(['throttled', 'throttled', 'timeout']))));
    await expect(storm).resolves.toMatchObject({
      kind: 'throttled',
      message: 'ssm:PutParameter: ThrottlingException: Rate exceeded (and then: no answer within 5 s)',
    });
    await expect(refusal(clock.run(retry(deps, failing(['timeout']))))).resolves.toMatchObject({ kind: 'timeout' });
  });

  it('is cut off with the time that it had as the reason', async () => {
    const { clock } = deps;
    const reasons: unknown[] = [];
    const silent = (signal: AbortSignal): Promise<never> =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => {
          reasons.push(signal.reason);
          reject(new PortError({ kind: 'timeout', operation: 'x', message: 'x' }));
        });
      });
    await refusal(clock.run(retry(deps, silent, { timeout: 5000, attempts: 1 })));
    expect(reasons[0]).toBeInstanceOf(TimeLimit);
    expect(String(reasons[0])).toContain('no answer within 5 s');
  });
});
