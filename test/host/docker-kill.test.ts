/** SIGKILL on a real engine: the client dies, and dockerd goes on with what it was asked for, or not. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { HostRequest } from '../../src/domain/host.js';
import type { Digest } from '../../src/domain/ids.js';
import { serve, startEngine, whyNoEngine, type Engine } from './engine.js';
import { kills, type Breakage } from './killpoints.js';
import { good, slot, spec } from './kit.js';

/** Seconds into what dockerd does. */
const DELAYS = process.env['DEPLOYCTL_TEST_DEEP'] === '1' ? [0.02, 0.1, 0.3] : [0.1];

type Image = { readonly repository: string; readonly digest: Digest };

describe.skipIf(whyNoEngine() !== undefined)(
  'SIGKILL in the middle of what a real engine does',
  { timeout: 300_000 },
  () => {
    let engine: Engine;
    let one: Image;
    let two: Image;
    beforeAll(async () => {
      engine = await startEngine();
      one = await engine.image('backend:1.0.0', serve('1.0.0'));
      two = await engine.image('backend:2.0.0', serve('2.0.0'));
    }, 120_000);
    afterAll(async () => engine?.close());

    it('is followed by a run that ends well', async () => {
      const health = { path: '/health', passes: 1, interval: 50, timeout: 1000, startTimeout: 10_000 };
      const request = (phase: 'start' | 'restore', release: string, image: Image): HostRequest => ({
        phase,
        slot: slot(),
        release,
        spec: spec(image.digest, { image, health }),
        keep: 1,
      });
      const ways = [request('start', 'r-2', two), request('restore', 'r-1', one)] as const;
      const first = good(await engine.ask(request('start', 'r-1', one))).container?.id;
      // Those right at a command are on the stand-in: here dockerd is in the middle of one.
      const middle = async (way: HostRequest): Promise<Breakage[]> =>
        (await kills(engine, way, false, DELAYS)).filter(({ late }) => late);
      const breakages = [await middle(ways[0]), await middle(ways[1])];
      for (const some of breakages) expect(some.length).toBeGreaterThan(1);
      let generation = 100;
      for (let turn = 0; breakages.flat().length > 0; turn++) {
        const at = turn % 2 === 0 ? 0 : 1;
        const { what, change } = breakages[at]?.shift() ?? { what: 'not killed', change: (script: string) => script };
        generation += 1;
        await engine.ask(ways[at], [generation, 0, 0], { change });
        const { containers = [], container } = good(await engine.ask(ways[at], [generation, 0, 1]));
        const found = `${what}: ${JSON.stringify(containers, null, 1)}`;
        expect(container, found).toMatchObject({
          name: 'backend-blue',
          restartPolicy: 'unless-stopped',
          digest: [two, one][at]?.digest,
        });
        expect(
          containers.filter(({ running }) => running).map(({ id }) => id),
          found,
        ).toEqual([container?.id]);
        expect(
          containers.filter(({ id }) => id === first),
          found,
        ).toHaveLength(1);
        expect(
          containers.filter(({ startedAt }) => startedAt.startsWith('0001')),
          found,
        ).toEqual([]);
        expect(containers.length, found).toBeLessThanOrEqual(3);
      }
    });
  },
);
