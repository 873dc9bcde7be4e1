/** `docker version`, `info`, `login`, `logout`, `system …`, `network …`. */
import { cpus, totalmem } from 'node:os';
import { DaemonError } from '../../errors.js';
import { compileTemplate } from '../go-template.js';
import { encodeJson } from '../go-values.js';
import { command, hasLabels, readFilters, type Context } from './context.js';
import { UsageError } from './flags.js';
import { pruneImages } from './images.js';
import { printInspected } from './inspect.js';
import { humanSize, printRows } from './output.js';
import { pruneContainers } from './ps.js';

/** The Docker release whose command line and texts the stand-in follows. */
export const VERSION = '28.2.2';
const API = '1.50';
const HUB = 'https://index.docker.io/v1/';

function printObject(
  { call }: Context,
  object: Readonly<Record<string, unknown>>,
  format: string | undefined,
  text: string,
): number {
  if (format === undefined || format === '') call.out(text);
  else if (format === 'json') call.out(`${encodeJson(object)}\n`);
  else call.out(`${compileTemplate(format)(object)}\n`);
  return 0;
}

export const version = command('version', '[OPTIONS]', { value: ['format:f'] }, [0, 0], (context, flags) => {
  const side = {
    Version: VERSION,
    ApiVersion: API,
    MinAPIVersion: '1.24',
    Os: 'linux',
    Arch: process.arch === 'x64' ? 'amd64' : process.arch,
  };
  const lines = (name: string): string =>
    `${name}:\n Version:           ${VERSION}\n API version:       ${API}\n OS/Arch:           linux/${side.Arch}\n`;
  const text = `${lines('Client')}\n${lines('Server: Docker Engine (stand-in of a local sandbox)')}`;
  return printObject(
    context,
    { Client: side, Server: { ...side, Platform: { Name: 'deployctl sandbox' } } },
    flags.one('format'),
    text,
  );
});

export const info = command('info', '[OPTIONS]', { value: ['format:f'] }, [0, 0], (context, flags) => {
  const { engine } = context;
  const containers = engine.list();
  const count = (running: boolean): number => containers.filter((container) => container.running === running).length;
  const object = {
    ID: engine.deps.address,
    Containers: containers.length,
    ContainersRunning: count(true),
    ContainersPaused: 0,
    ContainersStopped: count(false),
    Images: engine.images.list().length,
    Driver: 'overlay2',
    ServerVersion: VERSION,
    OperatingSystem: 'deployctl sandbox',
    OSType: 'linux',
    Architecture: process.arch === 'x64' ? 'x86_64' : process.arch,
    NCPU: cpus().length,
    MemTotal: totalmem(),
    DockerRootDir: `${engine.deps.root}/var/lib/docker`,
    LiveRestoreEnabled: engine.liveRestore,
    Name: engine.deps.address,
    ServerErrors: [],
  };
  const text = Object.entries(object)
    .map(([key, value]) => ` ${key}: ${String(value)}\n`)
    .join('');
  return printObject(context, object, flags.one('format'), `Server:\n${text}`);
});

/** Those of the past, of memory kills: without an end it would have to wait for what is still to come. */
export const events = command(
  'events',
  '[OPTIONS]',
  { value: ['filter:f', 'format', 'since', 'until'] },
  [0, 0],
  ({ call, engine }, flags) => {
    const [since, until] = [Number(flags.one('since')), Number(flags.one('until'))];
    if (!(since < until)) throw new DaemonError('events of this engine are to be asked for with --since and --until');
    const filters = readFilters(flags, ['type', 'event', 'container']);
    const wants = (key: string, value: string): boolean => filters.get(key)?.includes(value) ?? true;
    if (!wants('type', 'container') || !wants('event', 'oom')) return 0;
    for (const { record, memoryKills } of engine.list()) {
      if (!wants('container', record.id) && !wants('container', record.name)) continue;
      for (const at of memoryKills.map((ms) => ms / 1000).filter((time) => time >= since && time <= until)) {
        const event = {
          Type: 'container',
          Action: 'oom',
          Actor: { ID: record.id, Attributes: { name: record.name } },
          time: at,
        };
        printObject(
          { call, engine },
          event,
          flags.one('format'),
          `${new Date(at * 1000).toISOString()} container oom ${record.id}\n`,
        );
      }
    }
    return 0;
  },
);

export const login = command(
  'login',
  '[OPTIONS] [SERVER]',
  { bool: ['password-stdin'], value: ['username:u', 'password:p'] },
  [0, 1],
  ({ call, engine }, flags) => {
    const user = flags.one('username') ?? '';
    const password = flags.is('password-stdin') ? call.stdin.replace(/\r?\n$/, '') : (flags.one('password') ?? '');
    if (flags.is('password-stdin') && flags.names().includes('password'))
      throw new UsageError('conflicting options: cannot specify both --password and --password-stdin', 1);
    if (flags.is('password-stdin') && user === '')
      throw new UsageError('the --password-stdin option requires --username to be set', 1);
    if (user === '' || password === '')
      throw new UsageError('Error: Cannot perform an interactive login from a non TTY device', 1);
    engine.logins.set((flags.args[0] ?? HUB).replace(/^https?:\/\/(?!index)/, '').replace(/\/$/, ''), user);
    call.out('Login Succeeded\n');
    return 0;
  },
);

