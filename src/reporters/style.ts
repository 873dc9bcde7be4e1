/** What a piece of text means; the only thing that decides its colour. */
export type Tone = 'plain' | 'dim' | 'strong' | 'good' | 'active' | 'warning' | 'bad';

export interface Style {
  readonly color: boolean;
  readonly unicode: boolean;
  paint(text: string, tone: Tone): string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** SGR codes (ECMA-48 8.3.117): on and off. util.styleText asks process.stdout, and the view is on stderr. */
const CODES: Readonly<Record<Exclude<Tone, 'plain'>, readonly [on: number, off: number]>> = {
  dim: [2, 22],
  strong: [1, 22],
  good: [32, 39],
  active: [36, 39],
  warning: [33, 39],
  bad: [31, 39],
};

/**
 * Whether colours are wanted: never with NO_COLOR (no-color.org) or FORCE_COLOR=0, always with another FORCE_COLOR, else on a terminal
 * that is not `dumb`.
 */
export function wantsColor(stream: { readonly isTTY?: boolean }, env: Environment): boolean {
  if (env['NO_COLOR'] !== undefined && env['NO_COLOR'] !== '') return false;
  const force = env['FORCE_COLOR'];
  if (force !== undefined) return force !== '0' && force !== 'false';
  return stream.isTTY === true && env['TERM'] !== 'dumb';
}

/** Whether a view that redraws itself is wanted: a terminal that can move its cursor, and nobody but a person to look at it. */
export function wantsLiveView(stream: { readonly isTTY?: boolean }, env: Environment): boolean {
  const ci = env['CI'] !== undefined && env['CI'] !== '' && env['CI'] !== 'false';
  return stream.isTTY === true && env['TERM'] !== 'dumb' && !ci;
}

/** Whether the locale has more than ASCII. Unset counts as yes: most terminals of today. */
export function wantsUnicode(env: Environment): boolean {
  const locale = env['LC_ALL'] || env['LC_CTYPE'] || env['LANG'] || 'UTF-8';
  return env['TERM'] !== 'linux' && /utf-?8/i.test(locale);
}

export function createStyle(options: { readonly color: boolean; readonly unicode?: boolean }): Style {
  return {
    color: options.color,
    unicode: options.unicode ?? true,
    paint(text, tone) {
      if (!options.color || tone === 'plain' || text === '') return text;
      const [on, off] = CODES[tone];
      return `\u001b[${on}m${text}\u001b[${off}m`;
    },
  };
}
