/** What the process stand-in can't prove: labels, restarts of the daemon and of the machine, prunes, memory limits, ends of processes. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { HostRequest, Slot } from '../../src/domain/host.js';
import type { Digest } from '../../src/domain/ids.js';
import { adoptedRelease, type RunSpec } from '../../src/domain/release.js';
import { serve, startEngine, whyNoEngine, type Engine } from './engine.js';
import { bad, good, slot as plainSlot, spec } from './kit.js';

type Image = { readonly repository: string; readonly digest: Digest };
type Start = Extract<HostRequest, { phase: 'start' }>;
type Restore = Extract<HostRequest, { phase: 'restore' }>;

describe.skipIf(whyNoEngine() !== undefined)('the instance script on a real engine', { timeout: 120_000 }, () => {
  let engine: Engine;
  let one: Image;
  let two: Image;
  let three: Image;
  beforeAll(async () => {
    engine = await startEngine();
    one = await engine.image('backend:1.0.0', serve('1.0.0'));
    two = await engine.image('backend:1.1.0', serve('1.1.0'));
    three = await engine.image('backend:2.0.0', serve('2.0.0'));
  }, 120_000);
  afterAll(async () => engine?.close());
  beforeEach(async () => {
    await engine.sh('docker ps -aq | xargs -r docker rm -f; rm -rf "$DEPLOYCTL_ROOT"; docker image prune -af');
  });

  /** Blue is live, and what runs an image of the engine's registry may be adopted there. */
  const slot = (...of: Parameters<typeof plainSlot>): Slot => {
    const made = plainSlot(...of);
    if (made.adopts?.repository === undefined) return made;
    return { ...made, adopts: { ...made.adopts, repository: one.repository } };
  };
  const specOf = (image: Image, change: Partial<RunSpec> = {}): RunSpec => spec(image.digest, { image, ...change });
  const start = (release: string, image: Image, change: Partial<RunSpec> = {}, keep = 1): Start => ({
    phase: 'start',
    slot: slot(),
    release,
    spec: specOf(image, change),
    keep,
  });
  const restore = (release: string, image: Image): Restore => ({ ...start(release, image), phase: 'restore' });
  const served = async (port = 8081): Promise<string> =>
    engine.sh(
      `curl -sS --retry 40 --retry-all-errors --retry-delay 0 --retry-max-time 15 http://127.0.0.1:${port}/health`,
    );
  const states = async (): Promise<string[]> =>
    (
      await engine.sh(
        `docker ps -a --format '{{or (.Label "deployctl.color") "theirs"}} {{or (.Label "deployctl.release") "-"}} {{.State}}' | sort`,
      )
    ).split('\n');

  it('labels what it starts as documented', async () => {
    const container = good(await engine.ask(start('r-1', one))).container;
    expect(container).toMatchObject({ name: 'backend-blue', running: true, ports: [8081], digest: one.digest });
    const labels = JSON.parse(
      await engine.sh(`docker inspect --format '{{json .Config.Labels}}' backend-blue`),
    ) as object;
    expect(labels).toEqual({
      'deployctl.app': 'shop',
      'deployctl.environment': 'production',
      'deployctl.service': 'backend',
      'deployctl.color': 'blue',
      'deployctl.release': 'r-1',
      'deployctl.digest': one.digest,
    });
    const seen = good(await engine.ask({ phase: 'inspect', slots: [slot()] }, null));
    expect(seen.facts).toMatchObject({ dockerVersion: engine.version, liveRestore: false, curl: true, flock: true });
    expect(seen.facts?.memory[container?.id ?? '']?.used).toBeGreaterThan(10_000);
  });

  it('keeps N per color, stopped and with restart off; their images outlive a prune, older ones go', async () => {
    const green = slot('green', 8082);
    for (const [release, image] of [
      ['r-1', one],
      ['r-2', two],
      ['r-3', three],
    ] as const) {
      good(await engine.ask(start(release, image, {}, 1)));
      good(await engine.ask({ ...start(`g${release}`, image, {}, 1), slot: green }));
    }
    expect(await states()).toEqual(['blue r-2 exited', 'blue r-3 running', 'green gr-2 exited', 'green gr-3 running']);
    const policies = `docker inspect --format '{{.State.Status}} {{.HostConfig.RestartPolicy.Name}}' $(docker ps -aq) | sort -u`;
    expect(await engine.sh(policies)).toBe('exited no\nrunning unless-stopped');
    await engine.sh('docker image prune -f');
    const tags = await engine.sh(`docker image ls --format '{{.Tag}}' | grep deployctl | sort`);
    expect(tags.split('\n')).toEqual(['gr-2', 'gr-3', 'r-2', 'r-3'].map((release) => `deployctl-${release}`));
    // Without the registry, and also when the kept container itself is gone.
    await engine.sh(`docker rm $(docker ps -aq --filter label=deployctl.release=r-2); docker image prune -f`);
    good(await engine.ask({ ...restore('r-2', two) }));
    expect(await served()).toContain('1.1.0');
  });

  it('serves again after a restart of dockerd and after a power cut, and what is kept stays down', async () => {
    await engine.sh(`docker run -d --name backend -p 8081:3000 --restart always ${one.repository}@${one.digest}`);
    const adopted = adoptedRelease(one.digest);
    good(await engine.ask(start('r-2', two, {}, 2)));
    good(await engine.ask({ ...start('r-3', three, {}, 2), slot: slot('green', 8082) }));
    for (const again of ['restartDocker', 'reboot'] as const) {
      await engine[again]();
      expect([await served(8081), await served(8082)].join()).toMatch(/1\.1\.0.*2\.0\.0/);
      expect(await states()).toEqual(['blue r-2 running', 'green r-3 running', 'theirs - exited']);
    }
    const back = good(await engine.ask(restore(adopted, one)));
    expect(back.container).toMatchObject({ name: 'backend', restartPolicy: 'always', digest: one.digest });
    for (const again of ['restartDocker', 'reboot'] as const) {
      await engine[again]();
      expect([await served(8081), await served(8082)].join()).toMatch(/1\.0\.0.*2\.0\.0/);
      expect(await states()).toEqual(['blue r-2 exited', 'green r-3 running', 'theirs - running']);
    }
    good(await engine.ask(restore('r-2', two)));
    await engine.reboot();
    expect(await served(8081)).toContain('1.1.0');
    expect(await states()).toEqual(['blue r-2 running', 'green r-3 running', 'theirs - exited']);
  });

  it.each<[string, string]>([
    ['published', '-p 8082:3000 IMAGE'],
    ['published on an address', '-p 127.0.0.1:8082:3000 IMAGE'],
    ['published in a range', '-p 8080-8085:3000-3005 IMAGE'],
    ['published, and paused', '-p 8082:3000 IMAGE && docker pause other'],
    ['the network of the host', '--network host IMAGE busybox httpd -f -p 8082'],
    [
      'published, and about to be restarted',
      `--restart always -p 8082:3000 IMAGE sh -c 'exit 1'; until [ "$(docker inspect --format '{{.State.Status}}' other)" = restarting ]; do sleep 0.1; done`,
    ],
  ])('leaves a container of somebody else alone that holds the port: %s', async (_, options) => {
    const green = slot('green', 8082);
    await engine.sh(`docker pull -q ${three.repository}@${three.digest}`);
    await engine.sh(`docker run -d --name other ${options.replace('IMAGE', `${three.repository}@${three.digest}`)}`);
    const look = `docker inspect --format '{{.Id}} {{.Name}} {{.HostConfig.RestartPolicy.Name}}' other`;
    const before = await engine.sh(look);
    const seen = good(await engine.ask({ phase: 'inspect', slots: [slot(), green] }, null));
    const isListed = seen.containers?.some(({ name, ports }) => name === 'other' && ports.includes(8082));
    const listens = seen.facts?.listeners?.some(({ port, container }) => port === 8082 && container === 'other');
    expect(isListed === true || listens === true, JSON.stringify(seen)).toBe(true);
    const failed = bad(await engine.ask({ ...start('r-2', two), slot: green }));
    expect(failed.code, failed.message).toBe('port-taken');
    expect(failed.message).toMatch(/8082 is held by container other \(image .*backend@sha256:/);
    good(await engine.ask({ phase: 'stop', slot: green, stopTimeout: 1000, keep: 1 }));
    expect(await engine.sh(look)).toBe(before);
    expect(await engine.sh(`docker inspect --format '{{.State.Status}}' other`)).not.toBe('exited');
  });

  it('takes no UDP port for its own', async () => {
    const image = `${three.repository}@${three.digest}`;
    await engine.sh(`docker run -d --name resolver -p 8081:3000/udp ${image}`);
    good(await engine.ask(start('r-1', one)));
    expect(await states()).toEqual(['blue r-1 running', 'theirs - running']);
  });

  it('names the memory kill and the exit code of a container that ends while it is watched', async () => {
    const greedy = await engine.image(
      'greedy:1',
      'echo "fills up"; sleep 0.5; busybox tail /dev/zero; echo "tail ended: $?"; exit 137',
    );
    const health = { ...spec(one.digest).health, passes: 100 };
    const options = ['--memory=16m', '--memory-swap=16m'];
    const killed = bad(await engine.ask(start('r-1', greedy, { runOptions: options, health })));
    expect(killed).toMatchObject({ code: 'exited', oomKilled: true, exitCode: 137 });
    expect(killed.logTail).toContain('fills up');
    const ends = await engine.image(
      'ends:1',
      `${serve('x').replace('& wait', '&')} sleep 0.4; echo "no more" >&2; exit 3`,
    );
    const ended = bad(await engine.ask(start('r-2', ends, { health })));
    expect(ended).toMatchObject({ code: 'exited', oomKilled: false, exitCode: 3 });
    expect(ended.logTail).toContain('version x starts\nno more');
  });

  it('still names the memory kill of a container that docker has started again since', async () => {
    const options = ['--memory=16m', '--memory-swap=16m'];
    good(await engine.ask(start('r-1', one, { runOptions: options })));
    const restarts = `docker inspect --format '{{.RestartCount}}' backend-blue`;
    // The kernel's first choice is then the first process, not the one that asks for more than there is.
    await engine.sh(
      `echo 1000 >/proc/$(docker inspect --format '{{.State.Pid}}' backend-blue)/oom_score_adj
      docker exec backend-blue busybox tail /dev/zero; until [ "$(${restarts})" = 1 ]; do sleep 0.1; done`,
    );
    const seen = good(await engine.ask({ phase: 'inspect', slots: [slot()] }, null));
    expect(seen.containers).toMatchObject([{ running: true, restartCount: 1, oomKilled: true }]);
    // One that was started again for another reason is not taken for it.
    good(await engine.ask(start('r-2', two)));
    await engine.sh(
      `kill -KILL $(docker inspect --format '{{.State.Pid}}' backend-blue); until [ "$(${restarts})" = 1 ]; do sleep 0.1; done`,
    );
    const after = good(await engine.ask({ phase: 'inspect', slots: [slot()] }, null));
    expect(after.containers?.find(({ running }) => running)).toMatchObject({ restartCount: 1, oomKilled: false });
  });

  it('tells what became of the container that it sets aside on the way back, if it is asked', async () => {
    good(await engine.ask(start('r-1', one)));
    const kill = async (how: string): Promise<void> => {
      await engine.sh(
        `${how}; until [ "$(docker inspect --format '{{.RestartCount}}' backend-blue)" = 1 ]; do sleep 0.1; done`,
      );
    };
    good(await engine.ask(start('r-2', two, { runOptions: ['--memory=16m', '--memory-swap=16m'] })));
    await kill(
      `echo 1000 >/proc/$(docker inspect --format '{{.State.Pid}}' backend-blue)/oom_score_adj; docker exec backend-blue busybox tail /dev/zero`,
    );
    const { aside } = good(await engine.ask({ ...restore('r-1', one), evidence: true }));
    expect(aside).toMatchObject({ release: 'r-2', restarts: 1, oomKilled: true });
    expect(aside).not.toHaveProperty('exitCode');
    expect(aside?.logTail).toMatch(/^version 1.1.0 starts\nversion 1.1.0 starts/);
    good(await engine.ask(start('r-2', two)));
    await kill(`kill -KILL $(docker inspect --format '{{.State.Pid}}' backend-blue)`);
    expect(
      good(await engine.ask({ phase: 'stop', slot: slot(), stopTimeout: 2000, keep: 1, evidence: true })).aside,
    ).toMatchObject({
      release: 'r-2',
      restarts: 1,
      oomKilled: false,
    });
  });

  it('takes a daemon that went away for silence, not for a container that ended', async () => {
    const health = { ...spec(one.digest).health, passes: 200 };
    const asked = engine.ask(start('r-1', one, { health }));
    await engine.sh(
      'until curl -sf http://127.0.0.1:8081/health; do sleep 0.05; done; kill -9 $(cat /var/run/docker.pid)',
    );
    expect(bad(await asked).code).toBe('no-docker');
    await engine.restartDocker();
    good(await engine.ask(start('r-1', one)));
    // Whether it outlived the daemon is the engine's affair.
    expect((await states()).filter((state) => state.endsWith('running'))).toEqual(['blue r-1 running']);
  });

  it('names a disk that fills while the container is watched, and takes it for no answer of the container', async () => {
    const state = '"$DEPLOYCTL_ROOT"/var/lib/deployctl';
    await engine.sh(`mkdir -p ${state} && mount -t tmpfs -o size=256k tmpfs ${state}`);
    try {
      const health = { ...spec(one.digest).health, passes: 1000, startTimeout: 1000 };
      const asked = engine.ask(start('r-1', one, { health }));
      // Again and again: what a probe frees, when it begins its file anew, is to be taken too.
      const filling = engine.sh(
        `until curl -sf http://127.0.0.1:8081/health; do sleep 0.05; done
        until [ -e "$DEPLOYCTL_ROOT"/answered ]; do dd if=/dev/zero of=${state}/balloon bs=4k oflag=append conv=notrunc 2>/dev/null; done; true`,
      );
      const failed = bad(await asked);
      await engine.sh('touch "$DEPLOYCTL_ROOT"/answered');
      await filling;
      expect(failed.code).toBe('no-state');
      expect(failed.message).toMatch(/cannot write .*\/work \(disk full or read-only\?\)/);
      await engine.sh(`rm ${state}/balloon`);
      good(await engine.ask(start('r-1', one)));
    } finally {
      await engine.sh(`umount ${state}`);
    }
  });

  it('gives the last probe and the end of the log of a container that is never well', async () => {
    const ill = await engine.image('ill:1', serve('x').replace('/www/health', '/www/other'));
    const health = { ...spec(one.digest).health, startTimeout: 1000 };
    const failed = bad(await engine.ask(start('r-1', ill, { health })));
    expect(failed).toMatchObject({ code: 'unhealthy', oomKilled: false });
    expect(failed.lastProbe).toMatch(/^GET \/health: 404 .*Not Found/s);
    expect(failed.logTail).toBe('version x starts');
    const deaf = await engine.image('deaf:1', 'sleep 1000');
    expect(bad(await engine.ask(start('r-2', deaf, { health }))).lastProbe).toMatch(/^GET \/health: curl: \(/);
  });

  it('never stops the old container for what can be found out before', async () => {
    const before = good(await engine.ask(start('r-1', one))).container;
    const wrong: [string, Partial<RunSpec>, RegExp][] = [
      ['start-failed', { runOptions: ['--no-such-option'] }, /unknown flag: --no-such-option/],
      ['start-failed', { runOptions: ['--memory=1k'] }, /[Mm]inimum memory limit/],
      ['pull-failed', { image: { ...two, digest: `sha256:${'0'.repeat(64)}` } }, /manifest unknown|not found/],
    ];
    for (const [code, change, message] of wrong) {
      const failed = bad(await engine.ask(start('r-2', two, change)));
      expect(failed.code).toBe(code);
      expect(failed.message).toMatch(message);
    }
    expect(good(await engine.ask({ phase: 'inspect', slots: [slot()] }, null)).containers).toEqual([before]);
  });

  it('says why a container did not start, and who holds its port', async () => {
    const failed = bad(await engine.ask(start('r-1', one, { command: ['/no/such/program'] })));
    expect(failed).toMatchObject({ code: 'start-failed', containers: [] });
    expect(failed.message).toContain('/no/such/program');
    await engine.sh('busybox httpd -p 8081 -h /');
    const taken = bad(await engine.ask(start('r-1', one)));
    await engine.sh('kill $(pidof busybox)');
    expect(taken).toMatchObject({ code: 'port-taken', containers: [] });
    expect(taken.message).toMatch(/port 8081 is held by process busybox \(pid \d+\)/);
    good(await engine.ask(start('r-1', one)));
  });

  it('runs a task once, and leaves nothing of it', async () => {
    const task = { command: ['sh', '-c', 'echo "migrated as $ROLE"; exit $CODE'], timeout: 5000 };
    const ask = (release: string, code: string): HostRequest => ({
      phase: 'task',
      service: 'backend',
      containerName: 'backend',
      release,
      spec: specOf(one, { task, env: { ROLE: 'x y', CODE: code } }),
    });
    expect(good(await engine.ask(ask('r-1', '0'))).logTail).toBe('migrated as x y');
    good(await engine.ask(ask('r-1', '0')));
    expect(bad(await engine.ask(ask('r-2', '9')))).toMatchObject({ code: 'task-failed', exitCode: 9 });
    expect(bad(await engine.ask(ask('r-2', '9')))).toMatchObject({ code: 'task-failed' });
    expect(await engine.sh('docker ps -aq')).toBe('');
  });
});
