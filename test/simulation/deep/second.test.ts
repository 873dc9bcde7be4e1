import { expect, it } from 'vitest';
import { work } from './work.js';

it('the second of two workers finds no broken promise', { timeout: 14_400_000 }, async () => {
  const failures = await work();
  expect(failures, failures.slice(0, 10).join('\n')).toEqual([]);
});
