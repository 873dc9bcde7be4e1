import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Shop } from '../kit.js';
import { at, openShop, PATIENT } from '../kit.js';
import { inTerminal } from '../pty.js';

/** Ctrl-C and Ctrl-D. */
const [INTERRUPT, END] = ['\u0003', '\u0004'];

/** What asks before it changes something is never taken for answered. One fleet, which serves 1.0.0 until somebody says yes. */
describe('the question before a change', { timeout: 400_000 }, () => {
  let shop: Shop;
  beforeAll(async () => {
    shop = await openShop(PATIENT);
  });
  afterAll(() => shop.dispose());

  const rollout = ['rollout', '--backend', '1.1.0', '--strategy', 'blue-green', '--steps', '100', '--bake', '1s'];
  const changing = [
    'PutParameter',
    'SendCommand',
    'ModifyRule',
    'ModifyListener',
    'RegisterTargets',
    'DeregisterTargets',
  ];
  const changes = async (): Promise<readonly (number | undefined)[]> => {
    const calls = await shop.calls();
    return changing.map((operation) => calls[operation]);
  };
  const isFree = async (): Promise<void> => {
    expect(await shop.json(0, ['lease', 'show'])).toMatchObject({ is: 'free' });
  };

  describe('without a terminal is a refusal that names --yes', () => {
    const commands = [rollout, ['rollback'], ['retire'], ['lease', 'release']];
    const shells = {
      'stdin is no terminal': 'exec "$@"',
      'stdin is closed': 'exec "$@" <&-',
      'a pipe answers': 'yes | "$@"',
      'output is piped too': '{ "$@"; echo "code $?"; } 2>&1 | cat',
    };
    it.each(Object.entries(shells))('%s', async (name, shell) => {
      const before = await changes();
      for (const args of commands) {
        const { stderr, stdout, code, transcript } = await shop.cli(args, { under: ['sh', '-c', shell, 'sh'] });
        expect(name.startsWith('output') ? Number(/code (\d+)/.exec(stdout)?.[1]) : code, transcript).toBe(64);
        const next = `deployctl ${args.join(' ')} --yes`;
        expect(`${stderr}${stdout}`, transcript).toMatch(/needs a confirmation[^]*Nothing was changed[^]*Pass --yes/);
        expect(`${stderr}${stdout}`, transcript).toContain(`Next:\n  ${next}`);
      }
      expect(await changes()).toEqual(before);
    });

    it('as a document', async () => {
      expect(await shop.json(64, rollout)).toMatchObject({ error: { code: 'usage.unconfirmed', exitCode: 64 } });
    });

    it('not where nothing is changed', async () => {
      await shop.run(0, ['rollout', '--dry-run', '--backend', '1.1.0']);
      expect((await shop.run(12, ['resume'])).stderr).toMatch(/nothing to resume/);
      expect((await shop.run(12, ['abort'])).stderr).toMatch(/nothing to abort/);
    });
  });

  describe('in a terminal', () => {
    const longest = 400_000;
    it.each([
      ['n', 'n\n', 12, /not confirmed; nothing was changed/],
      ['an empty line', '\n', 12, /not confirmed/],
      ['Ctrl-D', END, 12, /not confirmed/],
      ['Ctrl-C', INTERRUPT, 130, /interrupted by SIGINT/],
    ] as const)('%s', async (_name, typed, code, says) => {
      const running = inTerminal(shop, rollout, { longest });
      await running.until(/Go on\? \[y\/N\]/);
      running.type(typed);
      const result = await running.done;
      expect(result.code, result.transcript).toBe(code);
      expect(result.screen.text).toMatch(says);
      await isFree();
      await shop.serves({ backend: '1.0.0', frontend: '1.0.0' });
    });

    it('with --json as well: the document has stdout for itself', async () => {
      const running = inTerminal(shop, [...rollout, '--json'], { longest, shell: (line) => `${line} >document` });
      await running.until(/backend: 1\.0\.0 → 1\.1\.0[^]*Go on\? \[y\/N\]/);
      running.type('n\n');
      const { code, transcript } = await running.done;
      expect(code, transcript).toBe(12);
      expect(JSON.parse(await readFile(join(shop.dir, 'document'), 'utf8'))).toMatchObject({
        error: { code: 'declined' },
      });
    });

    it('whose output goes through a pipe, it is asked in the terminal itself: deployctl rollout 2>&1 | tee log', async () => {
      const running = inTerminal(shop, rollout, {
        longest,
        shell: (line) => `{ ${line}; echo $? >code; } 2>&1 | tee log`,
      });
      await running.until(/backend: 1\.0\.0 → 1\.1\.0[^]*Go on\? \[y\/N\]/);
      expect(await readFile(join(shop.dir, 'log'), 'utf8')).not.toMatch(/Go on/);
      running.type('y\n');
      const { transcript } = await running.done;
      expect(await readFile(join(shop.dir, 'code'), 'utf8'), transcript).toBe('0\n');
      expect(await readFile(join(shop.dir, 'log'), 'utf8')).toMatch(/Rollout succeeded[^]*done: shop\/production/);
      await shop.serves({ backend: '1.1.0', frontend: '1.0.0' });
    });

    it('retire: the way back is given up by who says so', async () => {
      const no = inTerminal(shop, ['retire'], { longest });
      await no.until(/retire shop\/production[^]*stops backend on blue[^]*Go on\? \[y\/N\]/);
      no.type('n\n');
      expect((await no.done).code).toBe(12);
      expect((await shop.run(0, ['history'])).stdout).not.toMatch(/retire/);
      const yes = inTerminal(shop, ['retire'], { longest });
      await yes.until(/Go on\? \[y\/N\]/);
      yes.type('y\n');
      expect((await yes.done).code).toBe(0);
      await shop.idleIsDown('backend');
    });

    it('retire: a second time there is nothing to ask about', async () => {
      const { stdout: before } = await shop.run(0, ['history']);
      const again = inTerminal(shop, ['retire'], { longest });
      const { code, screen, transcript } = await again.done;
      expect(code, transcript).toBe(0);
      expect(screen.text).toMatch(/nothing to do: shop\/production has nothing in service on standby/);
      expect(screen.text).not.toMatch(/Go on/);
      expect((await shop.run(0, ['history'])).stdout).toBe(before);
      await isFree();
    });

    it('lease release: of a lock that is held', async () => {
      const holder = shop.start([...rollout.slice(0, 2), '1.0.0', '--yes', '--bake', '60s']);
      await holder.until(/pull the images/);
      holder.kill('SIGSTOP');
      const running = inTerminal(shop, ['lease', 'release', '--force'], { longest });
      await running.until(/Break it\? \[y\/N\]/);
      running.type('n\n');
      expect((await running.done).code).toBe(12);
      holder.kill('SIGKILL');
      await holder.done;
      await shop.run(0, ['rollback', '--yes']);
    });

    it('init: Ctrl-D writes nothing', async () => {
      const running = inTerminal(shop, ['init', '--config', 'new.yml'], { longest, env: { AWS_REGION: 'eu-west-1' } });
      await running.until(/:$/);
      running.type(END);
      const { code, screen, transcript } = await running.done;
      expect(code, transcript).toBe(12);
      expect(screen.text).toMatch(/was not answered; nothing was written/);
    });
  });

  it.each([
    ['--yes', ['--yes'], {}],
    ['DEPLOYCTL_YES=1', [], { DEPLOYCTL_YES: '1' }],
    ['CI=true', [], { CI: 'true' }],
  ] as const)('%s is the answer', async (_name, more, env) => {
    const { stdout } = await shop.run(0, ['rollout', '--backend', '1.1.0', '--skip-validation', ...more], { env });
    expect(stdout).toMatch(/serves/);
  });

  it.each([{ DEPLOYCTL_YES: '0' }, { DEPLOYCTL_YES: 'false' }, { CI: 'false' }, { CI: '' }])(
    '%o is none',
    async (env) => {
      await shop.run(64, rollout, { env });
    },
  );

  it('validate --auto-rollback is told what to do by its flag', async () => {
    await shop.config((file) => {
      PATIENT.config?.(file);
      const url = new URL('/api/', shop.status.loadBalancer.url).href;
      const probe = { name: 'api', url, interval: '100ms', 'min-samples': 5, contains: 'never' };
      at(file, 'environments', 'production')['validation'] = { duration: '2s', monitor: '0s', probes: [probe] };
    });
    // The last rollout is to be one that can be undone.
    await shop.run(0, ['rollout', '--backend', '2.0.0', '--skip-validation', '--yes']);
    await shop.run(10, ['validate', '--auto-rollback']);
  });
});
