import { DescribeInstancesCommand } from '@aws-sdk/client-ec2';
import { DescribeTargetGroupsCommand } from '@aws-sdk/client-elastic-load-balancing-v2';
import { PutParameterCommand, SendCommandCommand, SSMClient } from '@aws-sdk/client-ssm';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { AccessKey } from '../../src/sandbox/access.js';
import { createAccess } from '../../src/sandbox/access.js';
import { AwsError } from '../../src/sandbox/types.js';
import type { Kit } from './kit.js';
import { fetchRaw, startKit } from './kit.js';
import { sign } from './sign.js';

/** Everything that was called, and what it was called with. */
let served: string[];
let kit: Kit;
/** Host and port of the endpoint. */
let host: string;

beforeEach(async () => {
  served = [];
  kit = await startKit(
    { instances: 1 },
    {
      createSsm:
        () =>
        ({ operation, params }) => {
          served.push(`${operation} ${JSON.stringify(params)}`);
          return operation === 'Fail' ? Promise.reject(new AwsError('Failed', 'no')) : Promise.resolve({});
        },
    },
  );
  host = new URL(kit.sandbox.endpoint).host;
});

const ssmClient = (key: AccessKey): SSMClient => {
  const client = new SSMClient({
    endpoint: kit.sandbox.endpoint,
    region: 'eu-west-1',
    credentials: { accessKeyId: key.id, secretAccessKey: key.secret },
    maxAttempts: 1,
  });
  onTestFinished(() => client.destroy());
  return client;
};
const command = new SendCommandCommand({ DocumentName: 'AWS-RunShellScript', InstanceIds: ['i-1'] });
const target = { 'x-amz-target': 'AmazonSSM.SendCommand', 'content-type': 'application/x-amz-json-1.1' };

describe('a call', () => {
  it('of the SDK, signed with a key of this sandbox, is served', async () => {
    await ssmClient(kit.access.client).send(command);
    await ssmClient(kit.access.root).send(command);
    expect(served).toHaveLength(2);
    await expect(kit.ec2.send(new DescribeInstancesCommand({}))).resolves.toBeDefined();
    await expect(kit.elb.send(new DescribeTargetGroupsCommand({}))).resolves.toBeDefined();
  });

  it('with what needs care in a signature is served: spaces, plus, percent, other letters', async () => {
    const Value = ' a  b+c%20d~ü\n漢';
    await ssmClient(kit.access.client).send(new PutParameterCommand({ Name: '/x', Value }));
    expect(served).toEqual([`PutParameter ${JSON.stringify({ Name: '/x', Value })}`]);
    const Filters = [{ Name: 'tag:Näme', Values: ['a b', 'c+d', '%41', '*'] }];
    await expect(kit.ec2.send(new DescribeInstancesCommand({ Filters }))).resolves.toBeDefined();
  });

  it('with another key, another secret or none at all is refused in the words of AWS, and does nothing', async () => {
    const strangers = [createAccess().client, { ...kit.access.client, secret: createAccess().client.secret }];
    const names: string[] = [];
    for (const key of strangers) {
      const error: unknown = await ssmClient(key)
        .send(command)
        .catch((caught: unknown) => caught);
      names.push(error instanceof Error ? error.name : String(error));
    }
    expect(names).toEqual(['UnrecognizedClientException', 'InvalidSignatureException']);

    const unsigned = await fetchRaw(kit.sandbox.endpoint, { method: 'POST', headers: target, body: '{}' });
    expect(unsigned.status).toBe(400);
    expect(JSON.parse(unsigned.body)).toEqual({
      __type: 'MissingAuthenticationTokenException',
      message: 'Missing Authentication Token',
    });
    const form = await fetchRaw(kit.sandbox.endpoint, {
      method: 'POST',
      body: `Action=TerminateInstances&Version=2016-11-15&InstanceId.1=${kit.ids[0] ?? ''}`,
    });
    expect([form.status, form.body]).toEqual([
      403,
      expect.stringContaining('<Code>MissingAuthenticationToken</Code>') as string,
    ]);
    expect(served).toEqual([]);
    expect(kit.status().instances.map(({ state }) => state)).toEqual(['running']);
  });

  it('whose body was changed on the way is refused', async () => {
    const headers = sign({ host, service: 'ssm', headers: target, body: '{"a":1}' }, kit.access.client);
    const send = (body: string) => fetchRaw(kit.sandbox.endpoint, { method: 'POST', headers, body });
    expect((await send('{"a":2}')).body).toContain('InvalidSignatureException');
    expect(served).toEqual([]);
    expect((await send('{"a":1}')).status).toBe(200);
    expect(served).toEqual(['SendCommand {"a":1}']);
  });

  it('that is refused uses up no fault and stands in no log', async () => {
    await kit.control('POST', 'fault', { kind: 'api-drop', operation: '*', when: 'before', times: 1 });
    await expect(ssmClient(createAccess().client).send(command)).rejects.toMatchObject({
      name: 'UnrecognizedClientException',
    });
    expect(kit.status().faults).toHaveLength(1);
    expect(await kit.control('GET', 'calls')).toEqual({ counts: {}, recent: [] });
  });
});

