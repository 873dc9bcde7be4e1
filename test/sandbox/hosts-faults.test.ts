import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { FaultRefused, type HostFault } from '../../src/sandbox/types.js';
import { address, createWorld, freePort, SERVER, until, type World } from './hosts-world.js';

describe('faults on the process runtime', () => {
  let world: World;
  const play = (fault: HostFault): Promise<void> => world.hosts.play?.(fault) ?? Promise.resolve();
  const pull = () => world.sh('docker rmi -f t/web:1 >/dev/null 2>&1; docker pull -q t/web:1');
  beforeAll(async () => {
    world = await createWorld();
    await world.image('t/web:1', SERVER);
  });
  afterEach(() => world.hosts.endFaults?.());
  afterAll(() => world.close());

  it('registry down, denied, slow: each ends with the faults', async () => {
    await play({ kind: 'registry-down' });
    expect(await pull()).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(/connection refused/) as string });
    await world.hosts.endFaults?.();
    await play({ kind: 'registry-denied' });
    expect((await pull()).stderr).toMatch(/pull access denied for t\/web.*token has expired/);
    await world.hosts.endFaults?.();
    await play({ kind: 'registry-slow', ms: 300 });
    const began = performance.now();
    expect((await pull()).exitCode).toBe(0);
    expect(performance.now() - began).toBeGreaterThanOrEqual(300);
  });

  it('an image that is gone from the registry, and one from the instance', async () => {
    const digest = await world.image('t/short:1', { ...SERVER, 'more.txt': 'x' });
    await play({ kind: 'image-gone', image: 't/short:1' });
    expect((await world.sh('docker pull t/short:1')).stderr).toContain('manifest unknown');
    expect((await world.sh(`docker pull t/short@${digest}`)).stderr).toContain('manifest unknown');
    await expect(play({ kind: 'image-gone', image: 't/short:1' })).rejects.toThrow(FaultRefused);
    await world.ok('docker pull -q t/web:1');
    await play({ kind: 'image-gone', image: 't/web:1', instance: 'i-1' });
    expect(await world.ok('docker images -q')).toBe('');
    await expect(play({ kind: 'image-gone', image: 't/web:1', instance: 'i-1' })).rejects.toThrow(/No such image/);
  });

  it('a port that something else has', async () => {
    const port = await freePort(address(1));
    await play({ kind: 'port-taken', instance: 'i-1', port });
    const refused = await world.sh(`docker run -d --name second -p ${port}:3000 t/web:1`);
    expect(refused).toMatchObject({ exitCode: 125, stderr: expect.stringMatching(/address already in use/) as string });
    await expect(play({ kind: 'port-taken', instance: 'i-1', port })).rejects.toThrow(/taken already/);
    await world.hosts.endFaults?.();
    await world.ok('docker start second && docker rm -f second');
  });

  it('a container that is killed for want of memory', async () => {
    await world.ok('docker run -d --name web -p 0:3000 t/web:1; docker run -d --name always --restart always t/web:1');
    for (const container of ['web', 'always']) await play({ kind: 'oom-kill', instance: 'i-1', container });
    const state = (name: string) =>
      world.ok(`docker inspect --format '{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}}' ${name}`);
    await until('it has ended', async () => (await state('web')) === 'exited 137 true');
    await until('it is started again', async () => (await state('always')).startsWith('running'));
    const kills = 'docker events --since 0 --until 99999999999 --filter type=container --filter event=oom';
    const id = await world.ok(`docker inspect --format '{{json .Id}}' always`);
    expect(await world.ok(`${kills} --filter container=always --format '{{json .Actor.ID}}'`)).toBe(id);
    expect((await world.ok(kills)).split('\n')).toHaveLength(2);
    await expect(play({ kind: 'oom-kill', instance: 'i-1', container: 'web' })).rejects.toThrow(/does not run/);
    await expect(play({ kind: 'oom-kill', instance: 'i-1', container: 'nobody' })).rejects.toThrow(/No such container/);
  });

  it.each(['docker-kill', 'docker-restart', 'disk-full', 'network-cut'] as const)(
    '%s is refused by name',
    async (kind) => {
      const refused = play({ kind, instance: 'i-1' });
      await expect(refused).rejects.toThrow(FaultRefused);
      await expect(refused).rejects.toThrow(new RegExp(`${kind}.*--runtime docker`));
    },
  );
});
