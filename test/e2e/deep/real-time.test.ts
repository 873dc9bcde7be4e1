import { expect, it, onTestFinished } from 'vitest';
import { at, expectClean, openShop, rolloutTo } from '../kit.js';

/** AWS's own speed and deployctl's default timings: nothing here passes because a test made waits short. About 20 minutes. */
it('rolling, blue-green and rollback at time scale 1 with default timings', { timeout: 3_600_000 }, async () => {
  const shop = await openShop({ instances: 2, timeScale: 1, drainSeconds: 60, longest: 1_800_000 });
  onTestFinished(() => shop.dispose());
  await shop.config((file) => {
    const production = at(file, 'environments', 'production');
    delete production['timing'];
    delete production['lease'];
  });
  const goes = async (args: readonly string[], version: string): Promise<void> => {
    expectClean(await shop.underLoad(() => shop.run(0, args)));
    await shop.serves({ backend: version, frontend: version });
  };
  await goes(rolloutTo('1.1.0', 'rolling'), '1.1.0');
  await goes(rolloutTo('2.0.0', 'blue-green'), '2.0.0');
  await goes(['rollback', '--yes'], '1.1.0');
  expect(await shop.json(0, ['lease', 'show'])).toMatchObject({ is: 'free' });
});
