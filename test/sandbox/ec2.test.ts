import {
  CreateTagsCommand,
  DescribeAvailabilityZonesCommand,
  DescribeInstancesCommand,
  DescribeInstanceStatusCommand,
  DescribeSubnetsCommand,
  DescribeTagsCommand,
  DescribeVpcsCommand,
  paginateDescribeInstances,
  RebootInstancesCommand,
  RunInstancesCommand,
  StartInstancesCommand,
  StopInstancesCommand,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2';
import type { DescribeInstancesCommandInput, Filter, Instance } from '@aws-sdk/client-ec2';
import { describe, expect, test } from 'vitest';
import { wildcard } from '../../src/sandbox/services/ec2/params.js';
import type { Kit } from './kit.js';
import { healthOf, startKit, until } from './kit.js';

async function instances(kit: Kit, filters: Filter[]): Promise<Instance[]> {
  const answer = await kit.ec2.send(new DescribeInstancesCommand({ Filters: filters }));
  return (answer.Reservations ?? []).flatMap((reservation) => reservation.Instances ?? []);
}

const names = (list: readonly Instance[]): (string | undefined)[] =>
  list.map((one) => one.Tags?.find((tag) => tag.Key === 'Name')?.Value).sort();

describe('wildcards of filter values', () => {
  test.each([
    ['shop-*', 'shop-12', true],
    ['shop-?', 'shop-1', true],
    ['shop-?', 'shop-12', false],
    ['a.b', 'axb', false],
    ['Shop', 'shop', false],
    [String.raw`a\*b`, 'a*b', true],
    [String.raw`a\*b`, 'axb', false],
    ['a/b-c{1}', 'a/b-c{1}', true],
  ])('%s on %s: %s', (pattern, text, expected) => {
    expect(wildcard(pattern).test(text)).toBe(expected);
  });
});

test('the fleet as EC2 describes it: filters, pages, ids that do not exist', async () => {
  const kit = await startKit({ instances: 7 });

  const all = await instances(kit, [
    { Name: 'tag:App', Values: ['shop'] },
    { Name: 'instance-state-name', Values: ['running'] },
  ]);
  expect(names(all)).toEqual(['shop-1', 'shop-2', 'shop-3', 'shop-4', 'shop-5', 'shop-6', 'shop-7']);
  expect(all[0]).toMatchObject({
    State: { Code: 16, Name: 'running' },
  });
  expect(all[0]?.LaunchTime).toBeInstanceOf(Date);

  const zoneA = await instances(kit, [{ Name: 'availability-zone', Values: ['*a'] }]);
  expect(names(zoneA)).toEqual(['shop-1', 'shop-3', 'shop-5', 'shop-7']);
  expect(names(await instances(kit, [{ Name: 'tag:Name', Values: ['shop-2', 'shop-?3'] }]))).toEqual(['shop-2']);
  expect(await instances(kit, [{ Name: 'tag:App', Values: ['Shop'] }])).toEqual([]);
  expect(await instances(kit, [{ Name: 'tag-key', Values: ['Nope'] }])).toEqual([]);
  expect(await instances(kit, [{ Name: 'instance-id', Values: ['i-00000000'] }])).toEqual([]);

  const sizes: number[] = [];
  for await (const page of paginateDescribeInstances({ client: kit.ec2, pageSize: 5 }, {})) {
    sizes.push(page.Reservations?.length ?? 0);
  }
  expect(sizes).toEqual([5, 2]);

  const describe = (input: DescribeInstancesCommandInput) => kit.ec2.send(new DescribeInstancesCommand(input));
  const [first = ''] = kit.ids;
  await expect(describe({ InstanceIds: ['i-00000000000000000'] })).rejects.toMatchObject({
    name: 'InvalidInstanceID.NotFound',
  });
  await expect(describe({ InstanceIds: ['shop-1'] })).rejects.toMatchObject({ name: 'InvalidInstanceID.Malformed' });
  await expect(describe({ InstanceIds: [first], MaxResults: 5 })).rejects.toMatchObject({
    name: 'InvalidParameterCombination',
  });
  await expect(describe({ NextToken: 'nonsense' })).rejects.toMatchObject({ name: 'InvalidNextToken' });
  await expect(describe({ Filters: [{ Name: 'colour', Values: ['red'] }] })).rejects.toMatchObject({
    name: 'InvalidParameterValue',
  });
});

test('tags, zones, subnets, the caller', async () => {
  const kit = await startKit({ instances: 2 });
  const [first = ''] = kit.ids;
  await kit.ec2.send(
    new CreateTagsCommand({
      Resources: [first],
      Tags: [
        { Key: 'Color', Value: 'blue' },
        { Key: 'Name', Value: 'one' },
      ],
    }),
  );
  const answer = await kit.ec2.send(new DescribeTagsCommand({ Filters: [{ Name: 'resource-id', Values: [first] }] }));
  expect(Object.fromEntries((answer.Tags ?? []).map((tag) => [tag.Key, tag.Value]))).toEqual({
    Name: 'one',
    App: 'shop',
    Environment: 'production',
    Color: 'blue',
  });
  await expect(
    kit.ec2.send(new CreateTagsCommand({ Resources: [first], Tags: [{ Key: 'aws:x', Value: '' }] })),
  ).rejects.toMatchObject({ name: 'InvalidParameterValue' });

  const zones = await kit.ec2.send(new DescribeAvailabilityZonesCommand({}));
  expect(zones.AvailabilityZones?.map((zone) => zone.ZoneName)).toEqual(['eu-west-1a', 'eu-west-1b']);
  expect((await kit.ec2.send(new DescribeVpcsCommand({}))).Vpcs).toHaveLength(1);
  expect((await kit.ec2.send(new DescribeSubnetsCommand({}))).Subnets).toHaveLength(2);

  const caller = await kit.call('sts', 'GetCallerIdentity', 'Action=GetCallerIdentity&Version=2011-06-15');
  expect(caller.body).toContain('<GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/sandbox</Arn>');
});

test('instances stop, start, end and join; targets of a stopped one are unused', async () => {
  const kit = await startKit({ instances: 2 });
  const [first = '', second = ''] = kit.ids;
  const stateOf = (id: string) => kit.status().instances.find((one) => one.id === id)?.state;

  const stopping = await kit.ec2.send(new StopInstancesCommand({ InstanceIds: [first] }));
  expect(stopping.StoppingInstances?.[0]).toMatchObject({
    CurrentState: { Name: 'stopping' },
    PreviousState: { Name: 'running' },
  });
  await until('it stopped', () => stateOf(first) === 'stopped');
  expect((await healthOf(kit, kit.group('backend', 'blue')))[`${first}:8081`]).toBe('unused/Target.InvalidState');
  const statuses = await kit.ec2.send(new DescribeInstanceStatusCommand({}));
  expect(statuses.InstanceStatuses?.map((one) => one.InstanceId)).toEqual([second]);
  await expect(kit.ec2.send(new RebootInstancesCommand({ InstanceIds: [first] }))).rejects.toMatchObject({
    name: 'IncorrectInstanceState',
  });

  await kit.ec2.send(new StartInstancesCommand({ InstanceIds: [first] }));
  await until('it runs again', () => stateOf(first) === 'running');

  await kit.ec2.send(new TerminateInstancesCommand({ InstanceIds: [first] }));
  await until('it ended', () => stateOf(first) === 'terminated');
  await expect(kit.ec2.send(new StartInstancesCommand({ InstanceIds: [first] }))).rejects.toMatchObject({
    name: 'IncorrectInstanceState',
  });

  const run = await kit.ec2.send(
    new RunInstancesCommand({
      MinCount: 1,
      MaxCount: 1,
      ImageId: 'ami-1',
      Placement: { AvailabilityZone: 'eu-west-1b' },
      TagSpecifications: [{ ResourceType: 'instance', Tags: [{ Key: 'App', Value: 'shop' }] }],
    }),
  );
  const joined = run.Instances?.[0];
  expect(joined).toMatchObject({ State: { Name: 'pending' }, Placement: { AvailabilityZone: 'eu-west-1b' } });
  await until('it joined', () => stateOf(joined?.InstanceId ?? '') === 'running');

  await kit.control('POST', 'fault', { kind: 'instance-reboot', instance: second });
  await kit.control('POST', 'fault', { kind: 'instance-stop', instance: second });
  await kit.control('POST', 'fault', { kind: 'instance-terminate', instance: second });
  expect(stateOf(second)).toBe('terminated');
});
