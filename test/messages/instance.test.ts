import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { EventBody } from '../../src/domain/event.js';
import type { HostRequest } from '../../src/domain/host.js';
import type { Digest } from '../../src/domain/ids.js';
import { HostBook } from '../../src/engine/book.js';
import type { HostFailureCode, HostResult } from '../../src/host/result.js';
import { HOST_FAILURE_CODES, parseResult } from '../../src/host/result.js';
import { createLines } from '../../src/reporters/lines.js';
import { ManualClock } from '../_helpers/manual-clock.js';
import type { Instance } from '../host/kit.js';
import { APP, bad, slot, spec, startInstance } from '../host/kit.js';
import { brief } from './say.js';

/*
 * What an instance refuses or fails at, as it stands in the log of a rollout: the script runs on an instance of the sandbox on which one thing is wrong, and its
 * answer goes the way of every answer.
 */

// Each one waits for containers that end, or are never well, on a real shell.
vi.setConfig({ testTimeout: 60_000 });

let instance: Instance;
let good: Digest;
beforeAll(async () => {
  instance = await startInstance();
  good = await instance.build('1.0.0');
});
afterAll(() => instance.close());

/** Codes that a test has read. */
const read = new Set<HostFailureCode>();

/** The lines about an answer. */
async function says(code: HostFailureCode, request: HostRequest, result: HostResult): Promise<string> {
  expect(bad(result).code).toBe(code);
  read.add(code);
  let said = '';
  const clock = new ManualClock();
  const lines = createLines({ clock, timeZone: 'UTC', write: (text) => void (said += text) });
  const notUsed = (): Promise<never> => Promise.reject(new Error('not part of this test'));
  const book = new HostBook({
    hosts: {
      send: () => Promise.resolve('command-1'),
      poll: () => Promise.resolve(new Map([['command-1', { is: 'replied', reply: result }]])),
      sendResolve: notUsed,
      sendAsk: notUsed,
      sendList: notUsed,
      flaw: () => undefined,
    },
    clock,
    emit: (event: EventBody) => {
      lines.report({ ...event, at: 0 });
    },
    nameOf: () => 'shop-1',
    nextFence: () => [1, 0, 1],
  });
  await book.send('i-1', request, 10_000);
  await book.poll();
  await lines.close();
  const text = brief(said)
    .replaceAll(instance.root, '')
    .replace(/^\d\d:\d\d:\d\d {2}/gm, '')
    .replace(/^ {10}/gm, '')
    .replaceAll(instance.address, 'ADDRESS')
    .replace(/PATH \/[^)]+/, 'PATH …')
    .replace(/\br-\d+/g, 'r-N')
    .replace(/-[0-9a-f]{12}\b/g, '-ID')
    .replace(/pid \d+/, 'pid PID')
    .trimEnd();
  expect(text).not.toMatch(/undefined|NaN|\[object/);
  return text;
}

type Change = (script: string) => string;
/** Shell that stands before the script. */
const first =
  (shell: string): Change =>
  (script) =>
    script.replace('\n', () => `\n${shell}\n`);
/** A machine on which a program is not installed. */
const without =
  (program: string): Change =>
  (script) =>
    script.replaceAll(`command -v ${program} `, 'false ');

let releases = 0;
const start = (change: Parameters<typeof spec>[1] = {}, digest = good): HostRequest => ({
  phase: 'start',
  slot: slot(),
  release: `r-${String((releases += 1))}`,
  spec: spec(digest, change),
  keep: 1,
});
const task = (command: readonly string[], timeout = 5000) => ({
  phase: 'task' as const,
  service: 'backend',
  containerName: 'backend',
  release: `r-${String((releases += 1))}`,
  spec: spec(good, { task: { command, timeout } }),
});
const asked = async (code: HostFailureCode, request: HostRequest, change?: Change): Promise<string> =>
  says(code, request, await instance.ask(request, undefined, change === undefined ? {} : { change }));

const absent: Digest = `sha256:${'1'.repeat(64)}`;
const folder = '"$DEPLOYCTL_ROOT/var/lib/deployctl/shop/production"';

