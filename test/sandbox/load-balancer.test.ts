import { request as httpRequest } from 'node:http';
import {
  CreateRuleCommand,
  ModifyTargetGroupAttributesCommand,
  ModifyTargetGroupCommand,
} from '@aws-sdk/client-elastic-load-balancing-v2';
import type { Action, RuleCondition } from '@aws-sdk/client-elastic-load-balancing-v2';
import { expect, test } from 'vitest';
import type { Handler } from './kit.js';
import { fetchRaw, healthOf, register, startKit, until } from './kit.js';
import { accessLog, bodies, keepAlive, noLag, shift, warmGreen } from './traffic-kit.js';

test('routes by rule, spreads over targets, tells the target about the client, logs each request', async () => {
  const kit = await startKit();
  const [first = ''] = kit.ids;
  await kit.hosts.kill(first, 8081);
  await kit.hosts.run(first, 8081, 'api', (request, response) => {
    response.end(JSON.stringify({ headers: request.headers, path: request.url }));
  });
  await fetchRaw(`${kit.url}/page?x=1`);
  const agent = keepAlive(1);
  const answers = await Promise.all(
    [1, 2].map(() => fetchRaw(`${kit.url}/api/cart?x=1`, { agent, headers: { 'x-forwarded-for': '10.0.0.1' } })),
  );
  const echoed: unknown = JSON.parse(answers.find((one) => one.body.startsWith('{'))?.body ?? '{}');
  expect(echoed).toMatchObject({
    path: '/api/cart?x=1',
    headers: {
      'x-forwarded-for': '10.0.0.1, 127.0.0.1',
      'x-forwarded-proto': 'http',
      'x-forwarded-port': new URL(kit.url).port,
    },
  });
  await until('three lines are in the log', async () => (await accessLog(kit)).length === 3);
  const [page, api] = await accessLog(kit);
  expect(page).toMatchObject({
    path: '/page?x=1',
    rule: 'default',
    groupName: 'shop-frontend-blue',
    status: 200,
    targetStatus: 200,
    digest: 'sha256:1',
    error: null,
  });
  expect(api).toMatchObject({ rule: '10', groupName: 'shop-backend-blue' });
  const targets = (await accessLog(kit)).slice(1).map((line) => line.target);
  expect(new Set(targets)).toEqual(new Set(kit.ids.map((id) => `${id}:8081`)));
});

test('a group at weight 0 is checked, one in no rule is not; one pass makes healthy; weights split evenly', async () => {
  const kit = await startKit();
  await noLag(kit);
  const green = kit.group('frontend', 'green');
  let checks = 0;
  for (const id of kit.ids) {
    await kit.hosts.run(id, 8092, '2', (request, response) => {
      checks += request.headers['user-agent'] === 'ELB-HealthChecker/2.0' ? 1 : 0;
      response.end('2');
    });
  }
  await register(kit, green, 8092);
  expect(Object.values(await healthOf(kit, green))).toEqual(['unused/Target.NotInUse', 'unused/Target.NotInUse']);
  // A threshold that only a recovery has to reach.
  await kit.elb.send(new ModifyTargetGroupCommand({ TargetGroupArn: green, HealthyThresholdCount: 10 }));
  await shift(kit, { blue: 1, green: 0 });
  await until('green is healthy', async () =>
    Object.values(await healthOf(kit, green)).every((state) => state === 'healthy'),
  );
  expect(checks).toBeLessThan(20);
  expect(await bodies(kit, 20)).toEqual({ 1: 20 });
  await shift(kit, { blue: 3, green: 1 });
  expect(await bodies(kit, 16, '/', keepAlive(1))).toEqual({ 1: 12, 2: 4 });
  await shift(kit, { blue: 0, green: 1 });
  expect(await bodies(kit, 10)).toEqual({ 2: 10 });
  await shift(kit, { blue: 0, green: 0 });
  expect(await bodies(kit, 3)).toEqual({ 503: 3 });
  // Out of the rule, health is forgotten.
  await shift(kit, { blue: 1 });
  expect(Object.values(await healthOf(kit, green))).toEqual(['unused/Target.NotInUse', 'unused/Target.NotInUse']);
});

