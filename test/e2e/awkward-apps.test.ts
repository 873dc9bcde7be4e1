import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Shop } from './kit.js';
import { at, expectClean, openShop, rolloutTo } from './kit.js';

/** Applications that make it hard: no request fails all the same. And the measure is sharp: it does see what drops requests. */
describe('awkward applications', () => {
  let shop: Shop;
  beforeAll(async () => {
    // One AWS minute to drain is 3 s here: twice the slowest request.
    shop = await openShop({ instances: 2, drainSeconds: 80 });
  });
  afterAll(() => shop.dispose());

  it('an image that ignores SIGTERM', async () => {
    expectClean(
      await shop.underLoad(async () => {
        await shop.run(0, rolloutTo({ backend: 'ignores-sigterm' }, 'rolling'));
        await shop.run(0, rolloutTo({ backend: 'slow-requests' }, 'rolling'));
      }),
    );
  });

  it('50 slow requests under way all the time, shorter than the deregistration delay', async () => {
    const slow = shop.load({ rate: 25, connections: 60, paths: ['/api/slow'] });
    try {
      await shop.run(0, rolloutTo({ backend: '1.1.0' }, 'rolling'));
    } finally {
      expectClean(await slow.stop());
    }
  });

  it('what a shell script does, stop before deregister, is seen as failed requests', async () => {
    const [instance] = shop.status.instances;
    const load = await shop.underLoad(async () => {
      await shop.aws.shell(
        instance?.id ?? '',
        'for one in $(docker ps -q); do docker stop -t 1 $one; docker start $one; done',
      );
    });
    expect(load.failures).toBeGreaterThan(0);
  });

  it('going on once a target is registered, without waiting for its health, is seen as failed requests', async () => {
    const blue = shop.status.targetGroups.find(({ service, color }) => service === 'backend' && color === 'blue');
    const group = blue?.arn ?? '';
    const load = await shop.underLoad(async () => {
      for (const { id } of shop.status.instances) {
        await shop.aws.deregister(group, id, 8081);
        await vi.waitFor(async () => expect(await shop.aws.targets(group)).not.toHaveProperty(`${id}:8081`), 20_000);
        await shop.aws.shell(
          id,
          'docker stop -t 1 $(docker ps -q --filter publish=8081); docker run -d -p 8081:3000 shop/backend:never-healthy',
        );
        await shop.aws.register(group, id, 8081);
      }
    });
    expect(load.failures).toBeGreaterThan(0);
  });

  it('no settle time and no drain, while the load balancer still lags, is seen as failed requests', async () => {
    for (const { arn } of shop.status.targetGroups) await shop.aws.drainSeconds(arn, 0);
    await shop.fault('lag', '--ms', '40000');
    const hasty = await shop.config((file) => {
      at(file, 'environments', 'production', 'timing')['settle'] = '0s';
    }, 'hasty.yml');
    const load = await shop.underLoad(() =>
      shop.cli([...rolloutTo({ backend: '2.0.0' }, 'rolling'), '--config', hasty]),
    );
    expect(load.failures).toBeGreaterThan(0);
  });
});
