import { request } from 'undici';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { FaultRefused, type HostFault } from '../../src/sandbox/types.js';
import { canRunDocker, createDockerWorld, type DockerWorld } from './docker-world.js';

const SERVER = {
  Dockerfile: 'FROM node:20-slim\nWORKDIR /app\nCOPY server.mjs .\nCMD ["node","server.mjs"]\n',
  'server.mjs': `import { createServer } from 'node:http';
createServer((_, response) => response.end('well')).listen(3000);
process.on('SIGTERM', () => process.exit(0));
`,
};

describe.skipIf(!(await canRunDocker()))('faults on real engines', { timeout: 120_000 }, () => {
  let world: DockerWorld;
  const play = (fault: HostFault): Promise<void> => world.hosts.play?.(fault) ?? Promise.resolve();
  const url = (): string => `http://${world.instances[0]?.address ?? ''}:8081/`;
  const serves = async (): Promise<void> => {
    await vi.waitFor(
      async () => {
        const { body } = await request(url(), { headersTimeout: 2000 });
        expect(await body.text()).toBe('well');
      },
      { timeout: 30_000, interval: 100 },
    );
  };
  const pull = () => world.sh(1, 'docker rmi t/other:1 >/dev/null 2>&1; docker pull -q t/other:1');
  beforeAll(async () => {
    world = await createDockerWorld(1);
    await world.image('t/web:1', SERVER);
    await world.image('t/other:1', { ...SERVER, 'more.txt': 'x', Dockerfile: `${SERVER.Dockerfile}COPY more.txt .\n` });
    await world.ok(1, 'docker run -d --name web -p 8081:3000 --restart unless-stopped t/web:1');
    await serves();
  }, 120_000);
  afterEach(() => world.hosts.endFaults?.());
  afterAll(() => world.close(), 60_000);

  it('registry down, denied, slow: each ends with the faults', async () => {
    await play({ kind: 'registry-down' });
    expect(await pull()).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(/connection refused/) as string });
    await world.hosts.endFaults?.();
    expect((await pull()).exitCode).toBe(0);

    await play({ kind: 'registry-denied' });
    expect((await pull()).stderr).toMatch(/denied: Your authorization token has expired/);
    await world.hosts.endFaults?.();

    await play({ kind: 'registry-slow', ms: 700 });
    const began = performance.now();
    expect((await pull()).exitCode).toBe(0);
    expect(performance.now() - began).toBeGreaterThan(1400);
  });

  it('an image that is gone from the registry, and one from the instance', async () => {
    await world.image('t/short:1', SERVER);
    await play({ kind: 'image-gone', image: 't/short:1' });
    expect((await world.sh(1, 'docker pull t/short:1')).stderr).toContain('manifest unknown');
    await expect(play({ kind: 'image-gone', image: 't/short:1' })).rejects.toThrow(FaultRefused);

    expect((await pull()).exitCode).toBe(0);
    await play({ kind: 'image-gone', image: 't/other:1', instance: 'i-1' });
    expect(await world.ok(1, 'docker images -q t/other')).toBe('');
    await expect(play({ kind: 'image-gone', image: 't/none:1', instance: 'i-1' })).rejects.toThrow(/No such image/);
  });

  it('a port that something else has', async () => {
    await play({ kind: 'port-taken', instance: 'i-1', port: 8082 });
    const refused = await world.sh(1, 'docker run -d --name second -p 8082:3000 t/web:1');
    expect(refused).toMatchObject({ exitCode: 125, stderr: expect.stringMatching(/address already in use/) as string });
    await expect(play({ kind: 'port-taken', instance: 'i-1', port: 8081 })).rejects.toThrow(/8081.*taken already/);
    await world.hosts.endFaults?.();
    await world.ok(1, 'docker start second && docker rm -f second');
  });

  it('a container that the kernel kills for want of memory', async () => {
    await world.ok(1, 'docker run -d --name hungry t/web:1');
    await play({ kind: 'oom-kill', instance: 'i-1', container: 'hungry' });
    const seen = '{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}}';
    await vi.waitFor(
      async () => expect(await world.ok(1, `docker inspect --format '${seen}' hungry`)).toBe('exited 137 true'),
      { timeout: 20_000, interval: 100 },
    );
    await world.ok(1, 'docker start hungry && docker rm -f hungry');

    await play({ kind: 'oom-kill', instance: 'i-1', container: 'web' });
    await vi.waitFor(
      async () => expect(await world.ok(1, `docker inspect --format '{{.RestartCount}}' web`)).toBe('1'),
      { timeout: 20_000, interval: 100 },
    );
    await serves();
    await expect(play({ kind: 'oom-kill', instance: 'i-1', container: 'nobody' })).rejects.toThrow(/No such container/);
  });

  it('a dead engine, whose containers go on', async () => {
    await play({ kind: 'docker-kill', instance: 'i-1' });
    expect((await world.sh(1, 'docker ps')).stderr).toContain('Is the docker daemon running?');
    const { body } = await request(url());
    expect(await body.text()).toBe('well');
    expect(world.hosts.serving('i-1', 8081)).toMatchObject({ image: 't/web:1' });
    await world.hosts.endFaults?.();
    // Without live-restore the engine stops what went on; whether it starts it again depends on its version.
    await world.ok(1, 'docker start web');
    await serves();
    await vi.waitFor(() => expect(world.hosts.serving('i-1', 8081)).toMatchObject({ image: 't/web:1' }), {
      timeout: 20_000,
      interval: 100,
    });
  });

  it('a restarted engine starts its containers again', async () => {
    const started = () => world.ok(1, `docker inspect --format '{{.State.StartedAt}}' web`);
    const before = await started();
    await play({ kind: 'docker-restart', instance: 'i-1' });
    await serves();
    expect(await started()).not.toBe(before);
  });

  it('a disk without space', async () => {
    await play({ kind: 'disk-full', instance: 'i-1' });
    expect((await pull()).stderr).toContain('no space left on device');
    const note = '"$DEPLOYCTL_ROOT/var/lib/deployctl/note"';
    expect((await world.sh(1, `head -c 100000 /dev/zero >${note}`)).stderr).toMatch(/No space left/);
    await world.hosts.endFaults?.();
    await world.ok(1, `head -c 100000 /dev/zero >${note}`);
    expect((await pull()).exitCode).toBe(0);
  });

  it('an instance without a network goes on by itself', async () => {
    await play({ kind: 'network-cut', instance: 'i-1' });
    await expect(request(url(), { signal: AbortSignal.timeout(1500) })).rejects.toThrow();
    expect(await world.ok(1, 'curl -sS http://127.0.0.1:8081/')).toBe('well');
    expect((await pull()).exitCode).toBe(1);
    await world.hosts.endFaults?.();
    await serves();
  });
});
