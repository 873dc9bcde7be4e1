import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Json, Shop } from './kit.js';
import { at, openShop, rolloutTo } from './kit.js';

/** What is refused before any change: the thing, the value seen, and the fix. */
describe('refusals', () => {
  let shop: Shop;
  beforeAll(async () => {
    shop = await openShop({ instances: 2 });
  });
  afterAll(() => shop.dispose());

  const changing = ['RegisterTargets', 'DeregisterTargets', 'ModifyRule', 'ModifyListener'];
  const refuses = async (code: number, args: readonly string[], text: RegExp, change?: (file: Json) => void) => {
    const more = change === undefined ? [] : ['--config', await shop.config(change, 'other.yml')];
    const before = await shop.calls();
    const plain = await shop.run(code, [...args, ...more]);
    expect(plain.stderr).toMatch(text);
    expect(plain.stderr).toMatch(/Next:\n {2}\S/);
    const { error } = await shop.json<{ ok: boolean; error: { message: string; exitCode: number } }>(code, [
      ...args,
      ...more,
    ]);
    expect(error.exitCode).toBe(code);
    const after = await shop.calls();
    for (const call of changing) expect(after[call] ?? 0, call).toBe(before[call] ?? 0);
  };
  const production = (file: Json): Json => at(file, 'environments', 'production');

  it('an unknown tag', () => refuses(12, rolloutTo({ backend: '9.9.9' }, 'rolling'), /shop\/backend:9\.9\.9/));
  it('an unknown command', () =>
    refuses(64, ['rolout', '--env', 'production'], /no command "rolout"; did you mean "rollout"\?/));
  it('an unknown flag', () => refuses(64, ['rollout', '--bakend', '1.1.0'], /--bakend/));
  it('an unknown environment', () =>
    refuses(
      64,
      [...rolloutTo({ backend: '1.1.0' }, 'rolling'), '--env', 'prod'],
      /"prod".*production[^]*\n {2}deployctl rollout --yes --strategy rolling --backend 1\.1\.0( --config \S+)? --env production$/m,
    ));
  it('an unknown service', () =>
    refuses(64, ['rollout', '--image', 'worker=1.1.0'], /no service worker; it has backend, frontend/));
  it('a typo in the configuration', () =>
    refuses(64, rolloutTo('1.1.0', 'rolling'), /helth.*did you mean "health"/, (file) => {
      at(file, 'services', 'backend')['helth'] = { path: '/' };
    }));
  it('a target group that does not exist', () =>
    refuses(12, rolloutTo('1.1.0', 'rolling'), /shop-backend-bleu/, (file) => {
      at(production(file), 'services', 'backend', 'blue')['target-group'] = 'shop-backend-bleu';
    }));
  it('a fleet of 0', () =>
    refuses(12, rolloutTo('1.1.0', 'rolling'), /no running instance \(looked for App=nobody/, (file) => {
      production(file)['fleet'] = { tags: { App: 'nobody' } };
    }));
  it('two environments on one target group', () =>
    refuses(64, [...rolloutTo('1.1.0', 'rolling'), '--env', 'production'], /target group|target-group/, (file) => {
      at(file, 'environments')['staging'] = structuredClone(production(file));
    }));
  it('an instance that SSM does not manage', async () => {
    const [instance] = shop.status.instances;
    await shop.fault('agent-absent', '--instance', instance?.id ?? '');
    await refuses(12, rolloutTo('1.1.0', 'rolling'), /shop-1 .*cannot be reached through SSM: SSM does not manage it/);
    await shop.fault('agent-online', '--instance', instance?.id ?? '');
  });
  it('a rollback with nothing to go back to', () => refuses(12, ['rollback', '--yes'], /nothing to go back to/));
  it('a resume with nothing to resume', () => refuses(12, ['resume'], /nothing to resume/));

  it('plan changes nothing and says what it would do', async () => {
    const before = await shop.calls();
    const plan = await shop.json<{ steps: readonly { text: string }[]; somethingToDo: boolean }>(0, [
      'plan',
      '--backend',
      '1.1.0',
    ]);
    expect(plan.somethingToDo).toBe(true);
    const texts = plan.steps.map(({ text }) => text).join('\n');
    expect(texts).toMatch(/start backend 1\.1\.0 \(green\)[^]*weights: backend blue 0, backend green 100/);
    await shop.run(2, ['plan', '--backend', '1.1.0', '--detailed-exitcode']);
    const after = await shop.calls();
    for (const call of [...changing, 'PutParameter']) expect(after[call] ?? 0, call).toBe(before[call] ?? 0);
    expect(await shop.json(0, ['lease', 'show'])).toMatchObject({ is: 'free' });
  });
});
