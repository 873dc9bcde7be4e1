import { describe, expect, it } from 'vitest';
import { isDeep } from './deep.js';
import { Dice } from './dice.js';
import type { Scenario } from './scenario.js';
import { faultIds } from './storm.js';
import { describeStorm, playStorm } from './storms.js';

/** A scenario of its own for every seed. */
function scenarioOf(seed: number): Scenario {
  const dice = new Dice(seed);
  const strategy = dice.pick(['rolling', 'blue-green']);
  return {
    strategy,
    layout: strategy === 'rolling' ? 'ports' : dice.pick(['ports', 'instances']),
    change: dice.pick(['backend', 'frontend', 'both']),
    fleet: dice.pick([2, 3, 3, 4, 5]),
    fate: dice.chance(0.5) ? 'good' : dice.pick(['never-healthy', 'crash-loop', 'balancer-only', 'dies', 'restarts']),
    before: dice.pick(['adopted', 'released']),
    seed,
  };
}

/** Seeds of a run: always the same ones, and in a deep run as many as are asked for. */
const seeds = isDeep ? Number(process.env['DEPLOYCTL_TEST_SEEDS'] ?? '10000') : 80;

describe('bad weather', () => {
  it('every promise holds, whatever goes wrong', { timeout: 7_200_000 }, async () => {
    const failures: string[] = [];
    const counts = new Map<string, number>();
    let requests = 0;
    for (let seed = 1; seed <= seeds; seed += 1) {
      const each = { scenario: scenarioOf(seed) };
      const { auditor, world } = await playStorm(each);
      requests += auditor.requests;
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
    if (isDeep) {
      const words = [...counts].sort().map(([what, count]) => `${what}: ${String(count)}`);
      process.stdout.write(`${String(seeds)} storms, ${String(requests)} requests; ${words.join(', ')}\n`);
    }
  });
});
