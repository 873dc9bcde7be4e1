/** Reads the one JSON line of the instance script. What can't be read is `broken-output`: unknown, never a failure of the app. */
import { z } from 'zod';
import type { Fence, HostFacts, Listener, SetAside } from '../domain/host.js';
import { isDigest, type Digest, type ServiceName } from '../domain/ids.js';
import type { Container } from '../domain/observation.js';
import type { Beside, Scope } from './wire-container.js';
import { pickDigest, toContainer, wireContainer } from './wire-container.js';

/** Why the script did not do what was asked. Stable words. */
export const HOST_FAILURE_CODES = [
  /** A higher fence was here before. Nothing was done. */
  'fenced',
  /** Another command still ran. Nothing was done. */
  'lock-timeout',
  'no-flock',
  /** The state folder can't be read or written. Nothing was started or stopped. */
  'no-state',
  'no-docker',
  'no-curl',
  'login-failed',
  'pull-failed',
  'no-image',
  'secrets-failed',
  'port-taken',
  'start-failed',
  'stop-failed',
  'nothing-to-restore',
  /** The container ended, or docker started it again, while it was watched. */
  'exited',
  'unhealthy',
  'check-failed',
  'task-failed',
  /** Whether the task succeeded is not known. */
  'task-unknown',
  /** No answer that can be read: whether anything was done is not known. */
  'broken-output',
] as const;
export type HostFailureCode = (typeof HOST_FAILURE_CODES)[number];

/** What an inspect adds to the facts that preflight needs. */
export interface InstanceFacts extends HostFacts {
  /** Whether the aws CLI is there: secrets and ECR need it. */
  readonly aws: boolean;
  /** Container id → bytes that it uses, and its limit if it has one. Running ones of the answer only. */
  readonly memory: Readonly<Record<string, { readonly used: number; readonly limit?: number }>>;
}

/** A TCP port of a container, and where the host publishes it. */
interface Published {
  readonly host: number;
  readonly container: number;
}

export interface HostSuccess {
  readonly ok: true;
  /** The answer of an earlier command with the same fence; nothing was done now. */
  readonly replayed: boolean;
  /**
   * All containers of the app and environment, those on the asked slots' ports or under their names, and whatever runs without labels: enough to
   * know every slot of the environment. Running ones first.
   */
  readonly containers?: readonly Container[];
  /** Further containers that did not fit into the answer: old ones that are kept. */
  readonly omitted?: number;
  /** The one that was started and found well. */
  readonly container?: Container;
  /** Of a restore or stop that asked for evidence: what became of the container that it set aside. */
  readonly aside?: SetAside;
  readonly digests?: Readonly<Record<ServiceName, Digest>>;
  /** Answer to encodeResolve. */
  readonly digest?: Digest;
  /** Answer to encodeAsk; no `keepAlive`: the application does not say. ms. */
  readonly connection?: { readonly closes: boolean; readonly keepAlive?: number };
  /** Of a watch: open connections, 0 when there was none for the whole window; absent when they could not be read. */
  readonly connections?: number;
  /** Answer to encodeList. */
  readonly running?: readonly { readonly name: string; readonly image: string; readonly ports: readonly Published[] }[];
  /** Of an inspect; absent when one of them could not be read. */
  readonly facts?: InstanceFacts;
  /** Of a task. */
  readonly logTail?: string;
  readonly fence: { readonly highest?: Fence };
}

export interface HostRefusal {
  readonly ok: false;
  readonly replayed: boolean;
  readonly code: HostFailureCode;
  readonly message: string;
  readonly lastProbe?: string;
  readonly exitCode?: number;
  readonly oomKilled?: boolean;
  readonly logTail?: string;
  /** What is there after the failure, as in HostSuccess. */
  readonly containers?: readonly Container[];
  readonly omitted?: number;
  /** The container that failed. */
  readonly container?: Container;
  readonly fence: { readonly highest?: Fence };
}

export type HostResult = HostSuccess | HostRefusal;

