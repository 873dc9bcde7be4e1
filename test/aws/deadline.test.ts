import { describe, expect, it, vi } from 'vitest';
import { createCalls } from '../../src/aws/calls.js';
import { callLimit, createClients } from '../../src/aws/clients.js';
import { within } from '../../src/aws/deadline.js';
import { createLimiter } from '../../src/aws/limiter.js';
import { systemClock } from '../../src/engine/clock.js';
import { ManualClock } from '../_helpers/manual-clock.js';
import { unlimited } from './wire.js';

const never = (): Promise<never> => new Promise(() => undefined);

describe('a time limit', () => {
  it('ends what does not end by itself, and tells it', async () => {
    let told: AbortSignal | undefined;
    const work = within(systemClock, 5, undefined, (signal) => {
      told = signal;
      return never();
    });
    await expect(work).rejects.toMatchObject({ name: 'TimeLimit', limit: 5 });
    expect(told?.aborted).toBe(true);
  });

  it('passes an abort on with its reason', async () => {
    const abort = new AbortController();
    const work = within(systemClock, 60_000, abort.signal, never);
    abort.abort(new Error('enough'));
    await expect(work).rejects.toThrow('enough');
  });

  it('does not start what is aborted already', async () => {
    let started = false;
    const work = within(systemClock, 60_000, AbortSignal.abort(new Error('enough')), () => {
      started = true;
      return never();
    });
    await expect(work).rejects.toThrow('enough');
    expect(started).toBe(false);
  });
});

it('a call that never had its turn was not sent: throttled, nothing happened', async () => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIDEXAMPLE');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret');
  const clock = new ManualClock();
  const limiter = createLimiter(clock, { ...unlimited, 'elbv2.change': { burst: 0, perSecond: 0.01 } });
  const calls = createCalls(createClients('eu-central-1'), limiter, clock, { region: 'eu-central-1' });
  const call = calls.elbv2({ operation: 'ModifyRule', use: 'change' }, () => Promise.reject(new Error('was sent')));
  let over = false;
  call.catch(() => (over = true));
  // The client is loaded and its credentials are read meanwhile: both are real.
  await vi.waitFor(async () => {
    await clock.advance(callLimit.change);
    expect(over).toBe(true);
  });
  await expect(call).rejects.toMatchObject({
    kind: 'throttled',
    operation: 'elbv2:ModifyRule',
    mayHaveTakenEffect: false,
  });
  vi.unstubAllEnvs();
});