describe('the machine', () => {
  it('lacks a program', async () => {
    expect(await asked('no-flock', start(), without('flock'))).toMatchInlineSnapshot(
      `"i-1 (shop-1)  start of backend failed (no-flock): flock is not installed on the instance; install util-linux"`,
    );
    expect(await asked('no-curl', start(), without('curl'))).toMatchInlineSnapshot(
      `"i-1 (shop-1)  start of backend failed (no-curl): curl is not installed on the instance; install it: the health of a container can't be asked without it"`,
    );
    expect(await asked('no-docker', start(), without('docker'))).toMatchInlineSnapshot(
      `"warning: shop-1 (i-1): nobody knows what became of "start backend": docker is not installed on the instance; install it (not on PATH …). It is looked at before anything else is done there"`,
    );
  });

  it('has an engine that does not answer', async () => {
    const dead = first(
      `timeout() { echo 'Cannot connect to the Docker daemon. Is the docker daemon running?'; return 1; }`,
    );
    expect(await asked('no-docker', start(), dead)).toMatchInlineSnapshot(
      `"warning: shop-1 (i-1): nobody knows what became of "start backend": docker does not answer on the instance: Cannot connect to the Docker daemon. Is the docker daemon running? It is looked at before anything else is done there"`,
    );
  });

  it('has a state folder that cannot be used', async () => {
    await instance.sh(`mkdir -p ${folder} && echo 'x' >${folder}/fence`);
    expect(await asked('no-state', start())).toMatchInlineSnapshot(
      `"i-1 (shop-1)  start of backend failed (no-state): /var/lib/deployctl/shop/production/fence holds 'x ', wanted three numbers of at most 15 digits; remove it while no rollout runs: the next command writes it anew"`,
    );
    await instance.sh(`rm -rf ${folder} && echo >${folder}`);
    expect(await asked('no-state', start())).toMatchInlineSnapshot(
      `"i-1 (shop-1)  start of backend failed (no-state): cannot write /var/lib/deployctl/shop/production (disk full or read-only?); make room on the instance"`,
    );
    await instance.sh(`rm ${folder}`);
  });

  it('works for another command', async () => {
    const holder = instance.exec(
      `mkdir -p ${folder}; exec 9>>${folder}/lock; flock 9; touch "$DEPLOYCTL_ROOT/held"; while [ -e "$DEPLOYCTL_ROOT/held" ]; do sleep 0.05; done`,
    );
    await instance.sh('until [ -e "$DEPLOYCTL_ROOT/held" ]; do sleep 0.02; done');
    const waits = start();
    const waited = await instance.ask(waits, undefined, { timeout: 5000 });
    await instance.sh('rm "$DEPLOYCTL_ROOT/held"');
    await holder;
    expect(await says('lock-timeout', waits, waited)).toMatchInlineSnapshot(
      `"warning: shop-1 (i-1): nobody knows what became of "start backend": another deployctl command still runs on the instance; nothing was done. It is looked at before anything else is done there"`,
    );
  });

  it('ends the script', async () => {
    expect(await asked('broken-output', start(), first('docker() { kill -TERM $$; }'))).toMatchInlineSnapshot(
      `"warning: shop-1 (i-1): nobody knows what became of "start backend": the instance script ended early (status 143, in: pull of shop/backend); see /var/log/deployctl/shop-production.log on the instance. It is looked at before anything else is done there"`,
    );
    const request = start();
    const killed = parseResult({ exitCode: 137, stdout: '', stderr: '' }, APP);
    expect(await says('broken-output', request, killed)).toMatchInlineSnapshot(
      `"warning: shop-1 (i-1): nobody knows what became of "start backend": the instance script ended with exit code 137 and no answer; see /var/log/deployctl on the instance. It is looked at before anything else is done there"`,
    );
  });
});

describe('the image', () => {
  it('cannot be had', async () => {
    expect(await asked('pull-failed', start({}, absent))).toMatchInlineSnapshot(
      `"i-1 (shop-1)  start of backend failed (pull-failed): cannot pull shop/backend@sha256:…; push it, or name another image: Error response from daemon: manifest for shop/backend@sha256:… not found: manifest unknown: manifest unknown"`,
    );
    const full = first(
      `docker() { if [ "$1" = pull ]; then echo 'write /x: no space left on device'; return 1; fi; command docker "$@"; }`,
    );
    expect(await asked('pull-failed', start({}, absent), full)).toMatchInlineSnapshot(
      `"i-1 (shop-1)  start of backend failed (pull-failed): cannot pull shop/backend@sha256:…; make room on the instance (docker image prune): write /x: no space left on device"`,
    );
    const far = first(
      `docker() { if [ "$1" = pull ]; then echo 'dial tcp: i/o timeout'; return 1; fi; command docker "$@"; }`,
    );
    expect(await asked('pull-failed', start({}, absent), far)).toMatchInlineSnapshot(
      `"i-1 (shop-1)  start of backend failed (pull-failed): cannot pull shop/backend@sha256:…; see whether the instance reaches the registry: dial tcp: i/o timeout"`,
    );
  });

  it('is in ECR, and the instance cannot log in', async () => {
    const image = { repository: '123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/backend', tag: 'x', digest: absent };
    expect(await asked('login-failed', start({ image }), without('aws'))).toMatchInlineSnapshot(
      `"i-1 (shop-1)  start of backend failed (login-failed): login to ECR failed (the aws CLI is not installed on the instance), and so did the pull of 123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/backend@sha256:…; it takes the aws CLI and what deployctl iam-policy --for instance prints: Error response from daemon: Head "https://123456789012.dkr.ecr.eu-west-1.amazonaws.com/v2/shop/backend/manifests/sha256:…": no basic auth credentials"`,
    );
  });

  it('was pulled and is not there', async () => {
    const vanishes = first(`docker() { [ "$1" = pull ] || command docker "$@"; }`);
    expect(await asked('no-image', start({}, absent), vanishes)).toMatchInlineSnapshot(
      `"i-1 (shop-1)  start of backend failed (no-image): pulled shop/backend@sha256:…, but docker does not show that digest on the instance; docker images --digests tells what it has"`,
    );
  });
});

