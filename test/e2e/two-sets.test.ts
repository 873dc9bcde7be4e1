import { request } from 'undici';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Shop } from './kit.js';
import { expectClean, rolloutTo, SERVICES } from './kit.js';
import { openSets, SET_PORTS, setOf } from './sets.js';

/** Blue and green as two sets of instances, on equal ports: two instances of four have each color. */
describe('blue-green on two sets of instances', () => {
  let shop: Shop;
  beforeAll(async () => {
    shop = await openSets();
  });
  afterAll(() => shop.dispose());

  /** All traffic gets one version, from the set of one color. */
  const serves = async (version: string, color: 'blue' | 'green'): Promise<void> => {
    for (const service of SERVICES) {
      const weights = await shop.aws.weights(service, shop.status);
      const live = shop.status.targetGroups.filter(
        (group) => group.service === service && (weights[group.arn] ?? 0) > 0,
      );
      expect(live.map((group) => group.color)).toEqual([color]);
      const wanted = Object.fromEntries(
        setOf(shop, color).map(({ id }) => [`${id}:${String(SET_PORTS[service])}`, 'healthy']),
      );
      expect(await shop.aws.targets(live[0]?.arn ?? ''), `targets of ${service} ${color}`).toEqual(wanted);
      // A load balancer's nodes follow new weights a moment later.
      await vi.waitFor(async () => {
        for (let asked = 0; asked < 10; asked += 1) {
          const answer = await request(`${shop.status.loadBalancer.url}${service === 'backend' ? '/api/' : '/'}`);
          await answer.body.dump();
          expect(answer.headers['x-shop-version'], service).toBe(version);
        }
      }, 5_000);
    }
  };
  const goes = async (code: number, args: readonly string[]): Promise<void> => {
    expectClean(await shop.underLoad(() => shop.run(code, args)));
  };

  it('rolls in place on the live set, and goes back in place to what a person had started', async () => {
    await serves('1.0.0', 'blue');
    await goes(0, rolloutTo('1.1.0', 'rolling'));
    await serves('1.1.0', 'blue');
    await goes(0, ['rollback', '--yes']);
    await serves('1.0.0', 'blue');
  });

  it('moves to the other set, and back to the first with the next release', async () => {
    await serves('1.0.0', 'blue');
    await goes(0, rolloutTo('1.1.0', 'blue-green'));
    await serves('1.1.0', 'green');
    await goes(0, rolloutTo('2.0.0', 'blue-green'));
    await serves('2.0.0', 'blue');
  });

  it('a bad release never leaves its set', async () => {
    await goes(10, rolloutTo({ backend: 'never-healthy' }, 'blue-green'));
    await serves('2.0.0', 'blue');
  });

  it('goes back by weights', async () => {
    await goes(0, rolloutTo('1.0.0', 'blue-green'));
    await serves('1.0.0', 'green');
    await goes(0, ['rollback', '--yes']);
    await serves('2.0.0', 'blue');
  });
});
