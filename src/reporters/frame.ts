import type { InstanceLine, Place, ServiceLine, View } from '../domain/event.js';
import type { Color, Instant } from '../domain/ids.js';
import { oneLine } from './clean.js';
import { PLACE_WORDS, placeTone, where, who } from './describe.js';
import { bar, countdown, pad, percent, truncate, width } from './format.js';
import type { Style, Tone } from './style.js';

/*
 * The live view as text: pure, so that it can be looked at in tests. No line is as wide as the terminal, so nothing ever wraps and what was
 * drawn can be taken back.
 */

export interface FrameOptions {
  readonly columns: number;
  /** Lines that may be used, the header among them. */
  readonly rows: number;
  readonly now: Instant;
  readonly style: Style;
}

/** A piece of a line. Widths are decided on the bare text, colours come last. */
interface Piece {
  readonly text: string;
  readonly tone: Tone;
}

const piece = (text: string, tone: Tone = 'plain'): Piece => ({ text, tone });

/** The line beside the spinner: what moves, where, in which phase, for how long. */
export function header(view: View, options: FrameOptions): string {
  const elapsed = countdown(options.now - view.startedAt);
  // An estimate that is over says nothing more, nor does one of less than a second.
  const useful = Math.max(1000, options.now - view.startedAt);
  const short = view.estimate === undefined || view.estimate < useful || options.columns < 60;
  const time = short ? elapsed : `${elapsed} of about ${countdown(view.estimate)}`;
  const back = view.aim === 'old' && view.kind !== 'rollback' ? 'rolling back' : view.kind;
  // The spinner and its blank take two cells, the last cell stays empty.
  const room = options.columns - 3;
  const strategy = view.strategy === view.kind ? '' : `, ${oneLine(view.strategy)}`;
  // Before the first decision there is no phase.
  const phase = view.phase === '' ? '' : `: ${oneLine(view.phase)}`;
  const title = `${where(view)}  ${back}${strategy}${phase}`;
  const left = truncate(title, Math.max(1, room - width(time) - 2));
  if (width(left) + width(time) + 2 > room) return truncate(title, room);
  return paint([piece(left, 'strong'), piece('  '), piece(time, 'dim')], room, options.style);
}

/** The terminal writes `^C` where the cursor rests, behind the last line: if that wrapped, one line less than was drawn would be taken back. */
const ECHO = 2;

/** Everything below the header. */
export function frame(view: View, options: FrameOptions): readonly string[] {
  const room = options.columns - 1;
  const services = serviceLines(view, room, options.style.unicode);
  const waits = waitLines(view, options.now);
  const used = 1 + services.length + waits.length;
  const instances = instanceLines(view, options, Math.max(1, options.rows - used));
  return [...services, ...instances, ...waits]
    .slice(0, Math.max(0, options.rows - 1))
    .map((line, index, all) => paint(line, index === all.length - 1 ? room - ECHO : room, options.style));
}

function paint(line: readonly Piece[], room: number, style: Style): string {
  let left = room;
  let text = '';
  for (const each of line) {
    text += style.paint(truncate(each.text, left), each.tone);
    left -= width(each.text);
    if (left <= 0) break;
  }
  return style.color ? text : text.trimEnd();
}

const longest = (texts: readonly string[], most: number): number => Math.min(most, Math.max(0, ...texts.map(width)));

function serviceLines(view: View, room: number, unicode: boolean): readonly Piece[][] {
  const rows = view.services.map((it) => ({
    it,
    name: oneLine(it.service),
    move: `${oneLine(it.from)} → ${oneLine(it.to)}`,
  }));
  const names = longest(
    rows.map((row) => row.name),
    14,
  );
  const moves = longest(
    rows.map((row) => row.move),
    Math.max(12, Math.floor(room * 0.35)),
  );
  return rows.map(({ it, name, move }) => [
    piece(`  ${pad(name, names)}  `, 'strong'),
    piece(`${pad(move, moves)}  `),
    ...trafficPieces(it, room - names - moves - 6, unicode),
    ...(Object.keys(it.weights).length < 2 ? [piece(countOf(view, it), 'dim')] : []),
  ]);
}

const COLORS: readonly Color[] = ['blue', 'green'];

/** `blue 90% ██████████████████░░ 10% green`; the bar shows the live color's share. Nothing when no weight is known. */
function trafficPieces(it: ServiceLine, room: number, unicode: boolean): readonly Piece[] {
  const known = COLORS.filter((color) => it.weights[color] !== undefined);
  if (known.length < 2) return [];
  const [left, right] = it.live === 'blue' ? (['blue', 'green'] as const) : (['green', 'blue'] as const);
  const before = `${left} ${percent(it.weights[left] ?? 0)} `;
  const after = ` ${percent(it.weights[right] ?? 0)} ${right}`;
  const cells = Math.min(20, room - width(before) - width(after));
  const drawn = cells >= 4 ? bar((it.weights[left] ?? 0) / 100, cells, unicode) : '';
  return [piece(before), piece(drawn, 'active'), piece(after)];
}

/** `2 of 4 serving`: how far a service is whose traffic stays on one color. */
function countOf(view: View, it: ServiceLine): string {
  const own = view.instances.filter((line) => line.service === it.service && line.place !== 'excluded');
  if (own.length === 0) return '';
  return `${own.filter((line) => line.place === 'serving').length} of ${own.length} serving`;
}

