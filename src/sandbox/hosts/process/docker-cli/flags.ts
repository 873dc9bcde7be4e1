/** Command line options as Docker's client reads them (the pflag package). */

/** A mistake of the command line. Docker: 125 for an unknown flag, 1 for a wrong number of arguments. */
export class UsageError extends Error {
  constructor(
    message: string,
    readonly exitCode: number,
  ) {
    super(message);
  }
}

/** `long` or `long:s` with a one-letter form. */
export interface FlagSpec {
  readonly bool?: readonly string[];
  readonly value?: readonly string[];
  /** Options end at the first argument, as in `docker run IMAGE COMMAND…`. */
  readonly stopsAtArgument?: boolean;
}

export class Flags {
  constructor(
    private readonly values: ReadonlyMap<string, readonly string[]>,
    readonly args: readonly string[],
  ) {}

  all(name: string): readonly string[] {
    return this.values.get(name) ?? [];
  }

  /** The last value given. */
  one(name: string): string | undefined {
    return this.all(name).at(-1);
  }

  is(name: string): boolean {
    const value = this.one(name);
    return value !== undefined && !/^(false|f|0)$/i.test(value);
  }

  names(): string[] {
    return [...this.values.keys()];
  }
}

export interface Usage {
  /** `docker run` */
  readonly command: string;
  readonly synopsis: string;
}

function usageError({ command, synopsis }: Usage, message: string): UsageError {
  return new UsageError(
    `${message}\n\nUsage:  ${command} ${synopsis}\n\nRun '${command} --help' for more information`,
    125,
  );
}

/** @throws UsageError in Docker's words */
export function parseFlags(argv: readonly string[], spec: FlagSpec, usage: Usage): Flags {
  const kinds = new Map<string, 'bool' | 'value'>();
  const shorts = new Map<string, string>();
  for (const kind of ['bool', 'value'] as const) {
    for (const entry of spec[kind] ?? []) {
      const [long = '', short] = entry.split(':');
      kinds.set(long, kind);
      if (short !== undefined) shorts.set(short, long);
    }
  }
  const values = new Map<string, string[]>();
  const put = (name: string, value: string): void => {
    values.set(name, [...(values.get(name) ?? []), value]);
  };
  const args: string[] = [];
  const rest = [...argv];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === '--') {
      args.push(...rest);
      break;
    }
    if (!word.startsWith('-') || word === '-') {
      args.push(word);
      if (spec.stopsAtArgument === true) {
        args.push(...rest);
        break;
      }
      continue;
    }
    if (word.startsWith('--')) {
      const sign = word.indexOf('=');
      const name = sign < 0 ? word.slice(2) : word.slice(2, sign);
      const kind = kinds.get(name);
      if (kind === undefined) throw usageError(usage, `unknown flag: --${name}`);
      if (sign >= 0) put(name, word.slice(sign + 1));
      else if (kind === 'bool') put(name, 'true');
      else {
        const value = rest.shift();
        if (value === undefined) throw usageError(usage, `flag needs an argument: --${name}`);
        put(name, value);
      }
      continue;
    }
    readShorts(word, rest, { kinds, shorts, put, usage });
  }
  return new Flags(values, args);
}

/** `-aq`, `-p80:80`, `-p 80:80`, `-p=80:80`. */
function readShorts(
  word: string,
  rest: string[],
  context: {
    readonly kinds: ReadonlyMap<string, 'bool' | 'value'>;
    readonly shorts: ReadonlyMap<string, string>;
    readonly put: (name: string, value: string) => void;
    readonly usage: Usage;
  },
): void {
  for (let at = 1; at < word.length; at += 1) {
    const letter = word[at] ?? '';
    const name = context.shorts.get(letter);
    if (name === undefined) throw usageError(context.usage, `unknown shorthand flag: '${letter}' in ${word}`);
    const attached = word.slice(at + 1);
    if (context.kinds.get(name) === 'bool') {
      if (!attached.startsWith('=')) {
        context.put(name, 'true');
        continue;
      }
      context.put(name, attached.slice(1));
      return;
    }
    const value = attached === '' ? rest.shift() : attached.replace(/^=/, '');
    if (value === undefined) throw usageError(context.usage, `flag needs an argument: '${letter}' in ${word}`);
    context.put(name, value);
    return;
  }
}

/** @throws UsageError when there are too few or too many arguments */
export function checkArgs(args: readonly string[], usage: Usage, least: number, most = Infinity): void {
  if (args.length >= least && args.length <= most) return;
  const count = (n: number): string => `${n} argument${n === 1 ? '' : 's'}`;
  const wanted =
    least === most
      ? count(least)
      : most === Infinity
        ? `at least ${count(least)}`
        : `at least ${least} and at most ${count(most)}`;
  const requires = most === 0 ? 'accepts no arguments' : `requires ${wanted}`;
  throw new UsageError(
    `docker: '${usage.command}' ${requires}\n\nUsage:  ${usage.command} ${usage.synopsis}\n\nSee '${usage.command} --help' for more information`,
    1,
  );
}
