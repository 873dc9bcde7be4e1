import { expect, it } from 'vitest';
import { ec2, useBench } from './wire.js';
import type { Answer } from './wire.js';

const bench = useBench();
const id = (n: number) => `i-${String(n).padStart(17, '0')}` as const;

const instance = (n: number, tags: Readonly<Record<string, string>> = {}): object => ({
  instanceId: id(n),
  instanceState: { code: 16, name: 'running' },
  privateIpAddress: `10.0.0.${n}`,
  placement: { availabilityZone: 'eu-central-1a' },
  tagSet: Object.entries(tags).map(([key, value]) => ({ key, value })),
});
const reservations = (instances: readonly object[], nextToken?: string): Answer =>
  ec2({ reservationSet: instances.map((one) => ({ instancesSet: [one] })), nextToken });
const agents = (...list: readonly [number, string][]): Answer => ({
  json: { InstanceInformationList: list.map(([n, PingStatus]) => ({ InstanceId: id(n), PingStatus })) },
});

it('reads all pages, joins the agents, sorts by id', async () => {
  const { wire, aws } = bench();
  wire.on('DescribeInstances', (seen) =>
    seen.form['NextToken'] === undefined
      ? reservations([instance(3, { Name: 'web-3' }), instance(2)], 'next')
      : reservations([instance(1, { Name: '' })]),
  );
  wire.on('DescribeInstanceInformation', agents([1, 'Online'], [2, 'ConnectionLost']));
  const fleet = await aws.fleet.instances({ is: 'tags', tags: { app: 'shop', role: 'web*' } }, { is: 'ports' });
  expect(fleet).toEqual([
    { id: id(1), name: id(1), zone: 'eu-central-1a', address: '10.0.0.1', agent: 'online' },
    { id: id(2), name: id(2), zone: 'eu-central-1a', address: '10.0.0.2', agent: 'offline' },
    { id: id(3), name: 'web-3', zone: 'eu-central-1a', address: '10.0.0.3', agent: 'unmanaged' },
  ]);
  expect(wire.of('DescribeInstances')[0]?.form).toMatchObject({
    'Filter.1.Name': 'instance-state-name',
    'Filter.1.Value.1': 'running',
    'Filter.2.Name': 'tag:app',
    'Filter.2.Value.1': 'shop',
    'Filter.3.Name': 'tag:role',
    'Filter.3.Value.1': 'web*',
  });
});

it('asks for ids by filter, so that one that is unknown is just absent', async () => {
  const { wire, aws } = bench();
  wire.on('DescribeInstances', reservations([instance(1)]));
  wire.on('DescribeInstanceInformation', agents());
  const fleet = await aws.fleet.instances({ is: 'ids', ids: [id(1), id(2)] }, { is: 'ports' });
  expect(fleet.map((one) => one.id)).toEqual([id(1)]);
  const form = wire.of('DescribeInstances')[0]?.form ?? {};
  expect(form).toMatchObject({ 'Filter.2.Name': 'instance-id', 'Filter.2.Value.2': id(2) });
  expect(Object.keys(form).filter((key) => key.startsWith('InstanceId'))).toEqual([]);
});

it('tells two sets apart by the tag', async () => {
  const { wire, aws } = bench();
  wire.on(
    'DescribeInstances',
    reservations([instance(1, { set: 'B' }), instance(2, { set: 'G' }), instance(3, { set: 'x' })]),
  );
  wire.on('DescribeInstanceInformation', agents());
  const layout = { is: 'instances', tag: 'set', values: { blue: 'B', green: 'G' } } as const;
  const fleet = await aws.fleet.instances({ is: 'tags', tags: {} }, layout);
  expect(fleet.map(({ color }) => color)).toEqual(['blue', 'green', undefined]);
});

it('asks for agents 50 at a time; none for an empty fleet', async () => {
  const { wire, aws } = bench();
  wire.on('DescribeInstances', reservations(Array.from({ length: 51 }, (_, n) => instance(n))));
  wire.on('DescribeInstanceInformation', agents());
  expect(await aws.fleet.instances({ is: 'tags', tags: {} }, { is: 'ports' })).toHaveLength(51);
  const sizes = wire.of('DescribeInstanceInformation').map(({ json }) => JSON.stringify(json).split('"i-').length - 1);
  expect(sizes.sort((x, y) => x - y)).toEqual([1, 50]);
  wire.on('DescribeInstances', { xml: '<reservationSet/>' });
  expect(await aws.fleet.instances({ is: 'tags', tags: {} }, { is: 'ports' })).toEqual([]);
  expect(wire.of('DescribeInstanceInformation')).toHaveLength(2);
});

it('says which instances run and which may be started again, whatever their tags', async () => {
  const { wire, aws } = bench();
  const inState = (n: number, name: string): object => ({ ...instance(n), instanceState: { code: 80, name } });
  wire.on('DescribeInstances', reservations([instance(1), inState(2, 'stopped'), inState(3, 'stopping')]));
  const states = await aws.fleet.states([id(1), id(2), id(3), id(4)]);
  expect([...states]).toEqual([
    [id(1), 'running'],
    [id(2), 'stopped'],
    [id(3), 'stopped'],
  ]);
  const form = wire.of('DescribeInstances')[0]?.form ?? {};
  // Terminated instances stay listed for an hour.
  expect(Object.values(form)).toEqual(expect.arrayContaining(['pending', 'running', 'stopping', 'stopped', id(4)]));
  expect(Object.values(form)).not.toContain('terminated');
  expect(Object.keys(form).filter((key) => key.startsWith('InstanceId'))).toEqual([]);
});
