import { onTestFinished, describe, it } from 'vitest';
import { expectClean, openShop, rolloutTo } from '../kit.js';

/** The main job on the sizes of fleet that people have. */
describe.each([2, 4, 10])('a fleet of %i', (instances) => {
  it('rolling, blue-green and rollback under load, without one failed request', async () => {
    const shop = await openShop({ instances });
    onTestFinished(() => shop.dispose());
    const goes = async (args: readonly string[], version: string): Promise<void> => {
      expectClean(await shop.underLoad(() => shop.run(0, args)));
      await shop.serves({ backend: version, frontend: version });
    };
    await goes(rolloutTo('1.1.0', 'rolling'), '1.1.0');
    await goes(rolloutTo('2.0.0', 'blue-green'), '2.0.0');
    await goes(['rollback', '--yes'], '1.1.0');
  });
});
