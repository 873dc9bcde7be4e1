import { connect } from 'node:net';
import { DeregisterTargetsCommand } from '@aws-sdk/client-elastic-load-balancing-v2';
import { expect, test } from 'vitest';
import { fetchRaw, healthOf, register, startKit, until } from './kit.js';
import { accessLog, bodies, eventLog, load, noLag, shift } from './traffic-kit.js';

test('deregister, drain, stop: no request is lost at 200 a second; the target drains for the whole delay', async () => {
  const kit = await startKit({ timeScale: 40 });
  const [first = ''] = kit.ids;
  const blue = kit.group('frontend', 'blue');
  const stop = load(kit, 200);
  const target = { TargetGroupArn: blue, Targets: [{ Id: first, Port: 8091 }] };
  for (const version of ['2', '3']) {
    const start = performance.now();
    await kit.elb.send(new DeregisterTargetsCommand(target));
    expect((await healthOf(kit, blue))[`${first}:8091`]).toBe('draining/Target.DeregistrationInProgress');
    await until('it is gone', async () => !(`${first}:8091` in (await healthOf(kit, blue))));
    expect(performance.now() - start).toBeGreaterThan(1450);
    await kit.hosts.kill(first, 8091);
    await kit.hosts.run(first, 8091, version);
    await register(kit, blue, 8091, [first]);
    await until('it is healthy', async () => (await healthOf(kit, blue))[`${first}:8091`] === 'healthy');
  }
  await until('it serves', async () => '3' in (await bodies(kit, 4)));
  const { sent, failures } = await stop();
  expect(failures).toEqual([]);
  expect(sent).toBeGreaterThan(400);
  const round = ['deregister', 'drained', 'register'].map((what) => `${what} ${first}:8091`);
  const events = (await eventLog(kit)).filter((line) => line.includes(`${first}:8091`));
  expect(events.slice(-8)).toEqual([...round, `${first}:8091 healthy`, ...round, `${first}:8091 healthy`]);
});

test('a write of weights is an event, with the rule and its shares', async () => {
  const kit = await startKit({ timeScale: 40 });
  await shift(kit, { blue: 90, green: 10 });
  await until('it is written', async () =>
    (await eventLog(kit)).some((line) => /^weights arn:\S+listener-rule\S+ 90\/10$/.test(line)),
  );
});

test('stop before deregister loses requests, each as a 502 in the log with its target', async () => {
  const kit = await startKit({ timeScale: 40 });
  const [first = ''] = kit.ids;
  const stop = load(kit, 200);
  await until('load is on', async () => (await accessLog(kit)).length > 20);
  await kit.hosts.kill(first, 8091);
  await kit.elb.send(
    new DeregisterTargetsCommand({
      TargetGroupArn: kit.group('frontend', 'blue'),
      Targets: [{ Id: first, Port: 8091 }],
    }),
  );
  await until('it is gone', async () => Object.keys(await healthOf(kit, kit.group('frontend', 'blue'))).length === 1);
  const { failures } = await stop();
  expect(failures.length).toBeGreaterThan(0);
  expect(new Set(failures)).toEqual(new Set(['502']));
  const failed = (await accessLog(kit)).filter((line) => line.status !== 200);
  expect(new Set(failed.map((line) => line.target))).toEqual(new Set([`${first}:8091`]));
});

test('a request that outlasts the drain is cut; one that ends in time is not; registering again ends the drain', async () => {
  const kit = await startKit();
  const [first = ''] = kit.ids;
  const blue = kit.group('frontend', 'blue');
  for (const id of kit.ids) {
    await kit.hosts.kill(id, 8091);
    await kit.hosts.run(id, 8091, '1', (request, response) => {
      const wait = Number(new URL(request.url ?? '/', 'http://x').searchParams.get('ms') ?? '0');
      setTimeout(() => response.end(id), wait);
    });
  }
  await noLag(kit);
  const slow = (ms: number) =>
    Promise.all([1, 2, 3, 4].map(() => fetchRaw(`${kit.url}/?ms=${ms}`))).then((all) =>
      all.map((one) => one.status).sort(),
    );
  const target = { TargetGroupArn: blue, Targets: [{ Id: first, Port: 8091 }] };
  const inTime = slow(600);
  const tooLong = slow(2500);
  await new Promise((resolve) => setTimeout(resolve, 100));
  await kit.elb.send(new DeregisterTargetsCommand(target));
  expect(await inTime).toEqual([200, 200, 200, 200]);
  expect(await tooLong).toEqual([200, 200, 502, 502]);

  await register(kit, blue, 8091, [first]);
  await until('it is healthy', async () => (await healthOf(kit, blue))[`${first}:8091`] === 'healthy');
  await kit.elb.send(new DeregisterTargetsCommand(target));
  expect(await bodies(kit, 4)).not.toHaveProperty(first);
  await register(kit, blue, 8091, [first]);
  expect((await healthOf(kit, blue))[`${first}:8091`]).toMatch(/^(initial\/.*|healthy)$/);
  await until('it serves again', async () => first in (await bodies(kit, 4)));
});

test('a group whose targets all drain has none to give: 503, not a draining one', async () => {
  const kit = await startKit();
  await noLag(kit);
  await kit.elb.send(
    new DeregisterTargetsCommand({
      TargetGroupArn: kit.group('frontend', 'blue'),
      Targets: kit.ids.map((id) => ({ Id: id, Port: 8091 })),
    }),
  );
  expect(await bodies(kit, 3)).toEqual({ 503: 3 });
});

test('a WebSocket stays with its target through a drain, and is cut at its end', async () => {
  const kit = await startKit({ instances: 1 });
  const [first = ''] = kit.ids;
  await kit.hosts.kill(first, 8091);
  const server = await kit.hosts.run(first, 8091, '1');
  server.on('upgrade', (request, socket) => {
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${request.headers.upgrade ?? ''}\r\n\r\n`,
    );
    socket.on('data', (data: Buffer) => socket.write(`echo ${data.toString()}`));
    socket.on('error', () => socket.destroy());
    socket.on('end', () => socket.end());
  });
  await noLag(kit);
  const socket = connect(Number(new URL(kit.url).port), '127.0.0.1');
  let received = '';
  let closed = false;
  socket.on('data', (data: Buffer) => (received += data.toString()));
  socket.on('close', () => (closed = true));
  socket.write('GET /ws HTTP/1.1\r\nHost: shop\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
  await until('the target agreed', () => received.includes('\r\n\r\n'));
  expect(received).toMatch(/^HTTP\/1.1 101 [^]*Upgrade: websocket/i);
  await kit.elb.send(
    new DeregisterTargetsCommand({
      TargetGroupArn: kit.group('frontend', 'blue'),
      Targets: [{ Id: first, Port: 8091 }],
    }),
  );
  socket.write('still here?');
  await until('it answers', () => received.endsWith('echo still here?'));
  expect(closed).toBe(false);
  await until('it is cut', () => closed);
  await until('it is logged', async () => (await accessLog(kit)).some((line) => line.status === 101));
});
