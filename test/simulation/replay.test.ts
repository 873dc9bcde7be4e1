import { expect, it } from 'vitest';
import { parseCase, playCase, referenceOf } from './case.js';
import type { Play } from './play.js';
import { parseStorm, playStorm } from './storms.js';

/** A case to be looked at: `npm run simulate -- 'CASE'`. */
const wanted = process.env['DEPLOYCTL_SIMULATE'];
const usual = ['blue-green/ports/both/2/dies/adopted/7 another 120:lost', 'storm rolling/ports/both/3/good/released/5'];

it.each(wanted === undefined ? usual : [wanted])('the same case has the same trace: %s', async (text) => {
  const [first, second] = [await play(text), await play(text)];
  if (wanted !== undefined) process.stdout.write(`${first.world.trace.join('\n')}\n`);
  expect(second.world.trace).toEqual(first.world.trace);
  expect(first.auditor.violations).toEqual([]);
});

async function play(text: string): Promise<Play> {
  if (text.startsWith('storm ')) return playStorm(parseStorm(text));
  const each = parseCase(text);
  return playCase(each, await referenceOf(each.scenario));
}
