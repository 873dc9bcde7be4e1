/** `docker create` and `docker run`. Source: Docker docs, "docker container run". */
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Container } from '../container.js';
import { signalNumber, splitEntry, type PortBinding, type RestartName } from '../container-record.js';
import type { CreateRequest, Engine } from '../engine.js';
import { DaemonError, messageOf } from '../../errors.js';
import type { Image } from '../images.js';
import { formatReference, parseReference } from '../reference.js';
import { command, type Context } from './context.js';
import type { Flags } from './flags.js';
import { pullImage } from './images.js';

/** Flags that are accepted and shown by `docker inspect`, but have no effect without namespaces and cgroups. */
const RECORDED = [
  'add-host',
  'log-driver',
  'log-opt',
  'mount',
  'tmpfs',
  'ulimit',
  'cap-add',
  'cap-drop',
  'security-opt',
  'shm-size',
  'memory-swap',
  'memory-reservation',
  'cpu-shares',
  'cpuset-cpus',
  'pids-limit',
  'dns',
  'platform',
  'network-alias',
  'ip',
  'group-add',
  'device',
  'sysctl',
  'ipc',
  'pid',
  'userns',
  'uts',
  'cgroupns',
  'runtime',
  'gpus',
  'annotation',
  'health-cmd',
  'health-interval',
  'health-timeout',
  'health-retries',
  'health-start-period',
  'volumes-from',
  'cidfile',
  'oom-score-adj',
];

/** Switches of the same kind. */
const RECORDED_SWITCHES = ['init', 'read-only', 'privileged', 'tty', 'interactive'];

const FLAGS = {
  stopsAtArgument: true,
  bool: [
    'detach:d',
    'rm',
    'interactive:i',
    'tty:t',
    'init',
    'read-only',
    'privileged',
    'no-healthcheck',
    'oom-kill-disable',
    'publish-all:P',
    'quiet:q',
    'sig-proxy',
    'disable-content-trust',
  ],
  value: [
    'name',
    'env:e',
    'env-file',
    'publish:p',
    'label:l',
    'label-file',
    'restart',
    'stop-timeout',
    'stop-signal',
    'pull',
    'memory:m',
    'cpus',
    'user:u',
    'network',
    'net',
    'volume:v',
    'hostname:h',
    'entrypoint',
    'workdir:w',
    'expose',
    'attach:a',
    ...RECORDED,
  ],
} as const;

/** Lines of an env or label file: comments and empty lines out, the rest as it is (no quotes, no escapes). */
function fileLines(path: string, cwd: string): string[] {
  const file = resolve(cwd, path);
  if (!existsSync(file)) throw new DaemonError(`open ${path}: no such file or directory`);
  return readFileSync(file, 'utf8')
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .map((line) => line.trimStart())
    .filter((line) => line !== '' && !line.startsWith('#'));
}

/** `NAME=value`; a bare NAME takes its value from the client's environment, and is left out when it has none. */
function environment(image: Image, flags: Flags, { call }: Context): string[] {
  const env = new Map(image.config.env.map((entry) => splitEntry(entry)));
  const given = [...flags.all('env-file').flatMap((path) => fileLines(path, call.cwd)), ...flags.all('env')];
  for (const entry of given) {
    const [name, value] = splitEntry(entry);
    if (name === '') throw new DaemonError(`invalid environment variable: ${entry}`);
    if (entry.includes('=')) env.set(name, value);
    else if (call.env[name] !== undefined) env.set(name, call.env[name]);
    else env.delete(name);
  }
  return [...env].map(([name, value]) => `${name}=${value}`);
}

/** `[ip:]host:container[/tcp]`, `ip::container`, `container`. */
function portBinding(text: string): PortBinding {
  const [ports = '', protocol = 'tcp'] = text.split('/');
  const parts = ports.split(':');
  const inside = parts.pop() ?? '';
  const host = parts.pop() ?? '';
  const hostIp = parts.join(':').replace(/^\[|\]$/g, '');
  const valid = (port: string): boolean => /^\d{1,5}$/.test(port) && Number(port) <= 65535;
  if (!valid(inside)) throw new DaemonError(`invalid containerPort: ${inside}`);
  if (host !== '' && !valid(host)) throw new DaemonError(`invalid hostPort: ${host}`);
  if (protocol !== 'tcp' && protocol !== 'udp') throw new DaemonError(`invalid proto: ${protocol}`);
  return { hostIp: hostIp === '' ? '0.0.0.0' : hostIp, hostPort: Number(host), container: `${inside}/${protocol}` };
}

