import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createProcessHosts } from '../../src/sandbox/hosts/index.js';
import { procList } from '../../src/sandbox/hosts/processes.js';
import { createTime } from '../../src/sandbox/time.js';
import type { ExecResult, Hosts, SandboxInstance } from '../../src/sandbox/types.js';

/** Addresses of this test process: its own net of 127/8, so that files can run at the same time. */
export const address = (n: number): string => `127.88.${(process.pid % 250) + 1}.${n}`;

export const instance = (n: number): SandboxInstance => ({
  id: `i-${n}`,
  zone: 'eu-west-1a',
  address: address(n),
  launchedAt: new Date(),
  state: 'running',
  tags: {},
  agent: 'online',
});

export function freePort(host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, host, () => {
      const bound = server.address();
      server.close(() => resolve(typeof bound === 'object' && bound !== null ? bound.port : 0));
    });
  });
}

/** Polls a condition until it holds; the deadline only ends a test that fails. */
export async function until(what: string, holds: () => boolean | Promise<boolean>, ms = 10_000): Promise<void> {
  const end = performance.now() + ms;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`waited ${ms} ms in vain for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 15));
  }
}

/** Processes whose environment names the folder. */
export function processesOf(stateDir: string, pids: readonly number[]): number[] {
  return pids.filter((pid) => procList(pid, 'environ')?.includes(`DEPLOYCTL_SANDBOX=${stateDir}`) === true);
}

export interface World {
  readonly stateDir: string;
  readonly hosts: Hosts;
  /** Runs a script on instance i-1. */
  sh(script: string, env?: Record<string, string>): Promise<ExecResult>;
  /** Its trimmed stdout; fails when the exit code is not 0. */
  ok(script: string, env?: Record<string, string>): Promise<string>;
  /** Builds an image from a server's text. */
  image(reference: string, files: Record<string, string>, args?: Record<string, string>): Promise<string>;
  close(): Promise<void>;
}

/** Writes a build context. */
export function context(files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), 'hosts-context-'));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(folder, name, '..'), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return folder;
}

export async function createWorld(instances = 1, scale = 10): Promise<World> {
  const stateDir = mkdtempSync(join(tmpdir(), 'hosts-test-'));
  const hosts = await createProcessHosts({ stateDir, time: createTime(scale) });
  for (let n = 1; n <= instances; n += 1) await hosts.addInstance(instance(n));
  const sh = (script: string, env: Record<string, string> = {}): Promise<ExecResult> =>
    hosts.exec('i-1', script, { timeoutMs: 15_000, env });
  return {
    stateDir,
    hosts,
    sh,
    ok: async (script, env) => {
      const result = await sh(script, env);
      if (result.exitCode !== 0)
        throw new Error(`exit code ${result.exitCode}: ${(result.stderr + result.stdout).slice(0, 500)}`);
      return result.stdout.trim();
    },
    image: async (reference, files, args) => {
      const folder = context(files);
      try {
        return await hosts.build(folder, reference, args);
      } finally {
        rmSync(folder, { recursive: true });
      }
    },
    close: async () => {
      await hosts.close();
      rmSync(stateDir, { recursive: true, force: true });
    },
  };
}

/** A server image that answers with its environment, and prints when it is ready and when it is asked to stop. */
export const SERVER = {
  Dockerfile:
    'FROM node:20\nWORKDIR /app\nCOPY server.mjs .\nARG VERSION=1\nENV VERSION=$VERSION\nEXPOSE 3000\nCMD ["node","server.mjs"]\n',
  'server.mjs': `import { createServer } from 'node:http';
const server = createServer((_, response) => response.end(JSON.stringify(process.env)));
server.listen(Number(process.env.PORT), process.env.HOST, () => console.log('ready'));
process.on('SIGTERM', () => { console.error('stopping'); server.close(() => process.exit(0)); server.closeAllConnections(); });
`,
};
