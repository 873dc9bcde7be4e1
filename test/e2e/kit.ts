import { createHash, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { request } from 'undici';
import { expect, vi } from 'vitest';
import { parse, stringify } from 'yaml';
import type { Access } from '../../src/sandbox/access.js';
import type { AccessEntry } from '../../src/sandbox/load-balancer/access-log.js';
import { loadTable, runLoad } from '../../src/sandbox/load/index.js';
import type { LoadSummary } from '../../src/sandbox/load/index.js';
import type { ContainerSummary } from '../../src/sandbox/types.js';
import type { Policy } from '../../src/sandbox/wire/policy.js';
import { openAws } from './aws.js';
import type { Aws } from './aws.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
export const program = join(root, 'bin', 'run.js');

export type Service = 'backend' | 'frontend';
export type Color = 'blue' | 'green';
export const SERVICES: readonly Service[] = ['backend', 'frontend'];
/** The same tests on real Docker engines: DEPLOYCTL_TEST_RUNTIME=docker, as root. */
export const RUNTIME = process.env['DEPLOYCTL_TEST_RUNTIME'] === 'docker' ? 'docker' : 'process';
const PORTS = { backend: { blue: 8081, green: 8082 }, frontend: { blue: 8091, green: 8092 } } as const;

type PolicyReport = ReturnType<Policy['report']>;

/** A document of deployctl.yml as plain values: tests change whatever they need. */
export type Json = { [key: string]: Json | string | number | boolean | null | readonly unknown[] };

export interface CliResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Whether each stream that was written to ends with a line feed, which `stdout` and `stderr` leave out. */
  readonly whole: boolean;
  /** Everything of the run in one text, for the message of a failed expectation. */
  readonly transcript: string;
  readonly ms: number;
}

/** A command that runs. */
export interface Running {
  readonly done: Promise<CliResult>;
  /** Resolves when the progress output matches; rejects when the command ends before. */
  until(pattern: RegExp): Promise<void>;
  kill(signal: NodeJS.Signals): void;
}

export interface Load {
  /** Ends the load, waits for what is under way. */
  stop(): Promise<LoadSummary>;
}

export interface SandboxStatus {
  readonly endpoint: string;
  readonly loadBalancer: { readonly url: string; readonly arn: string; readonly listenerArn: string };
  readonly targetGroups: readonly { readonly service: Service; readonly color: Color; readonly arn: string }[];
  readonly instances: readonly { readonly id: string; readonly zone: string; readonly address: string }[];
}

/** Who runs a command, and where. */
export interface StartOptions {
  /** Added to the environment. */
  readonly env?: Record<string, string>;
  /** Working directory; the shop's own when left out. */
  readonly cwd?: string;
  /** A command that becomes the command line, which is appended to it: `['env', 'A=b']`. */
  readonly under?: readonly string[];
}

export interface ShopOptions {
  readonly instances?: number;
  /** 20 when left out: the default lag of 5 s lasts 250 ms then, the settle time of {@link quick} stays well above it. */
  readonly timeScale?: number;
  /** Deregistration delay of all groups in AWS seconds; 20 when left out, one second of the test's time. */
  readonly drainSeconds?: number;
  /** Longest run of one command in ms, after which it is killed; 300,000 when left out. */
  readonly longest?: number;
  /** Further arguments of `sandbox up`. */
  readonly up?: readonly string[];
  /** Changes deployctl.yml. */
  readonly config?: (file: Json) => void;
}