/** `no`, `always`, `unless-stopped`, `on-failure[:n]`. */
export function restartPolicy(text: string): { name: RestartName; max: number } {
  const [name = '', count] = text.split(':');
  switch (name) {
    case '':
    case 'no':
    case 'always':
    case 'unless-stopped':
      if (count !== undefined)
        throw new DaemonError("invalid restart policy: maximum retry count can only be used with 'on-failure'");
      return { name: name === '' ? 'no' : name, max: 0 };
    case 'on-failure':
      if (count !== undefined && !/^\d+$/.test(count))
        throw new DaemonError('invalid restart policy format: maximum retry count must be an integer');
      return { name, max: Number(count ?? 0) };
    default:
      throw new DaemonError(
        `invalid restart policy: unknown policy '${name}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'`,
      );
  }
}

/** `64m`, `1.5g`, bytes. */
export function memoryBytes(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([bkmg]?)b?$/i.exec(text);
  if (match === null)
    throw new DaemonError(`invalid argument "${text}" for "-m, --memory" flag: invalid size: '${text}'`);
  const power = { '': 0, b: 0, k: 1, m: 2, g: 3 }[(match[2] ?? '').toLowerCase()] ?? 0;
  const bytes = Math.round(Number(match[1]) * 1024 ** power);
  if (bytes !== 0 && bytes < 6 * 1024 ** 2) throw new DaemonError('Minimum memory limit allowed is 6MB');
  return bytes;
}

export function nanoCpus(text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value < 0)
    throw new DaemonError(`invalid argument "${text}" for "--cpus" flag: failed to parse ${text} as a rational number`);
  return Math.round(value * 1e9);
}

/** The image by the `--pull` policy. */
async function imageFor(reference: string, flags: Flags, { call, engine }: Context): Promise<Image> {
  const policy = flags.one('pull') ?? 'missing';
  if (!['always', 'missing', 'never'].includes(policy)) {
    throw new DaemonError(`invalid pull option: '${policy}': must be one of "always", "missing" or "never"`);
  }
  const local = policy === 'always' ? undefined : engine.images.find(reference);
  if (local !== undefined) return local;
  if (policy === 'never') throw new DaemonError(`No such image: ${formatReference(parseReference(reference))}`);
  if (policy === 'missing') call.err(`Unable to find image '${formatReference(parseReference(reference))}' locally\n`);
  return pullImage(engine, reference, (text) => {
    if (!flags.is('quiet')) call.err(text);
  });
}

function knownNetwork(engine: Engine, name: string): string {
  const mode = name === 'default' ? 'bridge' : name;
  if (!engine.networks.has(mode) && !mode.startsWith('container:')) {
    throw new DaemonError(`failed to set up container networking: network ${mode} not found`);
  }
  return mode;
}

function seconds(text: string): number {
  if (!/^-?\d+$/.test(text))
    throw new DaemonError(
      `invalid argument "${text}" for "--stop-timeout" flag: strconv.ParseInt: parsing "${text}": invalid syntax`,
    );
  return Number(text);
}

