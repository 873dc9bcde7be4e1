import { describe, expect, it } from 'vitest';
import type { Case, Point, Reference } from './case.js';
import { distinct, playCase, recoveries, referenceOf, replayOf } from './case.js';
import { some } from './deep.js';
import { describeScenario } from './scenario.js';
import { replay } from './replays.js';
import { matrix } from './scenarios.js';

const scenarios = matrix([2], ['backend']).map((each) => [describeScenario(each), each] as const);

async function playAll(cases: readonly Case[], reference: Reference): Promise<void> {
  const failures: string[] = [];
  for (const each of cases) {
    const { auditor } = await playCase(each, reference);
    if (auditor.violations.length > 0) failures.push(`${replayOf(each)}\n  ${auditor.violations.join('\n  ')}`);
  }
  const words = `${String(failures.length)} of ${String(cases.length)} failed:\n${failures.slice(0, 10).join('\n')}`;
  expect(failures.length, words).toBe(0);
}

describe('a death at any point of a rollout: whoever comes next ends it, and keeps every promise', () => {
  it.each(scenarios)('%s', async (_, scenario) => {
    const reference = await referenceOf(scenario);
    const cases = distinct(reference.points).flatMap((kill) =>
      recoveries.map((recovery): Case => ({ scenario, recovery: [recovery], kills: [kill] })),
    );
    await playAll(some(cases, 15), reference);
  });
});

describe('two deaths, one after the other', () => {
  it.each(scenarios)('%s', async (_, scenario) => {
    const reference = await referenceOf(scenario);
    const cases: Case[] = [];
    for (const [index, first] of some(distinct(reference.points), 4, 2).entries()) {
      const points: Point[] = [];
      const recovery = recoveries[index % recoveries.length] ?? 'resume';
      await playCase({ scenario, recovery: [recovery], kills: [first] }, reference, points);
      for (const second of some(distinct(points), 1, index))
        cases.push({ scenario, recovery: [recovery], kills: [first, second] });
    }
    await playAll(cases, reference);
  });
});

describe('of a rollback that died, a rollback that is asked for again', () => {
  // The first death comes when the rollout is over: what dies next is a rollback of its own.
  it.each([
    'rolling/ports/backend/2/good/released/1 rollback,rollback 394:lost 187:before',
    'blue-green/ports/backend/2/good/released/1 rollback,rollback 329:lost 46:lost',
  ])('goes on with it: %s', async (which) => {
    const { violations, trace } = await replay(which, referenceOf);
    expect(violations).toEqual([]);
    expect(trace.filter((line) => / dies$/.test(line))).toHaveLength(2);
    expect(trace.at(-1)).toMatch(/ended: exit 0/);
  });
});
