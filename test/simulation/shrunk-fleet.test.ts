import { expect, it } from 'vitest';
import { rollback } from '../../src/operations/rollback.js';
import { Play } from './play.js';
import { toolboxOf } from './ports.js';
import type { Scenario } from './scenario.js';
import { settingsOf } from './scenario.js';
import { digestOf } from './world/shape.js';

const scenario: Scenario = {
  strategy: 'rolling',
  layout: 'ports',
  change: 'both',
  fleet: 2,
  fate: 'good',
  before: 'released',
  seed: 3,
};

it('a fleet that shrinks to one instance half-way is rolled back once a downtime is allowed', async () => {
  const play = await Play.begin(scenario);
  const { world } = play;
  const isNew = (): boolean => play.serving('backend').every((digest) => digest === digestOf('backend', 'new'));
  let ended: unknown;
  const work = play.start(play.process(), 'rollout').then((end) => (ended = end));
  await world.timeline.drive(isNew, 600_000);
  const [gone] = world.hosts.keys();
  if (gone === undefined) throw new Error('no instance');
  play.auditor.lost();
  world.terminate(gone);
  await world.timeline.drive(() => ended !== undefined, 600_000);
  const refusal = /no instance can be spared for the next update\. Add instances, or set allow-downtime: true/;
  expect(await work).toMatchObject({ exit: 14, result: { reason: expect.stringMatching(refusal) as string } });

  const failed = await play.run(play.process(), 'rollback');
  expect(failed).toMatchObject({ exit: 11, result: { reason: expect.stringMatching(refusal) as string } });
  expect(play.serving('backend')).toEqual([digestOf('backend', 'new')]);
  await play.rest(10_000);
  expect(play.auditor.violations).toEqual([]);

  const settings = { ...settingsOf(scenario), allowDowntime: true };
  let result: Awaited<ReturnType<typeof rollback>> | undefined;
  const confirm = (): Promise<boolean> => Promise.resolve(true);
  const back = rollback(toolboxOf(play.process(), settings), { force: false, confirm }).then((end) => (result = end));
  await world.timeline.drive(() => result !== undefined, 600_000);
  expect(await back).toMatchObject({ outcome: 'rolled-back', exitCode: 0 });
  await play.rest(10_000);
  for (const name of ['backend', 'frontend']) expect(play.serving(name)).toEqual([digestOf(name, 'old')]);
});