test('changes reach the data plane late, and each node at a time of its own', async () => {
  const kit = await startKit({ timeScale: 10 });
  await warmGreen(kit);
  await kit.control('POST', 'fault', { kind: 'lag', ms: 5000 });
  const start = performance.now();
  await shift(kit, { blue: 0, green: 1 });
  expect(await bodies(kit, 4)).toEqual({ 1: 4 });
  await until('all nodes know', async () => (await bodies(kit, 4))['2'] === 4);
  const took = performance.now() - start;
  expect(took).toBeGreaterThan(200);
});

test('unhealthy targets: reasons, thresholds, fail-open, no failover between groups, no targets', async () => {
  const kit = await startKit();
  const green = kit.group('frontend', 'green');
  let code = 503;
  const answer: Handler = (request, response) => {
    response.statusCode = request.url === '/health' ? code : 200;
    response.end('2');
  };
  const [first = '', second = ''] = kit.ids;
  await kit.hosts.run(first, 8092, '2', answer);
  await noLag(kit);
  await shift(kit, { blue: 1, green: 1 });
  // An empty group keeps its share.
  expect(await bodies(kit, 8, '/', keepAlive(1))).toEqual({ 1: 4, 503: 4 });
  await register(kit, green, 8092);
  await until('both are unhealthy', async () =>
    Object.values(await healthOf(kit, green)).every((state) => state.startsWith('unhealthy')),
  );
  expect(await healthOf(kit, green)).toEqual({
    [`${first}:8092`]: 'unhealthy/Target.ResponseCodeMismatch',
    [`${second}:8092`]: 'unhealthy/Target.FailedHealthChecks',
  });
  // Fail-open: the group has no healthy target, so all of its targets get its share; the dead one costs 502s.
  expect(await bodies(kit, 8, '/', keepAlive(1))).toEqual({ 1: 4, 2: 2, 502: 2 });
  code = 200;
  await until('the first recovers', async () => (await healthOf(kit, green))[`${first}:8092`] === 'healthy');
  expect(await bodies(kit, 8, '/', keepAlive(1))).toEqual({ 1: 4, 2: 4 });
});

test('stickiness of the rule wins over weight 0, that of a group keeps the target', async () => {
  const kit = await startKit();
  await warmGreen(kit);
  await shift(kit, { blue: 1, green: 0, stickySeconds: 600 });
  const first = await fetchRaw(kit.url);
  const cookie = (first.headers['set-cookie'] ?? []).map((one) => one.split(';')[0]).join('; ');
  expect(cookie).toMatch(/^AWSALBTG=.*; AWSALBTGCORS=/);
  await shift(kit, { blue: 0, green: 1, stickySeconds: 600 });
  expect((await fetchRaw(kit.url)).body).toBe('2');
  expect((await fetchRaw(kit.url, { headers: { cookie } })).body).toBe('1');
  await shift(kit, { blue: 0, green: 1 });
  expect((await fetchRaw(kit.url, { headers: { cookie } })).body).toBe('2');

  await shift(kit, { blue: 1 });
  for (const id of kit.ids) {
    await kit.hosts.kill(id, 8091);
    await kit.hosts.run(id, 8091, '1', (_request, response) => response.end(id));
  }
  await kit.elb.send(
    new ModifyTargetGroupAttributesCommand({
      TargetGroupArn: kit.group('frontend', 'blue'),
      Attributes: [{ Key: 'stickiness.enabled', Value: 'true' }],
    }),
  );
  const pinned = await fetchRaw(kit.url);
  const pin = (pinned.headers['set-cookie'] ?? []).map((one) => one.split(';')[0]).join('; ');
  expect(pin).toMatch(/^AWSALB=/);
  for (let index = 0; index < 6; index++) {
    expect((await fetchRaw(kit.url, { headers: { cookie: pin } })).body).toBe(pinned.body);
  }
});

