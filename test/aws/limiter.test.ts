import { describe, expect, it } from 'vitest';
import { createLimiter } from '../../src/aws/limiter.js';
import type { Clock } from '../../src/engine/ports.js';
import { unlimited } from './wire.js';

/** Time that stands until `pass` moves it; sleepers wake in order. */
function fakeClock(): Clock & { pass(ms: number): Promise<void> } {
  let now = 0;
  const sleepers: { at: number; wake: () => void }[] = [];
  return {
    now: () => now,
    monotonic: () => now,
    sleep: (duration, signal) =>
      new Promise((resolve, reject) => {
        const entry = { at: now + duration, wake: resolve };
        sleepers.push(entry);
        signal?.addEventListener('abort', () => {
          sleepers.splice(sleepers.indexOf(entry), 1);
          reject(signal.reason as Error);
        });
      }),
    async pass(ms) {
      now += ms;
      for (const due of sleepers.filter((one) => one.at <= now)) {
        sleepers.splice(sleepers.indexOf(due), 1);
        due.wake();
      }
      await new Promise(setImmediate);
    },
  };
}

function setUp() {
  const clock = fakeClock();
  const limiter = createLimiter(clock, { ...unlimited, 'elbv2.read': { burst: 2, perSecond: 10 } });
  const through: number[] = [];
  const take = (id: number, signal?: AbortSignal): Promise<void> =>
    limiter.take('elbv2.read', signal).then(() => {
      through.push(id);
    });
  return { clock, limiter, through, take };
}

describe('a quota', () => {
  it('lets its burst through at once, then so many a second, first come first served', async () => {
    const { clock, through, take } = setUp();
    const all = [1, 2, 3, 4].map((id) => take(id));
    await clock.pass(0);
    expect(through).toEqual([1, 2]);
    await clock.pass(100);
    expect(through).toEqual([1, 2, 3]);
    await clock.pass(100);
    expect(through).toEqual([1, 2, 3, 4]);
    await Promise.all(all);
  });

  it('is not used by another', async () => {
    const { limiter, take } = setUp();
    await Promise.all([take(1), take(2)]);
    await limiter.take('elbv2.change');
  });

  it('gives a token back that was not waited for', async () => {
    const { clock, through, take } = setUp();
    await Promise.all([take(1), take(2)]);
    const abort = new AbortController();
    const left = take(3, abort.signal);
    abort.abort(new Error('enough'));
    await expect(left).rejects.toThrow('enough');
    const next = take(4);
    await clock.pass(100);
    await next;
    expect(through).toEqual([1, 2, 4]);
  });

  it('slows down by half when AWS says so, and recovers', async () => {
    const { clock, limiter, through, take } = setUp();
    limiter.throttled('elbv2.read');
    const first = take(1);
    await clock.pass(100);
    expect(through).toEqual([]);
    await clock.pass(100);
    await first;
    for (let passed = 0; passed < 10; passed += 1) {
      limiter.passed('elbv2.read');
    }
    const second = take(2);
    await clock.pass(100);
    await second;
    expect(through).toEqual([1, 2]);
  });
});
