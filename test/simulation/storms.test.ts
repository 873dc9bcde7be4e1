import { describe, expect, it } from 'vitest';
import { scenarioOf } from './scenarios.js';
import { faultIds } from './faults.js';
import { describeStorm, playStorm } from './storms.js';

const seeds = 80;

describe('bad weather', () => {
  it('every promise holds, whatever goes wrong', { timeout: 7_200_000 }, async () => {
    const failures: string[] = [];
    const counts = new Map<string, number>();
    for (let seed = 1; seed <= seeds; seed += 1) {
      const each = { scenario: scenarioOf(seed) };
      const { auditor, world } = await playStorm(each);
      for (const [what, count] of world.counts) counts.set(what, (counts.get(what) ?? 0) + count);
      if (auditor.violations.length > 0)
        failures.push(`npm run simulate -- '${describeStorm(each)}'\n  ${auditor.violations.slice(0, 3).join('\n  ')}`);
    }
    expect(failures.length, failures.slice(0, 10).join('\n')).toBe(0);
    // What never happens is not tested.
    const wanted = [
      ...Object.keys(faultIds),
      'command fenced',
      'answer repeated',
      'release dies in its bake',
      'exit 0',
      'exit 10',
    ];
    expect(wanted.filter((what) => (counts.get(what) ?? 0) === 0)).toEqual([]);
  });
});
