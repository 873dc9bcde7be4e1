import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Shop } from './kit.js';
import { at, expectClean, failed, openShop, rolloutTo } from './kit.js';

/** Releases that are found out by a task before any traffic, and by a probe in the midst of it. */
describe('verdicts beyond the health of a container', () => {
  let shop: Shop;
  beforeAll(async () => {
    shop = await openShop({ instances: 2 });
    await shop.config((file) => {
      // No check on the instance: only traffic shows that three in each ten answers are errors.
      at(file, 'services', 'backend')['checks'] = [];
      at(file, 'environments', 'production')['gates'] = {
        probes: [
          {
            name: 'api',
            url: `${shop.status.loadBalancer.url}/api/`,
            service: 'backend',
            interval: '100ms',
            timeout: '2s',
            'min-samples': 10,
            'success-rate': '99%',
          },
        ],
      };
    });
  });
  afterAll(() => shop.dispose());

  it.each(['blue-green', 'rolling'] as const)(
    'errors that only traffic shows, %s: rolled back, and each failed request was one for the bad release',
    async (strategy) => {
      const before = failed(await shop.accessLog()).length;
      const load = await shop.underLoad(async () => {
        const args = [...rolloutTo({ backend: 'errors' }, strategy, '--steps', '50,100'), '--bake', '4s'];
        const { stderr } = await shop.run(10, args);
        expect(stderr).toMatch(/api/);
      });
      await shop.serves({ backend: '1.0.0', frontend: '1.0.0' });
      await shop.idleIsDown('backend');
      const failures = failed(await shop.accessLog()).slice(before);
      // The probe's own failed requests are in the log too.
      expect(load.failures).toBeGreaterThan(0);
      expect(failures.length).toBeGreaterThanOrEqual(load.failures);
      const bad = new Set(
        Object.values(await shop.containers())
          .flat()
          .filter(({ image, state }) => image.startsWith('shop/backend') && state !== 'running')
          .map(({ digest }) => digest),
      );
      const good = new Set(
        Object.values(await shop.containers())
          .flat()
          .filter(({ state }) => state === 'running')
          .map(({ digest }) => digest),
      );
      for (const { digest, status, targetStatus } of failures) {
        expect({ status, targetStatus }).toEqual({ status: 500, targetStatus: 500 });
        expect(bad.has(digest ?? '') && !good.has(digest ?? ''), `digest ${String(digest)}`).toBe(true);
      }
    },
  );

  const withTask = () =>
    shop.config((file) => {
      at(file, 'services', 'backend')['task'] = { command: ['node', 'task.js'], timeout: '10s' };
    }, 'task.yml');

  it('a task that fails: rolled back before any change of traffic, with its last words', async () => {
    const config = await withTask();
    const before = await shop.calls();
    const load = await shop.underLoad(async () => {
      const { stderr } = await shop.run(10, [
        ...rolloutTo({ backend: 'task-fails' }, 'blue-green'),
        '--config',
        config,
      ]);
      expect(stderr).toMatch(/column "price" already exists/);
    });
    expectClean(load);
    const after = await shop.calls();
    for (const call of ['DeregisterTargets', 'ModifyRule', 'ModifyListener']) {
      expect(after[call] ?? 0, call).toBe(before[call] ?? 0);
    }
    await shop.serves({ backend: '1.0.0', frontend: '1.0.0' });
  });

  it('a task that succeeds runs once, and the rollout goes on', async () => {
    const config = await withTask();
    expectClean(
      await shop.underLoad(async () => {
        const { stderr } = await shop.run(0, [...rolloutTo({ backend: '1.1.0' }, 'rolling'), '--config', config]);
        expect(stderr.match(/run the one-off task of backend/g)).toHaveLength(1);
      }),
    );
    await shop.serves({ backend: '1.1.0', frontend: '1.0.0' });
  });
});
