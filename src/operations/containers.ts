import { commandFlaw } from '../domain/command-size.js';
import { DeployctlError, EXIT, fixFor, PortError } from '../domain/errors.js';
import type { Color, Ms } from '../domain/ids.js';
import type { Container, FleetInstance } from '../domain/observation.js';
import type { RunnerPort } from '../engine/ports.js';
import { groundOf } from './begin.js';
import { nameOf } from './instance-name.js';
import { pastOf } from './damage.js';
import { membersOf, occupantIn } from './present.js';
import type { Toolbox } from './toolbox.js';
import { refusedBy, resolveTopology } from './topology.js';
import { Waiting } from './waiting.js';

/** A toolbox that can also run scripts of its own on instances. */
export type RunnerBox = Toolbox & { readonly runner: RunnerPort };

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

/** Bytes of standard output, of the 24,000 characters that SSM hands on (GetCommandInvocation, StandardOutputContent). */
const MOST_OUT = 23_000;
/** Of 8,000 (StandardErrorContent). */
const MOST_ERR = 7500;

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

export interface ExecResult {
  readonly schemaVersion: 1;
  readonly ok: boolean;
  readonly app: string;
  readonly environment: string;
  readonly service: string;
  readonly results: readonly {
    readonly instance: string;
    readonly name: string;
    readonly exitCode: number;
    readonly stdout: string;
    readonly stderr: string;
    /** The beginning of an output is missing: SSM hands on no more. */
    readonly truncated: boolean;
  }[];
}

/** Runs a command in the running container of each chosen instance, one after the other. */
export async function exec(
  box: RunnerBox,
  choice: Choice,
  command: readonly string[],
  timeout: Ms,
): Promise<ExecResult> {
  refuseLarge(execScript('0'.repeat(64), command));
  const results: ExecResult['results'][number][] = [];
  for (const { instance, container } of await choose(box, choice)) {
    const script = execScript(checked(container.id, /^[\da-f]{12,64}$/), command);
    const { stdout, stderr } = await runOn(box, instance, 'exec', script, timeout);
    const [, code = '', out = '', err = ''] = /^(\d+) +(\d+) +(\d+)\n/.exec(stdout) ?? [];
    if (code === '') throw lost(instance, `its answer cannot be read: ${stderr.slice(0, 200)}`);
    results.push({
      instance: instance.id,
      name: instance.name,
      exitCode: Number(code),
      stdout: stdout.slice(stdout.indexOf('\n') + 1),
      stderr,
      truncated: Number(out) > MOST_OUT || Number(err) > MOST_ERR,
    });
  }
  const { app, environment } = box.settings;
  const ok = results.every(({ exitCode }) => exitCode === 0);
  return { schemaVersion: 1, ok, app, environment, service: choice.service, results };
}

/**
 * Every word travels as base64, so none becomes code. The exit code is printed, not returned: the agent takes some codes for a wish to reboot the
 * instance (SSM guide, "Handling reboots when running commands": 194).
 */
function execScript(id: string, command: readonly string[]): string {
  const words = command.map((word) => {
    const packed = Buffer.from(word, 'utf8').toString('base64');
    return `word=$(printf %s '${packed}' | base64 -d; printf x); set -- "$@" "\${word%x}"`;
  });
  return [
    'set --',
    ...words,
    'out=$(mktemp) err=$(mktemp)',
    `trap 'rm -f "$out" "$err"' EXIT`,
    `docker exec ${id} "$@" >"$out" 2>"$err" </dev/null`,
    'code=$?',
    'echo "$code $(wc -c <"$out" | tr -d " ") $(wc -c <"$err" | tr -d " ")"',
    `tail -c ${String(MOST_OUT)} "$out"`,
    `tail -c ${String(MOST_ERR)} "$err" >&2`,
    'exit 0',
    '',
  ].join('\n');
}

function refuseLarge(script: string): void {
  const flaw = commandFlaw(script);
  if (flaw === undefined) return;
  throw new DeployctlError({
    code: 'usage.too-long',
    message: `what stands behind -- is too long: ${flaw}. Nothing was run`,
    exitCode: EXIT.usage,
    next: ['put the script into the image, or fetch it from within the container'],
  });
}

async function runOn(
  box: RunnerBox,
  instance: FleetInstance,
  what: string,
  script: string,
  timeout: Ms,
): Promise<{ readonly stdout: string; readonly stderr: string }> {
  const { app, environment } = box.settings;
  const comment = `deployctl ${app}/${environment} ${what}`.slice(0, 100);
  const id = await sent(box, instance, { instance: instance.id, script, comment, timeout });
  const waiting = new Waiting(box);
  // Delivery has a minute of its own.
  const end = box.clock.monotonic() + timeout + 60_000;
  while (box.clock.monotonic() < end) {
    const state = (await read(box, instance, id)).get(id);
    if (state?.is === 'finished') return state;
    if (state?.is === 'killed' || state?.is === 'undelivered') throw lost(instance, state.why);
    waiting.tell(() => `the answer of ${instance.name}`);
    await box.clock.sleep(Math.min(box.settings.timing.poll, 500), box.signal);
  }
  throw lost(instance, `no answer within ${String(Math.round(timeout / 1000))} s`);
}

/** A command whose send was refused has not run; whether one has whose answer was lost is not known. */
async function sent(
  box: RunnerBox,
  instance: FleetInstance,
  command: Parameters<RunnerPort['send']>[0],
): Promise<string> {
  try {
    return await box.runner.send(command, box.signal);
  } catch (error) {
    if (!(error instanceof PortError) || error.kind === 'aborted') throw error;
    throw error.mayHaveTakenEffect ? lost(instance, error.message, fixFor(error)) : refusedBy(error);
  }
}

async function read(box: RunnerBox, instance: FleetInstance, id: string): ReturnType<RunnerPort['poll']> {
  try {
    return await box.runner.poll([{ id, instance: instance.id }], box.signal);
  } catch (error) {
    if (!(error instanceof PortError) || error.kind === 'aborted') throw error;
    throw lost(instance, error.message, fixFor(error));
  }
}

function checked(text: string, pattern: RegExp): string {
  if (pattern.test(text)) return text;
  throw new DeployctlError({
    code: 'usage.value',
    message: `${JSON.stringify(text)} cannot be sent to an instance; wanted something like 10m, 2026-11-24T19:53:12Z, or a container id`,
    exitCode: EXIT.usage,
  });
}

function lost({ name, id }: FleetInstance, why: string, fix?: string): DeployctlError {
  return new DeployctlError({
    code: 'containers.lost',
    message: `the command on ${name} (${id}) gave no result: ${why}`,
    exitCode: EXIT.inProgress,
    next: [...(fix === undefined ? [] : [fix]), 'the same command again', 'deployctl status'],
  });
}
