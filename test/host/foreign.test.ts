/** Containers that deployctl did not start: what it may adopt, and that nothing is done to any other. */
import { createServer } from 'node:http';
import { execaSync } from 'execa';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { HostRequest } from '../../src/domain/host.js';
import type { Digest } from '../../src/domain/ids.js';
import { canonicalRepository } from '../../src/domain/occupancy.js';
import { adoptedRelease } from '../../src/domain/release.js';
import { instanceScript } from '../../src/host/script.js';
import { bad, good, slot, spec, startInstance, type Instance } from './kit.js';

describe('an image repository', () => {
  const library = /awk_library='([^']*)'/.exec(instanceScript())?.[1] ?? '';
  const references = [
    ...['backend', 'backend:1.0.0', 'shop/backend:1.0.0', 'docker.io/shop/backend', 'index.docker.io/backend'],
    ...['localhost/backend', 'localhost:5000/shop/backend:1', 'Registry/backend', 'r.example.com/a/b/c@sha256:00'],
    ...['R.example.com:5000/backend:1@sha256:00', 'shop/backend:tag@sha256:00', '3f2a5b'],
  ];

  it.each([['awk'], ['busybox', 'awk']])('is the same in the script (%s %s) as in the preflight', (...awk) => {
    const [program = 'awk', ...args] = awk;
    const input = references.join('\n');
    const { stdout } = execaSync(program, [...args, `${library}{ print canonical($0) }`], { input });
    expect(stdout.split('\n')).toEqual(references.map(canonicalRepository));
  });
});

