import { cp, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Json, Shop, StartOptions } from '../kit.js';
import { at, expectClean, openShop, PATIENT, rolloutTo } from '../kit.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));

/** `npm install --global deployctl@next` while a rollout runs: its files are gone, or those of another version. */
describe('an installation that is replaced while it runs', { timeout: 400_000 }, () => {
  let shop: Shop;
  let alerts: ReturnType<typeof createServer>;
  const told: string[] = [];
  beforeAll(async () => {
    alerts = createServer((request, response) => {
      request.setEncoding('utf8').on('data', (text: string) => told.push(text));
      request.on('end', () => response.end('ok'));
    });
    await new Promise<void>((resolve) => alerts.listen(0, '127.0.0.1', resolve));
    // What is needed late: probes, commands, alerts.
    const url = `http://127.0.0.1:${String((alerts.address() as AddressInfo).port)}/`;
    shop = await openShop({
      ...PATIENT,
      config: (file) => {
        PATIENT.config?.(file);
        const production = at(file, 'environments', 'production');
        production['hooks'] = { success: [{ run: ['touch', 'hook'] }], failure: [{ run: ['touch', 'hook'] }] };
        production['gates'] = { commands: [{ name: 'true', run: ['true'] }] };
        production['notifications'] = {
          slack: { webhook: { env: 'ALERTS' } },
          discord: { webhook: { env: 'ALERTS' } },
        };
      },
    });
    Object.assign(shop.env(), { ALERTS: url });
  });
  afterAll(async () => {
    alerts.close();
    await shop.dispose();
  });

  /** What npm installs, without the packages, which are bundled. */
  const install = async (): Promise<string> => {
    const folder = await mkdtemp(join(shop.dir, 'installed-'));
    for (const name of ['bin', 'dist', 'package.json', 'oclif.manifest.json'])
      await cp(join(root, name), join(folder, name), { recursive: true });
    return folder;
  };
  const from = (folder: string): StartOptions => ({
    under: ['sh', '-c', `shift 2; exec ${process.execPath} ${join(folder, 'bin', 'run.js')} "$@"`, 'sh'],
  });
  const garbled = async (folder: string): Promise<void> => {
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true }))
      if (entry.isFile()) await writeFile(join(entry.parentPath, entry.name), 'throw new Error("another version");\n');
  };
  const removed = (folder: string): Promise<void> => rm(folder, { recursive: true });
  const replacedWhile = async (
    seen: RegExp,
    args: readonly string[],
    replace: (folder: string) => Promise<void>,
  ): Promise<number> => {
    const folder = await install();
    const running = shop.start(args, from(folder));
    await running.until(seen);
    await replace(folder);
    const { code, transcript, stderr } = await running.done;
    expect(stderr, transcript).not.toMatch(/another version|Cannot find module|ENOENT|installed-/);
    return code;
  };

  it.each([
    ['removed', removed, 'blue-green', '1.1.0'],
    ['garbled', garbled, 'rolling', '1.0.0'],
  ] as const)('%s: a rollout succeeds', async (_name, replace, strategy, version) => {
    told.length = 0;
    expectClean(
      await shop.underLoad(async () => {
        expect(await replacedWhile(/pull the images/, rolloutTo(version, strategy), replace)).toBe(0);
      }),
    );
    await shop.serves({ backend: version, frontend: version });
    await rm(join(shop.dir, 'hook'));
    expect(told.join('\n')).toMatch(/Rollout succeeded/);
  });

  it.each([
    ['removed', removed, 'blue-green'],
    ['garbled', garbled, 'rolling'],
  ] as const)('%s: a bad release is rolled back', async (_name, replace, strategy) => {
    expect(await replacedWhile(/pull the images/, rolloutTo({ backend: 'errors' }, strategy), replace)).toBe(10);
    await shop.serves({ backend: '1.0.0', frontend: '1.0.0' });
    await rm(join(shop.dir, 'hook'));
  });

  it('a rollback, a resume and a retire', async () => {
    await shop.run(0, rolloutTo({ backend: '1.1.0' }, 'rolling'));
    expect(await replacedWhile(/rollback ro-/, ['rollback', '--yes'], removed)).toBe(0);
    const dying = shop.start(rolloutTo({ backend: '2.0.0' }, 'blue-green'));
    await dying.until(/10% of the traffic goes/);
    dying.kill('SIGKILL');
    await dying.done;
    expect(await replacedWhile(/rollout ro-/, ['resume'], removed)).toBe(0);
    expect(await replacedWhile(/retire ro-/, ['retire', '--yes'], removed)).toBe(0);
    await shop.idleIsDown('backend');
  });

  it('validate that rolls back', async () => {
    await shop.config((file: Json) => {
      PATIENT.config?.(file);
      const url = new URL('/api/', shop.status.loadBalancer.url).href;
      const probe = { name: 'api', url, interval: '100ms', 'min-samples': 5, contains: 'never' };
      at(file, 'environments', 'production')['validation'] = { duration: '4s', monitor: '0s', probes: [probe] };
    });
    await shop.run(0, rolloutTo({ backend: '1.1.0' }, 'rolling'));
    expect(await replacedWhile(/validation for/, ['validate', '--auto-rollback'], removed)).toBe(10);
  });

  it('before it began: a refusal', async () => {
    const folder = await install();
    await rm(join(folder, 'dist', 'chunks', 'execa.js'));
    const { stderr } = await shop.run(12, rolloutTo({ backend: '1.0.0' }, 'rolling'), from(folder));
    expect(stderr).toMatch(/a file of deployctl cannot be loaded[^]*Nothing was changed[^]*the same command again/);
  });
});
