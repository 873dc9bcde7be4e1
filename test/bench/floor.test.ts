import { describe, expect, it } from 'vitest';
import { batchesOf, covered, spansOf } from '../../bench/overhead/floor.js';

const none = { settle: 0, minHealthy: 0, bake: 0 };

/** Lines of a log, of which some are about nothing that takes time. */
const log = [
  '1.000 bench → pull the images on web-1',
  '1.200 i-1 begins pull',
  '4.200 i-1 ends pull',
  '5.000 deregister i-1:8080',
  '35.000 drained i-1:8080',
  '36.000 i-1 begins start',
  '39.500 i-1 ends start',
  '40.000 register i-1:8080',
  '44.000 i-1:8080 healthy',
];

describe('what takes its time', () => {
  it('is pulls, drains, commands and the way to healthy', () => {
    expect(spansOf(log, none).filter(([from, until]) => until > from)).toEqual([
      [1200, 4200],
      [5000, 35_000],
      [36_000, 39_500],
      [40_000, 44_000],
    ]);
  });

  it('is what the configuration demands after it', () => {
    const spans = spansOf(log, { settle: 31_000, minHealthy: 10_000, bake: 60_000 });
    expect(spans).toContainEqual([5000, 36_000]);
    expect(spans).toContainEqual([44_000, 54_000]);
    expect(spans).toContainEqual([44_000, 114_000]);
  });

  it('is a bake after each write that moves traffic, and none where a group is attached at 0', () => {
    const spans = spansOf(['1.000 weights r 100/0', '2.000 weights r 90/10', '9.000 weights r 0/100'], {
      ...none,
      bake: 5000,
    });
    expect(spans).toEqual([
      [2000, 7000],
      [9000, 14_000],
    ]);
  });

  it('reads a command by its comment, and tells two at a time on one instance apart', () => {
    const lines = [
      '1.000 i-1 begins deployctl shop/production pull 1.0.4',
      '2.000 i-1 begins deployctl shop/production inspect 1.0.5',
      '3.000 i-1 begins deployctl shop/production stop 1.0.6',
      '4.000 i-1 ends deployctl shop/production inspect 1.0.5',
      '5.000 i-1 ends deployctl shop/production pull 1.0.4',
      '7.000 i-1 ends deployctl shop/production stop 1.0.6',
    ];
    expect(spansOf(lines, none)).toEqual([
      [1000, 5000],
      [3000, 7000],
    ]);
  });

  it('does not count what has no end', () => {
    expect(spansOf(['1.000 deregister i-1:8080', '2.000 i-2 ends pull'], none)).toEqual([[1000, 1000]]);
  });
});

describe('covered time', () => {
  it('counts what overlaps once, and nothing outside', () => {
    expect(
      covered(
        [
          [10, 20],
          [15, 30],
          [40, 50],
          [45, 47],
        ],
        0,
        100,
      ),
    ).toBe(30);
    expect(
      covered(
        [
          [10, 20],
          [15, 30],
        ],
        12,
        18,
      ),
    ).toBe(6);
    expect(covered([], 0, 100)).toBe(0);
    expect(covered([[0, 10]], 10, 20)).toBe(0);
  });
});

it('a batch is what leaves at the same time', () => {
  const lines = [
    '1.000 deregister i-1:1',
    '1.010 deregister i-2:1',
    '9.000 deregister i-3:1',
    '9.005 deregister i-4:1',
  ];
  expect(batchesOf(lines)).toBe(2);
});

it('writes to several routes, one soon after the other, are one batch', () => {
  expect(batchesOf(['1.400 weights a 90/10', '1.600 weights b 90/10', '2.900 weights c 90/10'])).toBe(1);
  expect(batchesOf(['1.400 weights a 90/10', '9.000 weights a 0/100'])).toBe(2);
});
