import {
  chmod,
  chown,
  link,
  lchown,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createAccess } from '../../src/sandbox/access.js';
import { putInCache, takeFromCache } from '../../src/sandbox/hosts/docker/cache.js';
import { readAccess, writeAccess } from '../../src/sandbox/process/access-file.js';
import { takeDown } from '../../src/sandbox/process/down.js';
import { claim, prepare, readState, runningState } from '../../src/sandbox/process/state-file.js';

const isRoot = process.geteuid?.() === 0;
const other = 65_534;
const mode = async (path: string): Promise<string> => ((await stat(path)).mode & 0o7777).toString(8);

let dir: string;
let stateDir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'private-'));
  stateDir = join(dir, 'sandbox');
});
afterEach(async () => {
  await rm(dir, { recursive: true, force: true });
});

/** A folder of somebody else: made, where this user can, else one that root has. */
const foreign = async (): Promise<string> => {
  if (!isRoot) return '/';
  await mkdir(stateDir);
  await chown(stateDir, other, other);
  return stateDir;
};

describe('the folder of a sandbox', () => {
  it('is made private, with the folders above it', async () => {
    await prepare(join(stateDir, 'deep'));
    expect([await mode(stateDir), await mode(join(stateDir, 'deep'))]).toEqual(['700', '700']);
  });

  it.each([0o777, 0o1777, 0o755, 0o750, 0o2775])(
    'that is there with mode %o is tightened, and its keys are private',
    async (had) => {
      await mkdir(stateDir);
      await chmod(stateDir, had);
      await claim(stateDir, 'eu-west-1');
      const before = process.umask(0);
      try {
        await writeAccess(stateDir, createAccess());
      } finally {
        process.umask(before);
      }
      expect(await mode(stateDir)).toBe('700');
      expect(await mode(join(stateDir, 'access.json'))).toBe('600');
      expect(await mode(join(stateDir, 'process.json'))).toBe('600');
    },
  );

  it('of an earlier sandbox is tightened before anything in it is believed', async () => {
    await claim(stateDir, 'eu-west-1');
    await chmod(stateDir, 0o777);
    await expect(prepare(stateDir)).rejects.toThrow(/a sandbox runs/);
    expect(await mode(stateDir)).toBe('700');
  });

  it('of somebody else is refused by every command, and nothing in it is touched', async () => {
    const folder = await foreign();
    const refused = {
      exitCode: 12,
      message: expect.stringMatching(/belongs to user \d+, and this is user \d+.*--state-dir/) as string,
    };
    await expect(prepare(folder)).rejects.toMatchObject(refused);
    await expect(claim(folder, 'eu-west-1')).rejects.toMatchObject(refused);
    await expect(runningState(folder)).rejects.toMatchObject(refused);
    await expect(takeDown(folder)).rejects.toMatchObject(refused);
    if (isRoot) expect(await readdir(folder)).toEqual([]);
  });

  it('that is a symbolic link is refused by every command, whatever it leads to', async () => {
    await mkdir(join(dir, 'real'));
    await symlink(join(dir, 'real'), stateDir);
    const refused = { exitCode: 12, message: expect.stringMatching(/is a symbolic link/) as string };
    await expect(prepare(stateDir)).rejects.toMatchObject(refused);
    await expect(runningState(stateDir)).rejects.toMatchObject(refused);
    await expect(takeDown(stateDir)).rejects.toMatchObject(refused);
    await rm(join(dir, 'real'), { recursive: true });
    await expect(prepare(stateDir)).rejects.toMatchObject(refused);
    expect(await readdir(dir)).toEqual(['sandbox']);
  });

  it('with something that is no sandbox keeps its mode and its content', async () => {
    await mkdir(stateDir);
    await chmod(stateDir, 0o755);
    await writeFile(join(stateDir, 'letter.txt'), 'dear');
    await expect(prepare(stateDir)).rejects.toThrow(/letter\.txt/);
    expect([await mode(stateDir), await readdir(stateDir)]).toEqual(['755', ['letter.txt']]);
  });
});