const wireCommon = {
  replayed: z.boolean().default(false),
  containers: z.array(wireContainer).optional(),
  images: z.record(z.string(), z.array(z.string()).nullable()).default({}),
  omitted: z.number().default(0),
  /** `ID SERVICE COLOR` of unlabelled containers that this environment has adopted. */
  adopted: z.array(z.string()).default([]),
  oom: z.array(z.string()).default([]),
  container: wireContainer.optional(),
  logTail: z.string().optional(),
  fence: z.tuple([z.number(), z.number(), z.number()]).nullable(),
};

const wireSuccess = z.object({
  ...wireCommon,
  ok: z.literal(true),
  digests: z.record(z.string(), z.string()).optional(),
  repository: z.string().optional(),
  repoDigests: z.array(z.string()).optional(),
  running: z.array(z.object({ name: z.string(), image: z.string(), ports: z.string() })).optional(),
  connections: z.number().optional(),
  aside: z
    .object({
      release: z.string(),
      container: wireContainer,
      exitCode: z.number().optional(),
      oomKilled: z.boolean().optional(),
      logTail: z.string().optional(),
    })
    .optional(),
  connection: z.string().optional(),
  keepAlive: z.string().optional(),
  facts: z
    .object({
      dockerVersion: z.string(),
      liveRestore: z.boolean().optional(),
      curl: z.boolean(),
      flock: z.boolean(),
      aws: z.boolean(),
      diskFreeBytes: z.number().optional(),
      memoryAvailableBytes: z.number().optional(),
      memoryTotalBytes: z.number().optional(),
      memory: z.record(z.string(), z.number()),
      listeners: z.array(z.object({ port: z.number(), process: z.string(), container: z.string() })).exactOptional(),
    })
    .optional(),
});

const wireFailure = z.object({
  ...wireCommon,
  ok: z.literal(false),
  code: z.enum(HOST_FAILURE_CODES),
  message: z.string(),
  lastProbe: z.string().optional(),
  exitCode: z.number().optional(),
  oomKilled: z.boolean().optional(),
});

const wire = z.discriminatedUnion('ok', [wireSuccess, wireFailure]);

function toDigests(wired: Readonly<Record<string, string>>): Record<ServiceName, Digest> {
  return Object.fromEntries(
    Object.entries(wired).flatMap(([service, digest]): [string, Digest][] =>
      isDigest(digest) ? [[service, digest]] : [],
    ),
  );
}

function toFacts(wired: z.infer<typeof wireSuccess>): InstanceFacts | undefined {
  const { facts } = wired;
  if (facts === undefined || facts.dockerVersion === '') return undefined;
  const { diskFreeBytes, memoryAvailableBytes, memoryTotalBytes } = facts;
  if (diskFreeBytes === undefined || memoryAvailableBytes === undefined || memoryTotalBytes === undefined)
    return undefined;
  const limits = new Map((wired.containers ?? []).map((container) => [container.id, container.memoryLimit]));
  const memory = Object.entries(facts.memory).map(([id, used]) => {
    const limit = limits.get(id) ?? 0;
    return [id, { used, ...(limit > 0 ? { limit } : {}) }] as const;
  });
  return {
    dockerVersion: facts.dockerVersion,
    ...(facts.liveRestore === undefined ? {} : { liveRestore: facts.liveRestore }),
    diskFreeBytes,
    memoryAvailableBytes,
    memoryTotalBytes,
    curl: facts.curl,
    flock: facts.flock,
    aws: facts.aws,
    memory: Object.fromEntries(memory),
    ...(facts.listeners === undefined ? {} : { listeners: facts.listeners.map(toListener) }),
    ...(wired.fence === null ? {} : { fence: wired.fence }),
  };
}

function toListener({ port, process, container }: { port: number; process: string; container: string }): Listener {
  return { port, process, ...(container === '' ? {} : { container }) };
}

/** The members that successes and failures share. */
function common(wired: z.infer<typeof wire>, scope: Scope): Omit<HostRefusal, 'ok' | 'code' | 'message'> {
  const { containers, container, images, oom, adopted } = wired;
  const beside: Beside = { images, oom, adopted, scope };
  return {
    replayed: wired.replayed,
    ...(containers === undefined ? {} : { containers: containers.map((one) => toContainer(one, beside)) }),
    ...(wired.omitted === 0 ? {} : { omitted: wired.omitted }),
    ...(container === undefined ? {} : { container: toContainer(container, beside) }),
    ...(wired.logTail === undefined ? {} : { logTail: wired.logTail }),
    fence: wired.fence === null ? {} : { highest: wired.fence },
  };
}

