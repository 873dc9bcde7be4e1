import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync, mkdirSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Access } from '../../src/sandbox/access.js';
import { procList } from '../../src/sandbox/hosts/processes.js';
import type { CompiledCli } from './compiled-cli.js';
import { compileCli } from './compiled-cli.js';

let cli: CompiledCli;
let stateDir: string;
beforeAll(async () => {
  cli = await compileCli();
});
afterAll(async () => {
  await cli.remove();
});
beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'lifecycle-'));
});
afterEach(async () => {
  await sandbox('down');
  rmSync(stateDir, { recursive: true, force: true });
});

const sandbox = (command: string, ...args: string[]) => cli.run(['sandbox', command, '--state-dir', stateDir, ...args]);
const up = (...args: string[]) => sandbox('up', '--instances', '2', '--time-scale', '50', ...args);
const json = (text: string): Record<string, unknown> => JSON.parse(text) as Record<string, unknown>;

/** Processes that carry the sandbox's mark, as pids. */
function marked(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(`DEPLOYCTL_SANDBOX=${stateDir}`);
      } catch (error) {
        // A process that ended while it was looked at.
        return error instanceof Error && !('code' in error);
      }
    })
    .map(Number);
}

/** Processes that have one of the secrets in a file of /proc. */
function holding(file: 'cmdline' | 'environ', secrets: readonly string[]): string[] {
  return readdirSync('/proc').filter((name) => {
    const text = /^\d+$/.test(name) ? (procList(Number(name), file) ?? []).join('\n') : '';
    return secrets.some((secret) => text.includes(secret));
  });
}

function pidOf(): number {
  return json(readFileSync(join(stateDir, 'process.json'), 'utf8'))['pid'] as number;
}

describe('a detached sandbox', () => {
  it('serves when up returns, obeys the other commands and leaves nothing behind', { timeout: 90_000 }, async () => {
    const started = await up('--detach', '--json');
    expect(started, started.stderr).toMatchObject({ code: 0 });
    const status = json((await sandbox('status', '--json')).stdout);
    expect(status).toMatchObject({
      endpoint: json(started.stdout)['endpoint'],
      region: 'eu-west-1',
      runtime: 'process',
      loadBalancer: { url: expect.stringMatching(/^http:/) as string, arn: expect.any(String) as string },
      targetGroups: expect.arrayContaining([
        expect.objectContaining({ service: 'backend', color: 'blue' }),
        expect.objectContaining({ service: 'frontend', color: 'green' }),
      ]) as unknown[],
      instances: [{ zone: 'eu-west-1a' }, { zone: 'eu-west-1b' }],
      ready: true,
    });
    const modes = ['.', 'process.json', 'access.json', 'access.log', 'events.log', 'sandbox.log'].map((name) =>
      (statSync(join(stateDir, name)).mode & 0o777).toString(8),
    );
    expect(modes).toEqual(['700', '600', '600', '600', '600', '600']);
    expect(marked().length).toBeGreaterThanOrEqual(4);

    const again = await up('--detach');
    expect(again.code).toBe(12);
    expect(again.stderr).toContain(`pid ${pidOf()}`);
    expect(again.stderr).toContain('sandbox down');

    const exports = (await sandbox('env')).stdout;
    const shown = execFileSync(
      'sh',
      ['-c', `eval "$1"; echo "$AWS_ENDPOINT_URL $AWS_REGION $AWS_PROFILE"`, 'sh', exports],
      {
        encoding: 'utf8',
        env: { ...process.env, AWS_PROFILE: 'mine' },
      },
    );
    expect(shown).toBe(`${String(status['endpoint'])} eu-west-1 \n`);

    const access = JSON.parse(readFileSync(join(stateDir, 'access.json'), 'utf8')) as Access;
    const key = (text: string): unknown[] => {
      const { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret } = json(text);
      return [id, secret];
    };
    expect(key((await sandbox('env', '--json')).stdout)).toEqual(Object.values(access.client));
    expect(key((await sandbox('env', '--root', '--json')).stdout)).toEqual(Object.values(access.root));
    // Every user of the machine reads command lines; an environment is for its own user only, and what the instances run gets none of it.
    const secrets = [access.client.secret, access.root.secret, access.control];
    expect(holding('cmdline', secrets)).toEqual([]);
    expect(holding('environ', secrets)).toEqual([]);
    expect([started.stdout, readFileSync(join(stateDir, 'sandbox.log'), 'utf8')].join('\n')).not.toContain(
      access.control,
    );

    const load = await sandbox('load', '--duration', '1s', '--rate', '100', '--connections', '10', '--json');
    expect(load.code, load.stdout).toBe(0);
    expect(json(load.stdout)).toMatchObject({ requests: 100, failures: 0, byVersion: { '1.0.0': 100 } });

    const failing = await sandbox('load', '--duration', '50ms', '--rate', '100', '--path', '/no/such/page');
    expect(failing.code, failing.stdout).toBe(1);
    expect(failing.stdout).toContain('/no/such/page 404');

    const fault = await sandbox('fault', 'api-error', '--operation', 'SendCommand', '--times', '2');
    expect(fault.stdout).toContain('"code":"ThrottlingException"');
    expect((await sandbox('fault', '--clear')).stdout).toBe('no fault in force\n');

    const down = await sandbox('down', '--json');
    expect(json(down.stdout)).toEqual({ ending: 'closed' });
    expect(marked()).toEqual([]);
    expect(readdirSync(stateDir).toSorted()).toEqual(['.gitignore', 'access.log', 'events.log', 'sandbox.log']);
    expect(json((await sandbox('down', '--json')).stdout)).toEqual({ ending: 'none' });
  });

  it('dies with all that it started when it is killed, and can be started again', { timeout: 90_000 }, async () => {
    expect((await up('--detach')).code).toBe(0);
    const processes = marked();
    // A grandchild that left its group, which no pdeathsig reaches.
    const stray = spawn('setsid', ['sleep', '300'], { env: { ...process.env, DEPLOYCTL_SANDBOX: stateDir } });
    expect(processes.length).toBeGreaterThanOrEqual(4);
    process.kill(pidOf(), 'SIGKILL');
    await new Promise((resolve) => stray.once('exit', resolve));
    await vi.waitFor(() => expect(marked()).toEqual([]), { timeout: 10_000 });
    expect((await sandbox('status')).code).toBe(12);
    const again = await up('--detach');
    expect(again.code, again.stderr).toBe(0);
  });
});

describe('a sandbox in the foreground', () => {
  it('ends at Ctrl-C', { timeout: 60_000 }, async () => {
    const child = spawn(
      process.execPath,
      [cli.script, 'sandbox', 'up', '--state-dir', stateDir, '--instances', '1', '--time-scale', '50', '--no-release'],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const ended = new Promise((resolve) => child.once('close', resolve));
    await new Promise<void>((resolve) => {
      let seen = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        seen += text;
        if (seen.includes('Ctrl-C ends it')) {
          resolve();
        }
      });
    });
    child.kill('SIGINT');
    expect(await ended).toBe(0);
    expect(marked()).toEqual([]);
    expect((await sandbox('status')).code).toBe(12);
  });
});

describe('a folder', () => {
  it('of someone else is left alone', async () => {
    mkdirSync(join(stateDir, 'photos'));
    writeFileSync(join(stateDir, 'letter.txt'), 'dear');
    const refused = await up('--detach');
    expect(refused.code).toBe(12);
    expect(refused.stderr).toContain('letter.txt');
    expect((await sandbox('down')).code).toBe(0);
    expect(readdirSync(stateDir).toSorted()).toEqual(['letter.txt', 'photos']);
  });
});
