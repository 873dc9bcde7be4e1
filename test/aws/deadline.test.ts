import { describe, expect, it, vi } from 'vitest';
import { createCalls } from '../../src/aws/calls.js';
import { callLimit, createClients } from '../../src/aws/clients.js';
import { within } from '../../src/aws/deadline.js';
import { createLimiter } from '../../src/aws/limiter.js';
import type { Clock } from '../../src/engine/ports.js';
import { quickClock, unlimited } from './wire.js';

const never = (): Promise<never> => new Promise(() => undefined);

describe('a time limit', () => {
  it('ends what does not end by itself, and tells it', async () => {
    let told: AbortSignal | undefined;
    const work = within(5, undefined, (signal) => {
      told = signal;
      return never();
    });
    await expect(work).rejects.toMatchObject({ name: 'TimeLimit', limit: 5 });
    expect(told?.aborted).toBe(true);
  });

  it('passes an abort on with its reason', async () => {
    const abort = new AbortController();
    const work = within(60_000, abort.signal, never);
    abort.abort(new Error('enough'));
    await expect(work).rejects.toThrow('enough');
  });

  it('does not start what is aborted already', async () => {
    let started = false;
    const work = within(60_000, AbortSignal.abort(new Error('enough')), () => {
      started = true;
      return never();
    });
    await expect(work).rejects.toThrow('enough');
    expect(started).toBe(false);
  });
});

it('a call that never had its turn was not sent: throttled, nothing happened', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    const waiting = new Promise<void>((resolve) => {
      const clock: Clock = {
        ...quickClock(),
        sleep: (_, signal) => {
          resolve();
          return new Promise((_resolve, reject) => {
            signal?.addEventListener('abort', () => {
              reject(signal.reason as Error);
            });
          });
        },
      };
      const limiter = createLimiter(clock, { ...unlimited, 'elbv2.change': { burst: 0, perSecond: 1 } });
      const calls = createCalls(createClients('eu-central-1'), limiter, clock);
      call = calls.elbv2({ operation: 'ModifyRule', use: 'change' }, () => Promise.reject(new Error('was sent')));
      call.catch(() => undefined);
    });
    await waiting;
    vi.advanceTimersByTime(callLimit.change);
    await expect(call).rejects.toMatchObject({
      kind: 'throttled',
      operation: 'elbv2:ModifyRule',
      mayHaveTakenEffect: false,
    });
  } finally {
    vi.useRealTimers();
  }
});

let call: Promise<unknown> | undefined;
