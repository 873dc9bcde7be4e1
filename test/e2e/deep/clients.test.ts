import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAccess } from '../../../src/sandbox/access.js';
import type { Shop } from '../kit.js';
import { openShop, rolloutTo } from '../kit.js';

/** A client of AWS that a person has at hand. */
interface Client {
  readonly name: string;
  readonly argv: readonly string[];
}

/** Whether it is on this machine; says in one line that it is not. */
async function isHere({ name, argv: [file = '', ...args] }: Client, probe: readonly string[]): Promise<boolean> {
  const { exitCode } = await execa(file, [...args, ...probe], { reject: false, stdin: 'ignore' });
  if (exitCode === 0) return true;
  process.stderr.write(`skipping the tests of the sandbox with ${name}: it is not on this machine\n`);
  return false;
}

const cli: Client = { name: 'the aws CLI', argv: ['aws'] };
const boto3: Client = { name: 'boto3', argv: ['python3', '-c'] };
const [hasCli, hasBoto3] = await Promise.all([isHere(cli, ['--version']), isHere(boto3, ['import boto3'])]);

/** Reads, writes and a command on an instance, as JSON on stdout. */
const SCRIPT = `
import boto3, json, sys, time
elbv2, ssm, ec2, sts = (boto3.client(name) for name in ('elbv2', 'ssm', 'ec2', 'sts'))
instance = ec2.describe_instances(Filters=[{'Name': 'tag:App', 'Values': ['shop']}])['Reservations'][0]['Instances'][0]['InstanceId']
ssm.put_parameter(Name='/notes/one', Value='a b+c ü', Type='String')
command = ssm.send_command(DocumentName='AWS-RunShellScript', InstanceIds=[instance], Parameters={'commands': ['echo from boto3']})['Command']['CommandId']
while True:
    done = ssm.list_command_invocations(CommandId=command, Details=True)['CommandInvocations']
    if done and done[0]['Status'] not in ('Pending', 'InProgress', 'Delayed'): break
    time.sleep(0.1)
json.dump({
    'groups': sorted(one['TargetGroupName'] for one in elbv2.describe_target_groups()['TargetGroups']),
    'value': ssm.get_parameter(Name='/notes/one')['Parameter']['Value'],
    'output': done[0]['CommandPlugins'][0]['Output'],
    'who': sts.get_caller_identity()['Arn'],
}, sys.stdout)
`;

describe('what `sandbox env` exports', () => {
  let shop: Shop;
  beforeAll(async () => {
    shop = await openShop({ instances: 1 });
  });
  afterAll(() => shop.dispose());

  const groups = ['shop-backend-blue', 'shop-backend-green', 'shop-frontend-blue', 'shop-frontend-green'];
  const run = async (
    { argv: [file = '', ...args] }: Client,
    more: readonly string[],
    env: Record<string, string> = {},
  ) =>
    execa(file, [...args, ...more], {
      env: { ...shop.env(), ...env },
      extendEnv: false,
      reject: false,
      stdin: 'ignore',
    });
  const succeeded = async (...args: Parameters<typeof run>): Promise<string> => {
    const { exitCode, stdout, stderr } = await run(...args);
    expect(exitCode, `${stderr}\n${stdout}`).toBe(0);
    return stdout;
  };

  it.runIf(hasCli)('lets the aws CLI in', async () => {
    const aws = async (...args: string[]): Promise<unknown> =>
      JSON.parse(await succeeded(cli, [...args, '--output', 'json']));
    expect(await aws('elbv2', 'describe-target-groups', '--query', 'sort(TargetGroups[].TargetGroupName)')).toEqual(
      groups,
    );
    expect(await aws('ec2', 'describe-instances', '--query', 'Reservations[].Instances[].InstanceId')).toEqual(
      shop.status.instances.map(({ id }) => id),
    );
    await aws('ssm', 'put-parameter', '--name', '/notes/cli', '--type', 'String', '--value', 'a b+c ü');
    const value = ['--query', 'Parameters[].Value'];
    expect(await aws('ssm', 'get-parameters-by-path', '--path', '/notes', '--recursive', ...value)).toEqual([
      'a b+c ü',
    ]);
    await succeeded(cli, ['ssm', 'delete-parameter', '--name', '/notes/cli']);
  });

  it.runIf(hasCli)('is what the aws CLI is refused without, in the words of AWS', async () => {
    const { client: stranger } = createAccess();
    const refused = async (env: Record<string, string>, ...args: string[]): Promise<string> => {
      const { exitCode, stderr } = await run(cli, args, env);
      expect(exitCode).not.toBe(0);
      return stderr.trim();
    };
    const key = { AWS_ACCESS_KEY_ID: stranger.id };
    const secret = { AWS_SECRET_ACCESS_KEY: stranger.secret };
    expect(await refused(key, 'elbv2', 'describe-target-groups')).toContain('(InvalidClientTokenId)');
    expect(await refused(secret, 'elbv2', 'describe-target-groups')).toContain('(SignatureDoesNotMatch)');
    expect(await refused(key, 'ssm', 'describe-instance-information')).toContain('(UnrecognizedClientException)');
    expect(await refused(secret, 'ec2', 'describe-instances')).toContain('(AuthFailure)');
    expect(await refused({}, 'elbv2', 'describe-target-groups', '--region', 'us-east-1')).toContain("not 'us-east-1'");
  });

  it.runIf(hasBoto3)('lets boto3 in', async () => {
    expect(JSON.parse(await succeeded(boto3, [SCRIPT]))).toEqual({
      groups,
      value: 'a b+c ü',
      output: 'from boto3\n',
      who: 'arn:aws:iam::123456789012:user/sandbox',
    });
  });

  it('is what deployctl is refused without, before any change', async () => {
    const env = { AWS_SECRET_ACCESS_KEY: createAccess().client.secret };
    const commands = [
      ['plan', '--backend', '1.1.0'],
      rolloutTo({ backend: '1.1.0' }, 'rolling'),
      ['doctor'],
      ['status'],
    ];
    const before = await shop.calls();
    for (const args of commands) {
      const { stdout, stderr } = await shop.run(12, args, { env });
      expect(stdout + stderr).toMatch(/SignatureDoesNotMatch[^]*correct the AWS credentials: .*deployctl sandbox env/);
    }
    expect(await shop.calls()).toEqual(before);
    await shop.serves({ backend: '1.0.0', frontend: '1.0.0' });
  });

  it('is of one sandbox: that of another opens nothing here', async () => {
    const other = join(shop.dir, 'other');
    await mkdir(other);
    const up = ['sandbox', 'up', '--detach', '--no-release', '--instances', '1', '--state-dir', other];
    await shop.run(0, up);
    try {
      const { stdout } = await shop.run(0, ['sandbox', 'env', '--json', '--state-dir', other]);
      const { AWS_ACCESS_KEY_ID = '', AWS_SECRET_ACCESS_KEY = '' } = JSON.parse(stdout) as Record<string, string>;
      const { stderr } = await shop.run(12, ['status'], { env: { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY } });
      expect(stderr).toMatch(/InvalidClientTokenId|UnrecognizedClientException|AuthFailure/);
      // Its commands use what its folder says, and no other token does.
      await writeFile(join(other, 'access.json'), JSON.stringify(createAccess()));
      const refused = await shop.run(12, ['sandbox', 'fault', 'lag', '--ms', '1', '--state-dir', other]);
      expect(refused.stderr).toMatch(/refused POST fault \(401\): control routes need/);
    } finally {
      await shop.run(0, ['sandbox', 'down', '--state-dir', other]);
    }
  });
});