/** What moves or is wrong comes first when not all fit. */
const INTEREST: Readonly<Record<Place, number>> = {
  bad: 0,
  unknown: 1,
  swapping: 2,
  draining: 2,
  quiet: 2,
  unverified: 2,
  ready: 2,
  warming: 2,
  settling: 2,
  excluded: 3,
  old: 4,
  empty: 5,
  serving: 6,
};

function instanceLines(view: View, options: FrameOptions, most: number): readonly Piece[][] {
  const all = [...view.instances];
  let shown = all;
  let rest: InstanceLine[] = [];
  if (all.length > most) {
    const kept = new Set(
      [...all].sort((a, b) => INTEREST[a.place] - INTEREST[b.place]).slice(0, Math.max(0, most - 1)),
    );
    shown = all.filter((line) => kept.has(line));
    rest = all.filter((line) => !kept.has(line));
  }
  const bothColors = new Set(view.instances.map((line) => line.color)).size > 1;
  const columns = instanceColumns(shown, options, bothColors);
  const lines = shown.map((line) => instanceLine(line, options.now, columns));
  return rest.length === 0 ? lines : [...lines, [piece(`  … ${rest.length} more: ${tally(rest)}`, 'dim')]];
}

/** `8 serving, 4 old`. */
function tally(lines: readonly InstanceLine[]): string {
  const counts = new Map<Place, number>();
  for (const line of lines) counts.set(line.place, (counts.get(line.place) ?? 0) + 1);
  return [...counts].map(([place, count]) => `${count} ${PLACE_WORDS[place]}`).join(', ');
}

interface Columns {
  readonly service: (line: InstanceLine) => string;
  readonly name: (line: InstanceLine) => string;
  readonly zone: (line: InstanceLine) => string;
  readonly widths: readonly [service: number, name: number, zone: number];
}

const COUNTDOWN = 7;
const PLACE = 8;

/** Instance ids give way first, then zones, when the terminal is narrow. */
function instanceColumns(lines: readonly InstanceLine[], options: FrameOptions, bothColors: boolean): Columns {
  const service = (line: InstanceLine): string => oneLine(bothColors ? `${line.service} ${line.color}` : line.service);
  const full = (line: InstanceLine): string => who(line.instance, line.name);
  const short = (line: InstanceLine): string => oneLine(line.name) || oneLine(line.instance);
  const zone = (line: InstanceLine): string => oneLine(line.zone);
  const services = longest(lines.map(service), 16);
  const zones = longest(lines.map(zone), 12);
  const fixed = 2 + services + 2 + 2 + PLACE + 2 + COUNTDOWN + 20;
  const fulls = longest(lines.map(full), 40);
  const shorts = longest(lines.map(short), 19);
  if (fixed + fulls + zones + 2 <= options.columns)
    return { service, name: full, zone, widths: [services, fulls, zones] };
  if (fixed + shorts + zones + 2 <= options.columns + 6) {
    return { service, name: short, zone, widths: [services, shorts, zones] };
  }
  return { service, name: short, zone: () => '', widths: [Math.min(services, 9), Math.min(shorts, 14), 0] };
}

function instanceLine(line: InstanceLine, now: Instant, columns: Columns): Piece[] {
  const [service, name, zone] = columns.widths;
  const left = line.until === undefined ? '' : countdown(line.until - now);
  const quiet = line.place === 'old' || line.place === 'empty';
  return [
    piece(`  ${pad(columns.service(line), service)}  `),
    piece(`${pad(columns.name(line), name)}  `),
    ...(zone === 0 ? [] : [piece(`${pad(columns.zone(line), zone)}  `, 'dim')]),
    piece(`${pad(PLACE_WORDS[line.place], PLACE)}  `, quiet ? 'dim' : placeTone(line.place)),
    ...(line.until === undefined ? [] : [piece(`${left.padStart(COUNTDOWN)}  `, 'dim')]),
    ...(line.waitsFor === undefined ? [] : [piece(oneLine(line.waitsFor))]),
  ];
}

/** Waits that no instance line shows, and why things stand as they do. */
function waitLines(view: View, now: Instant): readonly Piece[][] {
  const reason = oneLine(view.reason);
  const told = new Set(view.instances.filter((line) => line.waitsFor !== undefined).map((line) => line.instance));
  const waits = view.waits
    .filter((wait) => wait.instance === undefined || !told.has(wait.instance))
    .slice(0, 2)
    .map((wait) => {
      const of = wait.service === undefined ? '' : ` (${oneLine(wait.service)})`;
      // What is waited for is often the reason itself: said once, and whole if it can be.
      const head = oneLine(wait.what) === reason ? '' : 'waiting, ';
      return [piece(`  ${head}${countdown(wait.until - now)} at most: `, 'dim'), piece(`${oneLine(wait.what)}${of}`)];
    });
  const said = view.waits.slice(0, 2).some(({ what }) => oneLine(what) === reason);
  return reason === '' || said ? waits : [...waits, [piece(`  ${reason}`, view.aim === 'old' ? 'warning' : 'dim')]];
}
