/*
 * The time that a rollout cannot do without, from the log of the world in which it ran. It knows nothing of strategies: only what takes its time in
 * the world, and the waits that the configuration asks for after each thing that happened. Imports nothing of deployctl.
 */

/** Waits that the configuration demands. Milliseconds. */
export interface Demands {
  /** After traffic was taken away from something, before it may be stopped. */
  readonly settle: number;
  /** After a target has become healthy. */
  readonly minHealthy: number;
  /** After each write of weights that moves traffic, and after the last target of a rollout in place. */
  readonly bake: number;
}

/** From, until; milliseconds. */
export type Span = readonly [from: number, until: number];

/** A line of the log: `12.345 deregister i-1:8080`; the seconds count from anywhere. */
interface Line {
  readonly at: number;
  readonly text: string;
}

const parse = (log: readonly string[]): readonly Line[] =>
  log.flatMap((line) => {
    const [, at, text] = /^(\d+\.\d+) (.*)$/.exec(line) ?? [];
    return at === undefined || text === undefined ? [] : [{ at: Math.round(Number(at) * 1000), text }];
  });

/** Opening line, closing line; what their groups hold is the same thing. A command may have a comment around what it does. */
const pairs: readonly (readonly [RegExp, RegExp])[] = [
  [/^deregister (\S+)$/, /^drained (\S+)$/],
  [/^register (\S+)$/, /^(\S+) healthy$/],
  [
    /^(\S+) begins (?:.* )?(pull|start|stop|restore|task)(?: .*)?$/,
    /^(\S+) ends (?:.* )?(pull|start|stop|restore|task)(?: .*)?$/,
  ],
];

/** Everything in the log that takes its time, in the order of its end. */
export function spansOf(log: readonly string[], demands: Demands): readonly Span[] {
  const spans: Span[] = [];
  const open = new Map<string, number>();
  const weights = new Map<string, string>();
  let registered = false;
  let lastHealthy: number | undefined;
  for (const { at, text } of parse(log)) {
    for (const [index, [begins, ends]] of pairs.entries()) {
      const begun = begins.exec(text)?.slice(1).join(' ');
      if (begun !== undefined) open.set(`${String(index)} ${begun}`, at);
      const ended = ends.exec(text)?.slice(1).join(' ');
      const from = ended === undefined ? undefined : open.get(`${String(index)} ${ended}`);
      if (from !== undefined) {
        spans.push([from, at]);
        open.delete(`${String(index)} ${ended ?? ''}`);
      }
    }
    if (text.startsWith('deregister ')) spans.push([at, at + demands.settle]);
    if (text.startsWith('register ')) registered = true;
    if (registered && text.endsWith(' healthy')) {
      spans.push([at, at + demands.minHealthy]);
      lastHealthy = at;
    }
    const [, route, shares] = /^weights (\S+) (\S+)$/.exec(text) ?? [];
    if (route === undefined || shares === undefined) continue;
    // Attaching a group at 0 moves nothing.
    const moves =
      shares
        .split('/')
        .filter((share) => share !== '0')
        .join('/') !== weights.get(route) &&
      (weights.has(route) || shares.split('/').every((share) => share !== '0'));
    weights.set(
      route,
      shares
        .split('/')
        .filter((share) => share !== '0')
        .join('/'),
    );
    if (moves) spans.push([at, at + demands.bake]);
  }
  if (weights.size === 0 && lastHealthy !== undefined)
    spans.push([lastHealthy, lastHealthy + demands.minHealthy + demands.bake]);
  return spans;
}

/** How long at least one of the spans was on, within `from` and `until`. */
export function covered(spans: readonly Span[], from: number, until: number): number {
  let sum = 0;
  let reached = from;
  for (const [begin, end] of [...spans].sort(([a], [b]) => a - b)) {
    const to = Math.min(end, until);
    if (to <= reached) continue;
    sum += to - Math.max(begin, reached);
    reached = to;
  }
  return sum;
}

/** Calls of one batch travel side by side, or one soon after the other. */
const together = 2000;

/** How often something was taken out of service, or moved traffic: how many batches there were. */
export function batchesOf(log: readonly string[]): number {
  const times = (of: RegExp): readonly number[] => parse(log).flatMap(({ at, text }) => (of.test(text) ? [at] : []));
  const bunches = (all: readonly number[]): number =>
    all.filter((at, index) => index === 0 || at - (all[index - 1] ?? 0) > together).length;
  return Math.max(1, bunches(times(/^deregister /)), bunches(times(/^weights /)));
}
