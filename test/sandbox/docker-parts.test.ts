import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { cacheKey, putInCache, takeFromCache } from '../../src/sandbox/hosts/docker/cache.js';
import { kernelNames, linkName } from '../../src/sandbox/hosts/docker/names.js';
import { findPrograms } from '../../src/sandbox/hosts/docker/needs.js';
import { describeBaseImage } from '../../src/sandbox/hosts/docker/base-image.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'docker-parts-'));
  vi.stubEnv('XDG_CACHE_HOME', join(folder, 'cache'));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

describe('what a machine lacks is named with what to type', () => {
  it('root', async () => {
    const refused = findPrograms({ platform: 'linux', uid: 1000, folders: [] });
    await expect(refused).rejects.toThrow(/root.*uid 1000.*sudo/);
    await expect(refused).rejects.toMatchObject({ oclif: { exit: 12 } });
  });
  it('Linux', async () => {
    await expect(findPrograms({ platform: 'darwin', uid: 0, folders: [] })).rejects.toThrow(/Linux.*darwin/);
  });
  it('programs, all at once', async () => {
    for (const name of [
      'ip',
      'iptables',
      'nsenter',
      'unshare',
      'setpriv',
      'flock',
      'openssl',
      'curl',
      'docker',
      'containerd',
    ])
      writeFileSync(join(folder, name), '#!/bin/sh\n', { mode: 0o755 });
    await expect(findPrograms({ platform: 'linux', uid: 0, folders: [folder] })).rejects.toThrow(
      /needs dockerd, docker-registry, which are not on PATH; install with `apt-get install .* docker.io docker-registry`/,
    );
  });
  it('and of several docker clients the one of the engine is taken', async () => {
    const fake = (path: string, version: string): void =>
      writeFileSync(join(folder, path), `#!/bin/sh\necho "Docker version ${version}, build 1"\n`, { mode: 0o755 });
    for (const one of ['a', 'b']) mkdirSync(join(folder, one));
    for (const name of [
      'ip',
      'iptables',
      'nsenter',
      'unshare',
      'setpriv',
      'flock',
      'openssl',
      'curl',
      'registry',
      'containerd',
    ])
      fake(`b/${name}`, '');
    fake('a/docker', '28.2.2');
    fake('b/docker', '20.10.24');
    fake('b/dockerd', '20.10.24');
    const folders = [join(folder, 'a'), join(folder, 'b')];
    const programs = await findPrograms({ platform: 'linux', uid: 0, folders });
    expect(programs).toMatchObject({ docker: join(folder, 'b/docker'), registry: join(folder, 'b/registry') });
  });
});

describe('names in the kernel', () => {
  it('differ by folder and fit into 15 characters', () => {
    const [one, two] = [kernelNames('/tmp/one'), kernelNames('/tmp/two')];
    expect(one.bridge).not.toBe(two.bridge);
    expect(one.cgroup).not.toBe(two.cgroup);
    expect(linkName(one, '10.77.254.254')).toHaveLength(15);
    expect(linkName(one, '10.77.1.2')).not.toBe(linkName(one, '10.77.1.20'));
  });
});

describe('images are kept by what they are made of', () => {
  const build = (change: { text?: string; args?: Record<string, string>; reference?: string } = {}) => {
    const context = join(folder, 'context');
    mkdirSync(context, { recursive: true });
    writeFileSync(join(context, 'server.js'), change.text ?? 'serve()');
    return [{ context, reference: change.reference ?? 't/web:1', args: change.args ?? { VERSION: '1' } }];
  };

  it('another file, argument, name or node is another set', () => {
    const key = cacheKey('node', build());
    expect(cacheKey('node', build())).toBe(key);
    const others = [
      cacheKey('other node', build()),
      cacheKey('node', build({ text: 'serve(2)' })),
      cacheKey('node', build({ args: { VERSION: '2' } })),
      cacheKey('node', build({ reference: 't/web:2' })),
    ];
    expect(new Set([key, ...others]).size).toBe(5);
  });

  it('a set comes back whole, and only the three last used are kept', async () => {
    const storage = join(folder, 'storage');
    mkdirSync(join(storage, 'blobs'), { recursive: true });
    const keys = ['a', 'b', 'c', 'd'].map((letter) => letter.repeat(64));
    for (const key of keys.slice(0, 3)) {
      writeFileSync(join(storage, 'blobs', 'one'), key);
      await putInCache(key, storage);
    }
    const target = join(folder, 'target');
    expect(await takeFromCache(keys[0] ?? '', target)).toBe(true);
    expect(readFileSync(join(target, 'blobs', 'one'), 'utf8')).toBe(keys[0]);
    await putInCache(keys[3] ?? '', storage);
    const kept = readdirSync(join(folder, 'cache/deployctl/sandbox-images')).toSorted();
    expect(kept).toHaveLength(3);
    expect(kept).toContain(keys[0]);
    expect(await takeFromCache(keys[1] ?? '', join(folder, 'none'))).toBe(false);
  });

  it('the base image has the node that runs here, and its loader', async () => {
    const base = await describeBaseImage();
    await base.write(join(folder, 'base'));
    expect(readdirSync(join(folder, 'base')).toSorted()).toEqual(['Dockerfile', 'etc', 'libraries', 'node']);
    expect(base.key).toBe((await describeBaseImage()).key);
  });
});
