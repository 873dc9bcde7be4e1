import { expect, it } from 'vitest';
import { contend } from './lease-turns.js';

it(
  'of two or three contenders never two hold the lease, in any order of their calls',
  { timeout: 7_200_000 },
  async () => {
    expect(await contend(150)).toBeUndefined();
  },
);
