import { stripVTControlCharacters } from 'node:util';

/*
 * Text that came from outside (container logs, answers of services, names) on its way to a terminal or a CI log. Such text must not move the
 * cursor, change colours, reorder what is read, or be taken for a command by the CI system that reads the log.
 */

/** Only the end of a very long text is looked at: nobody prints more, and cleaning must stay cheap. */
const LONGEST = 64 * 1024;

/** Controls (C0, DEL, C1), zero-width and bidirectional marks, line and paragraph separators, halves of surrogate pairs. */
// eslint-disable-next-line no-control-regex -- control characters are what this expression is for
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\p{Cs}]/gu;

/**
 * GitHub's runner reads `::name::` at the start of a line (after blanks) and `##[name]` anywhere in it as a command
 * (actions/runner, ActionCommand.TryParseV2 and TryParse). A blank in between makes both plain text.
 */
function withoutWorkflowCommands(line: string): string {
  return line.replaceAll('##[', '## [').replace(/^(\s*):(?=:)/, '$1: ');
}

/** The text on one line: no escape sequences or controls, blanks collapsed, no workflow command. */
export function oneLine(text: string): string {
  const flat = stripVTControlCharacters(text.slice(0, LONGEST)).replace(UNPRINTABLE, ' ').replace(/\s+/g, ' ');
  return withoutWorkflowCommands(flat.trim());
}

/** The last `most` lines of a log, each at most `longest` characters, without escape sequences, controls and workflow commands. */
export function logLines(tail: string, most = 20, longest = 400): readonly string[] {
  const lines = stripVTControlCharacters(tail.slice(-LONGEST))
    .split(/\r\n|\n|\r/)
    .map((line) => line.replaceAll('\t', '  ').replace(UNPRINTABLE, ' ').trimEnd())
    .map((line) => withoutWorkflowCommands(line.length > longest ? `${line.slice(0, longest - 1)}…` : line));
  while (lines.length > 0 && lines.at(-1) === '') lines.pop();
  return lines.slice(-most);
}

/** JSON on one line, with everything escaped that a terminal or a CI system could take for more than text. */
export function safeJson(value: unknown): string {
  return JSON.stringify(value)
    .replace(/[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g, (char) => {
      return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
    })
    .replaceAll('##[', '#\\u0023[');
}
