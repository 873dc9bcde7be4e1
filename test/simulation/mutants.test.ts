import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { some } from './deep.js';
import { mutants } from './mutants.js';
import { huntPlanted } from './planted.js';

it.each(mutants)('a defect still has its place in the code: $what ($file)', ({ file, find }) => {
  const code = readFileSync(new URL(`../../src/${file}`, import.meta.url), 'utf8');
  expect(code.split(find), find).toHaveLength(2);
});

describe('a planted defect is found by a broken promise', () => {
  const planted = mutants.map(({ what, file }, index) => [`${what} (${file})`, index] as const);
  it.each(some(planted, 3))('%s', { timeout: 1_200_000 }, async (_, index) => {
    expect(await huntPlanted(index), 'nothing was found').toBeDefined();
  });
});