/** A sandbox with its shop, and a home of its own for the command line. */
export interface Shop {
  readonly dir: string;
  readonly status: SandboxStatus;
  readonly aws: Aws;
  /** Runs a command to its end. Its own HOME and none of the surrounding AWS variables; `env` is added. */
  cli(args: readonly string[], options?: StartOptions): Promise<CliResult>;
  /** The same, for a command whose exit code is known: another one fails the test with the whole output. */
  run(code: number, args: readonly string[], options?: StartOptions): Promise<CliResult>;
  /** The same with --json: stdout must be exactly one JSON document. */
  json<T = Record<string, unknown>>(code: number, args: readonly string[]): Promise<T>;
  start(args: readonly string[], options?: StartOptions): Running;
  /** Load in the background: 100 requests per second over 50 keep-alive connections, on both services. */
  load(options?: Partial<{ rate: number; connections: number; paths: readonly string[] }>): Load;
  /** Runs `work` under load, and gives what the load saw. */
  underLoad(work: () => Promise<unknown>): Promise<LoadSummary>;
  accessLog(): Promise<readonly AccessEntry[]>;
  containers(): Promise<Readonly<Record<string, readonly ContainerSummary[]>>>;
  /** Writes deployctl.yml anew, or another file beside it. @returns its path */
  config(change: (file: Json) => void, name?: string): Promise<string>;
  fault(...args: readonly string[]): Promise<void>;
  clearFaults(): Promise<void>;
  /** How often each API operation was called since the start of the sandbox. */
  calls(): Promise<Readonly<Record<string, number>>>;
  /** The environment of its commands: the sandbox, a HOME of its own, nothing of the surroundings. */
  env(): Readonly<Record<string, string>>;
  /** What the policy of `sandbox up --policy` was needed for, and what it refused. */
  policy(): Promise<PolicyReport>;
  /** Asks each container that gets traffic who it is. @throws when an instance does not run the version, or weights are split */
  serves(versions: Readonly<Record<Service, string>>): Promise<Readonly<Record<Service, Color>>>;
  /** Waits until no container runs, and no target is registered, on the color that has no traffic. */
  idleIsDown(service: Service): Promise<void>;
  dispose(): Promise<void>;
}

/** Timings that fit a sandbox 20 times faster than AWS. */
function quick(file: Json): void {
  const production = at(file, 'environments', 'production');
  production['timing'] = {
    settle: '1s',
    stabilize: '500ms',
    bake: '1s',
    'health-timeout': '15s',
    'host-command': '1m',
    'pull-timeout': '1m',
    poll: '250ms',
    hold: '5s',
  };
  production['lease'] = { ttl: '15s', heartbeat: '1s' };
  for (const service of Object.values(at(file, 'services'))) {
    const settings = service as Json;
    settings['stop-timeout'] = '2s';
    at(settings, 'health')['start-timeout'] = '5s';
  }
}

/** What is long in the tests of a process is how long it lives, not what it waits for: time limits that a busy machine keeps. */
export const PATIENT: ShopOptions = {
  instances: 2,
  longest: 400_000,
  config: (file) => {
    const production = at(file, 'environments', 'production');
    Object.assign(at(production, 'timing'), { 'host-command': '2m', 'health-timeout': '1m' });
    for (const service of Object.values(at(file, 'services'))) at(service as Json, 'health')['start-timeout'] = '30s';
  },
};

/** The object at a path of keys, made where it is missing. */
export function at(file: Json, ...keys: readonly string[]): Json {
  return keys.reduce((value, key) => (value[key] ??= {}) as Json, file);
}

const withTag = (versions: Partial<Record<Service, string>>): string[] =>
  SERVICES.flatMap((service) => (versions[service] === undefined ? [] : [`--${service}`, versions[service]]));

/** Arguments of `rollout` for both services, or the ones that are given. */
export function rolloutTo(
  versions: string | Partial<Record<Service, string>>,
  strategy: 'rolling' | 'blue-green',
  ...more: readonly string[]
): string[] {
  const images = typeof versions === 'string' ? { backend: versions, frontend: versions } : versions;
  return ['rollout', '--yes', '--strategy', strategy, ...withTag(images), ...more];
}

