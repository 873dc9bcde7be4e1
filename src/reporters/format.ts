import type { Instant, Ms } from '../domain/ids.js';

/** `0.4s`, `41s`, `1m 05s`, `2h 05m`, `3d 04h`. Negative durations are `0s`. */
export function duration(ms: Ms): string {
  const tenths = Math.round(Math.max(0, ms) / 100);
  if (tenths < 100) return `${tenths / 10}s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m ${two(seconds % 60)}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)}h ${two(minutes % 60)}m`;
  const hours = Math.floor(minutes / 60);
  return `${Math.floor(hours / 24)}d ${two(hours % 24)}h`;
}

/** As `duration`, in whole seconds: for what is redrawn each second. */
export function countdown(ms: Ms): string {
  return duration(Math.ceil(Math.max(0, ms) / 1000) * 1000);
}

/** `just now`, `41s ago`, `2h 05m ago`. */
export function age(at: Instant, now: Instant): string {
  return now - at < 1000 ? 'just now' : `${countdown(now - at)} ago`;
}

/** `19:53:12`, in the zone given or that of the machine. */
export function timeOfDay(at: Instant, timeZone?: string): string {
  return new Intl.DateTimeFormat('en-GB', {
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23',
    ...(timeZone === undefined ? {} : { timeZone }),
  }).format(at);
}

/** `10%`, `33.3%`. */
export function percent(value: number): string {
  return `${Math.round(value * 10) / 10}%`;
}

/**
 * A bar of `width` cells, filled to `share` (0-1). Only 0 is drawn empty and only 1 full: 1 % of the traffic is not none, 99 % is not all.
 */
export function bar(share: number, width: number, unicode = true): string {
  const part = Math.min(1, Math.max(0, Number.isFinite(share) ? share : 0));
  let filled = Math.round(part * width);
  if (part > 0 && filled === 0) filled = 1;
  if (part < 1 && filled === width) filled = width - 1;
  const [on, off] = unicode ? ['█', '░'] : ['#', '-'];
  return on.repeat(Math.max(0, filled)) + off.repeat(Math.max(0, width - filled));
}

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}|\ufe0f/u;
/** No code unit above Latin-1 supplement or in the marks: each is one cell. The usual case, and quick. */
const SIMPLE = /^[\u0020-\u007e\u00a1-\u02ff\u2010-\u2027\u2190-\u21ff\u2500-\u259f]*$/;

/** Terminal cells that the text takes. The text holds no controls. */
export function width(text: string): number {
  if (SIMPLE.test(text)) return text.length;
  let cells = 0;
  for (const { segment } of graphemes.segment(text)) cells += WIDE.test(segment) ? 2 : 1;
  return cells;
}

/** At most `cells` wide, ending in `…` when something was cut. Never cuts through a character. */
export function truncate(text: string, cells: number): string {
  if (cells <= 0) return '';
  if (width(text) <= cells) return text;
  return `${take(text, cells - 1).trimEnd()}…`;
}

/** Exactly `cells` wide: cut or filled up with blanks. */
export function pad(text: string, cells: number): string {
  const cut = truncate(text, cells);
  return cut + ' '.repeat(Math.max(0, cells - width(cut)));
}

/** Breaks at blanks into lines of at most `cells`; following lines begin with `indent`. A word that is too long is cut into pieces. */
export function wrap(text: string, cells: number, indent = ''): readonly string[] {
  const room = Math.max(8, cells);
  if (width(text) <= room) return [text];
  const lines: string[] = [];
  let line = /^ */.exec(text)?.[0].slice(0, room - 4) ?? '';
  let empty = true;
  for (const word of text.split(' ').filter((part) => part !== '')) {
    let rest = word;
    if (!empty && width(line) + 1 + width(rest) > room) {
      lines.push(line);
      line = indent;
      empty = true;
    }
    while (empty && width(line) + width(rest) > room) {
      const piece = take(rest, room - width(line)) || rest;
      lines.push(line + piece);
      rest = rest.slice(piece.length);
      line = indent;
    }
    line += empty ? rest : ` ${rest}`;
    empty = empty && rest === '';
  }
  if (!empty || lines.length === 0) lines.push(line);
  return lines;
}

/** The longest start of the text that fits into `cells`. */
function take(text: string, cells: number): string {
  if (SIMPLE.test(text)) return text.slice(0, Math.max(0, cells));
  let taken = '';
  let used = 0;
  for (const { segment } of graphemes.segment(text)) {
    const next = used + width(segment);
    if (next > cells) break;
    taken += segment;
    used = next;
  }
  return taken;
}

const two = (value: number): string => String(value).padStart(2, '0');
