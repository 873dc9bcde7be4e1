import { existsSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildShopImages, startShopRelease } from '../../src/sandbox/hosts/shop.js';
import { address, createWorld, freePort, until, type World } from './hosts-world.js';

const shop = 'examples/shop';
let world: World;
let ports: { backend: number; frontend: number };

beforeAll(async () => {
  world = await createWorld(2);
  ports = { backend: await freePort(address(1)), frontend: await freePort(address(1)) };
  await buildShopImages(world.hosts, shop);
});
afterAll(() => world.close());

const url = (port: number, path: string): string => `http://${address(1)}:${port}${path}`;
const status = (port: number, path: string): Promise<number> =>
  fetch(url(port, path)).then(
    (answer) => answer.status,
    () => 0,
  );

/** Starts one variant on a port of its own and waits until it listens. */
async function variant(service: string, tag: string, options = ''): Promise<number> {
  const port = await freePort(address(1));
  const name = `${service}-${tag}`;
  await world.ok(`docker run -d --name ${name} -p ${port}:3000 ${options} shop/${service}:${tag} >/dev/null
    until docker logs ${name} | grep -q listens; do sleep 0.02; done`);
  return port;
}

describe('the example shop', () => {
  test('release 1.0.0 runs on every instance as a person would have started it', async () => {
    await startShopRelease(world.hosts, [{ id: 'i-1' }, { id: 'i-2' }], ports);
    for (const id of ['i-1', 'i-2']) {
      expect(await world.hosts.containers(id)).toMatchObject([
        { name: 'frontend', image: 'shop/frontend:1.0.0', state: 'running', hostPorts: [ports.frontend], labels: {} },
        { name: 'backend', image: 'shop/backend:1.0.0', state: 'running', hostPorts: [ports.backend], labels: {} },
      ]);
    }
    await until(
      'both serve',
      async () => (await status(ports.backend, '/health')) === 200 && (await status(ports.frontend, '/health')) === 200,
    );
    const api = await fetch(url(ports.backend, '/api/'));
    expect(api.headers.get('x-shop-version')).toBe('1.0.0');
    expect(await api.json()).toMatchObject({ service: 'backend', version: '1.0.0' });
    const page = await (await fetch(url(ports.frontend, '/'))).text();
    expect(page).toContain('/assets/1.0.0/app.js');
    expect(await status(ports.frontend, '/assets/1.0.0/app.js')).toBe(200);
    expect(await status(ports.frontend, '/assets/1.1.0/app.js')).toBe(404);
  });

  test('both services have every variant, each an image of its own', async () => {
    const variants = JSON.parse(readFileSync(`${shop}/images.json`, 'utf8')) as Record<string, Record<string, unknown>>;
    const tags = Object.keys(variants['backend'] ?? {});
    expect(tags).toEqual([
      '1.0.0',
      '1.1.0',
      '2.0.0',
      'never-healthy',
      'errors',
      'crashes',
      'slow-start',
      'ignores-sigterm',
      'slow-requests',
      'task-fails',
    ]);
    expect(Object.keys(variants['frontend'] ?? {})).toEqual(tags);
    const pulls = tags.flatMap((tag) => [`docker pull -q shop/backend:${tag}`, `docker pull -q shop/frontend:${tag}`]);
    await world.ok(`set -e; ${pulls.join('; ')}`);
    expect(await world.ok("docker images --no-trunc -q 'shop/*' | sort -u | wc -l")).toBe('20');
    expect(readFileSync(`${shop}/backend/shop-server.js`)).toEqual(readFileSync(`${shop}/frontend/shop-server.js`));
    expect(existsSync(`${shop}/backend/node_modules`)).toBe(false);
  });

  test('errors: healthy, and three in each ten requests fail', async () => {
    const port = await variant('backend', 'errors');
    const codes: number[] = [];
    for (let n = 0; n < 20; n += 1) codes.push(await status(port, '/api/'));
    expect(codes.filter((code) => code === 500)).toHaveLength(6);
    expect(await status(port, '/health')).toBe(200);
  });

  test('never-healthy: 503 everywhere; slow-start: 503 at first', async () => {
    const never = await variant('frontend', 'never-healthy');
    expect([await status(never, '/health'), await status(never, '/')]).toEqual([503, 503]);
    const slow = await variant('frontend', 'slow-start');
    expect(await status(slow, '/health')).toBe(503);
  });

  test('crashes: healthy, then exit code 1', async () => {
    const port = await variant('backend', 'crashes', '-e CRASH_AFTER_MS=300');
    expect(await status(port, '/health')).toBe(200);
    expect(await world.ok('docker wait backend-crashes')).toBe('1');
  });

  test('the task succeeds, but for task-fails', async () => {
    expect(await world.ok('docker run --rm shop/backend:1.1.0 node task.js')).toBe(
      'migrated: table products is at 1.1.0',
    );
    expect((await world.sh('docker run --rm shop/frontend:task-fails node task.js')).exitCode).toBe(3);
  });

  test('SIGTERM: requests in flight are answered, exit code 0; ignores-sigterm needs SIGKILL', async () => {
    const port = await variant('backend', '2.0.0');
    const slow = fetch(url(port, '/api/products?ms=600'));
    await new Promise((resolve) => setTimeout(resolve, 150));
    const stopped = world.ok("docker stop -t 10 backend-2.0.0; docker inspect -f '{{.State.ExitCode}}' backend-2.0.0");
    const answer = await slow;
    expect([answer.status, answer.headers.get('connection')]).toEqual([200, 'close']);
    expect(await stopped).toBe('backend-2.0.0\n0');
    await variant('backend', 'ignores-sigterm');
    expect(
      await world.ok(
        "docker stop -t 1 backend-ignores-sigterm; docker inspect -f '{{.State.ExitCode}}' backend-ignores-sigterm",
      ),
    ).toBe('backend-ignores-sigterm\n137');
  });

  test('slow-requests: every fifth request takes seconds, health does not', async () => {
    const port = await variant('frontend', 'slow-requests');
    const started = performance.now();
    await Promise.all(Array.from({ length: 4 }, () => status(port, '/')));
    expect(performance.now() - started).toBeLessThan(1500);
    const fifth = performance.now();
    expect(await status(port, '/')).toBe(200);
    expect(performance.now() - fifth).toBeGreaterThan(1500);
  });
});
