import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { loadSettings, selectEnvironment } from '../../src/config/load.js';
import { SMALL, parse } from './helpers.js';

let root = '';
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'deployctl-config-'));
});
afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

describe('finding the file', () => {
  test('upwards from the folder, either ending', async () => {
    await mkdir(join(root, 'a', 'b'), { recursive: true });
    await writeFile(join(root, 'deployctl.yaml'), SMALL);
    expect((await loadSettings({ cwd: join(root, 'a', 'b'), env: {} })).file).toBe(join(root, 'deployctl.yaml'));
    await writeFile(join(root, 'a', 'deployctl.yml'), SMALL);
    expect((await loadSettings({ cwd: join(root, 'a', 'b'), env: {} })).file).toBe(join(root, 'a', 'deployctl.yml'));
  });

  test('a named file, from the folder', async () => {
    await writeFile(join(root, 'other.yml'), SMALL);
    expect((await loadSettings({ file: 'other.yml', cwd: root, env: {} })).file).toBe(join(root, 'other.yml'));
  });

  test('none: says where it looked and what to do', async () => {
    await expect(loadSettings({ cwd: root, env: {} })).rejects.toMatchObject({
      code: 'config.missing',
      exitCode: 64,
      message: `no deployctl.yml (or .yaml) in ${root} or any folder above it`,
      next: ['--config FILE', 'deployctl init   # writes one from what the AWS account has'],
    });
    await expect(loadSettings({ file: 'x.yml', cwd: root, env: {} })).rejects.toMatchObject({
      code: 'config.missing',
      message: `there is no file ${join(root, 'x.yml')}`,
    });
  });

  test('a folder in its place', async () => {
    await mkdir(join(root, 'deployctl.yml'));
    await expect(loadSettings({ cwd: root, env: {} })).rejects.toMatchObject({
      code: 'config.unreadable',
      exitCode: 64,
    });
  });

  test('messages name the file as the reader sees it', async () => {
    await mkdir(join(root, 'a'));
    await writeFile(join(root, 'deployctl.yml'), SMALL.replace('region', 'regoin'));
    await expect(loadSettings({ cwd: root, env: {} })).rejects.toThrow(/^deployctl\.yml:1: region: required/);
    await expect(loadSettings({ cwd: join(root, 'a'), env: {} })).rejects.toThrow(
      `${join(root, 'deployctl.yml')}:1: region: required`,
    );
  });
});

describe('choosing the environment', () => {
  const one = parse(SMALL);
  const production = one.environments.production;
  const two = { file: one.file, environments: production === undefined ? {} : { production, staging: production } };

  test('the only one, or the named one', () => {
    expect(selectEnvironment(one)).toBe(production);
    expect(selectEnvironment(two, 'staging')).toBe(production);
  });

  test.each([
    [
      undefined,
      '/app/deployctl.yml has 2 environments (production, staging) and none was named',
      ['--env production', '--env staging'],
    ],
    ['stagin', 'environment "stagin" is not in /app/deployctl.yml, which has production, staging', ['--env staging']],
    [
      'toString',
      'environment "toString" is not in /app/deployctl.yml, which has production, staging',
      ['--env production', '--env staging'],
    ],
  ])('refused: %s', (name, message, next) => {
    expect(() => selectEnvironment(two, name)).toThrow(
      expect.objectContaining({ code: 'config.environment', exitCode: 64, message, next }),
    );
  });
});
