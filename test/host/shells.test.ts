/** One life of an instance under each shell, with the same outcome: what runs, what is kept, what is told. */
import { describe, expect, it } from 'vitest';
import type { HostRequest } from '../../src/domain/host.js';
import type { Digest } from '../../src/domain/ids.js';
import type { HostResult } from '../../src/host/result.js';
import { slot, spec, startInstance } from './kit.js';
import { shellsHere, type Shell } from './shells.js';

const health = { path: '/health', passes: 1, interval: 20, timeout: 1000, startTimeout: 1500 };
const check = {
  path: '/api/',
  method: 'GET',
  headers: { 'X-A': 'b c' },
  status: [[200, 299]],
  samples: 2,
  maxFailures: 0,
  timeout: 1000,
} as const;

/** What an answer says in one line, without what differs from one run to the next. */
function gist(what: string, result: HostResult): string {
  const containers = (result.containers ?? []).map(
    ({ running, restartPolicy, ports, ours }) =>
      `${ours?.release ?? 'theirs'} ${running ? 'runs' : 'stopped'} ${restartPolicy} ${ports.join()}`,
  );
  const told = result.ok
    ? [result.replayed ? 'repeated' : 'ok', result.logTail, Object.keys(result.facts ?? {}).join()]
    : [result.code, result.message, result.lastProbe];
  return [what, ...told, ...containers]
    .filter(Boolean)
    .join(' | ')
    .replace(/[0-9a-f]{12,64}/g, 'ID')
    .replace(/[\d.]+:8081/, 'ADDRESS')
    .replace(/within \d+ s/, 'within N s');
}

async function live(shell: Shell): Promise<string[]> {
  const instance = await startInstance();
  try {
    await instance.build('1.0.0');
    const two: Digest = await instance.build('2.0.0');
    const ill: Digest = await instance.build('never-healthy', { BEHAVIOUR: 'never-healthy' });
    await instance.sh('docker run -d --name backend -p 8081:3000 --restart unless-stopped shop/backend:1.0.0');
    const start = (release: string, digest: Digest): Extract<HostRequest, { phase: 'start' }> => ({
      phase: 'start',
      slot: slot(),
      release,
      spec: spec(digest, { health, checks: [check] }),
      keep: 1,
    });
    const task = { command: ['sh', '-c', 'echo "migrated"; exit $CODE'], timeout: 5000 };
    const run = (release: string, code: string): HostRequest => ({
      phase: 'task',
      service: 'backend',
      containerName: 'backend',
      release,
      spec: spec(two, { task, env: { CODE: code } }),
    });
    const requests: readonly HostRequest[] = [
      { phase: 'inspect', slots: [slot()] },
      { phase: 'pull', images: [{ service: 'backend', release: 'r-2', containerName: 'backend', spec: spec(two) }] },
      run('r-2', '0'),
      run('r-2', '0'),
      run('r-3', '4'),
      start('r-2', two),
      start('r-2', two),
      start('r-3', ill),
      { ...start('r-2', two), phase: 'restore' },
      { phase: 'stop', slot: slot(), stopTimeout: 1000, keep: 1 },
      start('r-9', `sha256:${'0'.repeat(64)}`),
      { ...start('r-2', two), phase: 'restore' },
    ];
    const told: string[] = [];
    const ask = async (send: number, request: HostRequest): Promise<void> =>
      void told.push(gist(request.phase, await instance.ask(request, [1, 0, send], shell)));
    for (const [send, request] of requests.entries()) await ask(send, request);
    for (const send of [1, requests.length - 1]) await ask(send, requests[send] ?? run('', ''));
    told.push(
      await instance.sh(
        'cd "$DEPLOYCTL_ROOT/var/lib/deployctl/shop/production"; ls; ls results | wc -l; ls kept | wc -l; cat fence',
      ),
    );
    return told;
  } finally {
    await instance.close();
  }
}

describe('the instance script', { timeout: 300_000 }, () => {
  const shells = shellsHere();
  it('does the same under every shell', async () => {
    const lives = new Map<string, string[]>();
    for (const shell of shells) lives.set(shell.name, await live(shell));
    const [first, ...others] = [...lives.values()];
    expect(first).toMatchInlineSnapshot(`
      [
        "inspect | ok | dockerVersion,liveRestore,diskFreeBytes,memoryAvailableBytes,memoryTotalBytes,curl,flock,aws,memory,listeners,fence | theirs runs unless-stopped 8081",
        "pull | ok",
        "task | ok | migrated",
        "task | ok",
        "task | task-failed | the task of r-3 ended with exit code 4",
        "start | ok | r-2 runs unless-stopped 8081 | theirs stopped no 8081",
        "start | ok | r-2 runs unless-stopped 8081 | theirs stopped no 8081",
        "start | unhealthy | http://ADDRESS/health did not pass 1 times in a row within N s | GET /health: 503 {"status":"starting","version":"never-healthy"} | r-3 runs no 8081 | r-2 stopped no 8081 | theirs stopped no 8081",
        "restore | ok | r-2 runs unless-stopped 8081 | r-3 stopped no 8081 | theirs stopped no 8081",
        "stop | ok | r-2 stopped no 8081 | r-3 stopped no 8081 | theirs stopped no 8081",
        "start | pull-failed | cannot pull shop/backend@sha256:ID; push it, or name another image: Error response from daemon: manifest for shop/backend@sha256:ID not found: manifest unknown: manifest unknown",
        "restore | ok | r-2 runs unless-stopped 8081 | r-3 stopped no 8081 | theirs stopped no 8081",
        "pull | fenced | fence 1 0 1 is older than 1 0 11, which was here before; nothing was done",
        "restore | repeated | r-2 runs unless-stopped 8081 | r-3 stopped no 8081 | theirs stopped no 8081",
        "adopted
      fence
      kept
      lock
      results
      tasks
      verified
      12
      2
      1 0 11",
      ]
    `);
    for (const other of others) expect(other).toEqual(first);
  });
});
