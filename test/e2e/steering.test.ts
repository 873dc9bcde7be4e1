import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Shop } from './kit.js';
import { expectClean, openShop, rolloutTo } from './kit.js';

/** A rollout that runs in one terminal, and is steered from another. */
describe('steering from another terminal', () => {
  let shop: Shop;
  beforeAll(async () => {
    shop = await openShop({ instances: 2 });
  });
  afterAll(() => shop.dispose());

  it('pause holds before the next change, promote goes on; bakes are ended early; no request is lost', async () => {
    expectClean(
      await shop.underLoad(async () => {
        const running = shop.start(rolloutTo('1.1.0', 'blue-green', '--steps', '10,100', '--bake', '60s'));
        await running.until(/10% of the traffic goes/);
        const { stdout } = await shop.run(0, ['pause', '--for', '5m', '--reason', 'looking at the checkout']);
        expect(stdout).toMatch(/asked ro-\S+ to pause before its next change[^]*deployctl promote/);
        await running.until(/asked to pause: looking at the checkout/);
        await shop.run(0, ['pause', '--for', '5m', '--reason', 'still looking']);
        await running.until(/asked to pause: still looking/);
        await shop.run(0, ['promote']);
        await running.until(/100% of the traffic goes to green/);
        await shop.run(0, ['promote']);
        const { code, transcript, ms } = await running.done;
        expect(code, transcript).toBe(0);
        expect(ms, transcript).toBeLessThan(55_000);
      }),
    );
    await shop.serves({ backend: '1.1.0', frontend: '1.1.0' });
  });

  it('a pause that nobody ends is held at last: exit 14; then nobody hears a request, and resume goes on', async () => {
    const running = shop.start(rolloutTo('2.0.0', 'blue-green', '--steps', '10,100', '--bake', '1s'));
    await running.until(/pull the images/);
    await shop.run(0, ['pause', '--for', '6s']);
    const { code, stderr, transcript } = await running.done;
    expect(code, transcript).toBe(14);
    // Half of the fleet pulls at a time: the request is heard before the other half, or when both are done.
    expect(stderr).toMatch(/paused by tester@\S+ before: (pull the images|bring up the idle color)/);
    expect(stderr).toMatch(/Next: deployctl resume --env production/);

    const refused = await shop.run(12, ['promote']);
    expect(refused.stderr).toMatch(/its? process .*is gone|the process of ro-\S+ is gone/);
    expect(refused.stderr).toMatch(/deployctl resume[^]*deployctl rollback/);
    await shop.run(0, ['resume']);
    await shop.serves({ backend: '2.0.0', frontend: '2.0.0' });
    expect((await shop.run(12, ['pause'])).stderr).toMatch(/nothing to pause/);
  });

  it('abort with nobody there says what acts on it, and the rollback does', async () => {
    const running = shop.start(rolloutTo('1.0.0', 'blue-green', '--bake', '60s'));
    await running.until(/10% of the traffic goes/);
    running.kill('SIGKILL');
    await running.done;
    const { stdout } = await shop.run(0, ['abort', '--reason', 'wrong day']);
    expect(stdout).toMatch(/its process is gone[^]*deployctl rollback --env production[^]*deployctl resume/);
    await shop.run(0, ['rollback', '--yes']);
    await shop.serves({ backend: '2.0.0', frontend: '2.0.0' });
  });
});
