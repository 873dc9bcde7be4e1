import { Dice } from './dice.js';
import type { Scenario } from './scenario.js';
import { extras } from './scenario.js';

/** The ways in which a release comes to serve. */
export const ways = [
  { strategy: 'rolling', layout: 'ports' },
  { strategy: 'blue-green', layout: 'ports' },
  { strategy: 'blue-green', layout: 'instances' },
] as const;

/** The matrix of deaths: ways × fates × fleets × services that change. */
export function matrix(fleets: readonly number[], changes: readonly Scenario['change'][]): readonly Scenario[] {
  return ways.flatMap((way) =>
    (['good', 'never-healthy', 'dies'] as const).flatMap((fate) =>
      fleets.flatMap((fleet) =>
        changes.map((change): Scenario => {
          const before = fleet % 2 === 0 ? 'released' : 'adopted';
          return { ...way, change, fleet, fate, before, seed: 1 };
        }),
      ),
    ),
  );
}

/** A scenario of its own for every seed of a storm. */
export function scenarioOf(seed: number): Scenario {
  const plain = plainScenarioOf(seed);
  // Dice of its own, so that a seed stands for the same scenario with and without extras.
  const dice = new Dice(seed * 104_729 + 11);
  const more = extras.filter(() => dice.chance(0.15));
  if (more.length === 0) return plain;
  const fate = more.includes('gates') && dice.chance(0.3) ? 'errors' : plain.fate;
  return { ...plain, fate, extras: more };
}

function plainScenarioOf(seed: number): Scenario {
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