describe('a folder that others could write to', () => {
  /** A sandbox was here, and its folder was opened afterwards. */
  beforeEach(async () => {
    await prepare(stateDir);
    await chmod(stateDir, 0o777);
  });

  it('is not believed: no process is ended, no endpoint is used for what it says', async () => {
    const state = {
      pid: process.pid,
      startTime: '1',
      ready: true,
      endpoint: 'http://127.0.0.1:1',
      region: 'eu-west-1',
    };
    await writeFile(join(stateDir, 'process.json'), JSON.stringify(state));
    const refused = { exitCode: 12, message: expect.stringMatching(/has mode 0777.*chmod 700/) as string };
    await expect(readState(stateDir)).rejects.toMatchObject(refused);
    await expect(takeDown(stateDir)).rejects.toMatchObject(refused);
  });

  it('with a link in it is refused: what is written to a log would go elsewhere', async () => {
    const target = join(dir, 'target');
    await writeFile(target, 'precious');
    await symlink(target, join(stateDir, 'sandbox.log'));
    await expect(prepare(stateDir)).rejects.toThrow(/sandbox\.log in it is a link/);
    await rm(join(stateDir, 'sandbox.log'));
    await chmod(stateDir, 0o777);
    await link(target, join(stateDir, 'events.log'));
    await expect(prepare(stateDir)).rejects.toThrow(/events\.log in it is a link/);
    expect(await readFile(target, 'utf8')).toBe('precious');
  });

  it.runIf(isRoot)('with a file of somebody else is refused, and so is what that file says', async () => {
    await writeFile(join(stateDir, 'process.json'), '{}');
    await lchown(join(stateDir, 'process.json'), other, other);
    await expect(prepare(stateDir)).rejects.toThrow(/process\.json in it is a file of user 65534/);
    await chmod(stateDir, 0o700);
    await expect(readState(stateDir)).rejects.toThrow(/process\.json is a file of user 65534/);
  });
});

describe('the keys of a sandbox', () => {
  it('are read as they were written, by their owner', async () => {
    await prepare(stateDir);
    expect(await readAccess(stateDir)).toBeUndefined();
    const access = createAccess();
    await writeAccess(stateDir, access);
    expect(await readAccess(stateDir)).toEqual(access);
    // Never over another one.
    await expect(writeAccess(stateDir, createAccess())).rejects.toMatchObject({ code: 'EEXIST' });
  });

  it.each(['', '{"client":{"id":"AKIASANDBOX","secret":"hidden"}}', '"hidden'])(
    'that are damaged are not quoted: %s',
    async (text) => {
      await prepare(stateDir);
      await writeFile(join(stateDir, 'access.json'), text);
      await expect(readAccess(stateDir)).rejects.toMatchObject({
        exitCode: 12,
        message: expect.not.stringContaining('hidden') as string,
      });
    },
  );

  it('are missing in the folder of a sandbox of another version: it says what to do', async () => {
    const state = await claim(stateDir, 'eu-west-1');
    await writeFile(
      join(stateDir, 'process.json'),
      JSON.stringify({ ...state, ready: true, endpoint: 'http://127.0.0.1:1' }),
    );
    await expect(runningState(stateDir)).rejects.toThrow(/no keys there.*sandbox down --state-dir/);
  });
});

describe('the images that are kept for later sandboxes', () => {
  const key = 'a'.repeat(64);
  const kept = (): string => join(dir, 'deployctl', 'sandbox-images');
  let before: string | undefined;
  beforeEach(() => {
    before = process.env['XDG_CACHE_HOME'];
    process.env['XDG_CACHE_HOME'] = dir;
  });
  afterEach(() => {
    if (before === undefined) delete process.env['XDG_CACHE_HOME'];
    else process.env['XDG_CACHE_HOME'] = before;
  });

  it('lie in a private folder, whatever it was', async () => {
    await mkdir(kept(), { recursive: true });
    await chmod(kept(), 0o755);
    await mkdir(join(dir, 'storage'));
    await putInCache(key, join(dir, 'storage'));
    expect(await mode(kept())).toBe('700');
    expect(await takeFromCache(key, join(dir, 'copy'))).toBe(true);
  });

  it('are not taken from a folder that somebody else can replace', async () => {
    await mkdir(join(dir, 'elsewhere', key), { recursive: true });
    await mkdir(join(dir, 'deployctl'));
    await symlink(join(dir, 'elsewhere'), kept());
    await expect(takeFromCache(key, join(dir, 'copy'))).rejects.toThrow(/symbolic link.*XDG_CACHE_HOME/);
    await rm(kept());
    await mkdir(join(kept(), key), { recursive: true });
    if (!isRoot) return;
    await chown(kept(), other, other);
    await expect(takeFromCache(key, join(dir, 'copy'))).rejects.toThrow(/belongs to user 65534/);
    await chown(kept(), 0, 0);
    await chmod(kept(), 0o777);
    await lchown(join(kept(), key), other, other);
    await expect(takeFromCache(key, join(dir, 'copy'))).rejects.toThrow(/could write to/);
  });
});
