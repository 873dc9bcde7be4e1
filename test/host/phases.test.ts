import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { adoptedRelease } from '../../src/domain/release.js';
import type { Digest } from '../../src/domain/ids.js';
import type { HostRequest } from '../../src/domain/host.js';
import type { RunSpec } from '../../src/domain/release.js';
import { bad, good, slot, spec, startInstance, type Instance } from './kit.js';

type Start = Extract<HostRequest, { phase: 'start' }>;
type Restore = Extract<HostRequest, { phase: 'restore' }>;

const start = (release: string, digest: Digest, change: Partial<RunSpec> = {}, keep = 2): Start => ({
  phase: 'start',
  slot: slot(),
  release,
  spec: spec(digest, change),
  keep,
});
const restore = (release: string, digest: Digest): Restore => ({ ...start(release, digest), phase: 'restore' });

describe('the instance script', () => {
  let instance: Instance;
  beforeEach(async () => {
    instance = await startInstance();
  });
  afterEach(async () => instance.close());

  const version = async (port = 8081): Promise<string> =>
    ((await (await fetch(`http://${instance.address}:${port}/health`)).json()) as { version: string }).version;

  it('adopts a container that a person started, keeps it, and gives it back its name and restart policy', async () => {
    const one = await instance.build('1.0.0');
    const two = await instance.build('2.0.0');
    await instance.sh('docker run -d --name backend -p 8081:3000 --restart unless-stopped shop/backend:1.0.0');
    const seen = good(await instance.ask({ phase: 'inspect', slots: [slot()] }, null));
    expect(seen.containers).toMatchObject([{ name: 'backend', running: true, ports: [8081], digest: one }]);
    expect(seen.containers?.[0]?.ours).toBeUndefined();
    expect(seen.fence).toEqual({});
    expect(seen.facts).toMatchObject({ curl: true, flock: true, liveRestore: true });
    expect(Object.values(seen.facts?.memory ?? {})[0]?.used).toBeGreaterThan(1_000_000);

    const started = good(await instance.ask(start('r-2', two)));
    expect(started.container).toMatchObject({
      name: 'backend-blue',
      running: true,
      digest: two,
      restartPolicy: 'unless-stopped',
      ours: { service: 'backend', color: 'blue', release: 'r-2' },
    });
    const kept = started.containers?.find((container) => !container.running);
    expect(kept).toMatchObject({ digest: one, restartPolicy: 'no' });
    expect(kept?.name).toContain(`backend-blue-${adoptedRelease(one)}-`);
    expect(await version()).toBe('2.0.0');

    const back = good(await instance.ask(restore(adoptedRelease(one), one)));
    expect(back.container).toMatchObject({
      name: 'backend',
      running: true,
      restartPolicy: 'unless-stopped',
      digest: one,
    });
    expect(back.container?.id).toBe(seen.containers?.[0]?.id);
    expect(await version()).toBe('1.0.0');
  });

  it('keeps the release of before, however often the new one had to be started', async () => {
    const one = await instance.build('1.0.0');
    const two = await instance.build('2.0.0');
    const before = good(await instance.ask(start('r-1', one))).container;
    good(await instance.ask(start('r-2', two, {}, 1)));
    await instance.sh('docker stop backend-blue');
    good(await instance.ask(start('r-2', two, {}, 1)));
    expect(good(await instance.ask(restore('r-1', one))).container?.id).toBe(before?.id);
  });

  it('starts again only what does not run yet, restores the kept container without the registry, and prunes', async () => {
    const digests = [
      await instance.build('1.0.0'),
      await instance.build('1.1.0'),
      await instance.build('2.0.0'),
    ] as const;
    const first = good(await instance.ask(start('r-1', digests[0]))).container;
    const again = good(await instance.ask(start('r-1', digests[0]))).container;
    expect(again).toMatchObject({ id: first?.id, startedAt: first?.startedAt });
    good(await instance.ask(start('r-2', digests[1], {}, 1)));
    expect(await version()).toBe('1.1.0');
    const restored = good(await instance.ask(restore('r-1', digests[0])));
    expect(restored.container).toMatchObject({ id: first?.id, name: 'backend-blue', restartPolicy: 'unless-stopped' });
    const third = good(await instance.ask(start('r-3', digests[2], {}, 1)));
    // r-2 was stopped before r-1, and one is kept.
    expect(third.containers?.map((container) => [container.ours?.release, container.running])).toEqual([
      ['r-3', true],
      ['r-1', false],
    ]);
    const tags = await instance.sh("docker image ls --format '{{.Tag}}'");
    expect(tags.split('\n')).not.toContain('deployctl-r-2');
    expect(tags.split('\n')).toContain('deployctl-r-1');
  });

  it('tells in every answer of other services too, also of those that deployctl did not start yet', async () => {
    const one = await instance.build('1.0.0');
    await instance.sh('docker run -d --name frontend -p 8091:3000 shop/backend:1.0.0');
    const started = good(await instance.ask(start('r-1', one)));
    expect(started.containers?.map((container) => container.name).sort()).toEqual(['backend-blue', 'frontend']);
    const failed = bad(
      await instance.ask(
        start('r-2', one, {
          checks: [
            {
              path: '/none',
              method: 'GET',
              headers: {},
              status: [[299, 299]],
              samples: 1,
              maxFailures: 0,
              timeout: 1000,
            },
          ],
        }),
      ),
    );
    expect(failed.containers?.find((container) => container.name === 'frontend')).toMatchObject({
      running: true,
      digest: one,
    });
  });

  it('runs both colors side by side and stops one', async () => {
    const one = await instance.build('1.0.0');
    const two = await instance.build('2.0.0');
    good(await instance.ask(start('r-1', one)));
    const green = slot('green', 8082);
    good(await instance.ask({ phase: 'start', slot: green, release: 'r-2', spec: spec(two), keep: 1 }));
    expect([await version(8081), await version(8082)]).toEqual(['1.0.0', '2.0.0']);
    const stopped = good(await instance.ask({ phase: 'stop', slot: green, stopTimeout: 2000, keep: 1 }));
    expect(stopped.containers?.map((container) => [container.ours?.color, container.running])).toEqual([
      ['blue', true],
      ['green', false],
    ]);
    // The same again: nothing left to do.
    good(await instance.ask({ phase: 'stop', slot: green, stopTimeout: 2000, keep: 1 }));
    expect(await version(8081)).toBe('1.0.0');
  });

  it('pulls, tags and reports digests; names what cannot be pulled', async () => {
    const one = await instance.build('1.0.0');
    const pulled = await instance.ask({
      phase: 'pull',
      images: [{ service: 'backend', release: 'r-1', containerName: 'backend', spec: spec(one) }],
    });
    expect(good(pulled).digests).toEqual({ backend: one });
    expect(await instance.sh('docker image ls -q shop/backend:deployctl-r-1')).not.toBe('');
    const missing: Digest = `sha256:${'0'.repeat(64)}`;
    const failed = await instance.ask({
      phase: 'pull',
      images: [{ service: 'backend', release: 'r-9', containerName: 'backend', spec: spec(missing) }],
    });
    expect(bad(failed)).toMatchObject({ code: 'pull-failed' });
    expect(bad(failed).message).toContain(missing);
    expect(bad(await instance.ask(start('r-9', missing))).code).toBe('pull-failed');
  });

  it('never stops the old container for an image, an option or an env file that is wrong', async () => {
    const one = await instance.build('1.0.0');
    const before = good(await instance.ask(start('r-1', one))).container;
    const wrong: [string, Partial<RunSpec>][] = [
      ['start-failed', { runOptions: ['--no-such-option'] }],
      ['start-failed', { envFiles: ['/etc/shop/missing.env'] }],
      ['pull-failed', { image: { repository: 'shop/absent', digest: one } }],
    ];
    for (const [code, change] of wrong) expect(bad(await instance.ask(start('r-2', one, change))).code).toBe(code);
    const after = good(await instance.ask({ phase: 'inspect', slots: [slot()] }, null)).containers;
    expect(after).toEqual([before]);
  });

  it('refuses a port that a container of another app holds, and one that another process holds', async () => {
    const one = await instance.build('1.0.0');
    await instance.sh('docker run -d --name other --label deployctl.app=else -p 8081:3000 shop/backend:1.0.0');
    expect(bad(await instance.ask(start('r-1', one)))).toMatchObject({ code: 'port-taken' });
    expect(await instance.sh("docker ps --format '{{.Names}}'")).toBe('other');
    await instance.sh('docker rm -f other');
    const { createServer } = await import('node:http');
    const server = createServer().listen(8081, instance.address);
    try {
      const failed = bad(await instance.ask(start('r-1', one)));
      expect(failed).toMatchObject({ code: 'port-taken', containers: [] });
    } finally {
      server.close();
    }
    good(await instance.ask(start('r-1', one)));
  });

  it('says what is wrong with a container that ends, one that is never well, and one whose real route fails', async () => {
    const crash = await instance.build('crashes', { BEHAVIOUR: 'crashes' });
    const ill = await instance.build('never-healthy', { BEHAVIOUR: 'never-healthy' });
    const faulty = await instance.build('errors', { BEHAVIOUR: 'errors' });
    const ends = bad(
      await instance.ask(
        start('r-1', crash, {
          env: { CRASH_AFTER_MS: '300' },
          health: { path: '/health', passes: 100, interval: 50, timeout: 500, startTimeout: 9000 },
        }),
      ),
    );
    expect(ends.code).toBe('exited');
    expect(ends.containers).toHaveLength(1);
    const began = Date.now();
    const never = bad(
      await instance.ask(
        start('r-2', ill, { health: { path: '/health', passes: 2, interval: 50, timeout: 500, startTimeout: 1500 } }),
      ),
    );
    expect(never).toMatchObject({ code: 'unhealthy', oomKilled: false });
    expect(never.lastProbe).toMatch(/^GET \/health: 503/);
    expect(Date.now() - began).toBeLessThan(8000);
    const check = {
      path: '/api/',
      method: 'GET',
      headers: { 'X-Test': 'a "b" $(c)' },
      status: [[200, 299]],
      timeout: 1000,
    } as const;
    const route = bad(
      await instance.ask(start('r-3', faulty, { checks: [{ ...check, samples: 10, maxFailures: 1 }] })),
    );
    expect(route.code).toBe('check-failed');
    expect(route.message).toContain('GET /api/: 2 of');
    expect(route.message).toContain('wanted status 200-299');
    const one = { ...check, status: [[204, 204] as const, [301, 304] as const], samples: 1, maxFailures: 0 };
    expect(bad(await instance.ask(start('r-3', faulty, { checks: [one] }))).message).toContain(
      'wanted status 204,301-304',
    );
    good(await instance.ask(start('r-3', faulty, { checks: [{ ...check, samples: 10, maxFailures: 4 }] })));
    const contains = { ...check, samples: 1, maxFailures: 0, contains: 'no such words' };
    expect(bad(await instance.ask(start('r-3', faulty, { checks: [contains] }))).code).toBe('check-failed');
  });

  it('tells of what it sets aside on the way back, only where it is asked', async () => {
    const digests = [await instance.build('1.0.0'), await instance.build('1.1.0')] as const;
    good(await instance.ask(start('r-1', digests[0])));
    good(await instance.ask(start('r-2', digests[1])));
    const { aside } = good(await instance.ask({ ...restore('r-1', digests[0]), evidence: true }));
    expect(aside).toEqual({ release: 'r-2', restarts: 0, oomKilled: false, logTail: aside?.logTail });
    expect(aside?.logTail).toContain('listens on');
    const stop = { phase: 'stop', slot: slot(), stopTimeout: 2000, keep: 1 } as const;
    expect(good(await instance.ask(stop))).not.toHaveProperty('aside');
    // Nothing runs there any more: there is nothing to tell.
    expect(good(await instance.ask({ ...stop, evidence: true }))).not.toHaveProperty('aside');
  });

  it('does not let bad releases push the way back out', async () => {
    const one = await instance.build('1.0.0');
    const ill = await instance.build('never-healthy', { BEHAVIOUR: 'never-healthy' });
    const quick = { path: '/health', passes: 1, interval: 20, timeout: 500, startTimeout: 1000 };
    const first = good(await instance.ask(start('r-1', one, {}, 1))).container;
    for (const release of ['r-2', 'r-3']) {
      bad(await instance.ask(start(release, ill, { health: quick }, 1)));
    }
    const back = good(await instance.ask({ ...start('r-1', one, {}, 1), phase: 'restore' }));
    expect(back.container?.id).toBe(first?.id);
    // Of the two bad ones the newest stays for its log.
    expect(back.containers?.map((container) => container.ours?.release)).toEqual(['r-1', 'r-3']);
  });

  it('keeps nothing of which docker does not tell what it takes to bring it back', async () => {
    const one = await instance.build('1.0.0');
    const two = await instance.build('2.0.0');
    await instance.sh('docker run -d --name backend -p 8081:3000 --restart always shop/backend:1.0.0');
    // Docker that answers everything but one question.
    const without = (word: string) => (script: string) =>
      script.replace(/^#!.*\n/, `$&docker() { case "$*" in *${word}*) return 1 ;; esac; command docker "$@"; }\n`);
    for (const word of ['MaximumRetryCount', 'Config.Image}}']) {
      const failed = bad(await instance.ask(start('r-2', two), undefined, { change: without(word) }));
      expect(failed.code, word).toBe('no-docker');
      expect(await version()).toBe('1.0.0');
    }
    good(await instance.ask(start('r-2', two)));
    const back = good(await instance.ask(restore(adoptedRelease(one), one)));
    expect(back.container).toMatchObject({ name: 'backend', restartPolicy: 'always' });
  });

  it('has nothing to restore for an adopted release whose container is gone', async () => {
    const one = await instance.build('1.0.0');
    const failed = bad(await instance.ask(restore(adoptedRelease(one), one)));
    expect(failed.code).toBe('nothing-to-restore');
    // What deployctl started itself it can start anew.
    good(await instance.ask(restore('r-1', one)));
  });

  it('runs a task once', async () => {
    const one = await instance.build('1.0.0');
    const task = { command: ['sh', '-c', 'echo "migrated $WHAT"; echo x >>"$OUT"'], timeout: 5000 };
    const out = `${instance.root}/runs`;
    const request: HostRequest = {
      phase: 'task',
      service: 'backend',
      containerName: 'backend',
      release: 'r-1',
      spec: spec(one, { task, env: { WHAT: 'it', OUT: out } }),
    };
    expect(good(await instance.ask(request)).logTail).toContain('migrated it');
    good(await instance.ask(request));
    expect(await instance.sh(`cat ${out}`)).toBe('x');
    const fails: HostRequest = {
      ...request,
      release: 'r-2',
      spec: spec(one, { task: { command: ['sh', '-c', 'echo no >&2; exit 3'], timeout: 5000 } }),
    };
    expect(bad(await instance.ask(fails))).toMatchObject({ code: 'task-failed', exitCode: 3, logTail: 'no' });
    expect(bad(await instance.ask(fails)).code).toBe('task-failed');
    const slow: HostRequest = {
      ...request,
      release: 'r-3',
      spec: spec(one, { task: { command: ['sleep', '60'], timeout: 1000 } }),
    };
    expect(bad(await instance.ask(slow)).message).toContain('longer than 1 s');
    expect(await instance.sh('docker ps -aq')).toBe('');
  });

  it('fails with words when a program is missing', async () => {
    const one = await instance.build('1.0.0');
    const { encodeRequest } = await import('../../src/host/encode.js');
    const { parseResult } = await import('../../src/host/result.js');
    const { APP } = await import('./kit.js');
    let generation = 2;
    const without = async (missing: string): Promise<string> => {
      const bin = `${instance.root}/without-${missing}`;
      await instance.sh(
        `mkdir ${bin} && ln -s /usr/bin/* ${bin}/ && rm -f ${bin}/docker && ln -s "$(command -v docker)" ${bin}/ && rm ${bin}/${missing}`,
      );
      const script = encodeRequest({
        ...APP,
        request: start('r-1', one),
        fence: [generation++, 0, 0],
        timeout: 20_000,
      });
      const cut = script.replace(/^export PATH=.*$/m, `export PATH=${bin}`);
      expect(cut).not.toBe(script);
      const result = parseResult(await instance.exec(cut), APP);
      return bad(result).code;
    };
    expect(await without('docker')).toBe('no-docker');
    expect(await without('flock')).toBe('no-flock');
    expect(await without('curl')).toBe('no-curl');
  });
});
