/** `docker ps` and `docker container prune`. Source: Docker docs, "docker container ls". */
import type { Container } from '../container.js';
import type { ContainerRecord } from '../container-record.js';
import type { Engine } from '../engine.js';
import { command, hasLabels, readFilters, type Context } from './context.js';
import { clockTime, humanDuration, humanSize, printRows, type Row } from './output.js';

const FILTERS = [
  'id',
  'name',
  'label',
  'status',
  'publish',
  'expose',
  'ancestor',
  'exited',
  'network',
  'volume',
  'health',
];

function status(record: ContainerRecord): string {
  const { state } = record;
  const since = (time: string): string => humanDuration(Date.now() - Date.parse(time));
  switch (state.status) {
    case 'created':
      return 'Created';
    case 'running':
      return `Up ${since(state.startedAt)}`;
    case 'restarting':
      return `Restarting (${state.exitCode}) ${since(state.finishedAt)} ago`;
    case 'exited':
      return `Exited (${state.exitCode}) ${since(state.finishedAt)} ago`;
  }
}

function row(container: Container, engine: Engine, long: boolean): Row {
  const { record } = container;
  const words = [...(record.config.entrypoint ?? []), ...(record.config.cmd ?? [])].join(' ');
  const shown = long || words.length <= 20 ? words : `${words.slice(0, 19)}…`;
  const published = record.ports.map((port) => `${engine.deps.address}:${port.hostPort}->${port.container}`);
  return {
    Command: `"${shown}"`,
    CreatedAt: clockTime(record.created),
    ID: long ? record.id : record.id.slice(0, 12),
    Image: record.image,
    Labels: Object.entries(record.labels)
      .map(([key, value]) => `${key}=${value}`)
      .join(','),
    Label: (key: unknown) => record.labels[String(key)] ?? '',
    LocalVolumes: '0',
    Mounts: record.binds.map((bind) => bind.split(':')[0] ?? '').join(','),
    Names: record.name,
    Networks: record.networkMode,
    Ports: container.running ? published.join(', ') : '',
    RunningFor: `${humanDuration(Date.now() - Date.parse(record.created))} ago`,
    Size: '0B',
    State: record.state.status,
    Status: status(record),
  };
}

/** `8081`, `8081/tcp`, `8081-8090`. */
function coversPort(filter: string, ports: readonly { readonly port: number; readonly protocol: string }[]): boolean {
  const [range = '', protocol = 'tcp'] = filter.split('/');
  const [low = '', high = low] = range.split('-');
  return ports.some((entry) => entry.protocol === protocol && entry.port >= Number(low) && entry.port <= Number(high));
}

/** Different keys must all fit; of one key's values one is enough, except labels, which must all fit. */
function fits(container: Container, engine: Engine, filters: ReadonlyMap<string, readonly string[]>): boolean {
  const { record } = container;
  return [...filters].every(([key, values]) => {
    switch (key) {
      case 'label':
        return hasLabels(record.labels, values);
      case 'id':
        return values.some((value) => record.id.startsWith(value));
      case 'name':
        // Docker matches a regular expression against the name with and without its slash.
        return values.some((value) => [record.name, `/${record.name}`].some((name) => new RegExp(value).test(name)));
      case 'status':
        return values.includes(record.state.status);
      case 'exited':
        return record.state.status === 'exited' && values.includes(String(record.state.exitCode));
      case 'publish':
        return values.some((value) =>
          coversPort(
            value,
            record.ports.map((port) => ({ port: port.hostPort, protocol: port.container.split('/')[1] ?? 'tcp' })),
          ),
        );
      case 'expose':
        return values.some((value) =>
          coversPort(
            value,
            record.config.exposedPorts.map((port) => ({
              port: Number.parseInt(port, 10),
              protocol: port.split('/')[1] ?? 'tcp',
            })),
          ),
        );
      case 'ancestor':
        return values.some((value) => record.image === value || record.imageId === engine.images.find(value)?.id);
      case 'network':
        return values.includes(record.networkMode);
      case 'volume':
        return values.some((value) => record.binds.some((bind) => bind.split(':').includes(value)));
      default:
        // No container has a health state in this runtime.
        return values.includes('none');
    }
  });
}

const FLAGS = {
  bool: ['all:a', 'quiet:q', 'no-trunc', 'latest:l', 'size:s'],
  value: ['filter:f', 'format', 'last:n'],
} as const;

export const ps = command('ps', '[OPTIONS]', FLAGS, [0, 0], ({ call, engine }, flags) => {
  const filters = readFilters(flags, FILTERS);
  const count = flags.is('latest') ? 1 : Number(flags.one('last') ?? -1);
  const all = flags.is('all') || count > 0 || filters.has('status') || filters.has('exited');
  const found = engine
    .list()
    .filter(({ record }) => all || record.state.status === 'running' || record.state.status === 'restarting')
    .filter((container) => fits(container, engine, filters))
    .slice(0, count > 0 ? count : undefined);
  const rows = found.map((container) => row(container, engine, flags.is('no-trunc')));
  if (flags.is('quiet')) call.out(rows.map((entry) => `${String(entry['ID'])}\n`).join(''));
  else {
    const columns = {
      ID: 'CONTAINER ID',
      Image: 'IMAGE',
      Command: 'COMMAND',
      RunningFor: 'CREATED',
      Status: 'STATUS',
      Ports: 'PORTS',
      Names: 'NAMES',
    };
    call.out(printRows(rows, columns, flags.one('format')));
  }
  return 0;
});

/** Removes every container that does not run. */
export async function pruneContainers({ call, engine }: Context, labels: readonly string[]): Promise<void> {
  const stopped = engine
    .list()
    .filter(({ record }) => record.state.status === 'exited' || record.state.status === 'created')
    .filter(({ record }) => hasLabels(record.labels, labels));
  for (const container of stopped) await container.remove(false);
  if (stopped.length > 0) call.out(`Deleted Containers:\n${stopped.map(({ record }) => `${record.id}\n`).join('')}\n`);
  call.out(`Total reclaimed space: ${humanSize(0)}\n`);
}
