/** The agent ends a command with SIGKILL to its group. Wherever that happens, the next command has to bring the instance where it should be. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Fence, HostRequest } from '../../src/domain/host.js';
import type { Digest } from '../../src/domain/ids.js';
import { adoptedRelease } from '../../src/domain/release.js';
import { good, slot, spec, startInstance, type Instance } from './kit.js';

/** Instants per direction. DEPLOYCTL_KILLS=60 for a thorough run. */
const KILLS = Number(process.env['DEPLOYCTL_KILLS'] ?? 10);

describe('SIGKILL in the middle', () => {
  let instance: Instance;
  let one: Digest;
  let two: Digest;
  let generation = 0;
  beforeAll(async () => {
    instance = await startInstance();
    one = await instance.build('1.0.0');
    two = await instance.build('2.0.0');
    await instance.sh('docker run -d --name backend -p 8081:3000 --restart unless-stopped shop/backend:1.0.0');
  });
  afterAll(async () => instance.close());

  async function killedAt(request: HostRequest, fence: Fence, ms: number): Promise<void> {
    const killer = new AbortController();
    const timer = setTimeout(() => killer.abort(), ms);
    await instance.ask(request, fence, { signal: killer.signal });
    clearTimeout(timer);
  }

  it('converges when the same command, or the next one, is run afterwards', { timeout: 300_000 }, async () => {
    const adopted = adoptedRelease(one);
    const started = Date.now();
    const there: HostRequest = { phase: 'start', slot: slot(), release: 'r-2', spec: spec(two), keep: 2 };
    const back: HostRequest = { phase: 'restore', slot: slot(), release: adopted, spec: spec(one), keep: 2 };
    good(await instance.ask(there, [++generation, 0, 0]));
    const whole = Date.now() - started;
    good(await instance.ask(back, [++generation, 0, 0]));
    for (let kill = 0; kill < KILLS; kill++) {
      const at = (whole * (kill + 0.5)) / KILLS;
      for (const [request, release, digest] of [
        [there, 'r-2', two],
        [back, adopted, one],
      ] as const) {
        generation += 1;
        await killedAt(request, [generation, 0, 0], at);
        // Every other time the very same command comes again, as a duplicate would.
        const result = good(await instance.ask(request, [generation, 0, kill % 2]));
        const what = `${request.phase} killed after ${Math.round(at)} ms: ${JSON.stringify(result.containers, null, 1)}`;
        const containers = (await instance.hosts.containers('i-0123456789abcdef0')).map(({ state, digest: of }) => ({
          state,
          of,
        }));
        expect(
          containers.filter(({ state }) => state === 'running'),
          what,
        ).toEqual([{ state: 'running', of: digest }]);
        expect(
          containers.filter(({ state }) => state === 'created'),
          what,
        ).toEqual([]);
        expect(
          containers.filter(({ of }) => of === one),
          what,
        ).toHaveLength(1);
        expect(result.container, what).toMatchObject({
          name: release === 'r-2' ? 'backend-blue' : 'backend',
          restartPolicy: 'unless-stopped',
        });
      }
    }
    expect(await instance.sh('ls "$DEPLOYCTL_ROOT/var/lib/deployctl/shop/production"')).not.toMatch(/work|new/);
  });

  it('knows afterwards whether a task ran', { timeout: 120_000 }, async () => {
    for (let kill = 0; kill < 4; kill++) {
      const out = `${instance.root}/task-${kill}`;
      const request: HostRequest = {
        phase: 'task',
        service: 'backend',
        containerName: 'backend',
        release: `r-task-${kill}`,
        spec: spec(two, {
          task: { command: ['sh', '-c', 'echo x >>"$OUT"; sleep 0.3'], timeout: 20_000 },
          env: { OUT: out },
        }),
      };
      generation += 1;
      await killedAt(request, [generation, 0, 0], 150 + kill * 150);
      good(await instance.ask(request, [generation, 0, 1]));
      expect(await instance.sh(`cat ${out}`)).toBe('x');
    }
  });
});
