import { DescribeAvailabilityZonesCommand, DescribeInstancesCommand } from '@aws-sdk/client-ec2';
import { DescribeTargetGroupsCommand } from '@aws-sdk/client-elastic-load-balancing-v2';
import { describe, expect, test } from 'vitest';
import { parseForm } from '../../src/sandbox/wire/form.js';
import { toXml } from '../../src/sandbox/wire/xml.js';
import { fetchRaw, startKit } from './kit.js';

describe('forms', () => {
  test('lists of both protocols become arrays, in the order of their numbers', () => {
    const form =
      'Action=ModifyListener&A.member.10.Weight=0&A.member.2.Weight=7&A.member.1.Groups.member.1=x&Filter.1.Name=n&Filter.1.Value.1=v&Filter.1.Value.2=w';
    expect(parseForm(form)).toEqual({
      Action: 'ModifyListener',
      A: [{ Groups: ['x'] }, { Weight: '7' }, { Weight: '0' }],
      Filter: [{ Name: 'n', Value: ['v', 'w'] }],
    });
  });

  test('an empty list is not an absent one, and a hostile name is only a name', () => {
    expect(parseForm('Actions=')).toEqual({ Actions: '' });
    parseForm('__proto__.polluted=yes&constructor.prototype.polluted=yes');
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
  });
});

test('XML keeps empty lists as elements, leaves undefined out and escapes text', () => {
  expect(
    toXml({ List: [], Gone: undefined, Text: `<a & "b">`, Items: [{ Id: 1 }], Map: new Map([['k', 'v']]) }, 'member'),
  ).toBe(
    '<List/><Text>&lt;a &amp; &quot;b&quot;&gt;</Text><Items><member><Id>1</Id></member></Items>' +
      '<Map><entry><key>k</key><value>v</value></entry></Map>',
  );
});

test('faults, request ids, errors of each protocol, the call log and the end of a sandbox', async () => {
  const kit = await startKit();

  // JSON 1.1: SSM.
  const ssm = (operation: string, body: unknown = {}) => kit.call('ssm', operation, JSON.stringify(body));
  const echo = await ssm('Echo', { Name: 'x' });
  expect(JSON.parse(echo.body)).toEqual({ params: { Name: 'x' } });
  expect(echo.headers['x-amzn-requestid']).toMatch(/^[0-9a-f-]{36}$/);
  expect(Math.abs(Date.parse(String(echo.headers.date)) - Date.now())).toBeLessThan(5000);
  const unknown = await ssm('Nope');
  expect([unknown.status, JSON.parse(unknown.body)]).toEqual([
    400,
    { __type: 'UnknownOperationException', message: 'no Nope' },
  ]);

  // An error before the effect, counted down.
  await kit.control('POST', 'fault', {
    kind: 'api-error',
    operation: 'DescribeInstances',
    code: 'RequestLimitExceeded',
    status: 503,
    when: 'before',
    times: 1,
  });
  await expect(kit.ec2.send(new DescribeInstancesCommand({}))).rejects.toMatchObject({
    name: 'RequestLimitExceeded',
    $metadata: { httpStatusCode: 503, attempts: 1 },
  });
  await expect(kit.ec2.send(new DescribeInstancesCommand({}))).resolves.toBeDefined();

  // Query error; the wire's code has no suffix, the SDK's name has.
  await expect(
    kit.elb.send(new DescribeTargetGroupsCommand({ TargetGroupArns: ['arn:nothing'] })),
  ).rejects.toMatchObject({ name: 'TargetGroupNotFoundException', Code: 'TargetGroupNotFound' });

  // A lost answer, and a hang that outlasts the caller.
  await kit.control('POST', 'fault', { kind: 'api-drop', operation: '*', when: 'after', times: 1 });
  await expect(kit.ec2.send(new DescribeAvailabilityZonesCommand({}))).rejects.toMatchObject({ code: 'ECONNRESET' });
  await kit.control('POST', 'fault', { kind: 'api-hang', operation: '*', when: 'before', ms: 60_000 });
  await expect(
    kit.ec2.send(new DescribeAvailabilityZonesCommand({}), { abortSignal: AbortSignal.timeout(100) }),
  ).rejects.toMatchObject({ name: 'AbortError' });
  await kit.control('DELETE', 'fault');

  await expect(kit.control('POST', 'fault', { kind: 'api-eror' })).rejects.toThrow(/kind/);
  const calls = await kit.control('GET', 'calls');
  expect(calls).toMatchObject({ counts: { Echo: 1, Nope: 1, DescribeInstances: 2, DescribeAvailabilityZones: 1 } });

  // Shutdown over the wire, with a call still hanging: the endpoint, the load balancer and the block are free again.
  await kit.control('POST', 'fault', { kind: 'api-hang', operation: '*', when: 'before', ms: 60_000 });
  const hanging = ssm('Echo').catch((error: unknown) => error);
  await kit.control('POST', 'shutdown');
  await kit.sandbox.closed;
  expect(await hanging).toBeInstanceOf(Error);
  await expect(fetchRaw(`${kit.sandbox.endpoint}/_sandbox/status`)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  await expect(fetchRaw(kit.url)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
});

test('a throttled service answers with its own code', async () => {
  const kit = await startKit({ instances: 0 }, { throttle: { capacity: 2, perSecond: 0.001 } });
  const ask = () => kit.ec2.send(new DescribeAvailabilityZonesCommand({}));
  await ask();
  await ask();
  await expect(ask()).rejects.toMatchObject({ name: 'RequestLimitExceeded', $metadata: { httpStatusCode: 503 } });
  await expect(kit.elb.send(new DescribeTargetGroupsCommand({}))).resolves.toBeDefined();
});

test('each sandbox has a block of addresses of its own', async () => {
  const first = await startKit({ instances: 1 });
  const second = await startKit({ instances: 1 });
  expect(second.status().instances[0]?.address).not.toBe(first.status().instances[0]?.address);
});
