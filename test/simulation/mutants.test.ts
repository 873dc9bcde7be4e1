import { beforeAll, describe, expect, it } from 'vitest';
import type { Reference } from './case.js';
import { referenceOf } from './case.js';
import { isDeep, some } from './deep.js';
import type { Find } from './hunt.js';
import { hunt as huntSound, hunted } from './hunt.js';
import { mutants } from './mutants.js';

interface Hunting {
  hunt(references: readonly Reference[]): Promise<Find | undefined>;
}

const references: Reference[] = [];
beforeAll(async () => {
  for (const scenario of hunted) references.push(await referenceOf(scenario));
});

it.runIf(isDeep)('the sound code breaks no promise in all that the hunt plays', { timeout: 1_200_000 }, async () => {
  expect(await huntSound(references)).toBeUndefined();
});

describe('a planted defect is found by a broken promise', () => {
  const planted = mutants.map(({ what, file }, index) => [`${what} (${file})`, index] as const);
  it.each(some(planted, 3))('%s', { timeout: 1_200_000 }, async (_, index) => {
    const path = `./hunt.js?mutant=${String(index)}`;
    const { hunt } = (await import(/* @vite-ignore */ path)) as Hunting;
    const find = await hunt(references);
    expect(find, 'nothing was found').toBeDefined();
    if (isDeep)
      process.stdout.write(
        `${mutants[index]?.what ?? ''}: ${find?.by ?? ''} (run ${String(find?.runs)}, ${find?.where ?? ''})\n`,
      );
  });
});
