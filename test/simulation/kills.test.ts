import { describe, expect, it } from 'vitest';
import type { Case, Reference } from './case.js';
import { playCase, recoveries, referenceOf, replayOf } from './case.js';
import { isDeep, some } from './deep.js';
import type { Kill } from './process.js';
import { killPhases } from './process.js';
import type { Scenario } from './scenario.js';
import { describeScenario } from './scenario.js';

const ways = [
  { strategy: 'rolling', layout: 'ports' },
  { strategy: 'blue-green', layout: 'ports' },
  { strategy: 'blue-green', layout: 'instances' },
] as const;
const scenarios = ways.flatMap((way) =>
  (['good', 'never-healthy', 'dies'] as const).flatMap((fate) =>
    (isDeep ? [1, 2, 3, 5, 10] : [2]).flatMap((fleet) =>
      (isDeep ? (['backend', 'frontend', 'both'] as const) : (['backend'] as const)).map((change): Scenario => ({
        ...way,
        change,
        fleet,
        fate,
        before: fleet % 2 === 0 ? 'released' : 'adopted',
        seed: 1,
      })),
    ),
  ),
);

/**
 * Kill points between which the world did not change are one: a dead process leaves nothing but the world. A call that changes something has all
 * three phases, a read has one.
 */
function pointsOf(reference: Reference): readonly Kill[] {
  const seen = new Set<string>();
  return reference.points.flatMap(({ call, key, use }) => {
    const phases = use === 'change' ? killPhases : killPhases.slice(0, seen.has(key) ? 0 : 1);
    seen.add(key);
    return phases.map((phase) => ({ call, phase }));
  });
}

async function playAll(cases: readonly Case[], reference: Reference): Promise<void> {
  const failures: string[] = [];
  for (const each of cases) {
    const { auditor } = await playCase(each, reference);
    if (auditor.violations.length > 0) failures.push(`${replayOf(each)}\n  ${auditor.violations.join('\n  ')}`);
  }
  const words = `${String(failures.length)} of ${String(cases.length)} failed:\n${failures.slice(0, 10).join('\n')}`;
  expect(failures.length, words).toBe(0);
  if (isDeep) process.stdout.write(`${String(cases.length)} cases\n`);
}

describe('a death at any point of a rollout: whoever comes next ends it, and keeps every promise', () => {
  it.each(scenarios.map((each) => [describeScenario(each), each] as const))(
    '%s',
    { timeout: 7_200_000 },
    async (_, scenario) => {
      const reference = await referenceOf(scenario);
      const cases = pointsOf(reference).flatMap((kill) =>
        recoveries.map((recovery): Case => ({ scenario, recovery, kills: [kill] })),
      );
      await playAll(some(cases, 15), reference);
    },
  );
});

describe('two deaths, one after the other', () => {
  it.each(
    scenarios
      .filter(({ fleet, change }) => fleet === 2 && change === 'backend')
      .map((each) => [describeScenario(each), each] as const),
  )('%s', { timeout: 7_200_000 }, async (_, scenario) => {
    const reference = await referenceOf(scenario);
    const points = pointsOf(reference);
    const cases = points.flatMap((first) =>
      points.flatMap((second) => recoveries.map((recovery): Case => ({ scenario, recovery, kills: [first, second] }))),
    );
    await playAll(some(cases, 4, 2), reference);
  });
});
