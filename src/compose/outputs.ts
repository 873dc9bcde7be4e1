import { closeSync, openSync } from 'node:fs';
import { isatty } from 'node:tty';
import { EXIT, messageOf } from '../domain/errors.js';

/** An output that takes nothing more. */
export interface LostOutput {
  readonly output: OutputName | 'the terminal';
  readonly why: string;
  /** Whoever read it has gone, as `head` does when it has seen enough; else it cannot be written: a full disk. */
  readonly byReader: boolean;
}

type OutputName = 'stdout' | 'stderr';
type Listener = (lost: LostOutput) => void;

const OUTPUTS = ['stdout', 'stderr'] as const;
/** What a pipe or a socket answers when its other end has gone. */
const NO_READER = new Set(['EPIPE', 'ECONNRESET', 'ERR_STREAM_DESTROYED']);

const lost = new Map<OutputName, LostOutput>();
const listeners = new Set<Listener>();
let survives = false;

/**
 * Keeps a failing stdout or stderr from ending the process: Node makes an error that nobody listens to an uncaught exception, and oclif throws all but
 * EPIPE. An output that failed once gets nothing more.
 */
export function guardOutputs(): void {
  const terminals = [0, 1, 2].filter((fd) => isatty(fd));
  process.once('exit', () => leaveDead(terminals));
  for (const name of OUTPUTS) {
    const stream = process[name];
    stream.removeAllListeners('error');
    stream.on('error', (error) => lose(name, error));
    const write = stream.write.bind(stream) as (...args: readonly unknown[]) => boolean;
    stream.write = (...args: readonly unknown[]): boolean => {
      if (!lost.has(name)) {
        // Errors of files come as exceptions (Node 20), those of pipes and terminals as events.
        try {
          return write(...args);
        } catch (error) {
          lose(name, error);
        }
      }
      const done = args.at(-1);
      if (isCallback(done)) process.nextTick(done);
      return true;
    };
  }
}

/** Calls back once for each output that is lost, also for those that are lost already. Returns the way to stop that. */
export function onLostOutput(listener: Listener): () => void {
  for (const each of new Set(lost.values())) listener(each);
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
  };
}

/**
 * For a command that changes something: a lost output changes neither what it does nor its exit code, and a reader that stands still (Ctrl-S, a pager)
 * does not hold it up. Node waits in each write to a terminal, and the heartbeat of the lease with it.
 */
export function surviveOutputs(): void {
  survives = true;
  for (const name of OUTPUTS) {
    const stream: { readonly isTTY?: boolean; readonly _handle?: unknown } = process[name];
    const { isTTY, _handle: handle } = stream;
    if (isTTY === true && canBlock(handle)) handle.setBlocking(false);
  }
}

/** After a hangup nothing more is written to the terminal, whoever else still has it open. Pipes and files stay. */
export function leaveTerminal(): void {
  loseTerminal('hung up (SIGHUP)');
}

/**
 * For the end of a command: where its result could not be written, and somebody waits for it, that is what went wrong. A reader that has gone wants no
 * more. What the command did to an environment counts more than its result on stdout.
 */
export function reportUnwritten(): void {
  const found = survives ? undefined : lost.get('stdout');
  if (found === undefined || found.byReader || (process.exitCode ?? EXIT.done) !== EXIT.done) return;
  process.exitCode = EXIT.usage;
  process.stderr.write(
    `Error: the result cannot be written to stdout: ${found.why}\n\nNext:\n  the same command with another output, or when there is room\n`,
  );
}

function lose(name: OutputName, error: unknown): void {
  if (lost.has(name)) return;
  if (process[name].isTTY) loseTerminal(messageOf(error));
  else tell([name], { output: name, why: messageOf(error), byReader: NO_READER.has(codeOf(error)) });
}

function loseTerminal(why: string): void {
  const names = OUTPUTS.filter((name) => process[name].isTTY && !lost.has(name));
  if (names.length > 0) tell(names, { output: 'the terminal', why, byReader: true });
}

/** At its end Node sets the terminal back to what it was, and aborts (134) where there is none any more. It leaves alone what is another file by then. */
function leaveDead(terminals: readonly number[]): void {
  for (const fd of terminals.filter((each) => !isatty(each))) {
    closeSync(fd);
    openSync('/dev/null', 'r+');
  }
}

function tell(names: readonly OutputName[], what: LostOutput): void {
  for (const name of names) lost.set(name, what);
  for (const listener of [...listeners]) listener(what);
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

function isCallback(value: unknown): value is () => void {
  return typeof value === 'function';
}

/** No part of Node's interface: where it is missing, a terminal that stands still holds the process up. */
function canBlock(handle: unknown): handle is { setBlocking(on: boolean): void } {
  return typeof handle === 'object' && handle !== null && 'setBlocking' in handle;
}
