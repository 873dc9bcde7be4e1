import { describe, expect, it } from 'vitest';
import { isDeep, some } from './deep.js';
import { Play } from './play.js';
import type { Scenario } from './scenario.js';
import { changed, describeScenario } from './scenario.js';
import { digestOf, fates } from './world/shape.js';

const ways = [
  { strategy: 'rolling', layout: 'ports' },
  { strategy: 'blue-green', layout: 'ports' },
  { strategy: 'blue-green', layout: 'instances' },
] as const;

const scenarios = ways.flatMap((way) =>
  (['backend', 'frontend', 'both'] as const).flatMap((change) =>
    (isDeep ? [1, 2, 3, 5, 10] : [1, 2, 3]).flatMap((fleet) =>
      fates.map((fate, index): Scenario => {
        const before = (fleet + index) % 2 === 0 ? 'adopted' : 'released';
        return { ...way, change, fleet, fate, before, seed: fleet * 10 + index };
      }),
    ),
  ),
);

const good = scenarios.filter(({ fate }) => fate === 'good');
const bad = some(
  scenarios.filter(({ fate }) => fate !== 'good'),
  45,
);
const named = (each: Scenario): readonly [string, Scenario] => [describeScenario(each), each];
const serves = (play: Play, tag: string): void => {
  for (const name of changed(play.scenario)) expect(play.serving(name)).toEqual([digestOf(name, tag)]);
};

describe('a good release', () => {
  it.each(good.map(named))(
    '%s serves everywhere; again changes nothing; and it can be gone back from',
    async (_, each) => {
      const play = await Play.begin(each);
      const first = await play.run(play.process(), 'rollout');
      await play.rest(20_000);
      play.truth(first);
      expect(first.exit, JSON.stringify(first)).toBe(0);
      serves(play, 'new');

      const writes = new Map(play.auditor.writes);
      const again = await play.run(play.process(), 'rollout');
      expect(again).toMatchObject({ exit: 0, result: { outcome: 'nothing-to-do' } });
      expect(play.auditor.writes).toEqual(writes);

      const back = await play.run(play.process(), 'rollback');
      await play.rest(20_000);
      play.truth(back);
      expect(back.exit, JSON.stringify(back)).toBe(0);
      serves(play, 'old');
      expect(await play.run(play.process(), 'rollback')).toMatchObject({ exit: 12 });
      expect(play.auditor.violations, play.world.trace.join('\n')).toEqual([]);
    },
  );
});

describe('a bad release', () => {
  it.each(bad.map(named))('%s is taken back, and everything is as it was', async (_, each) => {
    const play = await Play.begin(each);
    const before = play.signature();
    const ended = await play.run(play.process(), 'rollout');
    await play.rest(20_000);
    play.truth(ended);
    expect(ended.exit, JSON.stringify(ended)).toBe(10);
    expect(play.signature()).toBe(before);
    expect(play.auditor.violations, play.world.trace.join('\n')).toEqual([]);
  });
});
