import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createWorld, until, type World } from './hosts-world.js';

let world: World;
beforeAll(async () => {
  world = await createWorld();
});
afterAll(() => world.close());

const run = (script: string, options: { timeoutMs?: number; signal?: AbortSignal; workingDirectory?: string } = {}) =>
  world.hosts.exec('i-1', script, { timeoutMs: 10_000, ...options });

describe('commands as the SSM agent runs them', () => {
  test('a file with mode 0700, /usr/bin, no HOME, the sandbox root', async () => {
    const result = await run('stat -c %a "$0"; pwd; echo "${HOME-unset}"; echo "$DEPLOYCTL_ROOT"; echo "$0"');
    const [mode, cwd, home, root, file] = result.stdout.split('\n');
    expect([mode, cwd, home, root]).toEqual(['700', '/usr/bin', 'unset', `${world.stateDir}/instances/i-1`]);
    expect(file).toMatch(/instances\/i-1\/var\/lib\/amazon\/ssm\/.*\/_script\.sh$/);
  });

  test('honours a first line that names another shell, and exit codes', async () => {
    expect(await run('#!/bin/bash\n[[ a == a ]] && exit 7')).toMatchObject({ exitCode: 7, timedOut: false });
  });

  test('output is a pipe that a script can open again', async () => {
    expect(await run('echo out >/dev/stdout; echo err | tee /dev/stderr >/dev/null')).toMatchObject({
      stdout: 'out\n',
      stderr: 'err\n',
    });
  });

  test('a timeout kills the group at once, no trap runs', async () => {
    const result = await run("trap 'echo trapped' TERM EXIT; echo started; sleep 60 & wait", { timeoutMs: 200 });
    expect(result).toMatchObject({
      stdout: 'started\n',
      timedOut: true,
      cancelled: false,
      exitCode: 137,
      signal: 'SIGKILL',
    });
  });

  test('a cancel does the same', async () => {
    const controller = new AbortController();
    const result = run(': >"$DEPLOYCTL_ROOT/sleeps"; sleep 60', { signal: controller.signal });
    await until('the command sleeps', () => existsSync(`${world.stateDir}/instances/i-1/sleeps`));
    controller.abort();
    expect(await result).toMatchObject({ timedOut: false, cancelled: true, exitCode: 137 });
  });

  test('waits for a background child that holds the output', async () => {
    expect(await run('(sleep 0.3; echo late) & echo early')).toMatchObject({ stdout: 'early\nlate\n', exitCode: 0 });
  });

  test('runs five at a time and keeps the others waiting', async () => {
    const commands = Array.from({ length: 6 }, (_, n) =>
      run(
        `: >"$DEPLOYCTL_ROOT/started-${n}"; until [ -e "$DEPLOYCTL_ROOT/go" ]; do sleep 0.02; done; ls "$DEPLOYCTL_ROOT" | grep -c started`,
      ),
    );
    const root = `${world.stateDir}/instances/i-1`;
    const started = (): number => readdirSync(root).filter((name) => name.startsWith('started-')).length;
    await until('five started', () => started() >= 5);
    expect(started()).toBe(5);
    writeFileSync(`${root}/go`, '');
    await Promise.all(commands);
    expect(started()).toBe(6);
  });

  test('a working directory that is not there is an error of the command', async () => {
    expect(await run('true', { workingDirectory: '/nosuch' })).toMatchObject({ exitCode: 1 });
  });

  test('an unknown instance is named', async () => {
    await expect(world.hosts.exec('i-9', 'true', { timeoutMs: 1000 })).rejects.toThrow(
      /no host for instance i-9: known are i-1/,
    );
  });
});
