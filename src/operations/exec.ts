import { commandFlaw } from '../domain/command-size.js';
import { DeployctlError, EXIT, fixFor, messageOf, PortError } from '../domain/errors.js';
import type { ExitCode } from '../domain/errors.js';
import type { Ms } from '../domain/ids.js';
import type { Choice, Chosen } from './containers.js';
import { choose } from './containers.js';
import type { RunnerBox } from './run-on.js';
import { checked, lost, MOST_ERR, MOST_OUT, runOn } from './run-on.js';

/** Commands that are suggested for instances on which it did not run, at most. */
const MOST_NEXT = 5;

/** The end of the command on one instance. */
export interface Ran {
  readonly instance: string;
  readonly name: string;
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  /** The beginning of an output is missing: SSM hands on no more. */
  readonly truncated: boolean;
}

export interface ExecResult {
  readonly schemaVersion: 1;
  readonly ok: boolean;
  readonly exitCode: ExitCode;
  readonly app: string;
  readonly environment: string;
  readonly service: string;
  readonly results: readonly Ran[];
  /** Absent: it has run on every chosen instance. */
  readonly stopped?: Stopped;
  /** What to type where it stopped. */
  readonly next: readonly string[];
}

/** Why a command did not go on to the end of its list. */
export interface Stopped {
  readonly instance: string;
  readonly name: string;
  readonly why: string;
  /** false: it did not run there. */
  readonly mayHaveRun: boolean;
  /** Names of the instances that it has not come to. */
  readonly notRunOn: readonly string[];
}

/**
 * Runs a command in the running container of each chosen instance, one after the other. Where one gives no result the others are left alone, and what came
 * before is part of the result.
 * @throws DeployctlError as `choose` and `runOn` do, when it is the first instance that gives no result
 */
export async function exec(
  box: RunnerBox,
  choice: Choice,
  command: readonly string[],
  timeout: Ms,
): Promise<ExecResult> {
  refuseLarge(execScript('0'.repeat(64), command));
  const chosen = await choose(box, choice);
  const results: Ran[] = [];
  let stopped: Stopped | undefined;
  let next: readonly string[] = [];
  let exitCode: ExitCode = EXIT.done;
  for (const [index, each] of chosen.entries()) {
    try {
      results.push(await execOn(box, each, command, timeout));
    } catch (error) {
      if (results.length === 0 || !(box.signal.aborted || error instanceof DeployctlError)) throw error;
      const left = chosen.slice(index + 1);
      stopped = stoppedAt(box, each, left, error);
      next = nextOf(box, choice, [each, ...left], error);
      exitCode = box.signal.aborted ? EXIT.interrupted : EXIT.inProgress;
      break;
    }
  }
  const { app, environment } = box.settings;
  if (stopped === undefined && results.some((each) => each.exitCode !== 0)) exitCode = EXIT.commandFailed;
  return {
    schemaVersion: 1,
    ok: exitCode === EXIT.done,
    exitCode,
    app,
    environment,
    service: choice.service,
    results,
    ...(stopped === undefined ? {} : { stopped }),
    next,
  };
}

async function execOn(
  box: RunnerBox,
  { instance, container }: Chosen,
  command: readonly string[],
  timeout: Ms,
): Promise<Ran> {
  const script = execScript(checked(container.id, /^[\da-f]{12,64}$/), command);
  const { stdout, stderr } = await runOn(box, instance, 'exec', script, timeout);
  const [, code = '', out = '', err = ''] = /^(\d+) +(\d+) +(\d+)\n/.exec(stdout) ?? [];
  if (code === '') throw lost(instance, `its answer cannot be read: ${stderr.slice(0, 200)}`);
  return {
    instance: instance.id,
    name: instance.name,
    exitCode: Number(code),
    stdout: stdout.slice(stdout.indexOf('\n') + 1),
    stderr,
    truncated: Number(out) > MOST_OUT || Number(err) > MOST_ERR,
  };
}

/** A command that was sent and gave no result may have run. The error's message is about one instance only; its cause says what happened. */
function stoppedAt(box: RunnerBox, { instance }: Chosen, left: readonly Chosen[], error: unknown): Stopped {
  const { aborted } = box.signal;
  const cause = error instanceof DeployctlError ? error.cause : undefined;
  return {
    instance: instance.id,
    name: instance.name,
    why: aborted ? 'interrupted' : cause instanceof Error ? cause.message : messageOf(error),
    mayHaveRun: aborted || (error instanceof DeployctlError && error.code === 'containers.lost'),
    notRunOn: left.map((each) => each.instance.name),
  };
}

/** A fix for what AWS refused, and the command on the instances that it has not come to the end of. */
function nextOf(box: RunnerBox, { service }: Choice, open: readonly Chosen[], error: unknown): readonly string[] {
  const cause = error instanceof DeployctlError ? error.cause : undefined;
  const { environment } = box.settings;
  return [
    ...(cause instanceof PortError ? [fixFor(cause)] : []),
    ...open
      .slice(0, MOST_NEXT)
      .map(({ instance: { id } }) => `deployctl exec ${service} --env ${environment} --instance ${id} -- …`),
  ];
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