export async function openShop(options: ShopOptions = {}): Promise<Shop> {
  const dir = await mkdtemp(join(tmpdir(), 'deployctl-e2e-'));
  const stateDir = join(dir, 'sandbox');
  await mkdir(join(dir, 'home'));
  // Whatever the surroundings say about AWS, CI or a terminal must not reach the command.
  const bare = {
    PATH: process.env['PATH'] ?? '',
    HOME: join(dir, 'home'),
    LANG: 'C.UTF-8',
    USER: 'tester',
    // Images of the docker runtime are kept from one test file to the next.
    XDG_CACHE_HOME: process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'),
  };
  let env: Record<string, string> = bare;

  const start: Shop['start'] = (args, extra) => {
    const began = performance.now();
    const [file = process.execPath, ...rest] = [...(extra?.under ?? []), process.execPath, program, ...args];
    const child = execa(file, rest, {
      cwd: extra?.cwd ?? dir,
      env: { ...env, ...extra?.env },
      extendEnv: false,
      stdin: 'ignore',
      stripFinalNewline: false,
      reject: false,
      timeout: options.longest ?? 300_000,
      killSignal: 'SIGKILL',
    });
    let seen = '';
    const waiting = new Set<() => void>();
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      seen += text;
      waiting.forEach((look) => look());
    });
    const done = (async (): Promise<CliResult> => {
      const { exitCode, signal, timedOut, shortMessage, ...streams } = await child;
      const stdout = streams.stdout.replace(/\r?\n$/, '');
      const stderr = streams.stderr.replace(/\r?\n$/, '');
      const end = timedOut
        ? 'timed out'
        : exitCode === undefined
          ? (shortMessage ?? String(signal))
          : `exit ${String(exitCode)}`;
      return {
        code: exitCode ?? -1,
        stdout,
        stderr,
        whole: [streams.stdout, streams.stderr].every((text) => text === '' || text.endsWith('\n')),
        transcript: `$ deployctl ${args.join(' ')}\n${stderr}\n${stdout}\n(${end})`,
        ms: performance.now() - began,
      };
    })();
    return {
      done,
      kill: (signal) => void child.kill(signal),
      until: (pattern) =>
        new Promise((resolve, reject) => {
          const look = (): void => {
            if (!pattern.test(seen)) return;
            waiting.delete(look);
            resolve();
          };
          waiting.add(look);
          look();
          void done.then(({ transcript }) => reject(new Error(`${String(pattern)} was not seen in:\n${transcript}`)));
        }),
    };
  };
  const cli: Shop['cli'] = (args, extra) => start(args, extra).done;
  const run: Shop['run'] = async (code, args, extra) => {
    const result = await cli(args, extra);
    expect(result.code, result.transcript).toBe(code);
    return result;
  };
  const inDir = (command: string, ...args: string[]): string[] => [
    'sandbox',
    command,
    '--state-dir',
    stateDir,
    ...args,
  ];
  const down = async (): Promise<void> => {
    await cli(inDir('down'));
    await rm(dir, { recursive: true, force: true });
  };

  try {
    const size = ['--instances', String(options.instances ?? 4), '--time-scale', String(options.timeScale ?? 20)];
    await run(0, inDir('up', '--detach', '--runtime', RUNTIME, ...size, ...(options.up ?? [])));
    const status = JSON.parse((await run(0, inDir('status', '--json'))).stdout) as SandboxStatus;
    env = { ...bare, ...(JSON.parse((await run(0, inDir('env', '--json'))).stdout) as Record<string, string>) };
    const access = JSON.parse(await readFile(join(stateDir, 'access.json'), 'utf8')) as Access;
    const aws = openAws(status.endpoint, access.root);
    const { url } = status.loadBalancer;
    const arnOf = (service: Service, color: Color): string =>
      status.targetGroups.find((group) => group.service === service && group.color === color)?.arn ?? '';
    for (const { arn } of status.targetGroups) await aws.drainSeconds(arn, options.drainSeconds ?? 20);

    const get = async (path: string): Promise<unknown> => {
      const headers = { authorization: `Bearer ${access.control}` };
      const answer = await request(`${status.endpoint}/_sandbox/${path}`, { headers });
      return answer.body.json();
    };
    const containers: Shop['containers'] = async () =>
      (await get('containers')) as Awaited<ReturnType<Shop['containers']>>;
    const load: Shop['load'] = (how = {}) => {
      const ending = new AbortController();
      const running = runLoad({
        url,
        rate: how.rate ?? 100,
        connections: how.connections ?? 50,
        paths: how.paths ?? ['/', '/api/'],
        signal: ending.signal,
      });
      return {
        stop: () => {
          ending.abort();
          return running;
        },
      };
    };
    const liveColor = async (service: Service): Promise<Color> => {
      const weights = await aws.weights(service, status);
      const shares = (['blue', 'green'] as const).filter((color) => (weights[arnOf(service, color)] ?? 0) > 0);
      expect(shares, `colors of ${service} with a weight: ${JSON.stringify(weights)}`).toHaveLength(1);
      return shares[0] ?? 'blue';
    };
    const config: Shop['config'] = async (change, name = 'deployctl.yml') => {
      const file = parse(await readFile(join(root, 'examples/shop/deployctl.yml'), 'utf8')) as Json;
      quick(file);
      change(file);
      await writeFile(join(dir, name), stringify(file));
      return join(dir, name);
    };
    await config(options.config ?? (() => undefined));

    return {
      dir,
      status,
      aws,
      cli,
      run,
      start,
      load,
      config,
      containers,
      json: async <T>(code: number, args: readonly string[]) => {
        const { stdout } = await run(code, [...args, '--json']);
        return JSON.parse(stdout) as T;
      },
      underLoad: async (work) => {
        const running = load();
        try {
          await work();
        } finally {
          // Whatever happened to `work`, the load must not outlive the test.
          await running.stop();
        }
        return running.stop();
      },
      accessLog: async () => {
        const file = join(stateDir, 'access.log');
        // Written at most 100 ms late: complete when it stood still for longer.
        for (let size = -1, next = 0; size !== next;) {
          size = next;
          await new Promise((resolve) => setTimeout(resolve, 250));
          next = (await stat(file)).size;
        }
        const lines = (await readFile(file, 'utf8')).split('\n').filter((line) => line !== '');
        return lines.map((line) => JSON.parse(line) as AccessEntry);
      },
      fault: async (...args) => void (await run(0, inDir('fault', ...args))),
      clearFaults: async () => void (await run(0, inDir('fault', '--clear'))),
      env: () => env,
      policy: async () => (await get('policy')) as PolicyReport,
      calls: async () => ((await get('calls')) as { counts: Record<string, number> }).counts,
      serves: async (versions) => {
        const live: Record<Service, Color> = { backend: 'blue', frontend: 'blue' };
        for (const service of SERVICES) {
          const color = await liveColor(service);
          live[service] = color;
          const port = PORTS[service][color];
          const targets = await aws.targets(arnOf(service, color));
          const wanted = status.instances.map(({ id }) => [`${id}:${String(port)}`, 'healthy'] as const);
          expect(targets, `targets of ${service} ${color}`).toEqual(Object.fromEntries(wanted));
          for (const { address } of status.instances) {
            const answer = await request(`http://${address}:${String(port)}/health`);
            const { version } = (await answer.body.json()) as { version: string };
            expect(version, `${service} ${color} at ${address}`).toBe(versions[service]);
          }
        }
        return live;
      },
      idleIsDown: async (service) => {
        const idle = (await liveColor(service)) === 'blue' ? 'green' : 'blue';
        const port: number = PORTS[service][idle];
        await vi.waitFor(async () => {
          expect(await aws.targets(arnOf(service, idle)), `targets of the idle ${service} ${idle}`).toEqual({});
          const running = Object.values(await containers())
            .flat()
            .filter((one) => one.state === 'running' && one.hostPorts.includes(port));
          expect(running.map(({ name }) => name)).toEqual([]);
        }, 5_000);
      },
      dispose: async () => {
        aws.close();
        await down();
      },
    };
  } catch (error) {
    await down();
    throw error;
  }
}

/** A load that saw nothing go wrong, and was there at all. */
export function expectClean(load: LoadSummary): void {
  expect({ failures: load.failures, broken: load.broken }, loadTable(load).join('\n')).toEqual({
    failures: 0,
    broken: 0,
  });
  expect(load.requests, 'requests of the load').toBeGreaterThan(100);
}

/** Entries of the access log that a client could not use. */
export function failed(log: readonly AccessEntry[]): readonly AccessEntry[] {
  return log.filter(({ status }) => status < 200 || status >= 400);
}

/** Text that no log may hold, and that differs each time. */
export function secret(): string {
  return createHash('sha256').update(randomBytes(16)).digest('hex').slice(0, 40);
}
