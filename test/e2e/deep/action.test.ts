import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Shop } from '../kit.js';
import { openShop } from '../kit.js';
import { Action } from '../runner.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));

/** What `uses: OWNER/deployctl@TAG` fetches: the files of the repository, nothing built. Needs npm's registry. */
describe('the GitHub action in a checkout of its own', () => {
  let shop: Shop;
  let dir: string;
  beforeAll(async () => {
    shop = await openShop({ instances: 2 });
    dir = await mkdtemp(join(tmpdir(), 'deployctl-tag-'));
    const { stdout } = await execa('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
      cwd: root,
    });
    for (const name of stdout.split('\0').filter((each) => each !== '')) {
      await mkdir(dirname(join(dir, name)), { recursive: true });
      await copyFile(join(root, name), join(dir, name));
    }
  });
  afterAll(async () => {
    await shop.dispose();
    await rm(dir, { recursive: true, force: true });
  });

  it('builds itself once a job, and rolls out', async () => {
    const scratch = await mkdtemp(join(dir, 'runner-'));
    const action = await Action.in(dir, scratch);
    const inputs = { 'working-directory': shop.dir, strategy: 'rolling', arguments: '--skip-validation' };
    const first = await action.step('main', { ...inputs, backend: '1.1.0' }, { env: shop.env() });
    expect(first.code, first.log).toBe(0);
    expect(first.log).toContain('setup: installing the packages');
    expect(first.outputs).toMatchObject({ outcome: 'succeeded', 'exit-code': '0' });
    // Nor is anything that npm prints a command of the runner.
    expect(first.commands).toEqual(['::add-mask::sandbox']);
    await shop.serves({ backend: '1.1.0', frontend: '1.0.0' });
    const second = await action.step('main', { 'working-directory': shop.dir, command: 'status' }, { env: shop.env() });
    expect(second.code, second.log).toBe(0);
    expect(second.log).not.toContain('setup:');
  });
});
