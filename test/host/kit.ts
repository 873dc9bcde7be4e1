/** An instance of the sandbox to run the instance script on, and requests in few words. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Fence, HostRequest, Slot } from '../../src/domain/host.js';
import type { Digest } from '../../src/domain/ids.js';
import type { RunSpec } from '../../src/domain/release.js';
import { encodeRequest } from '../../src/host/encode.js';
import { parseResult, type HostRefusal, type HostResult, type HostSuccess } from '../../src/host/result.js';
import { createProcessHosts } from '../../src/sandbox/hosts/index.js';
import { createTime } from '../../src/sandbox/time.js';
import type { ExecResult, Hosts } from '../../src/sandbox/types.js';

export const SHOP = join(dirname(fileURLToPath(import.meta.url)), '../../examples/shop');
export const INSTANCE = 'i-0123456789abcdef0';
export const APP = { app: 'shop', environment: 'production', region: 'eu-west-1' } as const;

/** Blue is live: containers of others may be adopted there for their image. */
export const slot = (color: 'blue' | 'green' = 'blue', port = 8081, names: readonly string[] = []): Slot => ({
  service: 'backend',
  containerName: 'backend',
  color,
  port,
  adopts: { containers: names, ...(color === 'blue' ? { repository: 'shop/backend' } : {}) },
});

/** A run spec of the shop's backend with short timings. */
export function spec(digest: Digest, change: Partial<RunSpec> = {}): RunSpec {
  return {
    image: { repository: 'shop/backend', tag: 'x', digest },
    containerPort: 3000,
    env: {},
    envFiles: [],
    secrets: {},
    runOptions: [],
    command: [],
    stopTimeout: 2000,
    health: { path: '/health', passes: 2, interval: 50, timeout: 1000, startTimeout: 8000 },
    checks: [],
    rollback: 'auto',
    ...change,
  };
}

/** Something that the instance script can be sent to. */
export interface Host {
  /** Sends a request with the next send of generation 1, or the given fence; null: without a fence. */
  ask(
    request: HostRequest,
    fence?: Fence | null,
    options?: { timeout?: number; signal?: AbortSignal; change?: (script: string) => string },
  ): Promise<HostResult>;
  exec(script: string): Promise<ExecResult>;
  /** stdout of a line of shell that must succeed. */
  sh(line: string): Promise<string>;
}

export interface Instance extends Host {
  readonly hosts: Hosts;
  readonly root: string;
  readonly address: string;
  /** Builds a variant of the shop's backend. */
  build(tag: string, args?: Record<string, string>): Promise<Digest>;
  close(): Promise<void>;
}

/** The requests of a Host, on what runs a script as the SSM agent does. */
export function hostOn(exec: (script: string, signal?: AbortSignal) => Promise<ExecResult>): Host {
  let send = 0;
  return {
    async ask(request, fence, options = {}) {
      const token = fence === undefined ? ([1, 0, ++send] as const) : fence;
      const script = encodeRequest({
        ...APP,
        request,
        timeout: options.timeout ?? 30_000,
        ...(token === null ? {} : { fence: token }),
      });
      return parseResult(await exec(options.change?.(script) ?? script, options.signal), APP);
    },
    exec: async (script) => exec(script),
    async sh(line) {
      const result = await exec(line);
      if (result.exitCode !== 0) throw new Error(`${line}: exit code ${result.exitCode}: ${result.stderr}`);
      return result.stdout.trim();
    },
  };
}

let addresses = 10;

export async function startInstance(): Promise<Instance> {
  const stateDir = mkdtempSync(join(tmpdir(), 'deployctl-host-'));
  const hosts = await createProcessHosts({ stateDir, time: createTime(10) });
  const address = `127.78.${process.pid % 250}.${addresses++}`;
  await hosts.addInstance({
    id: INSTANCE,
    zone: 'eu-west-1a',
    address,
    launchedAt: new Date(),
    state: 'running',
    tags: {},
    agent: 'online',
  });
  const host = hostOn(async (script, signal) =>
    hosts.exec(INSTANCE, script, { timeoutMs: 60_000, ...(signal === undefined ? {} : { signal }) }),
  );
  return {
    ...host,
    hosts,
    root: await host.sh('printf %s "$DEPLOYCTL_ROOT"'),
    address,
    build: async (tag, args = {}) =>
      (await hosts.build(join(SHOP, 'backend'), `shop/backend:${tag}`, { VERSION: tag, ...args })) as Digest,
    async close() {
      await hosts.close();
      rmSync(stateDir, { recursive: true, force: true });
    },
  };
}

export function good(result: HostResult): HostSuccess {
  if (!result.ok) throw new Error(`${result.code}: ${result.message}\n${result.logTail ?? ''}`);
  return result;
}

export function bad(result: HostResult): HostRefusal {
  if (result.ok) throw new Error('a failure was expected');
  return result;
}
