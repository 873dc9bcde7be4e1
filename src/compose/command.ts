import { messageOf } from '../domain/errors.js';
import type { Ms } from '../domain/ids.js';

/** From SIGTERM to SIGKILL. */
const GRACE: Ms = 2000;

/**
 * Runs a command of the user to its end; the last line that it printed tells most about a failure. Never rejects. It has a process group of its own,
 * so that what it has started ends with it, at its time-out or an interrupt.
 * @param argv no shell
 * @returns `exit 1: no answer`, `timed out after 60 s`; undefined: it passed
 */
export async function failureOf(
  [file = '', ...args]: readonly string[],
  options: {
    readonly timeout: Ms;
    readonly signal?: AbortSignal | undefined;
    readonly env?: Readonly<Record<string, string>>;
  },
): Promise<string | undefined> {
  const { signal, timeout, env = {} } = options;
  // Loaded when there is a command to run: most environments have none.
  const { execa } = await import('execa');
  if (signal?.aborted === true) return 'interrupted before it began';
  const child = execa(file, args, {
    detached: true,
    reject: false,
    stdin: 'ignore',
    all: true,
    maxBuffer: 64 * 1024,
    env: { ...env },
  });
  let ended: string | undefined;
  const timers: NodeJS.Timeout[] = [];
  const end = (why: string): void => {
    if (ended !== undefined) return;
    ended = why;
    killGroup(child.pid, 'SIGTERM');
    timers.push(setTimeout(() => killGroup(child.pid, 'SIGKILL'), GRACE));
  };
  const interrupt = (): void => end('interrupted');
  signal?.addEventListener('abort', interrupt, { once: true });
  timers.push(setTimeout(() => end(`timed out after ${String(timeout / 1000)} s`), timeout));
  const result = await child;
  timers.forEach(clearTimeout);
  signal?.removeEventListener('abort', interrupt);
  if (!result.failed && ended === undefined) return undefined;
  const output = (result.all ?? '').trim().split('\n').at(-1) ?? '';
  const how = ended ?? (result.exitCode === undefined ? messageOf(result) : `exit ${String(result.exitCode)}`);
  return output === '' ? how : `${how}: ${output}`;
}

function killGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch (error) {
    // ESRCH: all of it has ended already.
    if (!(error instanceof Error) || !('code' in error) || error.code !== 'ESRCH') throw error;
  }
}
