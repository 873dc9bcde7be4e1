import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Shop } from './kit.js';
import { openShop, rolloutTo } from './kit.js';

interface Status {
  readonly release: string | null;
  readonly services: readonly { readonly live: string; readonly weights: Record<string, number> }[];
  readonly running?: { readonly phase: string; readonly driven: boolean; readonly waits: readonly unknown[] };
  readonly problems: readonly string[];
}

/** What somebody sees who did not start the rollout. */
describe('status', () => {
  let shop: Shop;
  beforeAll(async () => {
    shop = await openShop({ instances: 2 });
  });
  afterAll(() => shop.dispose());

  it('invents no name for what nobody has rolled out yet', async () => {
    const { stdout } = await shop.run(0, ['status']);
    expect(stdout).toMatch(/shop\/production {2}backend 1\.0\.0, frontend 1\.0\.0\n {2}found running/);
    expect(await shop.json<Status>(0, ['status'])).toMatchObject({ release: null });
    expect((await shop.run(0, ['status', '--watch'])).stdout).toMatch(/nothing to follow/);
  });

  it('explains split weights by the rollout that runs, follows it from another terminal, and ends with its exit code', async () => {
    const rollout = shop.start(rolloutTo({ backend: '1.1.0' }, 'blue-green', '--bake', '60s'));
    await rollout.until(/10% of the traffic goes/);
    await rollout.until(/bake: /);
    const seen = await shop.json<Status>(0, ['status']);
    expect(seen.problems).toEqual([]);
    expect(seen.services[0]).toMatchObject({ live: 'blue', weights: { blue: 90, green: 10 } });
    expect(seen.running).toMatchObject({ driven: true, phase: expect.stringMatching(/^bake/) as string });
    expect(seen.running?.waits).toHaveLength(1);
    expect((await shop.run(0, ['status'])).stdout).toMatch(
      /bake: .*\n {2}until .* at most[^]*deployctl promote --env production/,
    );

    const other = shop.start(['status', '--watch']);
    const watch = shop.start(['status', '--watch']);
    const calls = async (): Promise<number> => (await shop.calls())['SendCommand'] ?? 0;
    const before = await calls();
    while ((await calls()) < before + 6) await new Promise((resolve) => setTimeout(resolve, 100));
    other.kill('SIGINT');
    expect((await other.done).code).toBe(130);
    await shop.run(0, ['abort', '--reason', 'not today']);
    expect((await rollout.done).code).toBe(10);
    const { code, stdout, transcript } = await watch.done;
    expect(code, transcript).toBe(10);
    expect(stdout).toMatch(/goes back: .* asked to abort: not today/);
    expect(stdout).toMatch(/backend {2}traffic: blue 100%, green 0%/);
    expect(stdout).toMatch(/\nrollout ro-\S+ rolled-back: .*not today\n?$/);

    const id = /\nrollout (ro-\S+) rolled-back/.exec(stdout)?.[1] ?? '';
    const shown = (await shop.run(0, ['history', 'show', id.slice(-4)])).stdout;
    expect(shown).toMatch(new RegExp(`^rollout ${id} of shop/production: rolled-back\n`));
    expect(shown).toMatch(/backend: 1\.0\.0 → 1\.1\.0/);
    expect(shown).toMatch(
      /start backend 1\.1\.0 \(green\) on shop-1[^]*backend: 10% of the traffic to green[^]*! goes back: .*not today[^]*stop backend/,
    );
    expect((await shop.run(12, ['history', 'show', 'ro-x'])).stderr).toMatch(new RegExp(`newest are ${id}[^]*history`));
  });

  it('says that nobody drives a rollout whose process is gone, and stops following it with 14', async () => {
    const rollout = shop.start(rolloutTo({ backend: '1.1.0' }, 'blue-green', '--bake', '60s'));
    await rollout.until(/10% of the traffic goes/);
    rollout.kill('SIGKILL');
    await rollout.done;
    const { stdout } = await shop.run(14, ['status', '--watch']);
    expect(stdout).toMatch(/nobody drives it any more[^]*Next:\n {2}deployctl resume --env production/);
    expect(stdout).not.toMatch(/no rollout of ours explains/);
    await shop.run(0, ['rollback', '--yes']);
  });
});
