import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Shop } from '../kit.js';
import { openShop, rolloutTo } from '../kit.js';

/** docs/aws.md, "When AWS does not answer". */
const bound = 60_000;

/** One call to AWS fails for as long as a command runs: the call is named, and the fleet is not blamed. */
describe('one API that fails', () => {
  let shop: Shop;
  beforeAll(async () => {
    shop = await openShop({ instances: 2 });
  });
  afterEach(() => shop.clearFaults());
  afterAll(() => shop.dispose());

  const read = ['ListCommandInvocations', 'GetCommandInvocation'];

  it('another call stands in for the answers of the instances when their listing hangs, or is denied', async () => {
    for (const fault of [['api-hang'], ['api-error', '--code', 'AccessDeniedException']]) {
      await shop.fault(...fault, '--operation', 'ListCommandInvocations');
      const { stdout, stderr, ms } = await shop.run(0, ['status']);
      expect(stdout).toMatch(/backend 1\.0\.0, frontend 1\.0\.0/);
      expect(stderr).toMatch(/ssm:ListCommandInvocations.*deployctl asks ssm:GetCommandInvocation instead/);
      expect(ms).toBeLessThan(20_000);
      await shop.clearFaults();
    }
  });

  it('a right that is missing is named with the action to allow, by every command, within seconds', async () => {
    for (const operation of read)
      await shop.fault('api-error', '--code', 'AccessDeniedException', '--operation', operation);
    for (const args of [['status'], ['plan', '--backend', '1.1.0'], ['rollback', '--yes'], ['doctor']]) {
      const { stdout, stderr, transcript, ms } = await shop.run(12, args);
      expect(`${stdout}\n${stderr}`, transcript).toMatch(/allow ssm:(?:List|Get)CommandInvocations? for this identity/);
      expect(`${stdout}\n${stderr}`, transcript).not.toMatch(/SSM agent|cannot be reached through SSM/);
      expect(ms, transcript).toBeLessThan(20_000);
    }
  });

  it('status shows what it could read when the instances cannot be asked, and ends with 12', async () => {
    await shop.fault('api-error', '--code', 'AccessDeniedException', '--operation', 'SendCommand');
    const status = await shop.json<{
      unread?: { operation: string };
      services: readonly unknown[];
      problems: string[];
    }>(12, ['status']);
    expect(status).toMatchObject({ unread: { operation: 'ssm:SendCommand' } });
    expect(status.services).toMatchObject([{ weights: { blue: 100 } }, { weights: { blue: 100 } }]);
    expect(status.problems.join('\n')).toMatch(
      /what runs on the instances is not known: ssm:SendCommand: AccessDenied/,
    );
  });

  it('what hangs is named after 5 s, and the command ends within its bound', async () => {
    await shop.fault('api-hang', '--operation', 'DescribeTargetHealth');
    const began = Date.now();
    const running = shop.start(rolloutTo({ backend: '1.1.0' }, 'rolling'));
    await running.until(/waiting for elbv2:DescribeTargetHealth in \S+ \(5 s\)/);
    expect(Date.now() - began).toBeLessThan(9000);
    const { code, stderr, transcript, ms } = await running.done;
    expect(code, transcript).toBe(12);
    expect(stderr).toMatch(/no answer from http\S+ within 6 s[^]*Nothing was changed[^]*check the connection to http/);
    expect(ms).toBeLessThan(bound);
  });

  it("a proxy's page is told as that, with the endpoint", async () => {
    await shop.fault('api-html', '--operation', 'DescribeRules');
    const { stderr } = await shop.run(12, ['plan', '--backend', '1.1.0']);
    expect(stderr).toMatch(/elbv2:DescribeRules: http\S+ answered with an HTML page \(HTTP 200\)/);
  });

  it('doctor tells each call that fails once, and checks what does not depend on it', async () => {
    await shop.fault('api-error', '--code', 'AccessDenied', '--status', '403', '--operation', 'DescribeTargetHealth');
    const { stdout } = await shop.run(12, ['doctor']);
    expect(stdout.match(/elbv2:DescribeTargetHealth: AccessDenied/g)).toHaveLength(1);
    expect(stdout).toMatch(/allow elasticloadbalancing:DescribeTargetHealth for this identity/);
    expect(stdout).toMatch(/ssm answers: .*GetCommandInvocation.*ListCommandInvocations.*SendCommand/);
    expect(stdout).toMatch(/not tried, because it would be a change: elasticloadbalancing:RegisterTargets/);
  });
});
