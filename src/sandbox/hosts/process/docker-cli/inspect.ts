/** `docker inspect` and `docker image inspect`: Docker's JSON shapes. Source: Docker Engine API 1.48. */
import type { Container } from '../container.js';
import type { PortBinding } from '../container-record.js';
import type { Engine } from '../engine.js';
import type { ImageConfig } from '../dockerfile.js';
import { DaemonError } from '../../errors.js';
import { compileTemplate } from '../go-template.js';
import { encodeJson, plain } from '../go-values.js';
import type { Image } from '../images.js';
import { command, type Context } from './context.js';

type Inspected = Readonly<Record<string, unknown>>;

function configOf(config: ImageConfig, env: readonly string[], labels: Readonly<Record<string, string>>): Inspected {
  return {
    Env: [...env],
    Cmd: config.cmd === null ? undefined : [...config.cmd],
    Entrypoint: config.entrypoint === null ? undefined : [...config.entrypoint],
    Labels: new Map(Object.entries(labels)),
    ExposedPorts: new Map(config.exposedPorts.map((port) => [port, {}])),
    WorkingDir: config.workingDir,
    User: config.user,
    StopSignal: config.stopSignal ?? undefined,
    Healthcheck: config.healthcheck === null ? undefined : { Test: [...config.healthcheck.test] },
  };
}

function bindings(ports: readonly PortBinding[], ip: (port: PortBinding) => string): Map<string, unknown[]> {
  const map = new Map<string, unknown[]>();
  for (const port of ports) {
    map.set(port.container, [
      ...(map.get(port.container) ?? []),
      { HostIp: ip(port), HostPort: String(port.hostPort) },
    ]);
  }
  return map;
}

/** A nil pointer of Go that JSON shows as null, but a template can look at. */
const NIL = null;

/**
 * A container in the shape of the Engine API. The ports show the address where the container really listens: the
 * instance's, as there is no other without namespaces.
 */
export function inspectContainer(container: Container, address: string): Inspected {
  const { record } = container;
  const { state, config } = record;
  const has = (name: string): boolean => record.recorded[name]?.at(-1) === 'true';
  const command = [...(config.entrypoint ?? []), ...(config.cmd ?? [])];
  const exposed = new Map<string, unknown>(config.exposedPorts.map((port) => [port, NIL]));
  const published = container.running ? bindings(record.ports, () => address) : new Map<string, unknown>();
  return {
    Id: record.id,
    Created: record.created,
    Path: command[0] ?? '',
    Args: command.slice(1),
    State: {
      Status: state.status,
      Running: state.status === 'running' || state.status === 'restarting',
      Paused: false,
      Restarting: state.status === 'restarting',
      OOMKilled: state.oomKilled,
      Dead: false,
      Pid: container.pid,
      ExitCode: state.exitCode,
      Error: state.error,
      StartedAt: state.startedAt,
      FinishedAt: state.finishedAt,
      Health: undefined,
    },
    Image: record.imageId,
    Name: `/${record.name}`,
    RestartCount: record.restartCount,
    Driver: 'overlay2',
    Platform: 'linux',
    LogPath: container.log.path,
    HostConfig: {
      Binds: record.binds.length === 0 ? NIL : [...record.binds],
      NetworkMode: record.networkMode,
      PortBindings: bindings(record.ports, (port) => (port.hostIp === '0.0.0.0' ? '' : port.hostIp)),
      RestartPolicy: { Name: record.restart.name, MaximumRetryCount: record.restart.max },
      AutoRemove: record.autoRemove,
      Privileged: has('privileged'),
      ReadonlyRootfs: has('read-only'),
      Init: has('init') ? true : undefined,
      Memory: record.memory,
      NanoCpus: record.nanoCpus,
      LogConfig: { Type: record.recorded['log-driver']?.at(-1) ?? 'json-file', Config: new Map() },
      ExtraHosts: [...(record.recorded['add-host'] ?? [])],
      CapAdd: [...(record.recorded['cap-add'] ?? [])],
      CapDrop: [...(record.recorded['cap-drop'] ?? [])],
      SecurityOpt: [...(record.recorded['security-opt'] ?? [])],
    },
    Mounts: record.binds.map((bind) => {
      const [source = '', destination = '', mode = ''] = bind.split(':');
      return { Type: 'bind', Source: source, Destination: destination, Mode: mode, RW: mode !== 'ro' };
    }),
    Config: {
      Hostname: record.hostname,
      Image: record.image,
      StopTimeout: record.stopTimeout ?? undefined,
      ...configOf(config, record.env, record.labels),
    },
    NetworkSettings: {
      Ports: container.running ? new Map([...exposed, ...published]) : new Map(),
      IPAddress: container.running ? address : '',
      Networks: new Map([[record.networkMode, { IPAddress: container.running ? address : '', Gateway: '' }]]),
    },
  };
}

