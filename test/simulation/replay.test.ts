import { expect, it } from 'vitest';
import { referenceOf } from './case.js';
import type { Replay } from './replays.js';
import { replay } from './replays.js';

/** A case to be looked at: `npm run simulate -- 'CASE'`, `npm run simulate -- 'mutant 12 CASE'`. */
const wanted = process.env['DEPLOYCTL_SIMULATE'];
const usual = ['blue-green/ports/both/2/dies/adopted/7 another 120:lost', 'storm rolling/ports/both/3/good/released/5'];

it.runIf(wanted === undefined).each(usual)('the same case has the same trace: %s', async (text) => {
  const [first, second] = [await replay(text, referenceOf), await replay(text, referenceOf)];
  expect(second.trace).toEqual(first.trace);
  expect(first.violations).toEqual([]);
});

it.runIf(wanted !== undefined)('no promise is broken', async () => {
  const { trace, violations } = await replayIn(wanted ?? '');
  process.stdout.write(`${trace.join('\n')}\n`);
  expect(violations).toEqual([]);
});

/** `mutant 12 CASE`: in a copy of the code with that planted defect (`mutate.ts`). */
async function replayIn(text: string): Promise<Replay> {
  const [, number, rest = ''] = /^mutant (\d+) (.*)$/.exec(text) ?? [];
  if (number === undefined) return replay(text, referenceOf);
  const path = `./replays.js?mutant=${number}`;
  const planted = (await import(/* @vite-ignore */ path)) as { replay: typeof replay };
  return planted.replay(rest, referenceOf);
}
