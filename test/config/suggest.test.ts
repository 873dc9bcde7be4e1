import { expect, test } from 'vitest';
import { editDistance, nearest } from '../../src/config/suggest.js';

test.each([
  ['', 'abc', 3],
  ['health', 'helth', 1],
  ['health', 'haelth', 1],
  ['kitten', 'sitting', 3],
  ['ca', 'abc', 3],
  ['same', 'same', 0],
])('%s and %s are %i edits apart', (from, to, distance) => {
  expect(editDistance(from, to)).toBe(distance);
  expect(editDistance(to, from)).toBe(distance);
});

test('the nearest word, if it is near', () => {
  const keys = ['health', 'checks', 'target-group', 'env', 'env-files'];
  expect(nearest('helth', keys)).toBe('health');
  expect(nearest('targetGroup', keys)).toBe('target-group');
  expect(nearest('target_group', keys)).toBe('target-group');
  expect(nearest('environment', keys)).toBeUndefined();
  expect(nearest('x', keys)).toBeUndefined();
});