export function inspectImage(image: Image, engine: Engine): Inspected {
  return {
    Id: image.id,
    RepoTags: engine.images.tagsOf(image.id),
    RepoDigests: engine.images.digestsOf(image.id),
    Created: image.created,
    Config: configOf(image.config, image.config.env, image.config.labels),
    Architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    Os: 'linux',
    Size: image.size,
    RootFS: { Type: 'layers', Layers: [image.layer] },
  };
}

/** Prints each object by the format, or all as one JSON array; names that are not found go to stderr, exit code 1. */
export function printInspected(
  { call }: Context,
  names: readonly string[],
  format: string | undefined,
  find: (name: string) => Inspected | undefined,
  missing: (name: string) => string,
): number {
  const render = format === undefined || format === '' || format === 'json' ? undefined : compileTemplate(format);
  const found: Inspected[] = [];
  const errors: string[] = [];
  for (const name of names) {
    const object = find(name);
    if (object === undefined) errors.push(`${missing(name)}\n`);
    else if (render !== undefined) call.out(`${render(object)}\n`);
    else found.push(object);
  }
  if (format === 'json') call.out(found.map((object) => `${encodeJson(object)}\n`).join(''));
  else if (render === undefined) call.out(`${JSON.stringify(plain(found), null, 4)}\n`);
  else if (found.length === 0 && errors.length === names.length) call.out('\n');
  call.err(errors.join(''));
  return errors.length > 0 ? 1 : 0;
}

const FLAGS = { bool: ['size:s'], value: ['format:f', 'type'] } as const;

export const inspect = command('inspect', '[OPTIONS] NAME|ID [NAME|ID...]', FLAGS, [1, Infinity], (context, flags) => {
  const { engine } = context;
  const type = flags.one('type');
  if (type !== undefined && !['', 'container', 'image', 'network'].includes(type)) {
    throw new DaemonError(`"${type}" is not a valid value for --type`);
  }
  const wants = (kind: string): boolean => type === undefined || type === '' || type === kind;
  const find = (name: string): Inspected | undefined => {
    const container = wants('container') ? engine.find(name) : undefined;
    if (container !== undefined) return inspectContainer(container, engine.deps.address);
    const image = wants('image') ? findImage(engine, name) : undefined;
    if (image !== undefined) return inspectImage(image, engine);
    return wants('network') && engine.networks.has(name) ? { Name: name, Driver: name } : undefined;
  };
  return printInspected(context, flags.args, flags.one('format'), find, (name) =>
    wants('container') && wants('image')
      ? `Error: No such object: ${name}`
      : `Error response from daemon: No such ${type ?? ''}: ${name}`,
  );
});

/** A name that cannot be an image's reference is just not there. */
function findImage(engine: Engine, name: string): Image | undefined {
  try {
    return engine.images.find(name);
  } catch (error) {
    if (error instanceof DaemonError) return undefined;
    throw error;
  }
}

export const containerInspect = command(
  'container inspect',
  '[OPTIONS] CONTAINER [CONTAINER...]',
  FLAGS,
  [1, Infinity],
  (context, flags) =>
    printInspected(
      context,
      flags.args,
      flags.one('format'),
      (name) => {
        const container = context.engine.find(name);
        return container && inspectContainer(container, context.engine.deps.address);
      },
      (name) => `Error response from daemon: No such container: ${name}`,
    ),
);

export const imageInspect = command(
  'image inspect',
  '[OPTIONS] IMAGE [IMAGE...]',
  FLAGS,
  [1, Infinity],
  (context, flags) =>
    printInspected(
      context,
      flags.args,
      flags.one('format'),
      (name) => {
        const image = context.engine.images.find(name);
        return image && inspectImage(image, context.engine);
      },
      (name) => `Error response from daemon: No such image: ${name}`,
    ),
);
