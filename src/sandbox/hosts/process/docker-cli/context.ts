import type { Call } from '../client.js';
import type { Engine } from '../engine.js';
import { DaemonError, messageOf } from '../../errors.js';
import { parseFlags, type Flags, type FlagSpec, type Usage } from './flags.js';

/** What a subcommand works with. */
export interface Context {
  readonly call: Call;
  readonly engine: Engine;
}

export interface Command {
  readonly usage: Usage;
  readonly flags: FlagSpec;
  /** Number of arguments, least and most. */
  readonly args: readonly [number, number];
  run(context: Context, flags: Flags): Promise<number> | number;
}

/** @param synopsis as in Docker's usage line */
export function command(
  name: string,
  synopsis: string,
  flags: FlagSpec,
  args: readonly [number, number],
  run: Command['run'],
): Command {
  return { usage: { command: `docker ${name}`, synopsis }, flags, args, run };
}

export const readFlags = (entry: Command, argv: readonly string[]): Flags => parseFlags(argv, entry.flags, entry.usage);

/** Does `work` for each name and prints the name; an error is printed and the others go on, as Docker does. */
export async function forEachName(
  { call }: Context,
  names: readonly string[],
  work: (name: string) => Promise<void> | void,
): Promise<number> {
  let code = 0;
  for (const name of names) {
    try {
      await work(name);
      call.out(`${name}\n`);
    } catch (error) {
      if (!(error instanceof DaemonError)) throw error;
      call.err(`Error response from daemon: ${messageOf(error)}\n`);
      code = 1;
    }
  }
  return code;
}

/** Values of `--filter key=value`, by key. @throws DaemonError for a key that is not known */
export function readFilters(flags: Flags, known: readonly string[]): Map<string, string[]> {
  const filters = new Map<string, string[]>();
  for (const text of flags.all('filter')) {
    const sign = text.indexOf('=');
    if (sign < 1) throw new DaemonError(`invalid argument "${text}" for "-f, --filter" flag: invalid filter '${text}'`);
    const key = text.slice(0, sign);
    if (!known.includes(key)) throw new DaemonError(`invalid filter '${key}'`);
    filters.set(key, [...(filters.get(key) ?? []), text.slice(sign + 1)]);
  }
  return filters;
}

/** Every `key` or `key=value` has to be among the labels. */
export function hasLabels(labels: Readonly<Record<string, string>>, wanted: readonly string[]): boolean {
  return wanted.every((text) => {
    const sign = text.indexOf('=');
    return sign < 0 ? Object.hasOwn(labels, text) : labels[text.slice(0, sign)] === text.slice(sign + 1);
  });
}