describe('the container', () => {
  it('cannot be made', async () => {
    expect(await asked('start-failed', start({ envFiles: ['/etc/shop.env'] }))).toMatchInlineSnapshot(
      `"i-1 (shop-1)  start of backend failed (start-failed): env file /etc/shop.env is not on the instance (or can't be read); put it there, or take it out of env-files"`,
    );
    expect(await asked('start-failed', start({ runOptions: ['--memory=lots'] }))).toMatchInlineSnapshot(
      `"i-1 (shop-1)  start of backend failed (start-failed): docker create refused the container of r-N; correct the settings of backend: Error response from daemon: invalid argument "lots" for "-m, --memory" flag: invalid size: 'lots'"`,
    );
    expect(await asked('start-failed', start({ command: ['no-such-program'] }))).toMatchInlineSnapshot(`
      "i-1 (shop-1)  start of backend failed (start-failed): the container of r-N did not start: Error response from daemon: failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: exec: "no-such-program": executable file not found in $PATH: unknown Error: failed to start containers: …
      container exited with 127"
    `);
    const aws = `aws() { echo 'An error occurred (ParameterNotFound) when calling the GetParameter operation' >&2; return 254; }`;
    expect(
      await asked('secrets-failed', start({ secrets: { TOKEN: '/shop/token' } }), first(aws)),
    ).toMatchInlineSnapshot(
      `"i-1 (shop-1)  start of backend failed (secrets-failed): variable TOKEN: cannot read parameter /shop/token; create it, or allow the instance to read it: An error occurred (ParameterNotFound) when calling the GetParameter operation"`,
    );
  });

  it('finds its port taken', async () => {
    await instance.sh(
      'docker run -d --name other -p 8081:3000 --label deployctl.app=other --label deployctl.environment=x --label deployctl.service=web --label deployctl.color=blue --label deployctl.release=r-0 shop/backend:1.0.0',
    );
    expect(await asked('port-taken', start())).toMatchInlineSnapshot(
      `"i-1 (shop-1)  start of backend failed (port-taken): port 8081 is held by container other (image shop/backend:1.0.0), which is not backend's; remove it, give backend another port, or name it in adopt of backend"`,
    );
    await instance.sh('docker rm -f other');
    await instance.sh(
      `node -e 'require("node:net").createServer().listen(8081, "${instance.address}", () => console.log("up"))' >"$DEPLOYCTL_ROOT/taken" 2>&1 & echo $! >"$DEPLOYCTL_ROOT/taker"; until grep -q up "$DEPLOYCTL_ROOT/taken"; do sleep 0.05; done`,
    );
    expect(await asked('port-taken', start())).toMatchInlineSnapshot(`
      "i-1 (shop-1)  start of backend failed (port-taken): port 8081 is held by process node (pid PID); end that, or give the service another port: Error response from daemon: failed to set up container networking: driver failed programming external connectivity on endpoint backend-blue (…): failed to bind host port for 0.0.0.0:8081:ADDRESS:3000/tcp: address already in use Error: failed to start containers: …
      container exited with 128"
    `);
    await instance.sh('kill $(cat "$DEPLOYCTL_ROOT/taker")');
  });

  it('is not well', async () => {
    expect(await asked('exited', start({ command: ['sh', '-c', 'echo no database; exit 3'] }))).toMatchInlineSnapshot(`
      "i-1 (shop-1)  start of backend failed (exited): the container ended (exited) while it was watched
      container exited with 3
      log of the container, last lines:
        | no database"
    `);
    const health = { ...spec(good).health, path: '/nowhere', startTimeout: 4000 };
    expect(await asked('unhealthy', start({ health }))).toMatchInlineSnapshot(`
      "i-1 (shop-1)  start of backend failed (unhealthy): http://ADDRESS:8081/nowhere did not pass 2 times in a row within 4 s
      last probe: GET /nowhere: 404 {"error":"no such page: /nowhere","service":"backend","version":"1.0.0"}
      log of the container, last lines:
        | backend 1.0.0 listens on ADDRESS:8081"
    `);
    const check = {
      method: 'GET',
      path: '/nowhere',
      samples: 2,
      maxFailures: 0,
      timeout: 5000,
      status: [[200, 299]],
      headers: {},
    } as const;
    expect(await asked('check-failed', start({ checks: [check] }))).toMatchInlineSnapshot(`
      "i-1 (shop-1)  start of backend failed (check-failed): check GET /nowhere: 1 of 1 requests failed, allowed are 0 of 2 (wanted status 200-299)
      last probe: GET /nowhere: 404 {"error":"no such page: /nowhere","service":"backend","version":"1.0.0"}
      log of the container, last lines:
        | backend 1.0.0 listens on ADDRESS:8081"
    `);
  });

  it('of before cannot be stopped, or cannot be brought back', async () => {
    await instance.sh(
      'docker rm -f $(docker ps -aq); docker run -d --rm --name backend -p 8081:3000 shop/backend:1.0.0',
    );
    expect(await asked('stop-failed', start())).toMatchInlineSnapshot(
      `"i-1 (shop-1)  start of backend failed (stop-failed): container backend runs with --rm: stopping would remove it, and with it the way back; start it without --rm first"`,
    );
    await instance.sh('docker rm -f $(docker ps -aq); docker run -d --name backend -p 8081:3000 shop/backend:1.0.0');
    const stays = first(`docker() { [ "$1" = stop ] || command docker "$@"; }`);
    expect(await asked('stop-failed', start(), stays)).toMatchInlineSnapshot(
      `"i-1 (shop-1)  start of backend failed (stop-failed): container backend-blue-adopted-ID-ID still runs after docker stop -t 2; end it by hand: docker kill backend-blue-adopted-ID-ID"`,
    );
    await instance.sh('docker rm -f $(docker ps -aq)');
    const restore: HostRequest = { phase: 'restore', slot: slot(), release: 'adopted-1', spec: spec(good), keep: 1 };
    expect(await asked('nothing-to-restore', restore)).toMatchInlineSnapshot(
      `"i-1 (shop-1)  restore of backend failed (nothing-to-restore): no container of adopted-1 is kept on the instance, and deployctl did not start it, so it cannot be started again; roll out an image by name"`,
    );
  });
});

