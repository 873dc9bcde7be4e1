import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { Shop } from './kit.js';
import { openShop, secret } from './kit.js';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** What GitHub's runner makes of a step. */
interface Step {
  readonly code: number | undefined;
  readonly log: string;
  /** Commands that the runner would obey: those outside `stop-commands`. */
  readonly commands: readonly string[];
  readonly outputs: Readonly<Record<string, string>>;
  readonly state: Readonly<Record<string, string>>;
  readonly summary: string;
}

/** The action's entry points, run as GitHub's runner runs them: environment, files, and the signals of a cancellation. */
describe('the GitHub action', () => {
  let shop: Shop;
  let dir: string;
  let entries: { readonly main: string; readonly post: string };
  let defaults: Readonly<Record<string, string>>;
  const webhook = `https://discord.example/api/webhooks/1/${secret()}`;
  beforeAll(async () => {
    shop = await openShop({ instances: 2 });
    dir = await mkdtemp(join(tmpdir(), 'deployctl-action-'));
    const action = parse(await readFile(join(root, 'action.yml'), 'utf8')) as {
      readonly inputs: Readonly<Record<string, { readonly default: string }>>;
      readonly runs: { readonly main: string; readonly post: string };
    };
    entries = action.runs;
    defaults = Object.fromEntries(Object.entries(action.inputs).map(([name, { default: value }]) => [name, value]));
  });
  afterAll(async () => {
    await shop.dispose();
    await rm(dir, { recursive: true, force: true });
  });

  async function step(
    entry: 'main' | 'post',
    inputs: Readonly<Record<string, string>>,
    options: { readonly cancelAt?: RegExp; readonly state?: Readonly<Record<string, string>> } = {},
  ): Promise<Step> {
    const files = await mkdtemp(join(dir, 'step-'));
    const path = (name: string): string => join(files, name);
    for (const name of ['GITHUB_OUTPUT', 'GITHUB_STATE', 'GITHUB_STEP_SUMMARY']) await writeFile(path(name), '');
    const given = Object.entries({ ...defaults, 'working-directory': shop.dir, ...inputs });
    const env = {
      ...shop.env(),
      CI: 'true',
      GITHUB_ACTIONS: 'true',
      RUNNER_TEMP: files,
      DISCORD_WEBHOOK_URL: webhook,
      GITHUB_OUTPUT: path('GITHUB_OUTPUT'),
      GITHUB_STATE: path('GITHUB_STATE'),
      GITHUB_STEP_SUMMARY: path('GITHUB_STEP_SUMMARY'),
      ...Object.fromEntries(given.map(([name, value]) => [`INPUT_${name.toUpperCase()}`, value])),
      ...Object.fromEntries(Object.entries(options.state ?? {}).map(([name, value]) => [`STATE_${name}`, value])),
    };
    const child = execa(process.execPath, [join(root, entries[entry])], {
      env,
      extendEnv: false,
      reject: false,
      all: true,
      stdin: 'ignore',
    });
    let seen = '';
    let ladder: readonly NodeJS.Timeout[] = [];
    child.all.setEncoding('utf8').on('data', (text: string) => {
      seen += text;
      if (options.cancelAt?.test(seen) !== true || ladder.length > 0) return;
      // actions/runner, ProcessInvoker: SIGINT, 7.5 s later SIGTERM, 2.5 s later the end of the process tree.
      child.kill('SIGINT');
      ladder = [setTimeout(() => child.kill('SIGTERM'), 7_500), setTimeout(() => child.kill('SIGKILL'), 10_000)];
    });
    const { exitCode, all } = await child;
    ladder.forEach((timer) => {
      clearTimeout(timer);
    });
    const file = (name: string): Promise<string> => readFile(path(name), 'utf8');
    return {
      code: exitCode,
      log: all,
      commands: obeyed(all),
      outputs: values(await file('GITHUB_OUTPUT')),
      state: values(await file('GITHUB_STATE')),
      summary: await file('GITHUB_STEP_SUMMARY'),
    };
  }

  it('success: outputs, a summary with a timeline and a table, and no annotation', async () => {
    const done = await step('main', { backend: '1.1.0', strategy: 'rolling', arguments: '--skip-validation' });
    expect(done.code, done.log).toBe(0);
    expect(done.outputs).toMatchObject({ outcome: 'succeeded', 'exit-code': '0' });
    expect(done.outputs['release']).toMatch(/^r-/);
    expect(done.outputs['previous']).toMatch(/^adopted-/);
    expect(Number(done.outputs['duration'])).toBeGreaterThan(0);
    expect(done.summary).toMatch(/^### ✅ rolled out: rollout shop\/production\n/);
    expect(done.summary).toContain('| backend | 1.0.0 | 1.1.0 | blue |');
    expect(done.summary).toMatch(/```mermaid\ngantt\n[^`]*section rollout\n(?: {2}[^:\n]+ :\d+, \d+\n)+/);
    // The secret is masked before anything else is printed, and stands nowhere else.
    expect(done.commands[0]).toBe(`::add-mask::${webhook}`);
    expect(done.log.split(webhook)).toHaveLength(2);
    expect(done.summary).not.toContain(webhook);
    expect(done.commands.filter((line) => line.startsWith('::error'))).toEqual([]);
    await shop.serves({ backend: '1.1.0', frontend: '1.0.0' });
  });

  it('a bad release: rolled back, annotated, and its output injects no command', async () => {
    const context = join(dir, 'hostile');
    await cp(join(root, 'examples/shop/backend'), context, { recursive: true });
    const server = await readFile(join(context, 'server.js'), 'utf8');
    await writeFile(
      join(context, 'server.js'),
      `console.log('\\n::error title=pwned::from a container\\n::set-env name=X::y');\n${server}`,
    );
    const args = ['--build-arg', 'VERSION=hostile', '--build-arg', 'BEHAVIOUR=never-healthy'];
    await shop.run(0, [
      'sandbox',
      'build',
      context,
      '--tag',
      'shop/backend:hostile',
      ...args,
      '--state-dir',
      join(shop.dir, 'sandbox'),
    ]);
    const bad = await step('main', { images: 'backend=hostile\n', strategy: 'blue-green' });
    expect(bad.code, bad.log).toBe(10);
    expect(bad.outputs).toMatchObject({ outcome: 'rolled-back', 'exit-code': '10' });
    expect(bad.outputs['release']).toBe(bad.outputs['previous']);
    const errors = bad.commands.filter((line) => line.startsWith('::error'));
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatch(/^::error title=deployctl rollout%3A rolled-back::/);
    // It is in the log, and the runner obeys none of it.
    expect(bad.log).toContain('title=pwned');
    expect(bad.commands.join('\n')).not.toMatch(/pwned|set-env/);
    expect(bad.summary).toMatch(/^### ↩️ rolled back[^]*crit, milestone/);
  });

  it('a refusal: exit 12, the reason and what to type', async () => {
    const refused = await step('main', { backend: '9.9.9' });
    expect(refused.code, refused.log).toBe(12);
    expect(refused.outputs).toMatchObject({ outcome: 'refused', release: '', 'exit-code': '12' });
    expect(refused.summary).toMatch(
      /^### 🚫 refused before any change: rollout\n\n```text\n[^`]*shop\/backend:9\.9\.9/,
    );
    expect(refused.commands.some((line) => /^::error .*refused::.*9\.9\.9/.test(line))).toBe(true);
  });

  it('a cancellation: deployctl ends in time, and the post step undoes what was half-way', async () => {
    const cancelled = await step(
      'main',
      { backend: '2.0.0', strategy: 'blue-green', arguments: '--bake\n20s' },
      { cancelAt: /10% of the traffic goes/ },
    );
    expect(cancelled.code, cancelled.log).toBe(130);
    expect(cancelled.outputs).toMatchObject({ outcome: 'interrupted', 'exit-code': '130' });
    expect(cancelled.state).toEqual({ changing: 'rollout' });
    const post = await step('post', {}, { state: cancelled.state });
    expect(post.code, post.log).toBe(0);
    expect(post.summary).toMatch(/^### ↩️ rolled back: resume after the cancellation/);
    await shop.serves({ backend: '1.1.0', frontend: '1.0.0' });
  });

  it('the post step does nothing where nothing was half-way, or where it is told so', async () => {
    const before = await shop.calls();
    expect((await step('post', {})).log).toContain('nothing was begun');
    const left = await step('post', { 'on-cancel': 'leave' }, { state: { changing: 'rollout' } });
    expect(left.commands.some((line) => line.startsWith('::warning'))).toBe(true);
    expect((await step('post', {}, { state: { changing: 'rollout' } })).log).toContain('no rollout was left half-way');
    expect((await shop.calls())['ModifyRule']).toBe(before['ModifyRule']);
  });
});

/** Lines that the runner takes for commands (actions/runner, ActionCommandManager: none while commands are stopped). */
function obeyed(log: string): readonly string[] {
  const found: string[] = [];
  let token: string | undefined;
  for (const line of log.split('\n')) {
    if (token !== undefined) {
      if (line.trim() === `::${token}::`) token = undefined;
      continue;
    }
    const stop = /^\s*::stop-commands::(.+)$/.exec(line)?.[1];
    if (stop !== undefined) token = stop.trim();
    else if (/^\s*(::|##\[)/.test(line)) found.push(line.trim());
  }
  return found;
}

/** `name<<DELIMITER`, lines, `DELIMITER` (actions/runner, FileCommandManager). */
function values(text: string): Readonly<Record<string, string>> {
  const found: Record<string, string> = {};
  const lines = text.split('\n');
  for (let index = 0; index < lines.length; index += 1) {
    const [, name, delimiter] = /^([^=<]+)<<(.+)$/.exec(lines[index] ?? '') ?? [];
    if (name === undefined || delimiter === undefined) continue;
    const end = lines.indexOf(delimiter, index + 1);
    found[name] = lines.slice(index + 1, end).join('\n');
    index = end;
  }
  return found;
}
