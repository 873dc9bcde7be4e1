import { afterAll, beforeAll, expect, it } from 'vitest';
import { encodeAsk, encodeList } from '../../src/host/encode.js';
import { parseResult } from '../../src/host/result.js';
import type { Instance } from './kit.js';
import { APP, bad, good, INSTANCE, slot, spec, startInstance } from './kit.js';

/** `ask`: how long a running container keeps idle connections. */
let instance: Instance;
let container = '';
beforeAll(async () => {
  instance = await startInstance();
  const digest = await instance.build('1.0.0');
  const started = good(
    await instance.ask({ phase: 'start', slot: slot(), release: 'r-1', spec: spec(digest), keep: 1 }),
  );
  container = started.container?.id ?? '';
});
afterAll(() => instance.close());

const ask = async (id: string, path = '/health') =>
  parseResult(
    await instance.hosts.exec(
      INSTANCE,
      encodeAsk({ ...APP, container: id, port: 8081, containerPort: 3000, path, timeout: 2000 }),
      { timeoutMs: 30_000 },
    ),
    APP,
  );

it('reads the Keep-Alive header of the health path', async () => {
  expect(good(await ask(container)).connection).toEqual({ closes: false, keepAlive: 75_000 });
});

it('changes nothing: no fence is taken, no container touched', async () => {
  const look = `docker inspect ${container}; ls -R "$DEPLOYCTL_ROOT/var/lib/deployctl"`;
  const before = await instance.sh(look);
  await ask(container);
  expect(await instance.sh(look)).toBe(before);
});

it('list: what runs, whoever started it, with its image and ports', async () => {
  const reply = parseResult(
    await instance.hosts.exec(INSTANCE, encodeList({ ...APP, timeout: 30_000 }), { timeoutMs: 30_000 }),
    APP,
  );
  expect(good(reply).running).toEqual([
    {
      name: 'backend-blue',
      image: expect.stringMatching(/^shop\/backend@sha256:/) as string,
      ports: [{ host: 8081, container: 3000 }],
    },
  ]);
});

it('says so when nothing answers', async () => {
  await instance.sh(`docker stop -t 1 ${container}`);
  expect(bad(await ask(container))).toMatchObject({
    code: 'unhealthy',
    message: expect.stringMatching(/\/health gave no answer/) as string,
  });
});

it('refuses what is no container id', () => {
  const input = { ...APP, container: 'x; rm -rf /', port: 8081, containerPort: 3000, path: '/', timeout: 2000 };
  expect(() => encodeAsk(input)).toThrow(/the id of a container/);
});

it.each([
  ['close', '', { closes: true }],
  ['keep-alive', 'timeout=5, max=100', { closes: false, keepAlive: 5000 }],
  ['Keep-Alive', 'max=100', { closes: false }],
  ['', '', { closes: false }],
])('reads Connection: %s, Keep-Alive: %s', (connection, keepAlive, wanted) => {
  const stdout = JSON.stringify({ ok: true, connection, keepAlive, fence: null });
  expect(good(parseResult({ exitCode: 0, stdout, stderr: '' }, APP)).connection).toEqual(wanted);
});
