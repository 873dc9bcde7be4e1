import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { HostRequest } from '../../src/domain/host.js';
import type { Digest } from '../../src/domain/ids.js';
import { bad, good, slot, spec, startInstance, type Instance } from './kit.js';

describe('the fence', () => {
  let instance: Instance;
  let one: Digest;
  let two: Digest;
  const start = (release: string, digest: Digest): HostRequest => ({
    phase: 'start',
    slot: slot(),
    release,
    spec: spec(digest),
    keep: 1,
  });
  const restore = (release: string, digest: Digest): HostRequest => ({
    phase: 'restore',
    slot: slot(),
    release,
    spec: spec(digest),
    keep: 1,
  });
  const inspect: HostRequest = { phase: 'inspect', slots: [slot()] };
  beforeAll(async () => {
    instance = await startInstance();
    one = await instance.build('1.0.0');
    two = await instance.build('2.0.0');
  });
  afterAll(async () => instance.close());

  it('repeats the first answer of an equal fence, and does nothing', async () => {
    const first = good(await instance.ask(start('r-1', one), [3, 1, 2]));
    good(await instance.ask(start('r-2', two), [3, 1, 3]));
    const running = await instance.sh('docker ps -q');
    // The first command runs again, late: lower than what was seen since.
    const late = bad(await instance.ask(start('r-1', one), [3, 1, 2]));
    expect(late).toMatchObject({ code: 'fenced', fence: { highest: [3, 1, 3] } });
    const twice = good(await instance.ask(start('r-2', two), [3, 1, 3]));
    expect(twice.replayed).toBe(true);
    expect(twice.container?.ours?.release).toBe('r-2');
    expect(first.replayed).toBe(false);
    expect(await instance.sh('docker ps -q')).toBe(running);
  });

  it('orders by generation, then epoch, then send, as numbers', async () => {
    const order = [
      [3, 2, 0],
      [3, 10, 0],
      [3, 10, 9],
      [3, 10, 10],
      [4, 0, 0],
      [10, 0, 0],
    ] as const;
    for (const fence of order) good(await instance.ask(inspect, fence));
    for (const fence of order.slice(0, -1)) expect(bad(await instance.ask(inspect, fence)).code).toBe('fenced');
    // Status needs no fence, waits for nothing and raises nothing.
    expect(good(await instance.ask(inspect, null)).fence.highest).toEqual([10, 0, 0]);
  });

  it('repeats a failure too', async () => {
    const missing: Digest = `sha256:${'1'.repeat(64)}`;
    const first = bad(await instance.ask(start('r-9', missing), [11, 0, 0]));
    expect(bad(await instance.ask(start('r-9', missing), [11, 0, 0]))).toEqual({ ...first, replayed: true });
  });

  it('waits for a running command, and gives up in time when it does not end', async () => {
    const holder = instance.exec(
      `exec 9>>"$DEPLOYCTL_ROOT/var/lib/deployctl/shop/production/lock"; flock 9; touch "$DEPLOYCTL_ROOT/held"; while [ -e "$DEPLOYCTL_ROOT/held" ]; do sleep 0.05; done`,
    );
    await instance.sh('until [ -e "$DEPLOYCTL_ROOT/held" ]; do sleep 0.02; done');
    expect(bad(await instance.ask(start('r-1', one), [12, 0, 0], { timeout: 5000 })).code).toBe('lock-timeout');
    good(await instance.ask(inspect, null));
    const waiting = instance.ask(inspect, [12, 0, 1]);
    await instance.sh('rm "$DEPLOYCTL_ROOT/held"');
    good(await waiting);
    await holder;
    // What waited in vain left no trace: its fence was never accepted.
    expect(bad(await instance.ask(start('r-1', one), [12, 0, 0])).code).toBe('fenced');
  });

  it('lets only one of many at a time act, and ends with the highest', async () => {
    const results = await Promise.all(
      [3, 1, 4, 2].map(async (send) => instance.ask(start(`r-${send}`, send % 2 === 0 ? one : two), [20, 0, send])),
    );
    const done = results.filter((result) => result.ok);
    expect(done.length).toBeGreaterThan(0);
    for (const result of results) if (!result.ok) expect(result.code).toBe('fenced');
    const seen = good(await instance.ask(inspect, null)).containers?.filter((container) => container.running);
    expect(seen?.map((container) => container.ours?.release)).toEqual(['r-4']);
  });

  it('acts once for one command that runs several times at once, and gives one answer', async () => {
    const out = `${instance.root}/ran`;
    const request: HostRequest = {
      phase: 'task',
      service: 'backend',
      containerName: 'backend',
      release: 'r-once',
      spec: spec(one, { task: { command: ['sh', '-c', `echo x >>${out}; sleep 0.5`], timeout: 5000 } }),
    };
    const twins: readonly HostRequest[] = [request, start('r-6', one), start('r-7', two), restore('r-6', one)];
    for (const [send, twin] of twins.entries()) {
      const results = await Promise.all([1, 2, 3].map(async () => instance.ask(twin, [30, 0, send])));
      expect(results.map((result) => good(result).replayed).sort()).toEqual([false, true, true]);
      const answers = results.map((result) => JSON.stringify({ ...result, replayed: null }));
      expect(new Set(answers).size, answers.join('\n')).toBe(1);
    }
    expect(await instance.sh(`cat ${out}`)).toBe('x');
    expect(await instance.sh(`docker ps --format '{{.Label "deployctl.release"}}'`)).toBe('r-6');
  });

  it('takes a damaged fence for unknown, not for none', async () => {
    await instance.sh('echo "30 x" >"$DEPLOYCTL_ROOT/var/lib/deployctl/shop/production/fence"');
    const refused = bad(await instance.ask(inspect, [31, 0, 0]));
    expect(refused.code).toBe('no-state');
    expect(refused.message).toContain("holds '30 x '");
    // Beyond what a shell compares, it would be lower than anything or higher, as the shell likes.
    for (const seen of ['9999999999999999 0 0', '99999999999999999999 0 0', '1 0 9999999999999999']) {
      await instance.sh(`echo "${seen}" >"$DEPLOYCTL_ROOT/var/lib/deployctl/shop/production/fence"`);
      const absurd = bad(await instance.ask(inspect, [31, 0, 0]));
      expect(absurd).toMatchObject({ code: 'no-state' });
      expect(absurd.message).toContain(`holds '${seen}', wanted three numbers of at most 15 digits`);
      expect(await instance.sh('cat "$DEPLOYCTL_ROOT/var/lib/deployctl/shop/production/fence"')).toBe(seen);
    }
  });

  it('leaves neither the lock nor the output to what docker starts', async () => {
    await instance.sh('rm -f "$DEPLOYCTL_ROOT/var/lib/deployctl/shop/production/fence"');
    // A docker that leaves a process behind, as a credential helper or a plugin may.
    await instance.sh(`docker=$(command -v docker); mv "$docker" "$docker.real"; cat >"$docker" <<DOCKER
#!/bin/sh
sleep 30 </dev/null >/dev/null 2>&1 &
echo \\$! >>"$DEPLOYCTL_ROOT/left"
exec "$docker.real" "\\$@"
DOCKER
chmod +x "$docker"`);
    const began = Date.now();
    good(await instance.ask(start('r-5', one), [40, 0, 0]));
    expect(Date.now() - began).toBeLessThan(25_000);
    await instance.sh('flock -n "$DEPLOYCTL_ROOT/var/lib/deployctl/shop/production/lock" true');
    await instance.sh('kill $(cat "$DEPLOYCTL_ROOT/left"); docker=$(command -v docker); mv "$docker.real" "$docker"');
  });
});
