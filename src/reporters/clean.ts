/*
 * Text that came from outside (container logs, answers of services, names, reasons, errors of AWS) on its way to a terminal or a CI log: this file is its
 * only way there. Such text must not move the cursor, change colours, reorder what is read, begin a line of its own, or be taken for a command by the CI
 * system that reads the log. Fields are cleaned one by one (`oneLine`, `flat`), and whatever leaves a command once more as a whole (`printable`). Data in
 * JSON stay as they are: `safeJson` only spells them so that they are harmless on their way.
 */
import { shortened } from '../domain/text.js';

/** Only so much of a very long text is looked at: nobody prints more, and cleaning must stay cheap. */
const LONGEST = 64 * 1024;

/**
 * Whole escape sequences (ECMA-48, 5.3-5.6 and 8.3): control strings (DCS, SOS, OSC, PM, APC) up to their end on the same line, control sequences (CSI), and
 * what else begins with ESC; each in its form of 7 and of 8 bits. No part can match in two ways, so the time grows with the length only.
 */
const SEQUENCES = new RegExp(
  [
    String.raw`(?:\u001b[PX\]^_]|[\u0090\u0098\u009d-\u009f])[^\u0007\n\r\u001b\u0090\u0098\u009b-\u009f]*(?:\u0007|\u001b\\|\u009c)`,
    String.raw`(?:\u001b\[|\u009b)[\u0030-\u003f]*[\u0020-\u002f]*[\u0040-\u007e]`,
    String.raw`\u001b[\u0020-\u002f]*[\u0030-\u007e]`,
  ].join('|'),
  'g',
);

/**
 * Controls (C0, DEL, C1), marks without a width and those that turn the direction of reading, separators of lines and paragraphs, annotations and tags,
 * halves of surrogate pairs.
 */
const UNPRINTABLE =
  // eslint-disable-next-line no-control-regex -- control characters are what this expression is for
  /[\u0000-\u001f\u007f-\u009f\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}\p{Cs}]+/gu;

/** Without escape sequences; whatever else cannot be printed is a blank. */
const visible = (line: string): string => line.replace(SEQUENCES, '').replace(UNPRINTABLE, ' ');

/**
 * GitHub's runner reads `::name::` at the start of a line (after blanks) and `##[name]` anywhere in it as a command
 * (actions/runner, ActionCommand.TryParseV2 and TryParse). A blank in between makes both plain text.
 */
function withoutWorkflowCommands(line: string): string {
  return line.replaceAll('##[', '## [').replace(/^(\s*):(?=:)/, '$1: ');
}

/** The text on one line: no escape sequences or controls, blanks collapsed, no workflow command. */
export function oneLine(text: string): string {
  return withoutWorkflowCommands(visible(text.slice(0, LONGEST)).replace(/\s+/g, ' ').trim());
}

/** As `oneLine`, with its blanks as they are: what is to be typed next has its remark set off by several. */
export function inLine(text: string): string {
  return withoutWorkflowCommands(visible(text.slice(0, LONGEST)));
}

/** A result with every text in it, names of keys too, as `inLine` gives it: what is worded from it has the lines that its author gave it, and no others. */
export function flat<T>(value: T): T {
  // Text by text, so the shape stays what it was.
  return flattened(value) as T;
}

function flattened(value: unknown): unknown {
  if (typeof value === 'string') return inLine(value);
  if (Array.isArray(value)) return value.map(flattened);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [inLine(key), flattened(inner)]));
}

/** Text of several lines that is about to be written: its lines stay, what is in them becomes harmless. */
export function printable(text: string): string {
  return text
    .split(/\r\n|\n|\r/)
    .map((line) => withoutWorkflowCommands(visible(line.replaceAll('\t', '  '))))
    .join('\n');
}

/** The last `most` lines of a log, each at most `longest` characters, without escape sequences, controls and workflow commands. */
export function logLines(tail: string, most = 20, longest = 400): readonly string[] {
  const lines = tail
    .slice(-LONGEST)
    .split(/\r\n|\n|\r/)
    .map((line) => visible(line.replaceAll('\t', '  ')).trimEnd())
    .map((line) => withoutWorkflowCommands(shortened(line, longest)));
  while (lines.length > 0 && lines.at(-1) === '') lines.pop();
  return lines.slice(-most);
}

/** The same data as JSON, on one line or indented, with everything escaped that a terminal or a CI system could take for more than text. */
export function safeJson(value: unknown, indent?: number): string {
  // JSON.stringify has spelt out C0 and halves of surrogate pairs; the line breaks that are left are its own.
  return (JSON.stringify(value, undefined, indent) ?? 'null')
    .replace(
      /[\u007f-\u009f\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|\udb40[\udc00-\udc7f]/g,
      (chars) => {
        return [...Array(chars.length).keys()]
          .map((at) => `\\u${chars.charCodeAt(at).toString(16).padStart(4, '0')}`)
          .join('');
      },
    )
    .replaceAll('##[', '#\\u0023[');
}
