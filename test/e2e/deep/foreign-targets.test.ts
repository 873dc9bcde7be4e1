import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Color, Service, Shop } from '../kit.js';
import { at, openShop, rolloutTo } from '../kit.js';

/** Targets that a managed target group holds and no rollout reaches: whatever runs there gets its share of the requests. */
describe('targets that the fleet does not cover', () => {
  let shop: Shop;
  beforeEach(async () => {
    shop = await openShop({ instances: 3 });
  });
  afterEach(() => shop.dispose());

  const groupOf = (service: Service, color: Color): string =>
    shop.status.targetGroups.find((group) => group.service === service && group.color === color)?.arn ?? '';
  const instance = (index: number): string => shop.status.instances[index]?.id ?? '';
  const deregisters = (file: Parameters<Parameters<Shop['config']>[0]>[0]): void => {
    at(file, 'environments', 'production')['foreign-targets'] = 'deregister';
  };

  it('an instance that is stopped and registered refuses a rollout, in plan, doctor and status alike', async () => {
    await shop.fault('instance-stop', '--instance', instance(2));
    const named = new RegExp(`shop-backend-blue has targets [^]*${instance(2)}:8081 \\(stopped`);
    for (const args of [['plan', '--backend', '1.1.0'], rolloutTo({ backend: '1.1.0' }, 'rolling')]) {
      const { stderr, transcript } = await shop.run(12, args);
      expect(stderr, transcript).toMatch(named);
      expect(stderr).toContain(`--targets Id=${instance(2)},Port=8081`);
      expect(stderr).toContain('environments.production.foreign-targets: deregister');
    }
    expect((await shop.run(12, ['doctor'])).transcript).toMatch(named);
    expect((await shop.json<{ problems: string[] }>(0, ['status'])).problems.join('\n')).toMatch(named);
    expect(await shop.aws.targets(groupOf('backend', 'blue'))).toHaveProperty(`${instance(2)}:8081`);
  });

  it('where the configuration says so they are deregistered, and what returns serves nobody', async () => {
    await shop.config(deregisters);
    await shop.fault('instance-stop', '--instance', instance(2));
    const { stderr } = await shop.run(0, rolloutTo('1.1.0', 'rolling'));
    expect(stderr).toMatch(/The rollout deregisters them/);
    await shop.fault('instance-start', '--instance', instance(2));
    const { byVersion, failures } = await shop.underLoad(async () => {
      await expect
        .poll(async () => (await shop.run(0, ['status'])).stdout, { timeout: 60_000 })
        .toMatch(/shop-3 .*no traffic/);
    });
    expect(failures).toBe(0);
    expect(Object.keys(byVersion)).toEqual(['1.1.0']);
  });

  it.each(['rolling', 'blue-green'] as const)(
    '%s: one that another hand registers in mid-rollout blocks its success, and no longer when it is gone',
    async (strategy) => {
      const running = shop.start(rolloutTo({ backend: '1.1.0' }, strategy));
      await running.until(/start backend/);
      const group = groupOf('backend', strategy === 'rolling' ? 'blue' : 'green');
      await shop.aws.register(group, instance(0), 8091);
      await running.until(/targets that the fleet does not cover get requests/);
      await shop.aws.deregister(group, instance(0), 8091);
      const { code, transcript } = await running.done;
      expect(code, transcript).toBe(0);
    },
  );

  it('an instance that leaves the fleet in mid-rollout and stays registered: blocked, with the reason', async () => {
    const running = shop.start(rolloutTo({ backend: '1.1.0' }, 'rolling'));
    await running.until(/start backend/);
    await shop.aws.tag(instance(2), 'App', 'other');
    const { code, stderr, transcript } = await running.done;
    expect(code, transcript).toBe(14);
    expect(stderr).toContain(`${instance(2)}:8081 (not an instance of the fleet)`);
    // A rollback is not kept back.
    const back = await shop.run(0, ['rollback', '--yes']);
    expect(back.stderr).toMatch(/still registered, and not covered by the fleet/);
  });

  it('ids that are not running instances are refused before any change', async () => {
    const unknown = 'i-0123456789abcdef0';
    const path = await shop.config((file) => {
      at(file, 'environments', 'production')['fleet'] = { instances: [instance(0), instance(1), instance(2), unknown] };
    }, 'ids.yml');
    for (const args of [['plan', '--backend', '1.1.0'], rolloutTo({ backend: '1.1.0' }, 'blue-green'), ['doctor']]) {
      const { transcript } = await shop.run(12, [...args, '--config', path]);
      expect(transcript).toContain(`${unknown} of environments.production.fleet.instances is not a running instance`);
    }
  });
});
