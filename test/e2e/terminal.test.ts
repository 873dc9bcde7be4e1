import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectTidy, FORMS, inEveryForm, inForm } from './forms.js';
import type { Schema } from './forms.js';
import type { Json, Shop } from './kit.js';
import { at, openShop, program } from './kit.js';
import { inTerminal } from './pty.js';

/** Ctrl-C. */
const INTERRUPT = '\u0003';

/** The same commands on one fleet in each form: no line is broken, and no escape is where it does not belong. */
describe('at 80 columns, with NO_COLOR, in a pipe, with --json', () => {
  let shop: Shop;
  beforeAll(async () => {
    shop = await openShop({ instances: 2 });
    await shop.config((file) => {
      const probe = { name: 'home', url: shop.status.loadBalancer.url, interval: '100ms', 'min-samples': 3 };
      at(file, 'environments', 'production')['validation'] = { duration: '1s', monitor: '0s', probes: [probe] };
    });
  });
  afterAll(() => shop.dispose());

  const rollout = (backend: string, ...more: readonly string[]): string[] => [
    'rollout',
    '--backend',
    backend,
    '--steps',
    '100',
    ...more,
  ];

  it('help of every command', async () => {
    const { commands } = JSON.parse(await readFile('oclif.manifest.json', 'utf8')) as { commands: object };
    const names = Object.keys(commands).map((id) => id.split(':'));
    expect(names.length).toBeGreaterThan(20);
    for (const name of [[], ['lease'], ['rollout']])
      await inEveryForm(shop, [...name, '--help'], { code: 0, says: /USAGE/ });
    await Promise.all(names.map((name) => inForm(shop, 'terminal', [...name, '--help'], { code: 0, says: /USAGE/ })));
  });

  it('mistakes and refusals', async () => {
    const refused = (code: number, args: readonly string[], says: RegExp) =>
      inEveryForm(shop, args, { code, says, schema: 'error' });
    await refused(64, ['rolout', '--backend', '1.1.0'], /no command "rolout"; did you mean "rollout"\?/);
    await refused(64, ['rollout', '--bakend', '1.1.0'], /no flag --bakend; did you mean --backend\?/);
    await refused(64, ['status', '--env', 'prod'], /"prod"/);
    await refused(12, ['plan', '--backend', '9.9.9'], /shop\/backend:9\.9\.9/);
    await refused(12, ['pause'], /nothing to pause Next: deployctl status/);
    // These take the lock before they look: one after the other.
    for (const form of FORMS)
      await inForm(shop, form, ['rollback', '--yes'], { code: 12, says: /nothing to go back to/, schema: 'error' });
    await inForm(shop, 'terminal', ['resume'], { code: 12, says: /nothing to resume/ });
  });

  describe('what to type next finds the configuration that was named', () => {
    // The file that is found by itself has no environment of this name.
    const file = "night's deploy.yml";
    beforeAll(async () => {
      await shop.config(({ environments }) => {
        const all = environments as Json;
        all['staging'] = all['production'] ?? {};
        delete all['production'];
      }, file);
    });
    const nextIn = (text: string): string => / *Next:\n {2}(.*)/.exec(text)?.[1] ?? `no next command in: ${text}`;
    /** Types the line into a shell in the same folder. */
    const types = async (line: string): Promise<void> => {
      const shell = `deployctl() { ${process.execPath} ${program} "$@"; }\n${line}`;
      const { exitCode, all } = await execa('sh', ['-c', shell], {
        cwd: shop.dir,
        env: shop.env(),
        extendEnv: false,
        reject: false,
        all: true,
      });
      expect(exitCode, `${line}\n${all}`).toBe(0);
    };

    it('in a refusal, a result and a document', async () => {
      const refusal = nextIn((await shop.run(12, ['pause', '--config', file])).stderr);
      expect(refusal).toBe(`deployctl status --env staging --config 'night'\\''s deploy.yml'`);
      await types(refusal);
      const { next } = await shop.json<{ next: readonly string[] }>(0, ['status', `--config=${file}`]);
      expect(next).toHaveLength(1);
      expect(next[0]).toMatch(/^deployctl plan --env staging --config 'night'\\''s deploy.yml' +# what a rollout/);
      await types(next[0] ?? '');
      expect(nextIn((await shop.run(0, ['history'], { env: { DEPLOYCTL_CONFIG: file } })).stdout)).toBe(
        `deployctl plan --env staging --config 'night'\\''s deploy.yml'`,
      );
    });

    it('but not where none was named', async () => {
      expect(nextIn((await shop.run(12, ['pause'])).stderr)).toBe('deployctl status --env production');
    });
  });

  it('a rollout that succeeds, whoever watches it, and the way back', async () => {
    const running = inTerminal(shop, rollout('1.1.0', '--bake', '60s'));
    await running.until(/Go on\? \[y\/N\]/);
    running.type('y\n');
    await running.until(/rollout ro-/);
    const watched = Promise.all(
      FORMS.map((form) =>
        inForm(shop, form, ['status', '--watch'], {
          code: 0,
          says: /rollout ro-\S+ succeeded: [^]*$/,
          schema: 'status',
        }),
      ),
    );
    await running.until(/100% of the traffic goes to/);
    await inForm(shop, 'terminal', ['promote'], { code: 0, says: /asked ro-\S+ to go on/ });
    const result = await running.done;
    expect(result.code, result.transcript).toBe(0);
    expectTidy(result, true);
    expect(result.screen.text).toMatch(/\ndone: shop\/production serves r-\S+ \(backend 1\.0\.0 → 1\.1\.0\)$/);
    await watched;

    const says = /done: shop\/production serves \S+ \(backend 1\.\d\.0 → 1\.\d\.0\)$/;
    await inForm(shop, 'NO_COLOR', ['rollback', '--yes'], { code: 0, says });
    await inForm(shop, 'json', rollout('1.1.0', '--yes'), { code: 0, schema: 'operation' });
    await inForm(shop, 'pipe', ['rollback', '--yes'], { code: 0, says });
  });

  it.each(FORMS)('a rollout that rolls back by itself: %s', async (form) => {
    await inForm(shop, form, rollout('errors', '--yes'), {
      code: 10,
      says: /undone[^]*check GET \/api\/[^]*rolled back: shop\/production serves \S+ again$/,
      schema: 'operation',
    });
  });

  it('pause and abort from another terminal', async () => {
    const running = inTerminal(shop, rollout('1.1.0', '--yes', '--bake', '60s'), { env: { NO_COLOR: '1' } });
    await running.until(/100% of the traffic goes to/);
    for (const form of FORMS) {
      await inForm(shop, form, ['status'], { code: 0, says: /deployctl abort/, schema: 'status' });
      const steer = (what: string) =>
        inForm(shop, form, [what, '--reason', 'looking at the checkout'], {
          code: 0,
          says: /asked ro-\S+ to/,
          schema: 'steer',
        });
      await steer('pause');
    }
    await inForm(shop, 'terminal', ['abort'], { code: 0, says: /asked ro-\S+ to go back/ });
    const result = await running.done;
    expect(result.code, result.transcript).toBe(10);
    expect(result.screen.text, result.transcript).toMatch(
      /Rollout was undone as asked;[^]*tester@\S+\s+asked to abort/,
    );
    expectTidy(result, false);
  });

  it('Ctrl-C, what stands there then, and going on with it', async () => {
    const running = inTerminal(shop, rollout('1.1.0', '--yes', '--bake', '60s'));
    // A last line as wide as lines get.
    await running.until(/at most: bake: .*…$/);
    running.type(INTERRUPT);
    const result = await running.done;
    expect(result.code, result.transcript).toBe(130);
    expect(result.screen.text, result.transcript).toMatch(/\ninterrupted: shop\/production can be resumed$/);
    // Nothing is left of the live view, although the terminal has written `^C` into it.
    expect(result.screen.text, result.transcript).not.toMatch(/^. shop\/production {2}rollout/m);
    expectTidy(result, true);

    await inEveryForm(shop, ['status'], { code: 0, says: /nobody drives it any more/, schema: 'status' });
    await inEveryForm(shop, ['status', '--watch'], { code: 14, says: /nobody drives it: [^:]+/, schema: 'status' });
    await inEveryForm(shop, ['abort'], { code: 0, says: /left a request for ro-\S+ to go back/, schema: 'steer' });
    await inEveryForm(shop, ['promote'], {
      code: 12,
      says: /its process|the process of ro-\S+ is gone/,
      schema: 'error',
    });
    // It hears the request to go back first.
    await inForm(shop, 'terminal', ['resume'], { code: 10, says: /rolled back: shop\/production serves/ });
  });

  it('a pause that nobody ends is held', async () => {
    const running = inTerminal(shop, rollout('1.1.0', '--yes', '--bake', '60s'));
    await running.until(/pull the images/);
    await shop.run(0, ['pause', '--for', '6s']);
    const result = await running.done;
    expect(result.code, result.transcript).toBe(14);
    expect(result.screen.text, result.transcript).toMatch(/\nheld: shop\/production waits for a human: [^]+$/);
    expectTidy(result, true);
    await inForm(shop, 'json', ['rollback', '--yes'], { code: 0, schema: 'operation' });
  });

  it('retire', async () => {
    for (const form of FORMS) await inForm(shop, form, ['retire', '--yes'], { code: 0, schema: 'operation' });
  });

  it('what is asked and changes nothing', async () => {
    const asked = (args: readonly string[], schema: Schema) => inEveryForm(shop, args, { code: 0, schema });
    await asked(['plan', '--backend', '2.0.0'], 'plan');
    await asked(['rollout', '--dry-run', '--backend', '2.0.0', '--frontend', '2.0.0', '--strategy', 'rolling'], 'plan');
    await asked(['status'], 'status');
    await asked(['status', '--watch'], 'status');
    await asked(['history'], 'history');
    await asked(['history', 'show'], 'historyShow');
    await asked(['doctor', '--backend', '2.0.0'], 'doctor');
    await asked(['validate'], 'validate');
    await asked(['logs', 'backend'], 'logs');
    await asked(['exec', 'backend', '--', 'node', '--version'], 'exec');
    await asked(['lease', 'show'], 'lease');
    await asked(['lease', 'release', '--yes'], 'lease');
  });

  it('the sandbox', async () => {
    const asked = (args: readonly string[], schema: Schema) =>
      inEveryForm(shop, ['sandbox', ...args, '--state-dir', join(shop.dir, 'sandbox')], { code: 0, schema });
    await asked(['status'], 'sandboxStatus');
    await asked(['env'], 'sandboxEnv');
    await asked(['fault', 'lag', '--ms', '0'], 'sandboxFault');
    await asked(['fault', '--clear'], 'sandboxFault');
    await asked(['load', '--duration', '1s', '--rate', '20'], 'sandboxLoad');
    const folder = join('examples', 'shop', 'backend');
    await asked(['build', resolve(folder), '--tag', 'shop/backend:built'], 'sandboxBuild');
    await inEveryForm(shop, ['sandbox', 'down', '--state-dir', 'none'], { code: 0, schema: 'sandboxDown' });
  });

  it('a document in a terminal is the same document', async () => {
    const inTheTerminal = await inTerminal(shop, ['status', '--json']).done;
    expect(JSON.parse(inTheTerminal.screen.raw)).toMatchObject({ schemaVersion: 1 });
  });
});
