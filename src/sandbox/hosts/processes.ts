/** Starting, watching and killing real processes so that none outlives the sandbox. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { closeSync, constants, existsSync, openSync, readFileSync, readdirSync, unlinkSync } from 'node:fs';
import { Socket } from 'node:net';
import { constants as os } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { errnoOf } from './errors.js';

const run = promisify(execFile);

/** A pipe whose far end a child process writes to. */
export interface OutputPipe {
  /** Give it to `spawn`, then call `handOver`. */
  readonly fd: number;
  readonly stream: Socket;
  /** Closes our copy of the writing end: the stream then ends when the last process that holds it has gone. */
  handOver(): void;
}

/**
 * Makes real pipes. Node's own `pipe` is a socket, which `> /dev/stderr` and `tee /dev/stdout` in a script cannot open;
 * a command of the SSM agent and a container of Docker have pipes.
 */
export async function openPipes(folder: string, count: number): Promise<OutputPipe[]> {
  const paths = Array.from({ length: count }, () => join(folder, `.pipe-${randomUUID()}`));
  await run('mkfifo', ['-m', '600', ...paths]);
  return paths.map((path) => {
    const reading = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const fd = openSync(path, constants.O_WRONLY);
    unlinkSync(path);
    const stream = new Socket({ fd: reading, readable: true, writable: false });
    let open = true;
    const handOver = (): void => {
      if (open) closeSync(fd);
      open = false;
    };
    return { fd, stream, handOver };
  });
}

const setpriv = (process.env['PATH'] ?? '')
  .split(delimiter)
  .map((folder) => join(folder, 'setpriv'))
  .find((path) => existsSync(path));

/**
 * Starts a process in its own group. Where util-linux's `setpriv` exists, the kernel kills it when this process dies,
 * even by SIGKILL (prctl(2), PR_SET_PDEATHSIG: bound to the thread that forks, so never call this from a worker).
 * @throws the spawn error (ENOENT, EACCES)
 */
export async function startProcess(
  argv: readonly string[],
  options: {
    readonly cwd: string;
    readonly env: Record<string, string>;
    readonly stdio: readonly (number | 'ignore')[];
  },
): Promise<ChildProcess> {
  const [file, args] =
    setpriv === undefined ? [argv[0] ?? '', argv.slice(1)] : [setpriv, ['--pdeathsig', 'KILL', '--', ...argv]];
  const child = spawn(file, args, {
    cwd: options.cwd,
    env: options.env,
    stdio: [...options.stdio],
    detached: true,
  });
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', reject);
  });
  return child;
}

/** Exit code of a process as a shell and Docker count it: 128 + the signal's number when a signal ended it. */
export function exitCodeOf(code: number | null, signal: NodeJS.Signals | null): number {
  return code ?? 128 + (signal === null ? os.signals.SIGKILL : os.signals[signal]);
}

/** Signals one process; false when it is gone already. */
export function signalProcess(pid: number, signal: NodeJS.Signals | number): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'ESRCH') return false;
    throw error;
  }
}

/** SIGKILL to a whole process group; false when it is gone already. */
export function killGroup(pid: number): boolean {
  return signalProcess(-pid, 'SIGKILL');
}

/** A NUL-separated file of /proc as a list, or undefined when the process is gone or not ours. */
export function procList(pid: number, file: 'cmdline' | 'environ'): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/${file}`, 'utf8');
    return text === '' ? [] : text.replace(/\0$/, '').split('\0');
  } catch (error) {
    const code = errnoOf(error);
    if (code === 'ENOENT' || code === 'ESRCH' || code === 'EACCES' || code === 'EPERM') return undefined;
    throw error;
  }
}

/**
 * SIGKILL to every process whose environment has one of these variables: what left its group by `setsid`. Looks again until
 * none is left, as one may be forking, and as a signal takes effect a moment after it was sent.
 * @throws Error naming the processes that are still there after two seconds
 */
export async function killByEnvironment(isOurs: (variable: string) => boolean): Promise<void> {
  const end = performance.now() + 2000;
  for (;;) {
    const pids = readdirSync('/proc')
      .map(Number)
      .filter((pid) => Number.isInteger(pid) && pid !== process.pid && procList(pid, 'environ')?.some(isOurs) === true);
    if (pids.length === 0) return;
    if (performance.now() > end)
      throw new Error(`processes ${pids.join(', ')} of the instance survive SIGKILL: end them by hand`);
    for (const pid of pids) signalProcess(pid, 'SIGKILL');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** A value as one word of sh. */
export function shellQuote(text: string): string {
  return /^[\w./:@-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
