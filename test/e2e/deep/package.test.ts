import { mkdir, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../../', import.meta.url));

/** What `npm install --global` of the tarball gives: production dependencies only, in a folder that knows nothing of this checkout. Needs npm's registry. */
describe('the package', () => {
  let dir: string;
  let env: Record<string, string>;
  const state = (): string => join(dir, 'sandbox');
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'deployctl-package-'));
    for (const name of ['home', 'prefix', 'work']) await mkdir(join(dir, name));
    env = { HOME: join(dir, 'home'), PATH: `${join(dir, 'prefix', 'bin')}${delimiter}${process.env['PATH'] ?? ''}` };
  });
  afterAll(async () => {
    await execa('deployctl', ['sandbox', 'down', '--state-dir', state()], { env, reject: false });
    await rm(dir, { recursive: true, force: true });
  });
  const deployctl = async (...args: readonly string[]): Promise<string> => {
    const result = await execa('deployctl', args, {
      env,
      cwd: join(dir, 'work'),
      reject: false,
      stdin: 'ignore',
      all: true,
      timeout: 300_000,
    });
    expect(result.exitCode, `$ deployctl ${args.join(' ')}\n${result.all}`).toBe(0);
    return result.stdout;
  };

  it('is small, and runs nothing when it is installed', async () => {
    // What is built is packed: `npm test` and CI build first.
    await execa('npm', ['pack', '--ignore-scripts', '--pack-destination', dir], { cwd: root });
    const [tarball = ''] = (await readdir(dir)).filter((name) => name.endsWith('.tgz'));
    // With what is used of its packages: they are bundled, because a start reads a dozen files then instead of 400.
    expect((await stat(join(dir, tarball))).size).toBeLessThan(1200 * 1024);
    const args = [
      'install',
      '--global',
      '--prefix',
      join(dir, 'prefix'),
      '--omit=dev',
      '--no-audit',
      '--no-fund',
      join(dir, tarball),
    ];
    await execa('npm', args, { env: { HOME: join(dir, 'home') }, cwd: dir });
    const installed = join(dir, 'prefix', 'lib', 'node_modules', 'deployctl');
    const { scripts = {}, devDependencies = {} } = JSON.parse(
      await readFile(join(installed, 'package.json'), 'utf8'),
    ) as {
      scripts?: Record<string, string>;
      devDependencies?: Record<string, string>;
    };
    expect(Object.keys(scripts).filter((name) => /^(pre|post)?install$|^prepare$/.test(name))).toEqual([]);
    const modules = await readdir(join(installed, 'node_modules'));
    expect(modules.filter((name) => Object.hasOwn(devDependencies, name) && name !== 'typescript')).toEqual([]);
    const files = await readdir(installed, { recursive: true });
    expect(files.filter((name) => !name.startsWith('node_modules') && /\.(ts|map)$/.test(name))).toEqual([]);
  });

  it('runs the whole cycle on a sandbox of its own', async () => {
    expect(await deployctl('--version')).toMatch(/^deployctl\/\d+\.\d+\.\d+ /);
    await deployctl('sandbox', 'up', '--detach', '--instances', '2', '--time-scale', '20', '--state-dir', state());
    const variables = JSON.parse(await deployctl('sandbox', 'env', '--json', '--state-dir', state())) as Record<
      string,
      string
    >;
    env = { ...env, ...variables };
    await deployctl('init');
    await deployctl('doctor');
    await deployctl('plan', '--backend', '1.1.0');
    await deployctl('rollout', '--backend', '1.1.0', '--bake', '1s', '--yes');
    expect(await deployctl('status')).toMatch(/^backend 1\.1\.0 .*green █+ 100%/m);
    await deployctl('rollback', '--yes');
    expect(await deployctl('status')).toMatch(/^backend 1\.0\.0 .*blue █+ 100%/m);
    await deployctl('history');
    expect(await deployctl('sandbox', 'down', '--state-dir', state())).toMatch(/the sandbox is down/);
  });
});
