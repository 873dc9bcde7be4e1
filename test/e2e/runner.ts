/** What GitHub's runner does with a JavaScript action: inputs and files in the environment, commands on stdout, and the signals of a cancellation. */
import { mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { parse } from 'yaml';

/** What the runner makes of a step. */
export interface Step {
  /** Undefined: killed. */
  readonly code: number | undefined;
  readonly log: string;
  /** Commands that the runner would obey: those outside `stop-commands`. */
  readonly commands: readonly string[];
  readonly outputs: Readonly<Record<string, string>>;
  readonly state: Readonly<Record<string, string>>;
  readonly summary: string;
}

interface StepOptions {
  readonly env: Readonly<Record<string, string>>;
  /** The job is cancelled when the log matches. */
  readonly cancelAt?: RegExp;
  /** Just before, with the process of the action. */
  readonly beforeCancel?: (action: number) => Promise<void>;
  /** What an earlier entry of the step has left in GITHUB_STATE. */
  readonly state?: Readonly<Record<string, string>>;
}

/** An action in a folder, as the runner has fetched it. */
export class Action {
  private constructor(
    private readonly folder: string,
    private readonly scratch: string,
    private readonly entries: { readonly main: string; readonly post: string },
    private readonly defaults: Readonly<Record<string, string>>,
  ) {}

  /** @param scratch a folder for the files of its steps */
  static async in(folder: string, scratch: string): Promise<Action> {
    const { inputs, runs } = parse(await readFile(join(folder, 'action.yml'), 'utf8')) as {
      readonly inputs: Readonly<Record<string, { readonly default: string }>>;
      readonly runs: { readonly main: string; readonly post: string };
    };
    const defaults = Object.fromEntries(Object.entries(inputs).map(([name, { default: value }]) => [name, value]));
    return new Action(folder, scratch, runs, defaults);
  }

  async step(
    entry: 'main' | 'post',
    inputs: Readonly<Record<string, string>>,
    { env, cancelAt, beforeCancel, state }: StepOptions,
  ): Promise<Step> {
    const files = await mkdtemp(join(this.scratch, 'step-'));
    const paths = Object.fromEntries(
      ['GITHUB_OUTPUT', 'GITHUB_STATE', 'GITHUB_STEP_SUMMARY'].map((name) => [name, join(files, name)]),
    );
    for (const path of Object.values(paths)) await writeFile(path, '');
    const given = Object.entries({ ...this.defaults, ...inputs });
    const child = execa(process.execPath, [join(this.folder, this.entries[entry])], {
      env: {
        ...env,
        CI: 'true',
        GITHUB_ACTIONS: 'true',
        RUNNER_TEMP: files,
        ...paths,
        ...Object.fromEntries(given.map(([name, value]) => [`INPUT_${name.toUpperCase()}`, value])),
        ...Object.fromEntries(Object.entries(state ?? {}).map(([name, value]) => [`STATE_${name}`, value])),
      },
      extendEnv: false,
      reject: false,
      stdin: 'ignore',
      // Read here: what the action has started may outlive it with its end of the pipe.
      buffer: false,
    });
    let log = '';
    let cancelled: Promise<void> | undefined;
    const hear = (text: string): void => {
      log += text;
      if (cancelAt?.test(log) === true) cancelled ??= cancel(child, beforeCancel);
    };
    child.stdout.setEncoding('utf8').on('data', hear);
    child.stderr.setEncoding('utf8').on('data', hear);
    const { exitCode } = await child;
    await cancelled;
    const file = (name: string): Promise<string> => readFile(paths[name] ?? '', 'utf8');
    return {
      code: exitCode,
      log,
      commands: obeyed(log),
      outputs: values(await file('GITHUB_OUTPUT')),
      state: values(await file('GITHUB_STATE')),
      summary: await file('GITHUB_STEP_SUMMARY'),
    };
  }
}

interface Child {
  readonly pid?: number | undefined;
  readonly exitCode: number | null;
  readonly signalCode: NodeJS.Signals | null;
  kill(signal: NodeJS.Signals): boolean;
  once(event: 'exit', listener: () => void): unknown;
  off(event: 'exit', listener: () => void): unknown;
}

/**
 * actions/runner, ProcessInvoker: SIGINT, 7.5 s later SIGTERM, 2.5 s later SIGKILL. On Linux all three go to the step's own process only; what that
 * has started lives on until the runner ends the orphans of the whole job (JobExtension), after all post steps.
 */
async function cancel(child: Child, before: StepOptions['beforeCancel']): Promise<void> {
  await before?.(child.pid ?? 0);
  for (const [signal, patience] of [
    ['SIGINT', 7_500],
    ['SIGTERM', 2_500],
  ] as const) {
    child.kill(signal);
    if (await ends(child, patience)) return;
  }
  child.kill('SIGKILL');
}

function ends(child: Child, within: number): Promise<boolean> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(true);
  return new Promise((resolve) => {
    const gone = (): void => {
      clearTimeout(timer);
      resolve(true);
    };
    const timer = setTimeout(() => {
      child.off('exit', gone);
      resolve(false);
    }, within);
    child.once('exit', gone);
  });
}

/** Processes that a process has started. */
export async function childrenOf(parent: number): Promise<readonly number[]> {
  const found: number[] = [];
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    // One that has just ended is nobody's child.
    const stat = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '');
    if (/^\d+ \(.*\) \S (\d+) /s.exec(stat)?.[1] === String(parent)) found.push(Number(name));
  }
  return found;
}

/** Lines that the runner takes for commands (actions/runner, ActionCommandManager: none while commands are stopped). */
function obeyed(log: string): readonly string[] {
  const found: string[] = [];
  let token: string | undefined;
  for (const line of log.split('\n')) {
    if (token !== undefined) {
      if (line.trim() === `::${token}::`) token = undefined;
      continue;
    }
    const stop = /^\s*::stop-commands::(.+)$/.exec(line)?.[1];
    if (stop !== undefined) token = stop.trim();
    else if (/^\s*(::|##\[)/.test(line)) found.push(line.trim());
  }
  return found;
}

/** `name<<DELIMITER`, lines, `DELIMITER` (actions/runner, FileCommandManager). */
function values(text: string): Readonly<Record<string, string>> {
  const found: Record<string, string> = {};
  const lines = text.split('\n');
  for (let index = 0; index < lines.length; index += 1) {
    const [, name, delimiter] = /^([^=<]+)<<(.+)$/.exec(lines[index] ?? '') ?? [];
    if (name === undefined || delimiter === undefined) continue;
    const end = lines.indexOf(delimiter, index + 1);
    found[name] = lines.slice(index + 1, end).join('\n');
    index = end;
  }
  return found;
}
