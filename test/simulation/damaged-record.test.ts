import { describe, expect, it } from 'vitest';
import type { Ended } from './play.js';
import { Play } from './play.js';
import type { Scenario } from './scenario.js';
import { digestOf } from './world/shape.js';

/** The record of a rollout that stands half-way is overwritten with what nobody can read: what the refusal of a resume says to type works. */
const base = { strategy: 'rolling', layout: 'ports', change: 'backend', fleet: 3, fate: 'good', seed: 4 } as const;

/** A rollout dies half-way, and its record is spoiled. `when`: at which moment it dies. */
async function halfWay(scenario: Scenario, when: (play: Play) => boolean): Promise<Play> {
  const play = await Play.begin(scenario);
  const process = play.process();
  const running = play.start(process, 'rollout');
  await play.world.timeline.drive(() => when(play), 600_000);
  process.die();
  await play.finish(running);
  const name = [...play.world.store.values.keys()].find((each) => each.includes('/rollouts/')) ?? '';
  play.world.store.spoil(name, '{"schema":');
  await play.rest(40_000);
  return play;
}

const runs = ({ world }: Play, tag: string): number =>
  [...world.hosts.values()].filter((host) => host.on(8080)?.digest === digestOf('backend', tag)).length;
const isDrained = ({ world }: Play): boolean =>
  [...world.balancer.groups.values()].some(({ targets }) =>
    [...targets.values()].some(({ state }) => state === 'gone'),
  );
const advice = (ended: Ended): readonly unknown[] =>
  ended.is === 'refused' ? [ended.error.code, ended.error.next.join('\n')] : [ended];

async function goesBack(play: Play): Promise<void> {
  expect(advice(await play.run(play.process(), 'resume'))).toEqual([
    'state.damaged',
    expect.stringMatching(/^deployctl rollback --env sim .*Or restore it .*rollouts/),
  ]);
  const back = await play.run(play.process(), 'rollback');
  expect(back.exit, JSON.stringify(back)).toBe(0);
  await play.rest(30_000);
  expect(runs(play, 'old')).toBe(3);
  expect(play.serving('backend')).toEqual([digestOf('backend', 'old')]);
  play.recordTruth();
  expect(play.auditor.violations, play.world.trace.slice(-60).join('\n')).toEqual([]);
}

describe('a record that was damaged half-way', () => {
  it('of the first rollout: a rollback restores what was found when it began', async () => {
    await goesBack(await halfWay({ ...base, before: 'adopted' }, (play) => runs(play, 'new') > 0));
  });

  it('of a later rollout: a rollback restores what served before', async () => {
    await goesBack(await halfWay({ ...base, before: 'released' }, (play) => runs(play, 'new') > 0));
  });

  it('before anything new runs: what is out of the load balancer comes back', async () => {
    await goesBack(await halfWay({ ...base, before: 'released' }, isDrained));
  });
});