test('redirects, fixed responses and the conditions of rules', async () => {
  const kit = await startKit();
  await noLag(kit);
  let priority = 100;
  const rule = (conditions: RuleCondition[], body: string) =>
    kit.elb.send(
      new CreateRuleCommand({
        ListenerArn: kit.listenerArn,
        Priority: ++priority,
        Conditions: conditions,
        Actions: [
          {
            Type: 'fixed-response',
            FixedResponseConfig: { StatusCode: '200', MessageBody: body, ContentType: 'text/plain' },
          },
        ],
      }),
    );
  await rule([{ Field: 'host-header', HostHeaderConfig: { Values: ['*.Example.com'] } }], 'host');
  await rule([{ Field: 'http-header', HttpHeaderConfig: { HttpHeaderName: 'X-Beta', Values: ['y?s'] } }], 'header');
  await rule([{ Field: 'query-string', QueryStringConfig: { Values: [{ Key: 'v', Value: '2' }] } }], 'query');
  await rule([{ Field: 'http-request-method', HttpRequestMethodConfig: { Values: ['PUT'] } }], 'method');
  await rule(
    [
      { Field: 'path-pattern', Values: ['/a?c/*'] },
      { Field: 'source-ip', SourceIpConfig: { Values: ['127.0.0.0/8'] } },
    ],
    'path',
  );
  await rule([{ Field: 'source-ip', SourceIpConfig: { Values: ['10.0.0.0/8'] } }], 'elsewhere');
  const redirect: Action = {
    Type: 'redirect',
    RedirectConfig: {
      Host: 'new.example.com',
      Path: '/moved#{path}',
      StatusCode: 'HTTP_301',
      Port: '443',
      Protocol: 'HTTPS',
    },
  };
  await kit.elb.send(
    new CreateRuleCommand({
      ListenerArn: kit.listenerArn,
      Priority: 1,
      Conditions: [{ Field: 'path-pattern', Values: ['/old*'] }],
      Actions: [redirect],
    }),
  );
  const get = async (path: string, options: Parameters<typeof fetchRaw>[1] = {}) =>
    (await fetchRaw(`${kit.url}${path}`, options)).body;
  expect(await get('/', { headers: { host: 'shop.example.com:80' } })).toBe('host');
  expect(await get('/', { headers: { 'x-beta': 'Yes' } })).toBe('header');
  expect(await get('/?v=2')).toBe('query');
  expect(await get('/', { method: 'PUT', body: 'x' })).toBe('method');
  expect(await get('/abc/d')).toBe('path');
  expect(await get('/ABC/d')).toBe('1');
  const moved = await fetchRaw(`${kit.url}/old?x=1`);
  expect([moved.status, moved.headers.location]).toEqual([301, 'https://new.example.com:443/movedold?x=1']);
});

test('bodies, broken answers, silence, clients that leave', async () => {
  const kit = await startKit({ instances: 1 }, { leastIdleMs: 300 });
  const [first = ''] = kit.ids;
  await kit.hosts.kill(first, 8091);
  await kit.hosts.run(first, 8091, '1', (request, response) => {
    switch (request.url?.split('?')[0]) {
      case '/echo':
        request.pipe(response);
        return;
      case '/break':
        response.writeHead(200, { 'content-length': '100' });
        response.write('half');
        setTimeout(() => request.socket.resetAndDestroy(), 20);
        return;
      case '/reset':
        request.socket.resetAndDestroy();
        return;
      case '/silent':
        return;
      default:
        response.end('1');
    }
  });
  const text = 'x'.repeat(300_000);
  expect((await fetchRaw(`${kit.url}/echo`, { method: 'POST', body: text })).body).toBe(text);
  expect((await fetchRaw(`${kit.url}/reset`)).status).toBe(502);
  await expect(fetchRaw(`${kit.url}/break`)).rejects.toThrow();
  // 60 s at 50 times the speed.
  expect((await fetchRaw(`${kit.url}/silent`)).status).toBe(504);

  const leaving = httpRequest(`${kit.url}/silent?left`, { agent: false });
  leaving.on('error', () => undefined);
  leaving.end();
  await new Promise((resolve) => setTimeout(resolve, 100));
  leaving.destroy();
  await until('it is logged', async () => (await accessLog(kit)).some((line) => line.status === 460));
  const lines = await accessLog(kit);
  expect(lines.map((line) => [line.path, line.status, line.targetStatus])).toEqual([
    ['/echo', 200, 200],
    ['/reset', 502, null],
    ['/break', 200, 200],
    ['/silent', 504, null],
    ['/silent?left', 460, null],
  ]);
  expect(lines[2]?.error).toMatch(/ECONNRESET/);
});