export const logout = command('logout', '[SERVER]', {}, [0, 1], ({ call, engine }, flags) => {
  const server = flags.args[0] ?? HUB;
  call.out(
    engine.logins.delete(server) ? `Removing login credentials for ${server}\n` : `Not logged in to ${server}\n`,
  );
  return 0;
});

export const df = command(
  'system df',
  '[OPTIONS]',
  { bool: ['verbose:v'], value: ['format'] },
  [0, 0],
  ({ call, engine }, flags) => {
    const images = engine.images.list();
    const used = images.filter((image) => engine.usersOf(image).length > 0);
    const containers = engine.list();
    const size = (list: readonly { readonly size: number }[]): number =>
      list.reduce((sum, image) => sum + image.size, 0);
    const rows = [
      {
        Type: 'Images',
        TotalCount: images.length,
        Active: used.length,
        Size: humanSize(size(images)),
        Reclaimable: humanSize(size(images) - size(used)),
      },
      {
        Type: 'Containers',
        TotalCount: containers.length,
        Active: containers.filter((container) => container.running).length,
        Size: '0B',
        Reclaimable: '0B',
      },
      { Type: 'Local Volumes', TotalCount: 0, Active: 0, Size: '0B', Reclaimable: '0B' },
      { Type: 'Build Cache', TotalCount: 0, Active: 0, Size: '0B', Reclaimable: '0B' },
    ];
    call.out(
      printRows(
        rows,
        { Type: 'TYPE', TotalCount: 'TOTAL', Active: 'ACTIVE', Size: 'SIZE', Reclaimable: 'RECLAIMABLE' },
        flags.one('format'),
      ),
    );
    return 0;
  },
);

export const systemPrune = command(
  'system prune',
  '[OPTIONS]',
  { bool: ['all:a', 'force:f', 'volumes'], value: ['filter'] },
  [0, 0],
  async (context, flags) => {
    if (!flags.is('force')) throw new DaemonError('system prune asks on a terminal: add -f');
    const labels = readFilters(flags, ['label']).get('label') ?? [];
    await pruneContainers(context, labels);
    pruneImages(context, flags.is('all'), labels);
    return 0;
  },
);

export const networkList = command(
  'network ls',
  '[OPTIONS]',
  { bool: ['quiet:q', 'no-trunc'], value: ['filter:f', 'format'] },
  [0, 0],
  ({ call, engine }, flags) => {
    const filters = readFilters(flags, ['name', 'driver', 'label']);
    const names = filters.get('name');
    const rows = [...engine.networks]
      .filter((name) => names === undefined || names.some((part) => name.includes(part)))
      .filter(() => hasLabels({}, filters.get('label') ?? []))
      .map((name) => ({
        ID: Buffer.from(name.padEnd(6, '0')).toString('hex').slice(0, 12),
        Name: name,
        Driver: ['host', 'none'].includes(name) ? name : 'bridge',
        Scope: 'local',
      }));
    if (flags.is('quiet')) call.out(rows.map((row) => `${row.ID}\n`).join(''));
    else
      call.out(
        printRows(rows, { ID: 'NETWORK ID', Name: 'NAME', Driver: 'DRIVER', Scope: 'SCOPE' }, flags.one('format')),
      );
    return 0;
  },
);

export const networkInspect = command(
  'network inspect',
  '[OPTIONS] NETWORK [NETWORK...]',
  { bool: ['verbose:v'], value: ['format:f'] },
  [1, Infinity],
  (context, flags) =>
    printInspected(
      context,
      flags.args,
      flags.one('format'),
      (name) =>
        context.engine.networks.has(name)
          ? { Name: name, Driver: 'bridge', Scope: 'local', Containers: new Map() }
          : undefined,
      (name) => `Error response from daemon: network ${name} not found`,
    ),
);

export const networkCreate = command(
  'network create',
  '[OPTIONS] NETWORK',
  { bool: ['attachable', 'internal'], value: ['driver:d', 'label', 'opt:o', 'subnet'] },
  [1, 1],
  ({ call, engine }, flags) => {
    const [name = ''] = flags.args;
    if (engine.networks.has(name)) throw new DaemonError(`network with name ${name} already exists`);
    engine.networks.add(name);
    call.out(`${name}\n`);
    return 0;
  },
);

export const networkRemove = command(
  'network rm',
  'NETWORK [NETWORK...]',
  { bool: ['force:f'] },
  [1, Infinity],
  ({ call, engine }, flags) => {
    for (const name of flags.args) {
      if (!engine.networks.delete(name)) throw new DaemonError(`network ${name} not found`);
      call.out(`${name}\n`);
    }
    return 0;
  },
);
