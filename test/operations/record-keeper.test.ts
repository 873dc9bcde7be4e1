import { expect, it } from 'vitest';
import { DeployctlError, EXIT, PortError } from '../../src/domain/errors.js';
import type { RolloutRecord } from '../../src/domain/record.js';
import { RecordKeeper } from '../../src/operations/record-keeper.js';
import type { Lease } from '../../src/state/index.js';
import { ManualClock } from '../_helpers/manual-clock.js';
import { record } from '../state/world.js';

const throttled = new PortError({ kind: 'throttled', operation: 'ssm:PutParameter', message: 'Rate exceeded' });
const expired = new DeployctlError({
  code: 'lease.expired',
  message: 'not renewed in time',
  exitCode: EXIT.inProgress,
});

/** A keeper whose store fails with these, one after the other, and then works. */
function keeperWith(...failures: readonly Error[]) {
  const clock = new ManualClock();
  const [stop, lost] = [new AbortController(), new AbortController()];
  const told: string[] = [];
  const stored: string[] = [];
  const left = [...failures];
  const lease: Lease = {
    generation: 3,
    ttl: 60_000,
    isValid: () => true,
    trouble: undefined,
    lost: lost.signal,
    onHeartbeat: () => () => undefined,
    release: () => Promise.resolve(),
  };
  const writeRecord = ({ phase }: RolloutRecord): Promise<void> => {
    const failure = left.shift();
    if (failure !== undefined) return Promise.reject(failure);
    stored.push(phase);
    return Promise.resolve();
  };
  const keeper = new RecordKeeper(
    {
      state: {
        writeRecord,
        restoreRecord: () => Promise.resolve(false),
        writeOutcome: () => Promise.reject(new Error('not part of this test')),
      },
      clock,
      emit: (event) => {
        if (event.type === 'note') told.push(event.text);
      },
      signal: stop.signal,
      hold: 30_000,
    },
    lease,
    { tasks: new Map() },
    record(),
  );
  return { keeper, clock, told, stored, stop, lost };
}

it.each([
  ['a store that does not answer', throttled],
  ['a lease that is renewed late', expired],
])('waits for %s, and tells it once', async (_, failure) => {
  const { keeper, clock, told, stored } = keeperWith(failure, failure, failure);
  await clock.run(keeper.write({ ...record(), phase: 'later' }));
  expect(stored).toEqual(['later']);
  expect(told).toEqual([
    `the record of the rollout cannot be stored: ${failure.message}. Nothing is changed until it is`,
    'the record of the rollout is stored, and it goes on, after 3 s',
  ]);
});

it('stores in the order in which it was asked, whatever fails', async () => {
  const { keeper, clock, stored } = keeperWith(throttled);
  const writes = ['one', 'two'].map((phase) => keeper.write({ ...record(), phase }));
  await clock.run(Promise.all(writes));
  expect(stored).toEqual(['two', 'two']);
});

it('gives up after as long as a hold may last', async () => {
  const { keeper, clock } = keeperWith(...Array<Error>(100).fill(throttled));
  const began = clock.monotonic();
  await expect(clock.run(keeper.write(record()))).rejects.toBe(throttled);
  expect(clock.monotonic() - began).toBe(30_000);
});

it.each(['stop', 'lost'] as const)('does not wait any more after %s', async (which) => {
  const { keeper, clock, ...signals } = keeperWith(...Array<Error>(100).fill(throttled));
  const reason = new Error(which);
  const write = keeper.write(record());
  setImmediate(() => {
    signals[which].abort(reason);
  });
  await expect(clock.run(write)).rejects.toBe(reason);
});

it('does not wait for what waiting cannot mend', async () => {
  const denied = new PortError({ kind: 'access-denied', operation: 'ssm:PutParameter', message: 'no' });
  const { keeper, told } = keeperWith(denied);
  await expect(keeper.write(record())).rejects.toBe(denied);
  expect(told).toEqual([]);
});
