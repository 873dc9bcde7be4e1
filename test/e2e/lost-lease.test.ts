import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Shop } from './kit.js';
import { openShop, rolloutTo } from './kit.js';
import { Action } from './runner.js';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** Somebody releases the lease of a rollout that is in the midst of a bake. */
describe('a lease that is lost in mid-rollout', () => {
  let shop: Shop;
  beforeAll(async () => {
    shop = await openShop({ instances: 2 });
  });
  afterAll(() => shop.dispose());

  const moving = rolloutTo({ backend: '1.1.0' }, 'blue-green', '--bake', '60s');

  it('is refused to be released while its holder beats; with --force the rollout is interrupted and says what it leaves', async () => {
    const running = shop.start([...moving, '--json']);
    await running.until(/10% of the traffic goes/);
    const refused = await shop.run(13, ['lease', 'release', '--yes']);
    expect(refused.stderr).toMatch(
      /is locked by tester@\S+ \(pid \d+ on \S+\), "rollout backend=1\.1\.0" since .*last heartbeat \d+ s ago.*Nothing was changed/,
    );
    expect(refused.stderr).toMatch(/Next:\n {2}deployctl abort --env production[^]*deployctl lease release .*--force/);
    expect(await shop.json(0, ['status'])).toMatchObject({ running: { driven: true } });

    await shop.run(0, ['lease', 'release', '--yes', '--force']);
    const { code, stdout, stderr, transcript } = await running.done;
    expect(code, transcript).toBe(130);
    expect(stderr).toMatch(/Rollout was interrupted: neither finished nor undone: the lease on shop\/production/);
    const document = JSON.parse(stdout) as { reason: string };
    expect(document).toMatchObject({
      ok: false,
      outcome: 'interrupted',
      exitCode: 130,
      serving: null,
      next: [
        expect.stringMatching(/^deployctl status /),
        expect.stringMatching(/^deployctl resume /),
        expect.stringMatching(/^deployctl rollback /),
      ] as unknown,
    });
    expect(document.reason).toMatch(/"lease release".*Traffic, as last read: backend blue 90% and green 10%/);

    const seen = await shop.run(0, ['status']);
    expect(seen.stdout).toMatch(/nobody drives it any more[^]*deployctl resume --env production/);
    await shop.run(0, ['rollback', '--yes']);
    await shop.serves({ backend: '1.0.0', frontend: '1.0.0' });
  });

  it('is no refusal in the action: outcome, summary and annotation say that it was interrupted', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'deployctl-action-'));
    try {
      const action = await Action.in(root, dir);
      const inputs = {
        'working-directory': shop.dir,
        backend: '1.1.0',
        strategy: 'blue-green',
        arguments: '--bake\n60s',
      };
      const step = action.step('main', inputs, { env: shop.env() });
      await vi.waitFor(
        async () => {
          const { running } = await shop.json<{ running?: { phase: string } }>(0, ['status']);
          expect(running?.phase).toMatch(/^bake/);
        },
        { timeout: 120_000, interval: 1000 },
      );
      await shop.run(0, ['lease', 'release', '--yes', '--force']);
      const { code, outputs, summary, commands, log } = await step;
      expect(code, log).toBe(130);
      expect(outputs).toMatchObject({ outcome: 'interrupted', 'exit-code': '130', release: '' });
      expect(summary).toMatch(/^### ⏸️ interrupted: rollout shop\/production\n\n.*lease on shop\/production/);
      expect(summary).toMatch(/blue 90% and green 10%[^]*Next:\n\n```text\ndeployctl status[^`]*deployctl resume/);
      expect(summary).not.toMatch(/refused/);
      expect(commands.filter((line) => /^::error title=deployctl rollout%3A interrupted::/.test(line))).toHaveLength(1);
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
    await shop.run(0, ['resume']);
    await shop.serves({ backend: '1.1.0', frontend: '1.0.0' });
  });
});
