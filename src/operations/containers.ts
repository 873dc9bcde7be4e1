import { DeployctlError, EXIT } from '../domain/errors.js';
import type { Color } from '../domain/ids.js';
import type { Container, FleetInstance } from '../domain/observation.js';
import { groundOf } from './begin.js';
import { nameOf } from './instance-name.js';
import { pastOf } from './damage.js';
import { membersOf, occupantIn } from './present.js';
import type { Toolbox } from './toolbox.js';
import type { RunnerBox } from './run-on.js';
import { checked, MOST_OUT, runOn } from './run-on.js';
import { resolveTopology } from './topology.js';

export interface Choice {
  readonly service: string;
  /** Id or name; absent: every instance. */
  readonly instance?: string;
  /** Absent: the one that has the traffic. */
  readonly color?: Color;
}

export interface Chosen {
  readonly instance: FleetInstance;
  readonly color: Color;
  readonly container: Container;
}

/** The running containers of a service. @throws DeployctlError `usage.service` (64), `containers.none` (12) */
export async function choose(box: Toolbox, choice: Choice): Promise<readonly Chosen[]> {
  const topology = await resolveTopology(box);
  const service = topology.services.find(({ settings }) => settings.name === choice.service);
  const { environment } = box.settings;
  if (service === undefined) {
    const known = topology.services.map(({ settings }) => settings.name).join(', ');
    throw new DeployctlError({
      code: 'usage.service',
      message: `environment ${environment} has no service ${choice.service}; it has ${known}`,
      exitCode: EXIT.usage,
    });
  }
  const { unfinished } = await pastOf(box);
  const ground = await groundOf(box, topology, undefined, unfinished);
  const live = ground.live.get(choice.service);
  const color = choice.color ?? live ?? 'blue';
  const chosen = membersOf(box, ground.seen.fleet, color).flatMap((instance) => {
    if (choice.instance !== undefined && ![instance.id as string, instance.name].includes(choice.instance)) return [];
    const container = occupantIn(ground.seen.containers.get(instance.id) ?? [], service, color, live);
    return container === undefined ? [] : [{ instance, color, container }];
  });
  if (chosen.length > 0) return chosen;
  const fleet = ground.seen.fleet.map(nameOf);
  const known = ground.seen.fleet.some(({ name, id }) => choice.instance === name || choice.instance === id);
  const where = choice.instance ?? 'any instance';
  throw new DeployctlError({
    code: 'containers.none',
    message:
      choice.instance === undefined || known
        ? `${choice.service} does not run on ${where} in ${color}`
        : `${environment} has no instance ${choice.instance}; it has ${fleet.join(', ')}`,
    exitCode: EXIT.refused,
    next: [`deployctl status --env ${environment}`],
  });
}

export interface LogLine {
  /** As Docker wrote it: RFC 3339 with nanoseconds. Absent where the line has none. */
  readonly time?: string;
  readonly text: string;
}

export interface ContainerLog {
  readonly instance: string;
  readonly name: string;
  readonly color: Color;
  readonly container: string;
  /** The beginning is missing: SSM hands on no more. */
  readonly truncated: boolean;
  readonly lines: readonly LogLine[];
}

export interface LogsResult {
  readonly schemaVersion: 1;
  readonly app: string;
  readonly environment: string;
  readonly service: string;
  readonly logs: readonly ContainerLog[];
}

/** The newest lines of each container. @param since a duration or a time as `docker logs --since` takes it */
export async function logs(
  box: RunnerBox,
  choice: Choice,
  options: { readonly tail: number; readonly since?: string },
): Promise<LogsResult> {
  const chosen = await choose(box, choice);
  const read = await Promise.all(chosen.map((each) => logOf(box, each, options)));
  const { app, environment } = box.settings;
  return { schemaVersion: 1, app, environment, service: choice.service, logs: read };
}

/** The newest lines, then what comes, until the signal ends it. */
export async function* followLogs(
  box: RunnerBox,
  choice: Choice,
  options: { readonly tail: number; readonly since?: string },
): AsyncGenerator<readonly ContainerLog[], never> {
  const chosen = await choose(box, choice);
  const newest = new Map<string, string>();
  for (let first = true; ; first = false) {
    const batch = await Promise.all(
      chosen.map(async (each) => {
        const last = newest.get(each.container.id);
        const from = last ?? options.since;
        const tail = first ? options.tail : 1000;
        const log = await logOf(box, each, { tail, ...(from === undefined ? {} : { since: from }) });
        // Docker's --since includes the moment itself.
        const lines = log.lines.filter(({ time }) => last === undefined || (time !== undefined && time > last));
        const end = lines.at(-1)?.time;
        if (end !== undefined) newest.set(each.container.id, end);
        return { ...log, lines };
      }),
    );
    yield batch;
    await box.clock.sleep(Math.max(box.settings.timing.poll, 1000), box.signal);
  }
}

async function logOf(
  box: RunnerBox,
  { instance, color, container }: Chosen,
  { tail, since }: { readonly tail: number; readonly since?: string },
): Promise<ContainerLog> {
  const from = since === undefined ? '' : `--since "${checked(since, /^[\dA-Za-z:.+-]+$/)}"`;
  const id = checked(container.id, /^[\da-f]{12,64}$/);
  const script = `docker logs --timestamps --tail ${String(tail)} ${from} ${id} 2>&1 | tail -c ${String(MOST_OUT)}\nexit 0\n`;
  const { stdout } = await runOn(box, instance, 'logs', script, 30_000);
  const truncated = Buffer.byteLength(stdout) >= MOST_OUT;
  const raw = stdout.split('\n').filter((line) => line !== '');
  const lines = (truncated ? raw.slice(1) : raw).map((line): LogLine => {
    const [, time, text = ''] = /^(\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)) ?(.*)$/s.exec(line) ?? [];
    return time === undefined ? { text: line } : { time, text };
  });
  return { instance: instance.id, name: instance.name, color, container: container.name, truncated, lines };
}