async function readRequest(context: Context, flags: Flags): Promise<CreateRequest> {
  const { engine, call } = context;
  const [reference = '', ...words] = flags.args;
  // Everything that can be wrong about the command line itself comes before any pull.
  const ports = flags.all('publish').map((text) => portBinding(text));
  const restart = restartPolicy(flags.one('restart') ?? 'no');
  if (flags.is('rm') && restart.name !== 'no')
    throw new DaemonError('conflicting options: cannot specify both --restart and --rm');
  const stopSignal = flags.one('stop-signal');
  if (stopSignal !== undefined) signalNumber(stopSignal);
  const stopTimeout = flags.one('stop-timeout');
  const labels = [...flags.all('label-file').flatMap((path) => fileLines(path, call.cwd)), ...flags.all('label')];
  const memory = memoryBytes(flags.one('memory') ?? '0');
  const cpus = nanoCpus(flags.one('cpus') ?? '0');
  const networkMode = knownNetwork(engine, flags.one('network') ?? flags.one('net') ?? 'bridge');
  const image = await imageFor(reference, flags, context);
  const entrypoint = flags.one('entrypoint');
  const workingDir = flags.one('workdir') ?? image.config.workingDir;
  if (!workingDir.startsWith('/'))
    throw new DaemonError(`the working directory '${workingDir}' is invalid, it needs to be an absolute path`);
  const exposed = [
    ...flags.all('expose').map((port) => (port.includes('/') ? port : `${port}/tcp`)),
    ...ports.map((port) => port.container),
  ];
  const name = flags.one('name');
  const hostname = flags.one('hostname');
  return {
    ...(name === undefined ? {} : { name }),
    ...(hostname === undefined ? {} : { hostname }),
    reference,
    image,
    config: {
      ...image.config,
      // A new entrypoint drops the image's command, as that was written for the old one.
      entrypoint: entrypoint === undefined ? image.config.entrypoint : entrypoint === '' ? null : [entrypoint],
      cmd: words.length > 0 ? words : entrypoint === undefined ? image.config.cmd : null,
      workingDir,
      user: flags.one('user') ?? image.config.user,
      stopSignal: stopSignal ?? image.config.stopSignal,
      exposedPorts: [...new Set([...image.config.exposedPorts, ...exposed])],
    },
    env: environment(image, flags, context),
    labels: { ...image.config.labels, ...Object.fromEntries(labels.map((label) => splitEntry(label))) },
    stopTimeout: stopTimeout === undefined ? null : seconds(stopTimeout),
    ports,
    restart,
    autoRemove: flags.is('rm'),
    networkMode,
    memory,
    nanoCpus: cpus,
    binds: flags.all('volume'),
    recorded: Object.fromEntries(
      flags
        .names()
        .filter((flag) => RECORDED.includes(flag) || RECORDED_SWITCHES.includes(flag))
        .map((flag) => [flag, flags.all(flag)]),
    ),
  };
}

export const create = command(
  'create',
  '[OPTIONS] IMAGE [COMMAND] [ARG...]',
  FLAGS,
  [1, Infinity],
  async (context, flags) => {
    const container = await context.engine.create(await readRequest(context, flags));
    context.call.out(`${container.record.id}\n`);
    return 0;
  },
);

/** Streams what the container prints until it ends. */
export async function attach(container: Container, { call }: Context, start: () => Promise<void>): Promise<number> {
  const stop = container.log.follow((line) => {
    if (line.stream === 'stdout') call.out(line.log);
    else call.err(line.log);
  });
  try {
    await start();
    const gone = new Promise<number>((resolve) =>
      call.gone.addEventListener(
        'abort',
        () => {
          resolve(1);
        },
        { once: true },
      ),
    );
    return await Promise.race([container.wait(), gone]);
  } finally {
    stop();
  }
}

export const run = command(
  'run',
  '[OPTIONS] IMAGE [COMMAND] [ARG...]',
  FLAGS,
  [1, Infinity],
  async (context, flags) => {
    const { call, engine } = context;
    let container: Container | undefined;
    try {
      const created = await engine.create(await readRequest(context, flags));
      container = created;
      if (!flags.is('detach')) return await attach(created, context, () => created.start());
      // Docker prints the id before it starts the container, so that a failed start shows both.
      call.out(`${created.record.id}\n`);
      await created.start();
      return 0;
    } catch (error) {
      if (!(error instanceof DaemonError)) throw error;
      if (container?.record.autoRemove === true) await container.remove(true);
      call.err(
        `docker: Error response from daemon: ${messageOf(error)}\n\nRun 'docker run --help' for more information\n`,
      );
      return error.exitCode;
    }
  },
);
