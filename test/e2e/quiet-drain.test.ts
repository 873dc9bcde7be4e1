import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { request } from 'undici';
import type { Shop } from './kit.js';
import { at, expectClean, openShop, rolloutTo } from './kit.js';

/** An hour of the load balancer's, which is three minutes here: longer than a command may take (`longest`), so whatever ends did not wait for it. */
const anHour = 3600;

describe('drain: quiet', () => {
  let shop: Shop;
  beforeAll(async () => {
    shop = await openShop({
      instances: 2,
      drainSeconds: anHour,
      config: (file) => {
        const production = at(file, 'environments', 'production');
        production['drain'] = 'quiet';
        at(production, 'timing')['quiet'] = '1s';
      },
    });
    // Half a minute here: the load balancer gives a silent target no longer than its idle timeout.
    await shop.aws.idleTimeout(shop.status.loadBalancer.arn, 600);
  });
  afterAll(() => shop.dispose());

  it('rolling does not wait for the deregistration delay, and no request is lost', async () => {
    expectClean(await shop.underLoad(() => shop.run(0, rolloutTo('1.1.0', 'rolling'))));
    await shop.serves({ backend: '1.1.0', frontend: '1.1.0' });
  });

  it('a slow request that is held open keeps its instance until it is answered', async () => {
    const slow = shop.load({ rate: 2, connections: 20, paths: ['/api/?ms=6000'] });
    const longest = request(`${shop.status.loadBalancer.url}/api/?ms=20000`);
    const rollout = shop.start(rolloutTo({ backend: '2.0.0' }, 'rolling'));
    await rollout.until(/open connections: \d/);
    expect((await longest).statusCode).toBe(200);
    const { code, transcript } = await rollout.done;
    expectSlow(await slow.stop());
    expect(code, transcript).toBe(0);
  });

  it('the idle color of blue-green is emptied as soon as it is quiet', async () => {
    expectClean(await shop.underLoad(() => shop.run(0, rolloutTo({ backend: '1.1.0' }, 'blue-green'))));
    // What is warm on the idle color now has to go first.
    expectClean(await shop.underLoad(() => shop.run(0, rolloutTo({ backend: '1.0.0' }, 'blue-green'))));
  });
});

/** Few requests, each of which takes seconds. */
function expectSlow({ failures, broken, requests }: { failures: number; broken: number; requests: number }): void {
  expect({ failures, broken }).toEqual({ failures: 0, broken: 0 });
  expect(requests).toBeGreaterThan(2);
}
