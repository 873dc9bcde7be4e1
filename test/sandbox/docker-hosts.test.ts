import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { request } from 'undici';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { canRunDocker, createDockerWorld, leftOf, type DockerWorld } from './docker-world.js';

const SERVER = {
  Dockerfile: 'FROM node:20-slim\nWORKDIR /app\nCOPY server.mjs .\nUSER node\nCMD ["node","server.mjs"]\n',
  'server.mjs': `import { createServer } from 'node:http';
createServer((_, response) => response.end('hello from ' + process.getuid())).listen(3000);
process.on('SIGTERM', () => process.exit(0));
`,
};
const answer = async (address: string, port: number): Promise<string> => {
  const { body } = await request(`http://${address}:${port}/`, { headersTimeout: 5000 });
  return body.text();
};

/** What becomes of a connection on which nothing is said: how the other end turned it down, or that it did not. */
const connects = (at: string): Promise<string> =>
  new Promise((resolve) => {
    const [host = '', port = ''] = at.split(':');
    const socket = connect(Number(port), host);
    const timer = setTimeout(() => {
      socket.destroy();
      resolve('open');
    }, 2000);
    const end = (how: string): void => {
      clearTimeout(timer);
      resolve(how);
    };
    socket.once('error', (error) => end('code' in error ? String(error.code) : error.message));
    socket.once('close', () => end('closed'));
    socket.resume();
  });

