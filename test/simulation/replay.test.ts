import { expect, it } from 'vitest';
import { parseCase, playCase, referenceOf } from './case.js';

/** A case to be looked at: `npm run simulate -- 'CASE'`. */
const wanted = process.env['DEPLOYCTL_SIMULATE'];
const usual = 'blue-green/ports/both/2/dies/adopted/7 another 120:lost';

it('the same case has the same trace', async () => {
  const each = parseCase(wanted ?? usual);
  const reference = await referenceOf(each.scenario);
  const [first, second] = [await playCase(each, reference), await playCase(each, reference)];
  if (wanted !== undefined) process.stdout.write(`${first.world.trace.join('\n')}\n`);
  expect(second.world.trace).toEqual(first.world.trace);
  expect(first.auditor.violations).toEqual([]);
});
