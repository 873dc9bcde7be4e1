import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { afterEach, describe, expect, test } from 'vitest';
import { address, createWorld, freePort, instance, processesOf, SERVER, until, type World } from './hosts-world.js';

let world: World | undefined;
afterEach(async () => {
  await world?.close();
  world = undefined;
});

const allPids = (): number[] =>
  readdirSync('/proc')
    .map(Number)
    .filter((pid) => Number.isInteger(pid));

const EXITS = {
  Dockerfile: 'FROM node:20\nWORKDIR /app\nCOPY run.sh .\nCMD ["sh","run.sh"]\n',
  // Counts its starts; exits with CODE.
  'run.sh': 'echo start; exit ${CODE:-1}\n',
};

const IGNORES = {
  Dockerfile: 'FROM node:20\nWORKDIR /app\nCOPY run.sh .\nCMD ["sh","run.sh"]\n',
  'run.sh': "trap 'echo ignored' TERM\necho up\nwhile :; do sleep 0.05; done\n",
};

describe('restart policies', () => {
  test.each([
    ['no', '1', 1, 'exited'],
    ['on-failure:2', '1', 3, 'exited'],
    ['on-failure', '0', 1, 'exited'],
  ])('%s with exit code %s starts %d times', async (policy, code, starts, status) => {
    world = await createWorld();
    const { ok } = world;
    await world.image('t/exits:1', EXITS);
    await ok(`docker run -d --name box -e CODE=${code} --restart ${policy} t/exits:1 && docker wait box`);
    expect(
      await ok(
        `docker logs box | grep -c start; docker inspect -f '{{.State.Status}} {{.State.ExitCode}} {{.RestartCount}}' box`,
      ),
    ).toBe(`${starts}\n${status} ${code} ${starts - 1}`);
  });

  test('always restarts with a doubling delay until it is stopped', async () => {
    world = await createWorld();
    const { ok, hosts } = world;
    await world.image('t/exits:1', EXITS);
    await ok('docker run -d --name box --restart always t/exits:1');
    await until('two restarts', async () => Number(await ok("docker inspect -f '{{.RestartCount}}' box")) >= 3);
    await until('it waits', async () => (await hosts.containers('i-1'))[0]?.state === 'restarting');
    // Docker calls a container that waits for its restart running.
    expect(await ok("docker inspect -f '{{.State.Running}} {{.State.Restarting}}' box; docker ps -q | wc -l")).toBe(
      'true true\n1',
    );
    const times = (await ok('docker logs -t box')).split('\n').map((line) => Date.parse(line.split(' ')[0] ?? ''));
    const [first = 0, second = 0, third = 0] = times;
    expect(second - first).toBeGreaterThanOrEqual(95);
    expect(third - second).toBeGreaterThanOrEqual(190);
    await ok('docker stop box');
    expect((await hosts.containers('i-1'))[0]?.state).toBe('exited');
    const count = await ok("docker inspect -f '{{.RestartCount}}' box");
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(await ok("docker inspect -f '{{.RestartCount}}' box")).toBe(count);
  });
});

