import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Shop } from '../kit.js';
import { expectClean, openShop, PATIENT, rolloutTo } from '../kit.js';
import { inTerminal } from '../pty.js';

/** Ctrl-S and Ctrl-Q: a terminal stops, and goes on, taking output. */
const [STOP, GO] = ['\u0013', '\u0011'];

/** Arguments of a short rollout of the backend. */
const quickly = (backend: string, ...more: readonly string[]): string[] =>
  rolloutTo({ backend }, 'blue-green', '--steps', '100', '--bake', '1s', ...more);

/** Whoever reads the output of a rollout goes away, stands still, or was never there: the rollout ends as it would have. */
describe('a rollout does not depend on who reads its output', { timeout: 400_000 }, () => {
  let shop: Shop;
  beforeAll(async () => {
    shop = await openShop(PATIENT);
  });
  afterAll(() => shop.dispose());

  /** `{ deployctl …; } 2>&1 | reader`: the exit code of deployctl goes to a file. */
  const piped = (reader: string) => ({ under: ['sh', '-c', `{ "$@"; echo $? >code; } 2>&1 | ${reader}`, 'sh'] });
  const exitCode = async (): Promise<number> => {
    const text = await vi.waitFor(async () => {
      const found = await readFile(join(shop.dir, 'code'), 'utf8');
      expect(found).toMatch(/^\d+\n$/);
      return found;
    }, 300_000);
    await rm(join(shop.dir, 'code'));
    return Number(text);
  };
  const isFree = async (): Promise<void> => {
    expect(await shop.json(0, ['lease', 'show'])).toMatchObject({ is: 'free' });
  };
  const timeline = async (): Promise<string> => (await shop.run(0, ['history', 'show'])).stdout;
  /** In the timeline of the newest rollout, exactly once. */
  const warned = async (text: RegExp): Promise<void> => {
    const lines = (await timeline()).split('\n').filter((line) => text.test(line));
    expect(lines, await timeline()).toHaveLength(1);
  };

  it('the pipe is closed during the first bake', async () => {
    expectClean(
      await shop.underLoad(async () => {
        await shop.cli(rolloutTo('1.1.0', 'blue-green'), piped(`sed '/10% of the traffic goes/q'`));
        expect(await exitCode()).toBe(0);
      }),
    );
    await shop.serves({ backend: '1.1.0', frontend: '1.1.0' });
    await isFree();
    await warned(/stderr takes no more output \(write EPIPE\)/);
    expect(await timeline()).toMatch(/100% of the traffic/);
  });

  it('the pipe is closed, and the release is bad: exit 10', async () => {
    await shop.cli(quickly('errors', '--json'), piped('head -1'));
    expect(await exitCode()).toBe(10);
    await shop.serves({ backend: '1.1.0', frontend: '1.1.0' });
    await isFree();
    await warned(/stderr takes no more output/);
  });

  it('the event log is on a disk that is full', async () => {
    const { stderr } = await shop.run(0, quickly('1.0.0', '--events', '/dev/full'));
    expect(stderr.match(/warning: the event log can't be written: ENOSPC/g)).toHaveLength(1);
    await warned(/the event log can't be written: ENOSPC/);
  });

  it('the event log is a pipe whose reader has gone, and stdout is closed', async () => {
    const shell = 'mkfifo log; head -1 log >first & "$@" --events log >&-';
    await shop.run(0, quickly('1.1.0'), { under: ['sh', '-c', shell, 'sh'] });
    expect(await readFile(join(shop.dir, 'first'), 'utf8')).toMatch(/^\{"version":1,/);
    await warned(/the event log can't be written: .*EPIPE/);
  });

  it('stdout is on a disk that is full', async () => {
    const { stderr } = await shop.run(0, quickly('1.0.0'), { under: ['sh', '-c', 'exec "$@" >/dev/full', 'sh'] });
    expect(stderr).toMatch(/Rollout succeeded/);
    await shop.serves({ backend: '1.0.0', frontend: '1.1.0' });
    await isFree();
  });

  it('an error that nobody waits for, and signals that ask for nothing', async () => {
    const thrower = `data:text/javascript,${encodeURIComponent(
      `process.on('SIGCONT', () => { Promise.reject(new Error('a stray rejection')); throw new Error('a stray error'); })`,
    )}`;
    const running = shop.start(quickly('1.1.0'), {
      env: { NODE_OPTIONS: `--import ${thrower}` },
    });
    await running.until(/pull the images/);
    for (const signal of ['SIGUSR1', 'SIGUSR2', 'SIGCONT', 'SIGUSR1'] as const) running.kill(signal);
    const { code, stderr, transcript } = await running.done;
    expect(code, transcript).toBe(0);
    for (const once of [/SIGUSR1 is ignored/g, /SIGUSR2 is ignored/g, /a stray error/g, /a stray rejection/g])
      expect(stderr.match(once), transcript).toHaveLength(1);
    expect(stderr).not.toMatch(/Debugger/);
    await warned(/a stray error/);
    await isFree();
  });

  it('SIGQUIT is an interrupt', async () => {
    const running = shop.start(rolloutTo({ backend: '1.0.0' }, 'blue-green', '--bake', '60s'));
    await running.until(/10% of the traffic goes/);
    running.kill('SIGQUIT');
    const { code, stderr, transcript } = await running.done;
    expect(code, transcript).toBe(130);
    expect(stderr).toMatch(/interrupted by SIGQUIT/);
    await isFree();
    await shop.run(0, ['rollback', '--yes']);
  });

  describe('in a terminal', () => {
    const longest = 400_000;
    // The shell gets the signal as well, and lives on to write the exit code down.
    const shell = (line: string): string => `trap : HUP; ${line}; echo $? >code`;

    it('that is closed during the first bake', async () => {
      expectClean(
        await shop.underLoad(async () => {
          const running = inTerminal(shop, rolloutTo({ backend: '2.0.0' }, 'blue-green', '--bake', '4s'), {
            shell,
            longest,
          });
          await running.until(/10% of the traffic goes/);
          running.hangUp();
          expect(await exitCode()).toBe(0);
        }),
      );
      await shop.serves({ backend: '2.0.0', frontend: '1.1.0' });
      await isFree();
      await warned(/the terminal was closed/);
    });

    it.each([
      ['DEPLOYCTL_ON_HANGUP', { DEPLOYCTL_ON_HANGUP: 'interrupt' }, 'deployctl.yml'],
      ['on-hangup', {}, 'hangup.yml'],
    ] as const)('that is closed, with %s: interrupt', async (_name, env, file) => {
      await shop.config((config) => {
        PATIENT.config?.(config);
        const { production } = config['environments'] as Record<string, Record<string, unknown>>;
        if (production !== undefined) production['on-hangup'] = 'interrupt';
      }, 'hangup.yml');
      const args = [...rolloutTo({ backend: '1.1.0' }, 'blue-green', '--bake', '60s'), '--config', file];
      const running = inTerminal(shop, args, { shell, env, longest });
      await running.until(/10% of the traffic goes/);
      running.hangUp();
      expect(await exitCode()).toBe(130);
      await isFree();
      expect((await shop.run(0, ['status'])).stdout).toMatch(/deployctl resume/);
      await shop.run(0, ['rollback', '--yes']);
    });

    it('that stands still (Ctrl-S): the rollout ends, and what it said comes when it goes on', async () => {
      const running = inTerminal(shop, quickly('1.1.0'), { longest });
      await running.until(/rollout ro-/);
      running.type(STOP);
      await vi.waitFor(isFree, { timeout: 300_000, interval: 1000 });
      running.type(GO);
      const { code, screen, transcript } = await running.done;
      expect(code, transcript).toBe(0);
      expect(screen.text).toMatch(/\ndone: shop\/production serves/);
      await shop.serves({ backend: '1.1.0', frontend: '1.1.0' });
    });

    it('a question in a terminal that is closed is not answered', async () => {
      const running = inTerminal(shop, ['rollout', '--backend', '1.0.0'], { shell, longest });
      await running.until(/Go on\? \[y\/N\]/);
      running.hangUp();
      expect(await exitCode()).toBe(12);
      await isFree();
    });
  });

  describe('what only reads ends quietly with its reader', () => {
    const quietly = async (args: readonly string[], reader = 'head -1'): Promise<void> => {
      const { stdout, stderr, transcript } = await shop.cli(args, {
        under: ['sh', '-c', `{ "$@"; echo $? >code; } | ${reader}`, 'sh'],
      });
      expect(await exitCode(), transcript).toBe(0);
      expect(stderr, transcript).toBe('');
      expect(stdout.split('\n'), transcript).toHaveLength(1);
    };

    it('history, status, plan, help', async () => {
      for (const args of [
        ['history'],
        ['status'],
        ['plan', '--backend', '1.0.0'],
        ['rollout', '--help'],
        ['logs', 'backend'],
      ])
        await quietly(args);
    });

    it('logs --follow and status --watch, as soon as there is more to say', async () => {
      const followed = quietly(['logs', 'backend', '--follow']);
      await shop.run(0, rolloutTo({ backend: '1.0.0' }, 'rolling'));
      await followed;
      const running = shop.start(rolloutTo({ backend: '1.1.0' }, 'blue-green', '--bake', '3s'));
      await running.until(/pull the images/);
      await quietly(['status', '--watch']);
      expect((await running.done).code).toBe(0);
    });

    it('a full disk is another matter: the result did not arrive', async () => {
      const { stderr } = await shop.run(64, ['history'], { under: ['sh', '-c', 'exec "$@" >/dev/full', 'sh'] });
      expect(stderr).toMatch(/^Error: the result cannot be written to stdout: ENOSPC/);
    });
  });
});
