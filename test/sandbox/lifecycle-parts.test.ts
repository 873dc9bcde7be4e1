import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createAccess } from '../../src/sandbox/access.js';
import { upDetached } from '../../src/sandbox/process/detach.js';
import { sweep, takeDown } from '../../src/sandbox/process/down.js';
import { exportLines, shellQuote } from '../../src/sandbox/process/env.js';
import { FAULT_KINDS, faultFromFlags } from '../../src/sandbox/process/fault-spec.js';
import { buildArguments, durationOf } from '../../src/sandbox/process/describe.js';
import { claim, isAlive, processStart, readState, runningState } from '../../src/sandbox/process/state-file.js';
import { startWatchdog } from '../../src/sandbox/process/watchdog.js';

let stateDir: string;
beforeEach(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'parts-'));
});
afterEach(async () => {
  await rm(stateDir, { recursive: true, force: true });
});

describe('the state of a sandbox', () => {
  it('is alive only with the process that wrote it, not a later one of the same pid', async () => {
    const state = await claim(stateDir, 'eu-west-1');
    expect(state).toMatchObject({ pid: process.pid, ready: false });
    expect(isAlive(state)).toBe(true);
    expect(isAlive({ ...state, startTime: `${Number(processStart(process.pid)) + 1}` })).toBe(false);
    await expect(runningState(stateDir)).rejects.toThrow(/still starting/);
    await expect(claim(stateDir, 'eu-west-1')).rejects.toThrow(new RegExp(`pid ${process.pid}.*sandbox down`));
  });

  it('that a dead process left is replaced, with all that lay around it', async () => {
    const state = await claim(stateDir, 'eu-west-1');
    await writeFile(join(stateDir, 'process.json'), JSON.stringify({ ...state, startTime: '1' }));
    await mkdir(join(stateDir, 'instances', 'i-1'), { recursive: true });
    await writeFile(join(stateDir, 'sandbox.log'), 'kept');
    await claim(stateDir, 'eu-west-1');
    expect((await readdir(stateDir)).toSorted()).toEqual(['.gitignore', 'process.json', 'sandbox.log']);
  });

  it('that nobody can read is not taken for a sandbox', async () => {
    await writeFile(join(stateDir, 'process.json'), '{"pid":');
    await expect(readState(stateDir)).rejects.toThrow(/not the state of a sandbox/);
  });

  it('is not there: down has nothing to do, others say what to type', async () => {
    expect(await takeDown(stateDir)).toBe('none');
    await expect(runningState(stateDir)).rejects.toThrow(/deployctl sandbox up/);
  });
});

describe('what a sandbox leaves', () => {
  const mark = (): ReturnType<typeof spawn> =>
    spawn('sleep', ['300'], { detached: true, env: { PATH: process.env['PATH'] ?? '', DEPLOYCTL_SANDBOX: stateDir } });

  it('is killed by a sweep', async () => {
    const left = mark();
    const ended = new Promise((resolve) => left.once('exit', (_, signal) => resolve(signal)));
    await new Promise((resolve) => left.once('spawn', resolve));
    await sweep(stateDir);
    expect(await ended).toBe('SIGKILL');
  });

  it('is left alone by a watchdog that is dismissed', async () => {
    const left = mark();
    const watchdog = startWatchdog(stateDir);
    watchdog.dismiss();
    while (processStart(watchdog.pid) !== '') {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(left.exitCode).toBeNull();
    const ended = new Promise((resolve) => left.once('exit', resolve));
    left.kill('SIGKILL');
    await ended;
  });
});

describe('detaching', () => {
  it('shows the end of the log of a sandbox that dies', async () => {
    const options = {
      stateDir,
      instances: 1,
      timeScale: 10,
      runtime: 'process',
      region: 'eu-west-1',
      release: true,
    } as const;
    const program = [
      '--eval',
      'console.error("no port is free: " + process.argv.slice(1, 3).join(" ")); process.exit(3)',
      '--',
    ];
    await expect(upDetached(options, program, new AbortController().signal)).rejects.toMatchObject({
      exitCode: 70,
      message: expect.stringMatching(/exit code 3.*\n.*no port is free: sandbox up/) as string,
    });
  });
});

describe('words of the command line', () => {
  it('quotes for a shell', () => {
    expect(shellQuote('http://127.0.0.1:80')).toBe('http://127.0.0.1:80');
    expect(shellQuote("it's $HOME")).toBe(`'it'\\''s $HOME'`);
    const access = createAccess();
    const state = { pid: 1, startTime: '', ready: true, endpoint: 'http://a', region: 'eu-west-1', access };
    const lines = exportLines(state, 'client');
    expect(lines).toContain('export AWS_ENDPOINT_URL=http://a');
    expect(lines).toContain(`export AWS_ACCESS_KEY_ID=${access.client.id}`);
    expect(exportLines(state, 'root')).toContain(`export AWS_SECRET_ACCESS_KEY=${access.root.secret}`);
    expect(lines).toContain('unset AWS_PROFILE');
  });

  it('makes every kind of fault and says which flag is missing', () => {
    const flags = {
      ...{ instance: 'i-0123456789abcdef0', ms: 10, operation: 'SendCommand', times: 1 },
      ...{ port: 8082, image: 'shop/backend:1.0.0', container: 'backend' },
    };
    expect(FAULT_KINDS.map((kind) => faultFromFlags(kind, flags).kind)).toEqual(FAULT_KINDS);
    expect(() => faultFromFlags('ssm-late', {})).toThrow(/--ms/);
    expect(() => faultFromFlags('instance-stop', {})).toThrow(/--instance/);
    expect(() => faultFromFlags('port-taken', { instance: flags.instance })).toThrow(/--port/);
    expect(() => faultFromFlags('fire', {})).toThrow(/no fault is called fire/);
  });

  it('reads durations and build arguments', () => {
    expect(durationOf('--duration', '1.5m')).toBe(90_000);
    expect(() => durationOf('--duration', '5')).toThrow(/30s/);
    expect(buildArguments(['VERSION=1=2'])).toEqual({ VERSION: '1=2' });
    expect(() => buildArguments(['=x'])).toThrow(/NAME=VALUE/);
  });
});
