import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Shop } from './kit.js';
import { expectClean, openShop, rolloutTo } from './kit.js';

/** Rollouts that are killed half-way, on one fleet. Each test leaves one release behind, from which the next one starts. */
describe('a rollout that dies is gone on with, or undone, from what is observed', () => {
  let shop: Shop;
  beforeAll(async () => {
    shop = await openShop({ instances: 2 });
  });
  afterAll(() => shop.dispose());

  const both = (version: string) => ({ backend: version, frontend: version });

  it('kill -9 in a rolling rollout, then resume', async () => {
    expectClean(
      await shop.underLoad(async () => {
        const running = shop.start(rolloutTo('1.1.0', 'rolling'));
        await running.until(/start backend 1\.1\.0/);
        running.kill('SIGKILL');
        await running.done;
        await shop.run(0, ['resume']);
      }),
    );
    await shop.serves(both('1.1.0'));
  });

  it('kill -9 in a blue-green rollout between two steps, then rollback to where it came from; elsewhere only after that', async () => {
    const { outcomes } = await shop.json<{ outcomes: readonly { from: string; to: string }[] }>(0, ['history']);
    const [{ from: older, to: before } = { from: '', to: '' }] = outcomes;
    expectClean(
      await shop.underLoad(async () => {
        const running = shop.start(rolloutTo('2.0.0', 'blue-green'));
        await running.until(/10% of the traffic goes/);
        running.kill('SIGKILL');
        await running.done;
        const { stderr } = await shop.run(12, ['rollback', '--to', older, '--force', '--yes']);
        expect(stderr).toMatch(
          /^Error: rollout ro-\S+ of production by \S+ has not ended \(phase: .*left its weights half-way/m,
        );
        expect(stderr).toMatch(
          new RegExp(
            `Next:\n  deployctl rollback --env production   # undoes it: back to ${before}\n.* --to ${older}   # then`,
          ),
        );
        await shop.run(0, ['rollback', '--to', before, '--yes']);
      }),
    );
    await shop.serves(both('1.1.0'));
    await shop.idleIsDown('backend');
  });

  it('kill -9 in a rolling rollout, then rollback', async () => {
    expectClean(
      await shop.underLoad(async () => {
        const running = shop.start(rolloutTo('2.0.0', 'rolling'));
        await running.until(/start frontend 2\.0\.0/);
        running.kill('SIGKILL');
        await running.done;
        await shop.run(0, ['rollback', '--yes']);
      }),
    );
    await shop.serves(both('1.1.0'));
  });

  it('SIGTERM: exit 130 within 5 s, the lock is free, and resume ends it', async () => {
    expectClean(
      await shop.underLoad(async () => {
        const running = shop.start(rolloutTo('2.0.0', 'blue-green'));
        await running.until(/start backend 2\.0\.0/);
        const asked = performance.now();
        running.kill('SIGTERM');
        const { code, transcript } = await running.done;
        expect(code, transcript).toBe(130);
        expect(performance.now() - asked).toBeLessThan(5000);
        expect(await shop.json(0, ['lease', 'show'])).toMatchObject({ is: 'free' });
        expect((await shop.run(12, rolloutTo('1.0.0', 'rolling'))).stderr).toMatch(/has not ended[^]*deployctl resume/);
        await shop.run(0, ['resume']);
      }),
    );
    await shop.serves(both('2.0.0'));
  });

  it('a second rollout meanwhile is turned away with 13, and abort steers the first one back', async () => {
    const running = shop.start(rolloutTo('1.0.0', 'blue-green', '--bake', '20s'));
    await running.until(/10% of the traffic goes/);
    const second = await shop.run(13, rolloutTo('1.1.0', 'rolling'));
    expect(second.stderr).toMatch(/is locked by .*deployctl status/s);
    await shop.run(0, ['abort', '--reason', 'numbers look bad']);
    const { code, stderr } = await running.done;
    expect(code, stderr).toBe(10);
    expect(stderr).toMatch(/asked to abort: numbers look bad/);
    await shop.serves(both('2.0.0'));
  });

  it('kill -9 in a blue-green rollout between two steps, then resume', async () => {
    expectClean(
      await shop.underLoad(async () => {
        const running = shop.start(rolloutTo('1.1.0', 'blue-green'));
        await running.until(/50% of the traffic goes/);
        running.kill('SIGKILL');
        await running.done;
        await shop.run(0, ['resume']);
      }),
    );
    await shop.serves(both('1.1.0'));
  });
});
