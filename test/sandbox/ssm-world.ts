import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SSMClient } from '@aws-sdk/client-ssm';
import { createAccess } from '../../src/sandbox/access.js';
import { createFaults } from '../../src/sandbox/faults.js';
import type { Fleet } from '../../src/sandbox/fleet.js';
import { createFleet } from '../../src/sandbox/fleet.js';
import { startWire } from '../../src/sandbox/server.js';
import { createSsm } from '../../src/sandbox/services/ssm/index.js';
import { createTime } from '../../src/sandbox/time.js';
import type { ExecResult, Faults, Hosts, SandboxInstance } from '../../src/sandbox/types.js';
import { AwsError } from '../../src/sandbox/types.js';
import { createCallLog } from '../../src/sandbox/wire/call-log.js';

export interface SsmWorld {
  readonly client: SSMClient;
  readonly fleet: Fleet;
  readonly faults: Faults;
  /** Instance ids that were rebooted, in order. */
  readonly reboots: string[];
  /** What the log of events got. */
  readonly events: string[];
  /** A folder for what scripts write. */
  readonly folder: string;
  /** The running commands now, and the most that ran at once. */
  readonly running: { now: number; most: number };
  close(): Promise<void>;
}

export const ids = [1, 2, 3].map((n) => `i-0000000000000000${n}`);

/** An SSM service on a real socket, with instances that run their scripts with plain `sh` on this machine. */
export async function startSsmWorld(timeScale = 50): Promise<SsmWorld> {
  const folder = await mkdtemp(join(tmpdir(), 'ssm-world-'));
  const fleet = createFleet();
  const faults = createFaults();
  const reboots: string[] = [];
  const events: string[] = [];
  const running = { now: 0, most: 0 };
  ids.forEach((id, index) => fleet.add(instanceOf(id, index)));
  const ssm = createSsm({
    time: createTime(timeScale),
    fleet,
    hosts: shellHosts(folder, reboots, running),
    faults,
    stateDir: folder,
    region: 'eu-west-1',
    accountId: '123456789012',
    events: { write: (text) => void events.push(text), close: () => Promise.resolve() },
  });
  const absent = (): Promise<never> => Promise.reject(new AwsError('InternalFailure', 'not part of this test'));
  const access = createAccess();
  const wire = await startWire({
    access,
    region: 'eu-west-1',
    services: { ssm, ec2: absent, elbv2: absent, sts: absent },
    faults,
    calls: createCallLog(),
    control: absent,
  });
  const client = new SSMClient({
    endpoint: wire.endpoint,
    region: 'eu-west-1',
    credentials: { accessKeyId: access.client.id, secretAccessKey: access.client.secret },
  });
  return {
    client,
    fleet,
    faults,
    reboots,
    events,
    folder,
    running,
    async close() {
      client.destroy();
      ssm.close();
      await wire.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function instanceOf(id: string, index: number): SandboxInstance {
  return {
    id,
    zone: index % 2 === 0 ? 'eu-west-1a' : 'eu-west-1b',
    address: `127.77.1.${10 + index}`,
    launchedAt: new Date(),
    state: 'running',
    tags: { Name: `shop-${index + 1}`, App: index === 2 ? 'other' : 'shop' },
    agent: 'online',
  };
}

function shellHosts(folder: string, reboots: string[], running: { now: number; most: number }): Hosts {
  let scripts = 0;
  const unused = (): Promise<never> => Promise.reject(new Error('not part of this test'));
  return {
    async exec(instanceId, script, options) {
      const file = join(folder, `_script-${++scripts}.sh`);
      await writeFile(file, script, { mode: 0o700 });
      running.now += 1;
      running.most = Math.max(running.most, running.now);
      try {
        return await runFile(file, instanceId, folder, options);
      } finally {
        running.now -= 1;
      }
    },
    reboot(instanceId) {
      reboots.push(instanceId);
      return Promise.resolve();
    },
    containers: unused,
    serving: () => undefined,
    addInstance: unused,
    removeInstance: unused,
    build: unused,
    close: () => Promise.resolve(),
  };
}

function runFile(
  file: string,
  instanceId: string,
  folder: string,
  options: Parameters<Hosts['exec']>[2],
): Promise<ExecResult> {
  return new Promise((resolve, reject) => {
    const child = spawn('sh', ['-c', file], {
      cwd: folder,
      env: { PATH: process.env['PATH'] ?? '', FOLDER: folder, INSTANCE: instanceId, ...options.env },
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const ended = { timedOut: false, cancelled: false };
    const output = { stdout: '', stderr: '' };
    const kill = (): void => {
      if (child.pid !== undefined && child.exitCode === null) {
        process.kill(-child.pid, 'SIGKILL');
      }
    };
    const timer = setTimeout(() => {
      ended.timedOut = true;
      kill();
    }, options.timeoutMs);
    const stop = (): void => {
      ended.cancelled = true;
      kill();
    };
    options.signal?.addEventListener('abort', stop, { once: true });
    // It may have been cancelled while its script was written.
    if (options.signal?.aborted === true) stop();
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => (output.stdout += chunk));
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => (output.stderr += chunk));
    child.once('error', reject);
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      options.signal?.removeEventListener('abort', stop);
      resolve({ exitCode: code ?? -1, signal, ...output, ...ended });
    });
  });
}
