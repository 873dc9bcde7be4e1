/** Text that a log or a terminal would take for more than text, and documents that are made of it. */
import fc from 'fast-check';

const pieces = [
  '\u001b[31m',
  '\u001b[2J\u001b[H',
  '\u001b]0;title\u0007',
  '\u001b]8;;https://example.com\u001b\\',
  '\u001bP1$r0m\u001b\\',
  '\u001b_apc\u001b\\',
  '\u001b',
  '\u009b31m',
  '\u009d0;title\u009c',
  '\u0090',
  '\u0085',
  '\u0007',
  '\b\b',
  '\0',
  '\u007f',
  '\t',
  '\n',
  '\r',
  '\r\n',
  '\u2028',
  '\u2029',
  '\u202e',
  '\u2066',
  '\u2069',
  '\u061c',
  '\u200b',
  '\ufeff',
  '\u{e0041}',
  '\ud83d',
  '\udc00',
  '::error::pwned',
  '::stop-commands::x',
  '##[error]pwned',
  '##[',
  ':',
  '::',
  '#',
  '[',
  ' ',
  '  ',
  '🚀',
  'word',
  '@everyone',
  '<@&1>',
  '`',
  '```',
  '[a](https://b.example)',
  '<b>',
  '%0A',
];

/** Begins and ends with a letter, so that nothing that depends on an empty text is another thing. */
export const hostile = fc
  .oneof(
    fc.array(fc.constantFrom(...pieces), { minLength: 1, maxLength: 12 }).map((some) => some.join('')),
    fc.string({ unit: 'binary', maxLength: 30 }),
  )
  .chain((text) => fc.constantFrom(text, `a${text}z`, `${text}z`))
  .map((text) => `${text}zz`);

/** Everything that must not reach a terminal, but the end of a line. */
export const UNSAFE =
  // eslint-disable-next-line no-control-regex -- control characters are what this expression is for
  /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\u{e0000}-\u{e007f}\p{Cs}]/u;

/** What is wrong with a text that is about to be written; undefined: nothing. */
export function flawOf(text: string): string | undefined {
  const found = UNSAFE.exec(text)?.[0];
  if (found !== undefined) return `it holds ${JSON.stringify(found)}`;
  const command = text.split('\n').find((line) => /^\s*::/.test(line) || line.includes('##['));
  return command === undefined ? undefined : `a line is a command to the CI system: ${JSON.stringify(command)}`;
}

/** The document with another text in each of its fields, but those whose text decides what is shown, or is a time. */
export function filled<T>(document: T, text: string, keep: ReadonlySet<string>): T {
  const fill = (value: unknown, key: string): unknown => {
    if (typeof value === 'string') return keep.has(key) ? value : text;
    if (Array.isArray(value)) return value.map((each) => fill(each, key));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, fill(inner, name)]));
  };
  return fill(document, '') as T;
}