describe('a page in a browser', () => {
  const foreign: readonly (readonly [string, () => Record<string, string>])[] = [
    ['a name of its own for this machine', () => ({ host: `page.example:${host.split(':')[1] ?? ''}` })],
    ['a name that only begins well', () => ({ host: `127.0.0.1.page.example:${host.split(':')[1] ?? ''}` })],
    ['an origin', () => ({ host, origin: 'https://page.example' })],
    ['the origin of a page that this machine serves', () => ({ host, origin: `http://${host}` })],
    ['no origin, as a sandboxed frame', () => ({ host, origin: 'null' })],
    ['a link', () => ({ host, 'sec-fetch-site': 'cross-site' })],
    ['the address bar', () => ({ host, 'sec-fetch-site': 'none' })],
  ];

  it.each(foreign)('gets nothing from AWS by %s, not even with the key', async (_, headersOf) => {
    const { host: named = '', ...more } = headersOf();
    const post = { host: named, service: 'ssm', body: '{}', headers: { ...target, ...more } };
    const headers = sign(post, kit.access.root);
    const reply = await fetchRaw(kit.sandbox.endpoint, { method: 'POST', headers, body: '{}' });
    expect(reply).toMatchObject({ status: 403, body: expect.stringContaining('AccessDenied') as string });
    expect(reply.headers).not.toHaveProperty('access-control-allow-origin');
    expect(served).toEqual([]);
  });

  it.each(foreign)('gets nothing from the control routes by %s, not even with the token', async (_, headersOf) => {
    const headers = {
      ...headersOf(),
      authorization: `Bearer ${kit.access.control}`,
      'content-type': 'application/json',
    };
    for (const [method, path] of [
      ['GET', 'status'],
      ['POST', 'shutdown'],
      ['OPTIONS', 'shutdown'],
    ] as const) {
      const reply = await fetchRaw(`${kit.sandbox.endpoint}/_sandbox/${path}`, { method, headers });
      expect(reply.status, `${method} ${path}`).toBe(403);
      expect(reply.headers).not.toHaveProperty('access-control-allow-origin');
    }
    await expect(kit.control('GET', 'status')).resolves.toMatchObject({ ready: true });
  });
});

