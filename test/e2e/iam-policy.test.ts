import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Shop } from './kit.js';
import { at, openShop, rolloutTo } from './kit.js';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** deployctl on a sandbox that holds it to the policy that `iam-policy` prints. */
describe('iam-policy', () => {
  let shop: Shop;
  let dir: string;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'deployctl-policy-'));
    const args = ['iam-policy', '--config', join(root, 'examples/shop/deployctl.yml'), '--account', '123456789012'];
    // No AWS at all is needed to print it.
    const bare = { PATH: process.env['PATH'], HOME: dir, AWS_EC2_METADATA_DISABLED: 'true' };
    const { stdout } = await promisify(execFile)(process.execPath, [join(root, 'bin/run.js'), ...args], { env: bare });
    await writeFile(join(dir, 'policy.json'), stdout);
    // From four on, commands are asked for together.
    shop = await openShop({ instances: 4, up: ['--policy', join(dir, 'policy.json')] });
  });
  afterAll(async () => {
    await shop.dispose();
    await rm(dir, { recursive: true, force: true });
  });

  it('suffices for every command, and no right in it is idle', async () => {
    await shop.run(0, ['doctor']);
    await shop.run(0, ['plan', '--backend', '1.1.0']);
    await shop.run(0, rolloutTo({ backend: '1.1.0' }, 'rolling', '--skip-validation'));
    const running = shop.start(rolloutTo('2.0.0', 'blue-green'));
    await running.until(/10% of the traffic goes/);
    running.kill('SIGINT');
    expect((await running.done).code).toBe(130);
    await shop.run(0, ['resume']);
    await shop.run(0, ['status']);
    await shop.run(0, ['history']);
    await shop.run(0, ['rollback', '--yes']);
    await shop.run(0, ['retire', '--yes']);
    await shop.run(0, ['lease', 'show']);
    const { denied, statements } = await shop.policy();
    expect(denied).toEqual([]);
    // Housekeeping: it begins after ten locks and fifty rollouts.
    const rare = ['ssm:DeleteParameters'];
    const idle = statements.flatMap(({ sid, used }) =>
      Object.entries(used).flatMap(([action, times]) =>
        times > 0 || rare.includes(action) ? [] : [`${sid}: ${action}`],
      ),
    );
    expect(idle).toEqual([]);
    expect(statements.map(({ sid }) => sid)).toEqual([
      'Look',
      'Examine',
      'Targets',
      'Listeners',
      'Rules',
      'Script',
      'Instances',
      'State',
    ]);
  });

  it('keeps other environments out: refused before any change, in the words of AWS', async () => {
    const other = await shop.config((file) => void (file['app'] = 'other'), 'other.yml');
    const { stderr } = await shop.run(12, [...rolloutTo('1.1.0', 'rolling'), '--config', other]);
    expect(stderr).toMatch(
      /AccessDeniedException: User: \S+ is not authorized to perform: ssm:\w+ on resource: arn:aws:ssm:eu-west-1:123456789012:parameter\/deployctl\/other\/production\/\S+ because no identity-based policy allows the ssm:\w+ action/,
    );
    expect(stderr).toMatch(/Next:\n {2}allow ssm:\w+ for this identity/);
  });

  it('is scoped: what the configuration names, and nothing else', async () => {
    const ecr = '123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/backend';
    const path = await shop.config((file) => {
      at(file, 'services', 'backend')['image'] = ecr;
      const production = at(file, 'environments', 'production');
      production['fleet'] = { instances: ['i-0123456789abcdef0'] };
      production['notifications'] = { discord: { webhook: { parameter: '/shop/webhook' } } };
    }, 'scoped.yml');
    interface Statement {
      readonly Sid: string;
      readonly Action: readonly string[];
      readonly Resource: string | readonly string[];
    }
    const { Statement: all } = await shop.json<{ Statement: readonly Statement[] }>(0, [
      'iam-policy',
      '--config',
      path,
    ]);
    const resources = (sid: string) => all.find(({ Sid }) => Sid === sid)?.Resource;
    // The account is read from AWS here.
    expect(resources('Instances')).toEqual(['arn:aws:ec2:eu-west-1:123456789012:instance/i-0123456789abcdef0']);
    expect(resources('Images')).toEqual(['arn:aws:ecr:eu-west-1:123456789012:repository/shop/backend']);
    expect(resources('Webhook')).toEqual(['arn:aws:ssm:eu-west-1:123456789012:parameter/shop/webhook']);
    expect(resources('Targets')).toEqual(
      ['backend-blue', 'backend-green', 'frontend-blue', 'frontend-green'].map(
        (name) => `arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/shop-${name}/*`,
      ),
    );
    const open = all.filter(({ Resource }) => Resource === '*').flatMap(({ Action }) => Action);
    // Reads that AWS cannot narrow; no change is open.
    expect(open.filter((action) => !/:(Describe|Get|List)/.test(action))).toEqual([]);
  });

  it('refuses what is no account', async () => {
    const { stderr } = await shop.run(64, ['iam-policy', '--account', '1234']);
    expect(stderr).toMatch(/--account 1234: an AWS account has 12 digits/);
  });
});
