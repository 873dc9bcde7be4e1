import { width } from './format.js';

/** Lines that are meant to be copied: a line break of ours in them would be pasted along. Terminals join what they wrapped themselves. */
const COMMAND = /^\s*(?:\$ |Next: )?(?:deployctl|aws|eval|docker|terraform|terragrunt) /;
/** Leading blanks, then a mark or a first column: what follows on further lines stands below the text. */
const HANG = /^\s*(?:(?:[!→•-] )|(?:\S+ {2,}))?/;

/**
 * Text for a terminal of so many columns: lines break at blanks and go on below their own text. A word that is too long (an ARN) stands alone, and
 * a command is never broken: its remark (`   # …`) goes on a line of its own.
 */
export function fold(text: string, columns: number): string {
  return text
    .split('\n')
    .flatMap((line) =>
      width(line) <= columns ? [line] : COMMAND.test(line) ? command(line, columns) : prose(line, columns),
    )
    .join('\n');
}

function command(line: string, columns: number): readonly string[] {
  const [, typed = line, remark] = /^(.*?)\s+(# .*)$/.exec(line) ?? [];
  if (remark === undefined) return [line];
  const indent = /^\s*/.exec(line)?.[0] ?? '';
  return [typed, ...prose(`${indent}    ${remark}`, columns)];
}

function prose(line: string, columns: number): readonly string[] {
  const start = HANG.exec(line)?.[0] ?? '';
  const hang = ' '.repeat(Math.min(width(start), Math.floor(columns / 2)));
  const lines: string[] = [];
  let current = start.trimEnd();
  let gap = ' '.repeat(width(start) - width(current));
  for (const word of line.slice(start.length).split(/ +/)) {
    const next = current + gap + word;
    if (width(next) <= columns || current.trim() === '') current = next;
    else {
      lines.push(current);
      current = hang + word;
    }
    gap = ' ';
  }
  return [...lines, current];
}
