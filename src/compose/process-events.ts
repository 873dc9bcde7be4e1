import { DeployctlError, EXIT, messageOf } from '../domain/errors.js';
import type { EnvironmentSettings } from '../domain/settings.js';
import { leaveTerminal, onLostOutput, surviveOutputs } from './outputs.js';

type Hangup = NonNullable<EnvironmentSettings['onHangup']>;

/** Ends the command in good order; a second one ends the process at once. */
const INTERRUPTS = ['SIGINT', 'SIGTERM', 'SIGQUIT'] as const;
/** Node's own answer to the first is an open debugger, to the second an end. */
const IGNORED = ['SIGUSR1', 'SIGUSR2'] as const;

export interface Watch {
  /** Whether the command changes something: then it goes on whatever becomes of its terminal, its outputs and its reporters. */
  readonly changes: boolean;
  readonly onHangup: Hangup;
  readonly interrupt: AbortController;
  /** One line for everybody who follows the command, and for its record. */
  readonly warn: (text: string) => void;
}

/** Why a command was interrupted: somebody asked for it. */
export class Interrupted extends Error {}

/** Why a command that only reads ends without a failure: nobody reads what it prints any more. */
export class ReaderGone extends Error {}

/**
 * `DEPLOYCTL_ON_HANGUP`, else `on-hangup` of the environment, else `continue`.
 * @throws DeployctlError `usage.on-hangup` (exit 64)
 */
export function onHangupOf(settings: EnvironmentSettings, env: NodeJS.ProcessEnv): Hangup {
  const value = env['DEPLOYCTL_ON_HANGUP'];
  if (value === undefined || value === '') return settings.onHangup ?? 'continue';
  if (value === 'continue' || value === 'interrupt') return value;
  throw new DeployctlError({
    code: 'usage.on-hangup',
    message: `DEPLOYCTL_ON_HANGUP is ${JSON.stringify(value)}: it must be continue or interrupt`,
    exitCode: EXIT.usage,
    next: ['unset it, or set it to one of the two'],
  });
}

/** Listens to what reaches this process from outside while a command works. Returns the way to stop that. */
export function watchProcess({ changes, onHangup, interrupt, warn }: Watch): () => void {
  const warned = new Set<string>();
  const warnOnce = (text: string): void => {
    if (!warned.has(text)) warn(text);
    warned.add(text);
  };
  const abort = (reason: Error): void => {
    if (!interrupt.signal.aborted) interrupt.abort(reason);
  };
  /** A closed terminal shows itself twice, in either order: by the signal, and by writes that fail. */
  let detached = false;
  const detach = (how: string): void => {
    if (!detached) warn(`the terminal was closed (${how}). The command continues without it`);
    detached = true;
  };

  const stop = (signal: unknown): void => {
    if (interrupt.signal.aborted) process.exit(EXIT.interrupted);
    abort(new Interrupted(`interrupted by ${String(signal)}`));
  };
  const hangup = (): void => {
    // Kernel, shell and logind may each send one: it never counts as the second interrupt.
    if (!changes || onHangup === 'interrupt') return abort(new Interrupted('interrupted by SIGHUP'));
    detach('SIGHUP');
    leaveTerminal();
  };
  const ignore = (signal: unknown): void => warnOnce(`${String(signal)} is ignored; SIGINT and SIGTERM interrupt`);
  // Whatever the command waits for has a time limit, and its errors arrive where it waits: this one comes from a bystander.
  const stray = (error: unknown): void => {
    if (changes) warnOnce(`an error in the background, the command continues: ${messageOf(error)}`);
    else abort(error instanceof Error ? error : new Error(messageOf(error)));
  };

  const events = new Map<string, (value: unknown) => void>([
    ...INTERRUPTS.map((signal) => [signal, stop] as const),
    ['SIGHUP', hangup],
    ...(changes ? IGNORED.map((signal) => [signal, ignore] as const) : []),
    ['uncaughtException', stray],
    ['unhandledRejection', stray],
  ]);
  const bus: NodeJS.EventEmitter = process;
  for (const [name, listener] of events) bus.on(name, listener);
  if (changes) surviveOutputs();
  const stopListening = onLostOutput(({ output, why, byReader }) => {
    if (!changes) {
      if (output !== 'stderr' && byReader) abort(new ReaderGone(why));
    } else if (output === 'the terminal') detach(why);
    else warnOnce(`${output} takes no more output (${why}). The command continues without it`);
  });
  return () => {
    for (const [name, listener] of events) bus.off(name, listener);
    stopListening();
    // What is left is to print the result, and its exit code.
    if (changes && process.listenerCount('SIGHUP') === 0) process.on('SIGHUP', () => undefined);
  };
}
