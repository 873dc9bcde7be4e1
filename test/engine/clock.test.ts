import { describe, expect, it } from 'vitest';
import { steadyClock, systemClock, systemRandom } from '../../src/engine/clock.js';
import { ManualClock } from '../_helpers/manual-clock.js';

describe('systemClock', () => {
  it('sleeps, and both clocks move on', async () => {
    const [wall, monotonic] = [systemClock.now(), systemClock.monotonic()];
    await systemClock.sleep(5);
    expect(systemClock.monotonic() - monotonic).toBeGreaterThanOrEqual(4);
    expect(systemClock.now()).toBeGreaterThanOrEqual(wall);
  });

  it("rejects with the signal's reason, before and during a sleep of any length", async () => {
    const reason = new Error('enough');
    await expect(systemClock.sleep(1e12, AbortSignal.abort(reason))).rejects.toBe(reason);
    const stop = new AbortController();
    const sleeping = systemClock.sleep(1e12, stop.signal);
    setImmediate(() => {
      stop.abort(reason);
    });
    await expect(sleeping).rejects.toBe(reason);
  });
});

describe('steadyClock', () => {
  it.each([8 * 3_600_000, -3_600_000])('goes on evenly when the wall clock jumps by %d ms', async (jump) => {
    const machine = new ManualClock();
    const steady = steadyClock(machine);
    const start = machine.now();
    await machine.advance(1000);
    machine.jump(jump);
    expect(steady.now()).toBe(start + 1000);
    await machine.advance(500);
    expect(steady.now()).toBe(start + 1500);
  });
});

describe('systemRandom', () => {
  it('gives hex of the length asked for', () => {
    for (const length of [1, 7, 32]) expect(systemRandom.hex(length)).toMatch(new RegExp(`^[0-9a-f]{${length}}$`));
    expect(systemRandom.hex(16)).not.toBe(systemRandom.hex(16));
  });
});
