import { execa } from 'execa';
import { Screen } from '../_helpers/screen.js';
import { program } from './kit.js';
import type { Shop } from './kit.js';

export interface TerminalResult {
  readonly code: number;
  readonly screen: Screen;
  /** What stands in the terminal, for the message of a failed expectation. */
  readonly transcript: string;
}

/** A command that somebody runs in a terminal. */
export interface InTerminal {
  readonly done: Promise<TerminalResult>;
  /** Resolves when what is on the screen matches; rejects when the command ends before. */
  until(pattern: RegExp): Promise<void>;
  /** Types: `\u0003` is Ctrl-C. */
  type(text: string): void;
  /** Closes the terminal, as the end of an SSH session does. {@link InTerminal.done} then says nothing about the command. */
  hangUp(): void;
}

const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;

/** Runs a command on a pseudo-terminal of 80 columns and 24 rows, whose whole output is drawn on a {@link Screen}. */
export function inTerminal(
  shop: Shop,
  args: readonly string[],
  options: {
    readonly env?: Readonly<Record<string, string>>;
    readonly cwd?: string;
    /** Shell around the command line, in the same terminal. */
    readonly shell?: (line: string) => string;
    /** Longest run in ms, after which the terminal is closed; 300,000 when left out. */
    readonly longest?: number;
  } = {},
): InTerminal {
  const screen = new Screen();
  const bare = [process.execPath, program, ...args].map(quoted).join(' ');
  const line = options.shell?.(bare) ?? `exec ${bare}`;
  const child = execa('script', ['-qefc', `stty cols 80 rows 24 && ${line}`, '/dev/null'], {
    cwd: options.cwd ?? shop.dir,
    env: { ...shop.env(), TERM: 'xterm-256color', ...options.env },
    extendEnv: false,
    // Open as long as the command runs: the end of it would be an end-of-file typed into the terminal.
    stdin: 'pipe',
    reject: false,
    timeout: options.longest ?? 300_000,
    killSignal: 'SIGKILL',
  });
  const waiting = new Set<() => void>();
  let broken: unknown;
  let held = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    // A sequence that has not come whole waits for its end.
    const all = held + text;
    // eslint-disable-next-line no-control-regex -- escape sequences begin with one
    held = /\u001b[^A-Za-z]*$/.exec(all)?.[0] ?? '';
    try {
      screen.write(all.slice(0, all.length - held.length));
    } catch (error) {
      broken ??= error;
      child.kill('SIGTERM');
    }
    waiting.forEach((look) => look());
  });
  const done = (async (): Promise<TerminalResult> => {
    const { exitCode, shortMessage } = await child;
    const transcript = `$ deployctl ${args.join(' ')}\n${screen.text}\n(${shortMessage ?? `exit ${String(exitCode)}`})`;
    if (broken !== undefined || held !== '')
      throw new Error(`an escape sequence that nobody expects: ${JSON.stringify(held)}\n${transcript}`, {
        cause: broken,
      });
    return { code: exitCode ?? -1, screen, transcript };
  })();
  return {
    done,
    type: (text) => void child.stdin.write(text),
    hangUp: () => void child.kill('SIGKILL'),
    until: (pattern) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (!pattern.test(screen.text)) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
        void done.then(
          ({ transcript }) => reject(new Error(`${String(pattern)} was not seen in:\n${transcript}`)),
          reject,
        );
      }),
  };
}