describe('a control route', () => {
  /** Each with a body that would be obeyed. */
  const routes = [
    ['GET', 'status', undefined],
    ['GET', 'calls', undefined],
    ['GET', 'policy', undefined],
    ['GET', 'containers', undefined],
    ['POST', 'fault', { kind: 'lag', ms: 1 }],
    ['DELETE', 'fault', undefined],
    ['POST', 'build', { context: '/', reference: 'x:1' }],
    ['POST', 'shutdown', undefined],
  ] as const;
  const ask = (method: string, path: string, headers: Record<string, string>, body?: unknown) =>
    fetchRaw(`${kit.sandbox.endpoint}/_sandbox/${path}`, {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });

  it('is listed here: a new one gets its tests', async () => {
    const { body } = await ask('GET', 'none', { authorization: `Bearer ${kit.access.control}` });
    for (const [method, path] of routes) expect(body).toContain(`${method} ${path}`);
    expect(body.match(/\b(?:GET|POST|PUT|PATCH|DELETE) \w+/g)).toHaveLength(routes.length);
  });

  it('wants the token of this sandbox, of whoever asks', async () => {
    const json = { 'content-type': 'application/json' };
    const { client, root, control } = kit.access;
    const wrong = [
      {},
      { authorization: `Bearer ${createAccess().control}` },
      { authorization: `Bearer ${control.slice(0, -1)}` },
      { authorization: `Basic ${btoa(`sandbox:${control}`)}` },
      // The keys of AWS calls are in the environment of whoever works with the sandbox; they do not open these.
      { authorization: `Bearer ${client.secret}` },
      sign({ host, service: 'ssm', body: '' }, root),
    ];
    for (const headers of wrong) {
      for (const [method, path, body] of routes) {
        const reply = await ask(method, path, { ...json, ...headers }, body);
        expect(reply.status, `${method} ${path} with ${JSON.stringify(headers)}`).toBe(401);
        expect(reply.body).not.toContain(control);
      }
    }
    expect(await kit.control('GET', 'status')).toMatchObject({ ready: true, faults: [] });
  });

  it.each([
    undefined,
    'text/plain',
    'text/plain;application/json',
    'application/x-www-form-urlencoded',
    'application/jsonp',
  ])('that changes something refuses the type %s', async (type) => {
    const headers = {
      authorization: `Bearer ${kit.access.control}`,
      ...(type === undefined ? {} : { 'content-type': type }),
    };
    for (const [method, path, body] of routes) {
      if (method !== 'POST') continue;
      const reply = await ask(method, path, headers, body);
      expect(reply.status, path).toBe(415);
      expect(reply.body).toContain('application/json');
    }
    expect(await kit.control('GET', 'status')).toMatchObject({ ready: true, faults: [] });
  });

  it('is for the port that it is asked at, under the names of loopback', async () => {
    const authorization = `Bearer ${kit.access.control}`;
    const port = host.split(':')[1] ?? '';
    const statuses = async (...hosts: string[]): Promise<number[]> =>
      Promise.all(hosts.map(async (one) => (await ask('GET', 'status', { authorization, host: one })).status));
    expect(await statuses(`127.0.0.1:${port}`, `localhost:${port}`, `LOCALHOST:${port}`, `[::1]:${port}`)).toEqual([
      200, 200, 200, 200,
    ]);
    expect(await statuses('127.0.0.1', `127.0.0.1:${Number(port) + 1}`, 'localhost:80', `0.0.0.0:${port}`)).toEqual([
      403, 403, 403, 403,
    ]);
  });

  it('shows no key', async () => {
    const { client, root, control } = kit.access;
    for (const [method, path, body] of routes) {
      if (method !== 'GET') continue;
      const { status, body: text } = await ask(method, path, { authorization: `Bearer ${control}` }, body);
      expect(status).toBe(200);
      for (const secret of [client.secret, root.secret, control]) expect(text).not.toContain(secret);
    }
  });
});

it('what no client sends is refused, and the endpoint goes on', async () => {
  const odd = [
    { method: 'GET', path: '//', headers: {} },
    { method: 'POST', path: '/', headers: { authorization: 'AWS4-HMAC-SHA256 x' } },
    { method: 'POST', path: '/', headers: { authorization: 'Bearer x', 'x-amz-target': 'Other.Thing' } },
    { method: 'PUT', path: '/?X-Amz-Signature=x&X-Amz-Credential=y', headers: {} },
    { method: 'POST', path: '/_sandbox%2Fshutdown', headers: {} },
  ];
  const statuses: number[] = [];
  for (const { method, path, headers } of odd) {
    statuses.push((await fetchRaw(`${kit.sandbox.endpoint}${path}`, { method, headers })).status);
  }
  expect(statuses).toEqual([400, 400, 400, 403, 403]);
  await expect(kit.control('GET', 'status')).resolves.toMatchObject({ ready: true });
});