describe('stop and kill', () => {
  test('SIGKILL after the timeout gives 137', async () => {
    world = await createWorld(1, 1);
    const { ok } = world;
    await world.image('t/ignores:1', IGNORES);
    await ok('docker run -d --name box t/ignores:1; until docker logs box | grep -q up; do sleep 0.02; done');
    const started = performance.now();
    await ok('docker stop -t 1 box');
    expect(performance.now() - started).toBeGreaterThanOrEqual(1000);
    expect(
      await ok("docker inspect -f '{{.State.ExitCode}} {{.State.OOMKilled}}' box; docker logs box | tail -1"),
    ).toBe('137 false\nignored');
  });

  test('a first process without a handler does not see SIGTERM, as PID 1; --init passes it on', async () => {
    world = await createWorld();
    const { ok } = world;
    await world.image('t/exits:1', EXITS);
    await ok(
      'docker run -d --name box t/exits:1 sleep 60; docker run -d --init --name tin t/exits:1 sleep 60; docker stop -t 1 box; docker stop -t 9 tin',
    );
    expect(await ok("docker inspect -f '{{.State.ExitCode}}' box tin")).toBe('137\n143');
  });

  test('docker kill ends the restart policy', async () => {
    world = await createWorld();
    const { ok } = world;
    await world.image('t/ignores:1', IGNORES);
    await ok('docker run -d --name box --restart always t/ignores:1; docker kill box');
    expect(await ok("docker inspect -f '{{.State.Status}} {{.State.ExitCode}}' box")).toBe('exited 137');
  });

  test('a process above its memory limit is killed as out of memory', async () => {
    world = await createWorld();
    await world.image('t/exits:1', EXITS);
    const hungry = 'const all = []; setInterval(() => all.push(Buffer.alloc(2e6, 1)), 5)';
    expect((await world.sh(`docker run --name box -m 80m t/exits:1 node -e '${hungry}'`)).exitCode).toBe(137);
    expect(await world.ok("docker inspect -f '{{.State.OOMKilled}}' box")).toBe('true');
  });

  test('a client that is killed does not stop what it asked for', async () => {
    world = await createWorld();
    const { ok } = world;
    await world.image('t/ignores:1', IGNORES);
    await ok('docker run -d --name box t/ignores:1; until docker logs box | grep -q up; do sleep 0.02; done');
    const result = await world.hosts.exec('i-1', 'docker stop -t 1 box', { timeoutMs: 150 });
    expect(result.timedOut).toBe(true);
    await until('it is stopped', async () => (await ok("docker inspect -f '{{.State.Status}}' box")) === 'exited');
    await until(
      'its files are swept',
      () => readdirSync(join(world?.stateDir ?? '', 'instances/i-1/run/docker/calls')).length <= 4,
    );
  });
});