/** Ports come as `8081:3000/tcp,`; each is listed for IPv4 and for IPv6. */
function toRunning(wired: { name: string; image: string; ports: string }): NonNullable<HostSuccess['running']>[number] {
  const ports = new Map<number, Published>();
  for (const [, host, container] of wired.ports.matchAll(/(\d+):(\d+)\/tcp/g)) {
    ports.set(Number(host), { host: Number(host), container: Number(container) });
  }
  return { name: wired.name.replace(/^\//, ''), image: wired.image, ports: [...ports.values()] };
}

/** `Connection: close`, `Keep-Alive: timeout=5, max=100`. */
function toConnection(connection: string, keepAlive: string): NonNullable<HostSuccess['connection']> {
  const seconds = /(?:^|[,;\s])timeout=(\d+)/i.exec(keepAlive)?.[1];
  return {
    closes: /\bclose\b/i.test(connection),
    ...(seconds === undefined ? {} : { keepAlive: Number(seconds) * 1000 }),
  };
}

type WireAside = NonNullable<z.infer<typeof wireSuccess>['aside']>;

function toAside({ release, container, exitCode, oomKilled, logTail }: WireAside): SetAside {
  return {
    release,
    restarts: container.restartCount,
    ...(exitCode === undefined ? {} : { exitCode }),
    ...(oomKilled === undefined ? {} : { oomKilled }),
    ...(logTail === undefined ? {} : { logTail }),
  };
}

function success(wired: z.infer<typeof wireSuccess>, scope: Scope): HostSuccess {
  const digest = wired.repoDigests === undefined ? undefined : pickDigest(wired.repoDigests, wired.repository ?? '');
  const facts = toFacts(wired);
  return {
    ok: true,
    ...common(wired, scope),
    ...(wired.digests === undefined ? {} : { digests: toDigests(wired.digests) }),
    ...(digest === undefined ? {} : { digest }),
    ...(wired.connections === undefined ? {} : { connections: wired.connections }),
    ...(wired.aside === undefined ? {} : { aside: toAside(wired.aside) }),
    ...(wired.running === undefined ? {} : { running: wired.running.map(toRunning) }),
    ...(wired.connection === undefined ? {} : { connection: toConnection(wired.connection, wired.keepAlive ?? '') }),
    ...(facts === undefined ? {} : { facts }),
  };
}

function refusal(wired: z.infer<typeof wireFailure>, scope: Scope): HostRefusal {
  return {
    ok: false,
    ...common(wired, scope),
    code: wired.code,
    message: wired.message,
    ...(wired.lastProbe === undefined ? {} : { lastProbe: wired.lastProbe }),
    ...(wired.exitCode === undefined ? {} : { exitCode: wired.exitCode }),
    ...(wired.oomKilled === undefined ? {} : { oomKilled: wired.oomKilled }),
  };
}

const broken = (message: string): HostRefusal => ({
  ok: false,
  replayed: false,
  code: 'broken-output',
  message,
  fence: {},
});

/** What a finished command of encodeRequest or encodeResolve said. Never throws. */
export function parseResult(
  state: { readonly exitCode: number; readonly stdout: string; readonly stderr: string },
  scope: Scope,
): HostResult {
  const line = state.stdout.split('\n')[0] ?? '';
  if (line.trim() === '') {
    const stderr = state.stderr.trim().split('\n').slice(-3).join(' | ').slice(0, 500);
    return broken(
      `the instance script ended with exit code ${state.exitCode} and no answer${stderr === '' ? '' : `: ${stderr}`}; see /var/log/deployctl on the instance`,
    );
  }
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    return broken(`the answer of the instance script is not JSON (exit code ${state.exitCode}): ${line.slice(0, 300)}`);
  }
  const parsed = wire.safeParse(json);
  if (!parsed.success) {
    const problem = parsed.error.issues[0];
    return broken(
      `the answer of the instance script has an unexpected shape at ${problem?.path.join('.') ?? '?'}: ${problem?.message ?? 'unknown'}`,
    );
  }
  return parsed.data.ok ? success(parsed.data, scope) : refusal(parsed.data, scope);
}
