/**
 * Documents with what a person types and what comes of it. A fenced block `sh` has a command a line; in a block `console` commands begin
 * with `$ ` and what they print follows. A line `…` stands for any number of lines.
 */
import { execa } from 'execa';

interface Typed {
  readonly command: string;
  /** As the document has it; of a block `sh` nothing is known. */
  readonly printed: readonly string[] | undefined;
  /** Where in the document the printed lines begin. */
  readonly line: number;
}

/** What a command did. */
export interface Played extends Typed {
  readonly code: number;
  readonly output: readonly string[];
}

const ANY = '…';

export function typedIn(document: string): readonly Typed[] {
  const typed: Typed[] = [];
  let kind: string | undefined;
  let printed: string[] | undefined;
  document.split('\n').forEach((text, index) => {
    const fence = /^```(\w*)$/.exec(text);
    if (fence !== null) {
      kind = kind === undefined ? fence[1] : undefined;
      printed = undefined;
    } else if (kind === 'sh' && text !== '') {
      typed.push({ command: text, printed: undefined, line: index + 1 });
    } else if (kind === 'console' && text.startsWith('$ ')) {
      printed = [];
      typed.push({ command: text.slice(2), printed, line: index + 1 });
    } else if (kind === 'console') {
      printed?.push(text);
    }
  });
  return typed;
}

/** Runs the commands in one shell, as a person would: what one exports or changes to is there for the next. */
export async function play(
  typed: readonly Typed[],
  options: { readonly cwd: string; readonly env: Readonly<Record<string, string>>; readonly timeout: number },
): Promise<readonly Played[]> {
  const mark = '\u001e';
  const script = [
    'shopt -s expand_aliases',
    'code=0',
    ...typed.flatMap(({ command }) => [`(exit "$code")`, command, `code=$?`, `printf '\\n${mark}%s${mark}' "$code"`]),
  ].join('\n');
  const { all } = await execa('bash', ['-c', script], {
    ...options,
    extendEnv: false,
    stdin: 'ignore',
    reject: false,
    all: true,
    forceKillAfterDelay: 5_000,
  });
  const parts = all.split(mark);
  return typed.map((one, index) => ({
    ...one,
    code: Number(parts[2 * index + 1] ?? '-1'),
    output: lines(parts[2 * index] ?? ''),
  }));
}

/** Commands that ended with a code other than 0, except where the next one is `echo $?`: the reader is told. */
export function unexpectedEnds(played: readonly Played[]): readonly string[] {
  return played
    .filter(({ code }, index) => code !== 0 && played[index + 1]?.command !== 'echo $?')
    .map(({ command, code, output }) => [`$ ${command}`, ...output, `(exit ${String(code)})`].join('\n'));
}

/** The document with what was printed this time, where that says something else than the document does. */
export function withOutputs(document: string, played: readonly Played[]): string {
  const text = document.split('\n');
  for (const { printed, output, line } of [...played].reverse()) {
    if (printed === undefined || says(printed, output)) continue;
    text.splice(line, printed.length, ...excerpt(printed, output));
  }
  return text.join('\n');
}

function says(printed: readonly string[], output: readonly string[]): boolean {
  const [wanted, seen] = [trimmed(printed).map(plain), output.filter(isDocumented).map(plain)];
  const gap = wanted.indexOf(ANY);
  if (gap === -1) return wanted.join('\n') === seen.join('\n');
  const tail = wanted.length - gap - 1;
  const ends = [...seen.slice(0, gap), ANY, ...seen.slice(seen.length - tail)];
  return seen.length >= gap + tail && ends.join('\n') === wanted.join('\n');
}

/** As many lines before and after a gap as the document has. */
function excerpt(printed: readonly string[], output: readonly string[]): readonly string[] {
  const wanted = trimmed(printed);
  const gap = wanted.indexOf(ANY);
  const tail = wanted.length - gap - 1;
  const seen = output.filter(isDocumented);
  const shown = gap === -1 ? seen : [...seen.slice(0, gap), ANY, ...seen.slice(seen.length - tail)];
  // A blank line before the next command is the document's own.
  return [...shown, ...printed.slice(wanted.length)].map((line) => line.replace(/by \S+@[\w.-]+/, 'by you@laptop'));
}

/** All but the lines about an answer that is slow to come: whether there are any depends on the machine. */
const isDocumented = (line: string): boolean =>
  !/^\d\d:\d\d:\d\d +waiting for \d+ of \d+ instances? to answer: /.test(line);

/** Without what differs from one run to the next: ids, times, ports, sizes, who. */
function plain(line: string): string {
  return (
    line
      .replace(/\b(ro|r|adopted)-\d{8}-\d{6}-[0-9a-f]{4}\b/g, '$1-ID')
      .replace(/\bi-[0-9a-f]{17}\b/g, 'i-ID')
      .replace(/\bsha256:[0-9a-f]+/g, 'sha256:HEX')
      .replace(/\b\d{4}-\d\d-\d\d \d\d:\d\d\b/g, 'DATE')
      .replace(/\b\d\d:\d\d:\d\d\b/g, 'TIME')
      .replace(/\b127\.\d+\.\d+\.\d+\b/g, 'ADDRESS')
      .replace(/\b(ADDRESS|HTTP):(\d{5})\b/g, '$1:PORT')
      .replace(/\b\d+ MB\b/g, 'N MB')
      .replace(/\b\d+ of \d+ requests\b/g, 'N of N requests')
      // Which of the instances were first to fail.
      .replace(/\bon shop-\d \(i-ID\): ([^;]+)(?:; \w+ on shop-\d \(i-ID\): \1)*$/, 'on SHOP: $1')
      .replace(/\b(\d+m )?\d+(\.\d+)?s\b/g, 'DURATION')
      .replace(/\((DURATION ago|just now)\)/g, '(AGE)')
      .replace(/by \S+@[\w.-]+/g, 'by WHO')
      .replace(/\s+/g, ' ')
      .trimEnd()
  );
}

const lines = (text: string): readonly string[] => trimmed(text.split('\n').map((line) => line.trimEnd()));

function trimmed(all: readonly string[]): readonly string[] {
  const first = all.findIndex((line) => line !== '');
  return first === -1 ? [] : all.slice(first, all.findLastIndex((line) => line !== '') + 1);
}