describe('the one-off task', () => {
  it('fails, and is not run again', async () => {
    const fails = task(['sh', '-c', 'echo no such table; exit 3']);
    expect(await asked('task-failed', fails)).toMatchInlineSnapshot(`
      "i-1 (shop-1)  task of backend failed (task-failed): the task of r-N ended with exit code 3
      container exited with 3
      log of the container, last lines:
        | no such table"
    `);
    expect(await asked('task-failed', fails)).toMatchInlineSnapshot(
      `"i-1 (shop-1)  task of backend failed (task-failed): the task of r-N failed before (failed: exit code 3); it runs at most once per release, and a new rollout makes a new one"`,
    );
    expect(await asked('task-failed', task(['sleep', '30'], 1000))).toMatchInlineSnapshot(
      `"i-1 (shop-1)  task of backend failed (task-failed): the task of r-N ran longer than 1 s (task.timeout) and was stopped"`,
    );
  });

  it('is lost', async () => {
    const lost = task(['true']);
    await instance.sh(`echo running >${folder}/tasks/backend.${lost.release}`);
    expect(await asked('task-unknown', lost)).toMatchInlineSnapshot(
      `"warning: shop-1 (i-1): nobody knows what became of "task backend": the task of r-N was started and its container is gone: whether it succeeded is not known. It is looked at before anything else is done there"`,
    );
  });
});

it('a newer command was here', async () => {
  const late = start();
  await instance.ask({ phase: 'inspect', slots: [slot()] }, [2, 0, 0]);
  expect(await says('fenced', late, await instance.ask(late, [1, 0, 99]))).toMatchInlineSnapshot(
    `"i-1 (shop-1)  start of backend failed (fenced): fence 1 0 99 is older than 2 0 0, which was here before; nothing was done"`,
  );
});

it('every code has been read', () => {
  expect(HOST_FAILURE_CODES.filter((code) => !read.has(code))).toEqual([]);
});
