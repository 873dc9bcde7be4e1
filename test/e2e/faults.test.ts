import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Shop } from './kit.js';
import { expectClean, openShop, rolloutTo } from './kit.js';

/** AWS at its worst, under load: commands twice, late or lost, answers lost, throttling. No request fails, and every rollout ends. */
describe('faults of the world change nothing but the duration', () => {
  let shop: Shop;
  beforeAll(async () => {
    shop = await openShop({ instances: 2 });
  });
  afterAll(() => shop.dispose());

  const both = (version: string) => ({ backend: version, frontend: version });
  const withFaults = async (faults: readonly (readonly string[])[], args: readonly string[]): Promise<void> => {
    for (const fault of faults) await shop.fault(...fault);
    try {
      expectClean(await shop.underLoad(() => shop.run(0, args)));
    } finally {
      await shop.clearFaults();
    }
  };

  it('commands that run a second time are kept out by their fence', async () => {
    await withFaults([['ssm-duplicate', '--ms', '500']], rolloutTo('1.1.0', 'rolling'));
    await shop.serves(both('1.1.0'));
  });

  it('a command that is reported as timed out and runs later changes nothing', async () => {
    expectClean(
      await shop.underLoad(async () => {
        const running = shop.start(rolloutTo('2.0.0', 'blue-green'));
        await running.until(/bring up the idle color/);
        await shop.fault('ssm-late', '--ms', '4000', '--times', '2');
        const { code, transcript } = await running.done;
        expect(code, transcript).toBe(0);
      }),
    );
    await shop.clearFaults();
    await shop.serves(both('2.0.0'));
  });

  it('a command that runs 20 s late, after its rollout was rolled back, changes nothing', async () => {
    const [instance] = shop.status.instances;
    const refusals = async (): Promise<number> => {
      const log = await shop.aws.shell(
        instance?.id ?? '',
        'cat "${DEPLOYCTL_ROOT:-}"/var/log/deployctl/shop-production.log',
      );
      return log.match(/fence [\d ]+ is older than/g)?.length ?? 0;
    };
    const before = await refusals();
    expectClean(
      await shop.underLoad(async () => {
        const running = shop.start(rolloutTo('1.0.0', 'blue-green'));
        await running.until(/bring up the idle color/);
        await shop.fault('ssm-late', '--ms', '20000', '--times', '1', '--instance', instance?.id ?? '');
        const { code, transcript } = await running.done;
        expect(code, transcript).toBe(0);
        await shop.run(0, ['rollback', '--yes']);
        await vi.waitFor(async () => expect(await refusals()).toBe(before + 1), { timeout: 40_000, interval: 500 });
      }),
    );
    await shop.serves(both('2.0.0'));
    await shop.clearFaults();
  });

  it('lost answers and throttling are looked into, not guessed about', async () => {
    const lost = ['RegisterTargets', 'ModifyRule', 'ModifyListener', 'SendCommand', 'PutParameter'];
    const faults = [
      ...lost.map((operation) => ['api-drop', '--operation', operation, '--when', 'after', '--times', '1']),
      ['api-error', '--operation', 'DescribeTargetHealth', '--code', 'ThrottlingException', '--times', '6'],
      ['api-error', '--operation', 'DeregisterTargets', '--code', 'ThrottlingException', '--times', '1'],
    ];
    expectClean(
      await shop.underLoad(async () => {
        const running = shop.start(rolloutTo('1.1.0', 'blue-green'));
        await running.until(/bring up the idle color/);
        for (const fault of faults) await shop.fault(...fault);
        const { code, transcript } = await running.done;
        expect(code, transcript).toBe(0);
      }),
    );
    await shop.clearFaults();
    await shop.serves(both('1.1.0'));
  });

  it('a rollback goes on without an instance that cannot be reached, and names it', async () => {
    const [silent] = shop.status.instances;
    await shop.fault('agent-offline', '--instance', silent?.id ?? '');
    const { stderr: refusal } = await shop.run(12, rolloutTo('2.0.0', 'rolling'));
    expect(refusal).toMatch(/cannot be reached through SSM/);
    const { stderr, stdout, code } = await shop.cli(['rollback', '--yes', '--json']);
    expect(code, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ outcome: 'succeeded', excluded: [silent?.id] });
    await shop.fault('agent-online', '--instance', silent?.id ?? '');
  });
});
