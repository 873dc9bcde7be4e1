import { expect, it } from 'vitest';
import { Pace } from '../../src/engine/pace.js';

const steps = (pace: Pace, busy: number): readonly number[] => Array.from({ length: 7 }, () => pace.next(busy));

it('is quick for a second, then doubles to a second; and from anew after each send', () => {
  const pace = new Pace();
  expect(steps(pace, 4)).toEqual([250, 250, 250, 250, 500, 1000, 1000]);
  pace.restart();
  expect(pace.next(4)).toBe(250);
});

it('grows at once, and further, where asking takes many calls', () => {
  expect(steps(new Pace(), 1000)).toEqual([250, 500, 1000, 2000, 4000, 4000, 4000]);
});
