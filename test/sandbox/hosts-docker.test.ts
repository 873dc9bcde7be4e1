import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { address, createWorld, freePort, SERVER, until, type World } from './hosts-world.js';

let world: World;
let digest: string;
let port: number;

beforeAll(async () => {
  world = await createWorld(2);
  digest = await world.image('t/web:1', SERVER, { VERSION: '1' });
  await world.image('t/web:2', SERVER, { VERSION: '2' });
  port = await freePort(address(1));
});
afterAll(() => world.close());

const get = async (at: number): Promise<Record<string, string>> =>
  (await (await fetch(`http://${address(1)}:${at}/`)).json()) as Record<string, string>;

describe('docker on an instance', () => {
  test('runs a container that serves at the instance address', async () => {
    const id = await world.ok(`docker run -d --name web -p ${port}:3000 -l app=shop --restart unless-stopped t/web:1`);
    expect(id).toMatch(/^Unable|^[0-9a-f]{64}$/);
    await world.ok('until docker logs web | grep -q ready; do sleep 0.05; done');
    expect(await get(port)).toMatchObject({
      VERSION: '1',
      HOST: address(1),
      PORT: String(port),
      HOSTNAME: id.slice(0, 12),
    });
    expect(world.hosts.serving('i-1', port)).toEqual({ digest, image: 't/web:1' });
    expect(await world.hosts.containers('i-1')).toMatchObject([
      { id, name: 'web', image: 't/web:1', digest, state: 'running', hostPorts: [port], labels: { app: 'shop' } },
    ]);
    expect(await world.hosts.containers('i-2')).toEqual([]);
    expect(await world.ok('docker port web 3000')).toBe(`${address(1)}:${port}`);
  });

  test('a taken port: exit 125, the id on stdout, the container left as Created', async () => {
    const result = await world.sh(`docker run -d --name clash -p ${port}:3000 t/web:2`);
    expect(result.exitCode).toBe(125);
    expect(result.stdout).toMatch(/^[0-9a-f]{64}\n$/);
    expect(result.stderr).toMatch(/^docker: Error response from daemon: .*port is already allocated$/m);
    expect(await world.ok("docker ps -a --filter name=clash --format '{{.State}}'; docker rm clash")).toBe(
      'created\nclash',
    );
  });

  test('a port that something else holds', async () => {
    const server = createServer();
    const taken = await new Promise<number>((resolve) => {
      server.listen(0, address(1), () => {
        const bound = server.address();
        resolve(typeof bound === 'object' && bound !== null ? bound.port : 0);
      });
    });
    const result = await world.sh(`docker run --rm -p ${taken}:3000 t/web:2`);
    server.close();
    expect(result).toMatchObject({ exitCode: 125, stdout: '' });
    expect(result.stderr).toContain('address already in use');
  });

  test('a taken name', async () => {
    const result = await world.sh('docker create --name web t/web:1');
    expect(result.exitCode).toBe(1);
    expect(result.stderr).toMatch(
      /Conflict\. The container name "\/web" is already in use by container "[0-9a-f]{64}"/,
    );
  });

  test('inspect has the shape of the Engine API', async () => {
    const [one] = JSON.parse(await world.ok('docker inspect web')) as Record<string, unknown>[];
    expect(one).toMatchObject({
      Name: '/web',
      RestartCount: 0,
      State: { Status: 'running', Running: true, OOMKilled: false, ExitCode: 0, FinishedAt: '0001-01-01T00:00:00Z' },
      HostConfig: {
        RestartPolicy: { Name: 'unless-stopped', MaximumRetryCount: 0 },
        PortBindings: { '3000/tcp': [{ HostPort: String(port) }] },
      },
      Config: {
        Image: 't/web:1',
        Labels: { app: 'shop' },
        ExposedPorts: { '3000/tcp': {} },
        Cmd: ['node', 'server.mjs'],
      },
      NetworkSettings: { Ports: { '3000/tcp': [{ HostIp: address(1), HostPort: String(port) }] } },
    });
    const [image, digests] = (
      await world.ok("docker inspect -f '{{.Image}}' web; docker image inspect -f '{{json .RepoDigests}}' t/web:1")
    ).split('\n');
    expect(image).toMatch(/^sha256:/);
    expect(image).not.toBe(digest);
    expect(digests).toBe(`["t/web@${digest}"]`);
  });

  test('environment arrives unchanged: by value, by name and from a file', async () => {
    const values = { A: 'line 1\nline "2"\n', B: `'single' $HOME \`x\` \\n`, C: '😀 = % {{.}}', D: '' };
    writeFileSync(`${world.stateDir}/env`, '# comment\nFILE=a "quoted" #value\nA\n');
    const script = `docker run --rm --env-file ${world.stateDir}/env -e B -e C -e D -e NOT_SET -e "LIT=\${A}" t/web:1 node -p 'JSON.stringify(process.env)'`;
    const seen = JSON.parse(await world.ok(script, values)) as Record<string, string>;
    expect(seen).toMatchObject({ ...values, FILE: 'a "quoted" #value', LIT: values.A });
    expect(seen).not.toHaveProperty('NOT_SET');
    expect(seen).not.toHaveProperty('DEPLOYCTL_ROOT');
  });

  test('exit codes of docker run', async () => {
    const code = async (line: string): Promise<number> => (await world.sh(line)).exitCode;
    expect(await code("docker run --rm t/web:1 sh -c 'exit 3'")).toBe(3);
    expect(await code('docker run --rm t/web:1 nosuch')).toBe(127);
    expect(await code('docker run --rm t/web:1 /etc/passwd')).toBe(126);
    expect(await code('docker run --pull never t/none:1')).toBe(125);
    expect(await code('docker run t/none:1')).toBe(125);
    expect(await code('docker run --nosuch t/web:1')).toBe(125);
    expect(await code('docker run')).toBe(1);
    expect(await code('docker nosuch')).toBe(1);
    expect(await code('docker stop nosuch')).toBe(1);
  });

  test('errors in the words of Docker', async () => {
    const text = async (line: string): Promise<string> => (await world.sh(line)).stderr;
    expect(await text('docker inspect nosuch')).toBe('Error: No such object: nosuch\n');
    expect(await text('docker stop nosuch')).toBe('Error response from daemon: No such container: nosuch\n');
    expect(await text('docker pull t/web:9')).toBe(
      'Error response from daemon: manifest for t/web:9 not found: manifest unknown: manifest unknown\n',
    );
    expect(await text('docker ps --nosuch')).toMatch(/^unknown flag: --nosuch\n/);
    expect(await text('docker rm web')).toMatch(/cannot remove container "web": container is running/);
    expect(await text('docker run -d --rm --restart always t/web:1')).toMatch(/cannot specify both --restart and --rm/);
    expect(await text("docker inspect -f '{{.Foo}}' web")).toMatch(
      /template parsing error: .*map has no entry for key "Foo"/,
    );
  });

  test('output stays on its stream; logs keeps it', async () => {
    const result = await world.sh(`docker run --name talk t/web:1 node -e 'console.log("out"); console.error("err")'`);
    expect(result).toMatchObject({ stdout: 'out\n', stderr: 'err\n', exitCode: 0 });
    expect(await world.sh('docker logs talk')).toMatchObject({ stdout: 'out\n', stderr: 'err\n' });
    expect(await world.sh('docker logs --tail 1 talk 2>&1; docker logs --since 1h -t talk')).toMatchObject({
      stdout: expect.stringMatching(/^(out|err)\n\d{4}-.*Z out\n$/) as unknown,
    });
    expect(await world.ok('docker wait talk; docker rm talk')).toBe('0\ntalk');
  });

  test('pull by digest leaves no tag, and a prune takes it unless it is tagged', async () => {
    const other = await world.image('t/other:1', SERVER, { VERSION: 'other' });
    expect(await world.ok(`docker pull -q t/other@${other}`)).toBe(`docker.io/t/other@${other}`);
    const count = `docker images -q t/other | wc -l`;
    expect(
      await world.ok(
        `docker image inspect -f '{{.RepoTags}}' t/other@${other}; docker tag t/other@${other} t/other:keep; docker image prune -f >/dev/null; ${count}`,
      ),
    ).toBe('[]\n1');
    expect(
      await world.ok(
        `docker rmi t/other:keep >/dev/null; docker pull -q t/other@${other} >/dev/null; docker image prune -f >/dev/null; ${count}`,
      ),
    ).toBe('0');
    expect((await world.sh(`docker pull t/web@${other}`)).exitCode).toBe(1);
  });

  test('an image in use is not removed', async () => {
    const result = await world.sh('docker rmi t/web:1');
    expect(result.exitCode).toBe(1);
    expect(result.stderr).toMatch(/conflict: unable to remove repository reference "t\/web:1" \(must force\)/);
  });

  test('build and push from an instance, pull on another', async () => {
    mkdirSync(`${world.stateDir}/context`);
    for (const [name, text] of Object.entries(SERVER)) writeFileSync(`${world.stateDir}/context/${name}`, text);
    const pushed = await world.ok(
      `cd ${world.stateDir} && docker build -q -t t/built:1 --build-arg VERSION=7 context && docker push t/built:1 && docker inspect -f '{{json .Config.Env}}' t/built:1`,
    );
    expect(pushed).toMatch(/1: digest: sha256:[0-9a-f]{64} size: \d+\n\["VERSION=7"\]$/);
    expect(
      await world.hosts.exec('i-2', 'docker run --rm t/built:1 printenv VERSION', { timeoutMs: 10_000 }),
    ).toMatchObject({ stdout: '7\n' });
  });

  test('ps filters and formats', async () => {
    await world.ok('docker create --name other -l app=shop -l x=y t/web:2');
    const names = (filter: string): Promise<string> => world.ok(`docker ps -a ${filter} --format '{{.Names}}'`);
    expect(await names('--filter label=app=shop')).toBe('other\nweb');
    expect(await names('--filter label=app=shop --filter label=x')).toBe('other');
    expect(await names(`--filter publish=${port}`)).toBe('web');
    expect(await names('--filter status=created --filter status=exited')).toBe('other');
    expect(await names("--filter 'name=^/web$'")).toBe('web');
    expect(await names('--filter ancestor=t/web:2')).toBe('other');
    expect(await names('-n 1')).toBe('other');
    expect(await world.ok(`docker ps --format '{{.Label "app"}} {{.Ports}}'`)).toBe(
      `shop ${address(1)}:${port}->3000/tcp`,
    );
    expect(JSON.parse(await world.ok('docker ps --format json'))).toMatchObject({
      Names: 'web',
      Labels: 'app=shop',
      State: 'running',
    });
    expect((await world.ok('docker ps -aq')).split('\n')).toEqual([
      expect.stringMatching(/^[0-9a-f]{12}$/),
      expect.stringMatching(/^[0-9a-f]{12}$/),
    ]);
    await world.ok('docker rm other');
  });

  test('rename, update, exec, stop, start', async () => {
    expect(await world.ok('docker rename web old && docker update --restart=no old')).toBe('old');
    expect(await world.ok("docker exec -e X=1 old sh -c 'echo $PORT $VERSION $X'")).toBe(`${port} 1 1`);
    expect((await world.sh("docker exec old sh -c 'exit 5'")).exitCode).toBe(5);
    expect((await world.sh('docker exec old nosuch')).exitCode).toBe(127);
    expect(
      await world.ok(
        "docker stop -t 5 old; docker inspect -f '{{.State.Status}} {{.State.ExitCode}}' old; docker logs old 2>&1 | tail -1",
      ),
    ).toBe('old\nexited 0\nstopping');
    expect((await world.sh('docker exec old true')).stderr).toMatch(/is not running/);
    expect(await world.ok('docker start old; docker rm -f old')).toBe('old\nold');
    await until('the port is free', () => world.hosts.serving('i-1', port) === undefined);
  });

  test('login takes the password from stdin only', async () => {
    expect(
      await world.ok('printf secret | docker login -u AWS --password-stdin 1.dkr.ecr.eu-west-1.amazonaws.com'),
    ).toBe('Login Succeeded');
    expect((await world.sh('docker pull 2.dkr.ecr.eu-west-1.amazonaws.com/x:1')).stderr).toMatch(
      /no basic auth credentials/,
    );
    expect((await world.sh('docker pull 1.dkr.ecr.eu-west-1.amazonaws.com/x:1')).stderr).toMatch(
      /repository does not exist/,
    );
  });

  test('twenty clients at once get their own answers', async () => {
    const lines = Array.from(
      { length: 20 },
      (_, n) => `(docker version -f '${n} {{.Server.Version}}' >"$DEPLOYCTL_ROOT/out-${n}") &`,
    );
    await world.ok(`${lines.join('\n')}\nwait`);
    const all = await world.ok('cat "$DEPLOYCTL_ROOT"/out-* | sort -n | cut -d" " -f1 | tr "\\n" " "');
    expect(all).toBe(Array.from({ length: 20 }, (_, n) => n).join(' '));
  });

  test('large output arrives whole, and a reader that leaves early is no problem', async () => {
    const script = `docker run --name big t/web:1 node -e 'for (let n = 0; n < 50000; n += 1) console.log("line " + n)' | tail -1; docker logs big | head -1; docker rm big`;
    expect(await world.ok(script)).toBe('line 49999\nline 0\nbig');
  });
});
