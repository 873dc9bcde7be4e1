import { expect, it } from 'vitest';
import type { Decision } from '../../src/domain/decision.js';
import { WaitClock } from '../../src/strategies/waiting.js';

const wait = (...keys: string[]): Decision => {
  const [first = '', ...rest] = keys;
  const of = (key: string): { key: string; what: string; until: number } => ({ key, what: key, until: 0 });
  return { is: 'wait', waits: [of(first), ...rest.map(of)], recheckAt: 0, reason: '' };
};

it('a wait counts from its first decision, however often it is decided again', () => {
  const clock = new WaitClock();
  clock.take(wait('a'), 1000);
  clock.take(wait('a', 'b'), 6000);
  expect([...clock.since()]).toEqual([
    ['a', 1000],
    ['b', 6000],
  ]);
});

it('a short interruption is no new beginning, a long one is', () => {
  const clock = new WaitClock();
  clock.take(wait('a'), 0);
  clock.take(wait('something else'), 10_000);
  clock.take(wait('a'), 20_000);
  expect(clock.since().get('a')).toBe(0);
  clock.take({ is: 'hold', reason: 'blocked' }, 40_001);
  clock.take(wait('a'), 41_000);
  expect(clock.since().get('a')).toBe(41_000);
});

it('a new direction begins anew', () => {
  const clock = new WaitClock();
  clock.take(wait('a'), 0);
  clock.clear();
  expect(clock.since().size).toBe(0);
});
