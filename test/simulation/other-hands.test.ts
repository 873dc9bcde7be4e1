import { describe, expect, it } from 'vitest';
import type { Ms } from '../../src/domain/ids.js';
import { Play } from './play.js';
import type { Scenario } from './scenario.js';
import { digestOf } from './world/shape.js';

/*
 * Another hand moves the traffic of a service that the rollout does not change: it is left alone, and the end says what serves.
 */

const scenario = (more: Partial<Scenario>): Scenario => ({
  strategy: 'blue-green',
  layout: 'ports',
  change: 'frontend',
  fleet: 3,
  fate: 'good',
  before: 'released',
  seed: 7,
  extras: ['warm'],
  ...more,
});

/** All traffic of so many routes of backend goes to its standby color, where an earlier release is warm. */
function moveBackend({ world, auditor }: Play, at: Ms, routes: number): void {
  const backend = world.shape.services.find(({ name }) => name === 'backend');
  if (backend === undefined) throw new Error('no backend');
  world.timeline.after(at, () => {
    for (const route of backend.routes.slice(0, routes)) {
      auditor.meddled(route);
      const { blue, green } = backend.colors;
      world.balancer.writtenByHand(
        route,
        new Map([
          [blue.group, 0],
          [green.group, 100],
        ]),
      );
    }
  });
}

describe.each(['ports', 'instances'] as const)('a service that does not change, on %s', (layout) => {
  it.each([
    ['all of its traffic', 2, ['older']],
    ['a part of it', 1, ['older', 'old']],
  ] as const)('has %s moved: the rollout is blocked, and the end of the rollback names it', async (_, routes, tags) => {
    const play = await Play.begin(scenario({ layout }));
    moveBackend(play, 30_000, routes);
    const first = await play.run(play.process(), 'rollout');
    expect(first).toMatchObject({ exit: 14, result: { reason: expect.stringContaining('another hand') as string } });
    await play.rest(20_000);
    const ended = await play.run(play.process(), 'rollback');
    const digests = tags.map((tag) => digestOf('backend', tag));
    expect(ended).toMatchObject({ exit: 0, result: { outcome: 'rolled-back' } });
    expect([...play.serving('backend')].sort()).toEqual([...digests].sort());
    const images = play.outcome()?.images['backend'] ?? '';
    for (const digest of digests) expect(images).toContain(digest.slice(0, 19));
    if (tags.length === 1) expect(images).not.toContain(digestOf('backend', 'old').slice(0, 19));
    expect(ended).toMatchObject({
      result: {
        warnings: [
          expect.stringMatching(
            /^backend, which this rollout does not change, is served by green \(r-\S+\): 100% of .*left as it is$/,
          ),
        ],
      },
    });
    await play.rest(30_000);
    play.truth(ended);
    expect(play.auditor.violations).toEqual([]);
  });
});
