/** The agent ends a command with SIGKILL to its group. Wherever that happens, the next command has to bring the instance where it should be. */
import { existsSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Fence, HostRequest } from '../../src/domain/host.js';
import type { Digest } from '../../src/domain/ids.js';
import type { Container } from '../../src/domain/observation.js';
import { adoptedRelease } from '../../src/domain/release.js';
import { deaths, kills, type Breakage } from './killpoints.js';
import { good, slot, spec, startInstance, type Instance } from './kit.js';

/** DEPLOYCTL_TEST_DEEP=1: every line, by each way to it (half an hour); else every command that changes something. */
const EVERY = process.env['DEPLOYCTL_TEST_DEEP'] === '1';

interface Way {
  readonly request: HostRequest;
  /** What must be true once it has ended well. */
  readonly ends: (containers: readonly Container[], container: Container | undefined, what: string) => void;
}

describe.skipIf(!existsSync('/bin/bash'))('SIGKILL after each change', { timeout: EVERY ? 3_600_000 : 900_000 }, () => {
  let instance: Instance;
  let one: Digest;
  let two: Digest;
  let generation = 0;
  beforeEach(async () => {
    instance = await startInstance();
    one = await instance.build('1.0.0');
    two = await instance.build('2.0.0');
    generation = 100;
  });
  afterEach(async () => instance.close());

  const health = { path: '/health', passes: 1, interval: 20, timeout: 1000, startTimeout: 8000 };
  const shown = (containers: readonly Container[]): string => JSON.stringify(containers, null, 1);

  /** Each was met. Of all lines a few depend on how fast a container answers. */
  const expectKilled = (missed: readonly string[]): void =>
    expect(missed.length, missed.join('\n')).toBeLessThanOrEqual(EVERY ? 15 : 0);

  /** Every how many calls of docker it dies. */
  const STEP = EVERY ? 1 : 40;

  /**
   * Breaks `there` in each of its ways, and `back` in each of its own. What comes next is in turn the same command again (as a
   * duplicate; after an answer it would be repeated, so then a new one), a new one with the same aim, and one with the other aim.
   */
  async function duel(there: Way, back: Way): Promise<void> {
    const ways = [there, back] as const;
    const breakages: [Breakage[], Breakage[]] = [[], []];
    // Once without a look: what comes first, such as a pull, does not come again.
    for (const way of ways) good(await instance.ask(way.request));
    for (const at of [0, 1] as const) breakages[at] = await kills(instance, ways[at].request, EVERY);
    for (const at of [0, 1] as const) breakages[at].push(...(await deaths(instance, ways[at].request, STEP)));
    const missed: string[] = [];
    // Which way the instance went last: the next one is the other.
    let now: 0 | 1 = 1;
    const finish = async (way: Way, fence: Fence, what: string): Promise<void> => {
      const { containers = [], container } = good(await instance.ask(way.request, fence));
      const found = `${what}, then ${way.request.phase}: ${shown(containers)}`;
      expect(
        containers.filter(({ startedAt }) => startedAt.startsWith('0001')),
        found,
      ).toEqual([]);
      way.ends(containers, container, found);
      const left = await instance.sh(
        'cd "$DEPLOYCTL_ROOT/var/lib/deployctl/shop/production"; find . -name work -o -name "*.new"',
      );
      expect(left, found).toBe('');
    };
    for (let turn = 0; breakages[0].length + breakages[1].length > 0; turn++) {
      const next: 0 | 1 = now === 0 ? 1 : 0;
      const breakage = breakages[next].shift();
      generation += 1;
      if (breakage === undefined) {
        await finish(ways[next], [generation, 0, 0], 'nothing');
        now = next;
        continue;
      }
      const what = `${ways[next].request.phase} ${breakage.what}`;
      const broken = await instance.ask(ways[next].request, [generation, 0, 0], { change: breakage.change });
      if (broken.ok && !breakage.late) missed.push(what);
      if (!broken.ok && !breakage.kills) expect(broken.code, `${what}: ${broken.message}`).not.toBe('broken-output');
      const variant = turn % 3;
      if (variant === 2) {
        await finish(ways[now], [generation, 1, 0], what);
      } else {
        await finish(ways[next], [generation, 0, breakage.kills ? variant : 1], what);
        now = next;
      }
    }
    expectKilled(missed);
  }

  it('swap and restore: the old container is never lost, the new one never doubled', async () => {
    await instance.sh('docker run -d --name backend -p 8081:3000 --restart unless-stopped shop/backend:1.0.0');
    const adopted = await instance.sh('docker ps -q --no-trunc');
    const running = (containers: readonly Container[]): readonly Container[] => containers.filter((one) => one.running);
    await duel(
      {
        request: { phase: 'start', slot: slot(), release: 'r-2', spec: spec(two, { health }), keep: 1 },
        ends: (containers, container, what) => {
          expect(running(containers), what).toEqual([container]);
          expect(container, what).toMatchObject({ name: 'backend-blue', digest: two, restartPolicy: 'unless-stopped' });
          const kept = containers.filter(({ id }) => id === adopted);
          expect(kept, what).toMatchObject([{ running: false, restartPolicy: 'no' }]);
          expect(containers.length, what).toBeLessThanOrEqual(3);
        },
      },
      {
        request: { phase: 'restore', slot: slot(), release: adoptedRelease(one), spec: spec(one, { health }), keep: 1 },
        ends: (containers, container, what) => {
          expect(running(containers), what).toEqual([container]);
          expect(container, what).toMatchObject({ id: adopted, name: 'backend', restartPolicy: 'unless-stopped' });
          for (const other of containers)
            if (!other.running) expect(other, what).toMatchObject({ restartPolicy: 'no' });
          expect(containers.length, what).toBeLessThanOrEqual(3);
        },
      },
    );
  });

  it('start and stop of a color: the other color is not touched', async () => {
    const live = good(
      await instance.ask({ phase: 'start', slot: slot(), release: 'r-1', spec: spec(one, { health }), keep: 1 }),
    ).container;
    const green = slot('green', 8082);
    const others = (containers: readonly Container[]): readonly Container[] =>
      containers.filter(({ id }) => id !== live?.id);
    const untouched = (containers: readonly Container[], what: string): void =>
      expect(
        containers.find(({ id }) => id === live?.id),
        what,
      ).toEqual(live);
    await duel(
      {
        request: { phase: 'start', slot: green, release: 'r-2', spec: spec(two, { health }), keep: 1 },
        ends: (containers, container, what) => {
          untouched(containers, what);
          expect(container, what).toMatchObject({
            name: 'backend-green',
            ports: [8082],
            restartPolicy: 'unless-stopped',
          });
          expect(
            others(containers).filter((one) => one.running),
            what,
          ).toEqual([container]);
          expect(containers.length, what).toBeLessThanOrEqual(4);
        },
      },
      {
        request: { phase: 'stop', slot: green, stopTimeout: 2000, keep: 1 },
        ends: (containers, _, what) => {
          untouched(containers, what);
          for (const other of others(containers))
            expect(other, what).toMatchObject({ running: false, restartPolicy: 'no' });
          expect(containers.length, what).toBeLessThanOrEqual(3);
        },
      },
    );
  });

  it('pull: the image is there under its tag', async () => {
    const request: HostRequest = {
      phase: 'pull',
      images: [{ service: 'backend', release: 'r-1', containerName: 'backend', spec: spec(one) }],
    };
    const clean = 'docker rmi shop/backend:deployctl-r-1';
    const breakages = await kills(instance, request, EVERY);
    const missed: string[] = [];
    for (const [turn, { what, change, late }] of breakages.entries()) {
      await instance.sh(`docker image inspect shop/backend:deployctl-r-1 >/dev/null 2>&1 && ${clean} || true`);
      generation += 1;
      const killed = await instance.ask(request, [generation, 0, 0], { change });
      if (killed.ok && !late) missed.push(what);
      expect(good(await instance.ask(request, [generation, 0, turn % 2])).digests).toEqual({ backend: one });
      expect(await instance.sh('docker image ls -q shop/backend:deployctl-r-1'), what).not.toBe('');
    }
    expectKilled(missed);
  });

  it('task: it runs at most once, and is known to have run, or not', async () => {
    const out = `${instance.root}/out`;
    const task = (release: string): HostRequest => ({
      phase: 'task',
      service: 'backend',
      containerName: 'backend',
      release,
      spec: spec(two, {
        task: { command: ['sh', '-c', 'echo "$RELEASE" >>"$OUT"; sleep 0.1'], timeout: 20_000 },
        env: { OUT: out, RELEASE: release },
      }),
    });
    // The image is here from the first one on; what pulls it is killed by the test of the pull.
    good(await instance.ask(task('r-first')));
    const breakages = await kills(instance, task('r-traced'), EVERY);
    const missed: string[] = [];
    for (const [turn, { what, change, late }] of breakages.entries()) {
      const request = task(`r-${turn}`);
      generation += 1;
      const killed = await instance.ask(request, [generation, 0, 0], { change });
      if (killed.ok && !late) missed.push(what);
      good(await instance.ask(request, [generation, 0, turn % 2]));
      expect(await instance.sh(`grep -cx r-${turn} ${out}`), what).toBe('1');
      expect(await instance.sh('docker ps -aq'), what).toBe('');
    }
    expectKilled(missed);
  });
});