describe('containers of others', () => {
  let instance: Instance;
  let one: Digest;
  let two: Digest;
  const green = slot('green', 8082);
  const start = (release: string, digest: Digest, of = slot(), keep = 2): HostRequest => ({
    phase: 'start',
    slot: of,
    release,
    spec: spec(digest),
    keep,
  });
  const stop = (of = slot()): HostRequest => ({ phase: 'stop', slot: of, stopTimeout: 2000, keep: 1 });
  /** All that Docker knows of every container but ours. */
  const others = (): Promise<string> =>
    instance.sh(
      `docker ps -aq --no-trunc | while read -r id; do docker inspect --format '{{.Id}} {{.Name}} {{.State.Status}} {{.State.StartedAt}} {{.HostConfig.RestartPolicy.Name}} {{.Config.Labels}}' $id; done | grep -v deployctl.release | sort`,
    );

  beforeAll(async () => {
    instance = await startInstance();
    one = await instance.build('1.0.0');
    two = await instance.build('2.0.0');
    await instance.sh(
      'docker pull shop/backend:1.0.0; docker pull shop/backend:2.0.0; docker tag shop/backend:1.0.0 shop/frontend:1.0.0',
    );
  });
  afterAll(() => instance.close());
  beforeEach(() => instance.sh('docker ps -aq | xargs -r docker rm -f; rm -rf "$DEPLOYCTL_ROOT/var/lib/deployctl"'));

  it.each([
    ['another image', '--restart always -p 8082:3000 shop/frontend:1.0.0'],
    ['the image of the service, which says nothing on the standby color', '-p 8082:3000 shop/backend:1.0.0'],
    ['an address of its own', '-p 127.0.0.1:8082:3000 shop/frontend:1.0.0'],
    [
      'the labels of another environment',
      '-l deployctl.app=shop -l deployctl.environment=staging -l deployctl.service=backend -l deployctl.color=green -l deployctl.release=r-1 -p 8082:3000 shop/backend:1.0.0',
    ],
    [
      'the labels of another service',
      '-l deployctl.app=shop -l deployctl.environment=production -l deployctl.service=api -l deployctl.color=green -l deployctl.release=r-1 -p 8082:3000 shop/backend:1.0.0',
    ],
  ])('one with %s keeps its port, and is named', async (_, options) => {
    await instance.sh(`docker run -d --name metrics-agent ${options}`);
    const before = await others();
    for (const phase of ['start', 'restore'] as const) {
      const failed = bad(await instance.ask({ ...start('r-2', two, green), phase } as HostRequest));
      expect(failed.code).toBe('port-taken');
      expect(failed.message).toMatch(
        /port 8082 is held by container metrics-agent \(image shop\/(front|back)end:1\.0\.0\)/,
      );
    }
    good(await instance.ask(stop(green)));
    expect(await others()).toBe(before);
    expect(await instance.sh("docker ps --format '{{.Names}}'")).toBe('metrics-agent');
  });

  it('one that takes the port while a release is being started is named too, and the old container can come back', async () => {
    const first = good(await instance.ask(start('r-1', one))).container;
    const late = (script: string): string =>
      script.replace(/^dk rename "\$created".*$/m, `docker run -d --name late -p 8081:3000 shop/frontend:1.0.0\n$&`);
    const failed = bad(await instance.ask(start('r-2', two), undefined, { change: late }));
    expect(failed).toMatchObject({ code: 'port-taken' });
    expect(failed.message).toContain('port 8081 is held by container late (image shop/frontend:1.0.0)');
    expect(bad(await instance.ask({ ...start('r-1', one), phase: 'restore' } as HostRequest)).code).toBe('port-taken');
    expect(await instance.sh("docker ps --format '{{.Names}}'")).toBe('late');
    await instance.sh('docker rm -f late');
    const back = good(await instance.ask({ ...start('r-1', one), phase: 'restore' } as HostRequest));
    expect(back.container?.id).toBe(first?.id);
  });

  it('neither a stopped one, nor one with UDP ports, is in the way', async () => {
    await instance.sh('docker create --name asleep -p 8082:3000 shop/frontend:1.0.0');
    await instance.sh('docker run -d --name resolver -p 8082:53/udp shop/frontend:1.0.0');
    const before = await others();
    good(await instance.ask(start('r-2', two, green)));
    good(await instance.ask(stop(green)));
    expect(await others()).toBe(before);
  });

  it('one with a name that a new container needs is named before anything is stopped', async () => {
    good(await instance.ask(start('r-1', one)));
    await instance.sh('docker create --name backend-green-next shop/frontend:1.0.0');
    const before = await others();
    const failed = bad(await instance.ask(start('r-2', two, green)));
    expect(failed.code).toBe('start-failed');
    expect(failed.message).toContain('container backend-green-next (image shop/frontend:1.0.0)');
    await instance.sh('docker rename backend-green-next backend-green');
    expect(bad(await instance.ask(start('r-2', two, green))).message).toContain('container backend-green (image');
    await instance.sh('docker rename backend-green backend-green-next');
    expect(await others()).toBe(before);
  });

  it('one that is named in adopt is set aside, on either color and whatever its image', async () => {
    await instance.sh('docker run -d --name legacy -p 8082:3000 shop/frontend:1.0.0');
    const started = good(await instance.ask(start('r-2', two, slot('green', 8082, ['legacy']))));
    const kept = started.containers?.find(({ running }) => !running);
    expect(kept).toMatchObject({ adopted: { service: 'backend', color: 'green' }, restartPolicy: 'no' });
  });

  it.each([
    ['its registry left out', 'shop/backend:1.0.0', 'docker.io/shop/backend'],
    ['its registry given', 'docker.io/shop/backend:1.0.0', 'shop/backend'],
    ['the id of its image', '$(docker image inspect --format "{{.Id}}" shop/backend:1.0.0)', 'shop/backend'],
  ])('one of the service’s own repository is adopted on the live color: %s', async (_, reference, repository) => {
    await instance.sh(`docker run -d --name backend -p 8081:3000 ${reference}`);
    const of = { ...slot(), adopts: { repository, containers: [] } };
    const started = good(await instance.ask(start('r-2', two, of)));
    expect(started.containers?.find(({ running }) => !running)?.name).toContain('backend-blue-adopted-');
  });

  it('the id of an image of another repository is no reason to adopt', async () => {
    await instance.sh(
      'docker run -d --name backend -p 8081:3000 $(docker image inspect --format "{{.Id}}" shop/backend:1.0.0)',
    );
    const of = { ...slot(), adopts: { repository: 'shop/other', containers: [] } };
    expect(bad(await instance.ask(start('r-2', two, of))).code).toBe('port-taken');
  });

  it('what was adopted stays so when its color is on standby, is stopped and put back, and is never removed', async () => {
    await instance.sh('docker run -d --name backend -p 8081:3000 --restart always shop/backend:1.0.0');
    const blueOnStandby = { ...slot(), adopts: { containers: [] } };
    expect(bad(await instance.ask(start('r-0', two, blueOnStandby))).code).toBe('port-taken');
    // Without a fence an inspect changes nothing; with one it notes what is adopted.
    good(await instance.ask({ phase: 'inspect', slots: [slot(), green] }, null));
    expect(bad(await instance.ask(start('r-0', two, blueOnStandby))).code).toBe('port-taken');
    const looked = good(await instance.ask({ phase: 'inspect', slots: [slot(), green] }));
    expect(looked.containers).toMatchObject([{ name: 'backend', adopted: { service: 'backend', color: 'blue' } }]);
    const [{ id } = { id: '' }] = looked.containers ?? [];
    for (const [index, digest] of [two, one, two, one, two].entries())
      good(await instance.ask(start(`r-${String(index + 1)}`, digest, blueOnStandby, 1)));
    const after = good(await instance.ask({ phase: 'inspect', slots: [slot()] }, null)).containers ?? [];
    // Ours: the one that runs, and one that is kept; what a person started stays beside them.
    expect(after.filter(({ ours }) => ours !== undefined).map(({ ours }) => ours?.release)).toEqual(['r-5', 'r-4']);
    expect(after.find((each) => each.id === id)).toMatchObject({ running: false, restartPolicy: 'no' });
    const back = { ...start(adoptedRelease(one), one, blueOnStandby), phase: 'restore' } as HostRequest;
    expect(good(await instance.ask(back)).container).toMatchObject({ id, name: 'backend', restartPolicy: 'always' });
    // Its note is gone, and it is still known for what it is.
    good(await instance.ask(stop(blueOnStandby)));
    expect(await instance.sh(`docker inspect --format '{{.State.Status}}' ${id}`)).toBe('exited');
  });

  it('a task has a name of its own: a container of somebody else that has it is not removed', async () => {
    const task: HostRequest = {
      phase: 'task',
      service: 'backend',
      containerName: 'backend',
      release: 'r-1',
      spec: spec(one, { task: { command: ['true'], timeout: 5000 } }),
    };
    await instance.sh('docker create --name backend-task-r-1 shop/frontend:1.0.0');
    const before = await others();
    expect(bad(await instance.ask(task)).code).toBe('start-failed');
    await instance.sh('docker rename backend-task-r-1 aside');
    good(await instance.ask(task));
    await instance.sh('docker rename aside backend-task-r-1');
    good(await instance.ask(task));
    expect(await others()).toBe(before);
  });

  it('a tag that somebody gave to another image stays', async () => {
    for (const [index, digest] of [one, two, one, two].entries()) {
      if (index === 3) await instance.sh('docker tag shop/frontend:1.0.0 shop/backend:deployctl-r-2');
      good(await instance.ask(start(`r-${String(index + 1)}`, digest, slot(), 1)));
    }
    const tags = (await instance.sh("docker image ls --format '{{.Tag}}'")).split('\n');
    expect(tags).toContain('deployctl-r-2');
    expect(tags).not.toContain('deployctl-r-1');
  });

  it('an inspect tells what else listens on the ports', async () => {
    const server = createServer().listen(8082, instance.address);
    try {
      await instance.sh('docker run -d --name backend -p 8081:3000 shop/backend:1.0.0');
      const seen = good(await instance.ask({ phase: 'inspect', slots: [slot(), green] }, null));
      expect(seen.facts?.listeners).toMatchObject([
        { port: 8082, process: expect.stringMatching(/^\S+ \(pid \d+\)$/) as string },
      ]);
    } finally {
      server.close();
    }
  });
});