describe('power', () => {
  test('a reboot kills without a signal and brings back what has a restart policy', async () => {
    world = await createWorld(1, 1000);
    const { ok, hosts } = world;
    await world.image('t/web:1', SERVER);
    const port = await freePort(address(1));
    await ok(`docker run -d --name web -p ${port}:3000 --restart unless-stopped t/web:1
      docker run -d --name plain t/web:1
      docker run -d --name stopped --restart unless-stopped t/web:1
      docker run -d --name always --restart always t/web:1
      docker stop -t 0 stopped always
      until docker logs web | grep -q ready; do sleep 0.02; done`);
    const before = await ok("docker inspect -f '{{.State.StartedAt}}' web");
    await hosts.reboot('i-1');
    const states = await ok("docker ps -a --format '{{.Names}} {{.State}}' | sort");
    expect(states).toBe('always running\nplain exited\nstopped exited\nweb running');
    expect(await ok("docker inspect -f '{{.State.ExitCode}}' plain")).toBe('255');
    expect(await ok("docker inspect -f '{{.State.StartedAt}}' web")).not.toBe(before);
    expect((await world.sh('docker logs web')).stderr).not.toContain('stopping');
    await until('it serves again', () =>
      fetch(`http://${address(1)}:${port}/`).then(
        (answer) => answer.ok,
        () => false,
      ),
    );
  });

  test('a removed instance runs nothing; with its disk kept it comes back', async () => {
    world = await createWorld(1, 1000);
    const { ok, hosts, stateDir } = world;
    await world.image('t/web:1', SERVER);
    await ok('docker run -d --name web --restart always t/web:1; setsid sleep 61 >/dev/null 2>&1 & sleep 0.1');
    expect(processesOf(stateDir, allPids())).toHaveLength(2);
    await hosts.removeInstance('i-1', true);
    expect(processesOf(stateDir, allPids())).toEqual([]);
    await hosts.addInstance(instance(1));
    expect(await ok("docker ps --format '{{.Names}}'")).toBe('web');
    await hosts.removeInstance('i-1', false);
    expect(readdirSync(join(stateDir, 'instances'))).toEqual([]);
  });

  test('an instance that goes while it starts, stops and waits leaves nothing behind', async () => {
    world = await createWorld(1, 1000);
    const { hosts, sh, stateDir } = world;
    await world.image('t/ignores:1', IGNORES);
    const busy = Array.from({ length: 7 }, (_, n) =>
      sh(`docker run -d --name box${n} --restart always t/ignores:1; docker stop -t 60 box${n}; sleep 60`),
    );
    await until('some run', async () => (await hosts.containers('i-1')).length >= 3);
    await hosts.removeInstance('i-1', false);
    for (const result of await Promise.all(busy)) expect(result).toMatchObject({ cancelled: true });
    await until('no process is left', () => processesOf(stateDir, allPids()).length === 0);
    expect(readdirSync(join(stateDir, 'instances'))).toEqual([]);
  });

  test('a client of a dead engine says so at once', async () => {
    world = await createWorld();
    const client = join(world.stateDir, 'instances/i-1/bin/docker');
    const engine = join(world.stateDir, 'instances/i-1/run/docker/engine');
    const run = (): Promise<{ code: number | null; text: string }> =>
      new Promise((resolve) => {
        const child = spawn(client, ['ps'], { stdio: ['ignore', 'ignore', 'pipe'] });
        let text = '';
        child.stderr.on('data', (data: Buffer) => (text += String(data)));
        child.once('close', (code) => resolve({ code, text }));
      });
    expect((await run()).code).toBe(0);
    // A reused pid: it lives, but its descriptor is not this engine's FIFO.
    writeFileSync(engine, `${process.pid} 0\n`);
    expect(await run()).toMatchObject({
      code: 1,
      text: expect.stringContaining('Cannot connect to the Docker daemon') as unknown,
    });
    rmSync(engine);
    expect((await run()).code).toBe(1);
  });

  test('kill -9 of the owner leaves no container', async () => {
    world = await createWorld();
    const { stateDir } = world;
    const code = join(stateDir, 'code');
    compile(code);
    for (const [name, text] of Object.entries(SERVER)) {
      mkdirSync(join(code, 'image'), { recursive: true });
      writeFileSync(join(code, 'image', name), text);
    }
    const owned = join(stateDir, 'owned');
    writeFileSync(
      join(code, 'owner.js'),
      `import { createProcessHosts } from './src/sandbox/hosts/process/index.js';
import { createTime } from './src/sandbox/time.js';
const hosts = await createProcessHosts({ stateDir: ${JSON.stringify(owned)}, time: createTime(10) });
await hosts.build(${JSON.stringify(join(code, 'image'))}, 't/web:1');
await hosts.addInstance({ id: 'i-1', zone: 'a', address: ${JSON.stringify(address(9))}, launchedAt: new Date(), state: 'running', tags: {}, agent: 'online' });
await hosts.exec('i-1', 'docker run -d --restart always t/web:1; docker run -d t/web:1 sleep 60', { timeoutMs: 10000 });
console.log('up');
`,
    );
    const owner = spawn(process.execPath, [join(code, 'owner.js')], { stdio: ['ignore', 'pipe', 'inherit'] });
    await new Promise<void>((resolve) => owner.stdout.once('data', () => resolve()));
    const pids = processesOf(owned, allPids());
    expect(pids).toHaveLength(2);
    owner.kill('SIGKILL');
    await until('nothing of it runs', () => processesOf(owned, pids).length === 0);
  });
});

/** Compiles the runtime as it is: the owner has to be a process of its own, without the test runner. */
function compile(folder: string): void {
  const root = 'src/sandbox';
  const files = readdirSync(join(root, 'hosts'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(root, 'hosts', name));
  for (const file of [...files, join(root, 'time.ts'), join(root, 'types.ts')]) {
    const target = join(folder, file.replace(/\.ts$/, '.js'));
    mkdirSync(dirname(target), { recursive: true });
    const { outputText } = ts.transpileModule(readFileSync(file, 'utf8'), {
      compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022, verbatimModuleSyntax: true },
    });
    writeFileSync(target, outputText);
  }
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
}
