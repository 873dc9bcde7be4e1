import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { kernelNames } from '../../src/sandbox/hosts/docker/names.js';
import { findPrograms, MissingNeeds } from '../../src/sandbox/hosts/docker/needs.js';
import { createHosts } from '../../src/sandbox/hosts/index.js';
import { claimNetwork } from '../../src/sandbox/network.js';
import { createTime } from '../../src/sandbox/time.js';
import type { ExecResult, Hosts, SandboxInstance } from '../../src/sandbox/types.js';
import { context } from './hosts-world.js';

/** Whether this machine can run Docker engines in namespaces; says in one line why not. */
export async function canRunDocker(): Promise<boolean> {
  try {
    await findPrograms();
    return true;
  } catch (error) {
    if (!(error instanceof MissingNeeds)) throw error;
    process.stderr.write(`skipping the tests of runtime docker: ${error.message}\n`);
    return false;
  }
}

/** What the kernel still has of a docker sandbox: interfaces, cgroups, mounts, loop devices, processes that name its folder. */
export function leftOf(stateDir: string): string[] {
  const { bridge, cgroup } = kernelNames(stateDir);
  const processes = readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(stateDir) && Number(pid) !== process.pid;
    } catch (error) {
      // A process that ended while it was looked at.
      if (error instanceof Error && 'code' in error) return false;
      throw error;
    }
  });
  return [
    ...readdirSync('/sys/class/net').filter((name) => name.startsWith(bridge)),
    ...execFileSync('find', ['/sys/fs/cgroup', '-maxdepth', '2', '-name', cgroup.slice(1)], { encoding: 'utf8' })
      .split('\n')
      .filter(Boolean),
    ...readFileSync('/proc/mounts', 'utf8')
      .split('\n')
      .filter((line) => line.includes(stateDir)),
    ...readdirSync('/sys/block')
      .map((name) => `/sys/block/${name}/loop/backing_file`)
      .filter((file) => existsSync(file) && readFileSync(file, 'utf8').includes(stateDir)),
    ...processes.map((pid) => `process ${pid}`),
  ];
}

export interface DockerWorld {
  readonly stateDir: string;
  readonly hosts: Hosts;
  readonly instances: readonly SandboxInstance[];
  /** Runs a script on the nth instance, from 1. */
  sh(n: number, script: string, timeoutMs?: number): Promise<ExecResult>;
  /** Its trimmed stdout; fails when the exit code is not 0. */
  ok(n: number, script: string): Promise<string>;
  image(reference: string, files: Record<string, string>): Promise<string>;
  close(): Promise<void>;
}

export async function createDockerWorld(count: number): Promise<DockerWorld> {
  const stateDir = mkdtempSync(join(tmpdir(), 'docker-test-'));
  const network = await claimNetwork(stateDir, 'docker');
  const hosts = await createHosts('docker', {
    stateDir,
    time: createTime(100),
    prefix: network.prefix,
    region: 'eu-west-1',
    accountId: '123456789012',
    onError: (error) => {
      throw error;
    },
  });
  const instances = Array.from({ length: count }, (_, index): SandboxInstance => ({
    id: `i-${index + 1}`,
    zone: 'eu-west-1a',
    address: network.nextAddress(),
    launchedAt: new Date(),
    state: 'running',
    tags: {},
    agent: 'online',
  }));
  await Promise.all(instances.map((instance) => hosts.addInstance(instance)));
  const sh: DockerWorld['sh'] = (n, script, timeoutMs = 60_000) => hosts.exec(`i-${n}`, script, { timeoutMs });
  return {
    stateDir,
    hosts,
    instances,
    sh,
    ok: async (n, script) => {
      const result = await sh(n, script);
      if (result.exitCode !== 0) throw new Error(`exit code ${result.exitCode}: ${result.stderr}${result.stdout}`);
      return result.stdout.trim();
    },
    image: async (reference, files) => {
      const folder = context(files);
      try {
        return await hosts.build(folder, reference);
      } finally {
        rmSync(folder, { recursive: true });
      }
    },
    close: async () => {
      await hosts.close();
      await network.close();
      rmSync(stateDir, { recursive: true, force: true });
    },
  };
}
