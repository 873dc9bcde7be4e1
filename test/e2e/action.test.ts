import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Shop } from './kit.js';
import { openShop, secret } from './kit.js';
import type { Step } from './runner.js';
import { Action, childrenOf } from './runner.js';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** The action's entry points, run as GitHub's runner runs them: environment, files, and the signals of a cancellation. */
describe('the GitHub action', () => {
  let shop: Shop;
  let dir: string;
  let action: Action;
  const webhook = `https://discord.example/api/webhooks/1/${secret()}`;
  beforeAll(async () => {
    shop = await openShop({ instances: 2 });
    dir = await mkdtemp(join(tmpdir(), 'deployctl-action-'));
    action = await Action.in(root, dir);
  });
  afterAll(async () => {
    await shop.dispose();
    await rm(dir, { recursive: true, force: true });
  });

  const step = (
    entry: 'main' | 'post',
    inputs: Readonly<Record<string, string>>,
    options: Omit<Parameters<Action['step']>[2], 'env'> = {},
  ): Promise<Step> => {
    const env = { ...shop.env(), DISCORD_WEBHOOK_URL: webhook };
    return action.step(entry, { 'working-directory': shop.dir, ...inputs }, { ...options, env });
  };

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

  it('arguments that mean nothing are a refusal too, and a command that changes nothing is no rollout', async () => {
    const wrong = await step('main', { backend: '1.1.0', arguments: '--bake\nsoon' });
    expect(wrong.code, wrong.log).toBe(64);
    expect(wrong.outputs).toMatchObject({ outcome: 'refused', 'exit-code': '64' });
    const status = await step('main', { command: 'status' });
    expect(status.code, status.log).toBe(0);
    expect(status.summary).toMatch(/^### ✅ done: status shop\/production\n/);
    expect(status.state).toEqual({});
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
    expect(cancelled.summary).toMatch(
      /^### ⏸️ interrupted: rollout[^]*section rollout[^]*Next:\n\n```text\n[^`]*deployctl resume/,
    );
    expect(cancelled.commands.filter((line) => /^::error .*interrupted::/.test(line))).toHaveLength(1);
    const post = await step('post', {}, { state: cancelled.state });
    expect(post.code, post.log).toBe(0);
    expect(post.summary).toMatch(/^### ↩️ rolled back: resume after the cancellation/);
    await shop.serves({ backend: '1.1.0', frontend: '1.0.0' });
  });

  // A process that hangs is frozen here: it hears no signal, as one that swaps or waits for a dead disk.
  it.each(['is killed with the step', 'outlives the step, as an orphan of the job'] as const)(
    'a cancellation at which deployctl hangs in the midst of a drain, and %s: the post step ends the rollout',
    async (fate) => {
      const groups = shop.status.targetGroups.filter(({ service }) => service === 'backend');
      for (const { arn } of groups) await shop.aws.drainSeconds(arn, 400);
      let hung = 0;
      const cancelled = await step(
        'main',
        { backend: '2.0.0', strategy: 'rolling' },
        {
          cancelAt: /draining/,
          beforeCancel: async (pid) => {
            [hung = 0] = await childrenOf(pid);
            process.kill(hung, 'SIGSTOP');
          },
        },
      );
      try {
        expect(cancelled.code, cancelled.log).toBeUndefined();
        expect(cancelled.outputs).toEqual({});
        expect(cancelled.state).toEqual({ changing: 'rollout' });
        if (fate === 'is killed with the step') process.kill(hung, 'SIGKILL');
        const lease = await shop.json(0, ['lease', 'show']);
        expect(lease).toMatchObject({ is: 'held' });
        const post = await step('post', {}, { state: cancelled.state });
        expect(post.code, post.log).toBe(0);
        expect(post.summary).toMatch(/^### ↩️ rolled back: resume after the cancellation/);
        await shop.serves({ backend: '1.1.0', frontend: '1.0.0' });
        expect(await shop.json(0, ['lease', 'show'])).toMatchObject({ is: 'free' });
        expect((await shop.run(12, ['resume'])).stderr).toMatch(/no rollout of production is unfinished/);
      } finally {
        if (fate !== 'is killed with the step') process.kill(hung, 'SIGKILL');
        for (const { arn } of groups) await shop.aws.drainSeconds(arn, 20);
      }
    },
  );

  it('the post step does nothing where nothing was half-way, or where it is told so', async () => {
    const before = await shop.calls();
    expect((await step('post', {})).log).toContain('nothing was begun');
    const left = await step('post', { 'on-cancel': 'leave' }, { state: { changing: 'rollout' } });
    expect(left.commands.some((line) => line.startsWith('::warning'))).toBe(true);
    const over = await step('post', {}, { state: { changing: 'rollout' } });
    expect(over.code, over.log).toBe(0);
    expect(over.log).toContain('no rollout was left half-way');
    expect((await shop.calls())['ModifyRule']).toBe(before['ModifyRule']);
  });

  it('a post step that cannot look says so: it knows nothing of a rollout', async () => {
    await shop.fault('api-error', '--operation', 'GetParametersByPath', '--code', 'AccessDenied', '--status', '403');
    const blind = await step('post', {}, { state: { changing: 'rollout' } });
    await shop.clearFaults();
    expect(blind.code, blind.log).toBe(12);
    expect(blind.log).not.toContain('no rollout was left half-way');
    const [error = ''] = blind.commands.filter((line) => line.startsWith('::error'));
    expect(error).toMatch(/^::error title=deployctl%3A not undone::.*ssm:GetParametersByPath/);
    expect(error).toMatch(/Next: deployctl status, then deployctl resume or deployctl rollback$/);
  });
});