describe.skipIf(!(await canRunDocker()))('instances of runtime docker', { timeout: 120_000 }, () => {
  let world: DockerWorld;
  let digest: string;
  const address = (n: number): string => world.instances[n - 1]?.address ?? '';
  beforeAll(async () => {
    world = await createDockerWorld(2);
    digest = await world.image('t/web:1', SERVER);
    await world.ok(1, 'docker run -d --name web -p 8081:3000 --restart unless-stopped t/web:1');
    await vi.waitFor(() => answer(address(1), 8081), { timeout: 20_000, interval: 100 });
  }, 120_000);
  afterAll(async () => {
    await world.close();
    expect(leftOf(world.stateDir)).toEqual([]);
  }, 60_000);

  it('run commands in namespaces of their own, with the engine of the instance', async () => {
    const words = await world.ok(
      1,
      'pwd; echo "$DEPLOYCTL_ROOT"; echo "[$HOME]"; docker ps --format "{{.Names}}"; ip -4 -o addr show eth0',
    );
    const [folder, root, home, names, link] = words.split('\n');
    expect([folder, root, home, names]).toEqual(['/usr/bin', join(world.stateDir, 'instances/i-1'), '[]', 'web']);
    expect(link).toContain(`${address(1)}/24`);
    expect(await world.ok(2, 'docker ps -aq')).toBe('');
    const [client, server] = (
      await world.ok(1, 'docker version --format "{{.Client.Version}} {{.Server.Version}}"')
    ).split(' ');
    expect(client).toBe(server);
  });

  it('are reached on published ports by the load balancer and by themselves, not by each other', async () => {
    expect(await answer(address(1), 8081)).toBe('hello from 1000');
    expect(await world.ok(1, 'curl -sS http://127.0.0.1:8081/')).toBe('hello from 1000');
    expect(await world.ok(1, 'docker port web 3000/tcp')).toContain('0.0.0.0:8081');
    const other = await world.sh(2, `curl -sS -m 10 http://${address(1)}:8081/`);
    expect(other.exitCode, other.stderr).toBe(7);
  });

  it('know the digest of what was built and pushed, and which container serves a port', async () => {
    const [web] = await world.hosts.containers('i-1');
    expect(web).toMatchObject({
      name: 'web',
      image: 't/web:1',
      digest,
      state: 'running',
      hostPorts: [8081],
      labels: {},
    });
    await vi.waitFor(() => expect(world.hosts.serving('i-1', 8081)).toEqual({ digest, image: 't/web:1' }), {
      timeout: 20_000,
      interval: 100,
    });
    expect(world.hosts.serving('i-1', 8082)).toBeUndefined();
    expect(world.hosts.serving('i-2', 8081)).toBeUndefined();
  });

  it('pull from the registry in the words of a real one', async () => {
    const missing = await world.sh(2, 'docker pull t/web:2');
    expect(missing).toMatchObject({ exitCode: 1 });
    expect(missing.stderr).toContain('manifest for t/web:2 not found: manifest unknown');
    expect(await world.ok(2, `docker pull -q t/web@${digest}`)).toContain(digest);
    const ecr = '123456789012.dkr.ecr.eu-west-1.amazonaws.com';
    await world.image(`${ecr}/web:1`, SERVER);
    expect((await world.sh(2, `docker pull ${ecr}/web:1`)).stderr).toContain('no basic auth credentials');
    await world.ok(2, `echo x | docker login -u AWS --password-stdin ${ecr} && docker pull -q ${ecr}/web:1`);
  });

  it('share a registry that nobody else on this machine reaches: what it holds is run', async () => {
    const [prefix = ''] = /^\d+\.\d+\.\d+\./.exec(address(1)) ?? [];
    const rules = await world.ok(1, 'iptables -t nat -S OUTPUT');
    const [, port = ''] = /--to-destination [\d.]+:(\d+)/.exec(rules) ?? [];
    expect(port).toMatch(/^\d+$/);
    // From this machine's own network: neither the front on the bridge, nor the registry's machine, on its usual port.
    for (const at of [`${prefix}1:${port}`, `${prefix}2:5000`, `${prefix}2:443`]) {
      await expect(connects(at), at).resolves.toMatch(/^(closed|ECONNREFUSED|ECONNRESET)$/);
    }
    // From an instance it is there.
    expect(await world.ok(2, 'curl -sS -k -o /dev/null -w "%{http_code}" https://registry-1.docker.io/v2/')).toBe(
      '200',
    );
  });

  it('end a command with all that it started when its time is over', async () => {
    const late = await world.sh(2, 'sleep 987 & sleep 986', 500);
    expect(late).toMatchObject({ timedOut: true, exitCode: 137 });
    expect(await world.ok(2, 'ps ax | grep -c "sleep 98[67]" || :')).toBe('0');
  });

  it('lose power in a reboot, and come back at the same address with what has a restart policy', async () => {
    await world.ok(
      1,
      'docker run -d --name once t/web:1; mkdir -p "$DEPLOYCTL_ROOT/var/lib/deployctl"; echo kept >"$DEPLOYCTL_ROOT/var/lib/deployctl/note"',
    );
    const running = world.hosts.exec('i-1', 'sleep 60', { timeoutMs: 90_000 });
    await world.hosts.reboot('i-1');
    expect(await running).toMatchObject({ cancelled: true });
    await vi.waitFor(() => answer(address(1), 8081), { timeout: 20_000, interval: 100 });
    expect(await world.ok(1, 'docker ps --format "{{.Names}}"; cat "$DEPLOYCTL_ROOT/var/lib/deployctl/note"')).toBe(
      'web\nkept',
    );
    await vi.waitFor(() => expect(world.hosts.serving('i-1', 8081)).toEqual({ digest, image: 't/web:1' }), {
      timeout: 20_000,
      interval: 100,
    });
    await world.ok(1, 'docker stop -t 5 web');
    await vi.waitFor(() => expect(world.hosts.serving('i-1', 8081)).toBeUndefined(), {
      timeout: 20_000,
      interval: 100,
    });
  });

  it('go with their disk, or without it', async () => {
    const [, second] = world.instances;
    await world.hosts.removeInstance('i-2', true);
    expect(existsSync(join(world.stateDir, 'instances/i-2'))).toBe(true);
    if (second !== undefined) await world.hosts.addInstance(second);
    expect(await world.ok(2, 'docker images -q | wc -l')).not.toBe('0');
    await world.hosts.removeInstance('i-2', false);
    expect(existsSync(join(world.stateDir, 'instances/i-2'))).toBe(false);
    await expect(world.sh(2, ':')).rejects.toThrow(/no host for instance i-2/);
  });
});
