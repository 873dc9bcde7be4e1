import { expect } from 'vitest';
import { documentSchemas } from '../../src/presentation/schemas/documents.js';
import type { CliResult, Shop } from './kit.js';
import type { TerminalResult } from './pty.js';
import { inTerminal } from './pty.js';

/** A command or a reference is there to be copied and left whole: terminals join again what they have wrapped themselves. */
const TO_COPY = /^\s*(?:Next: )?(?:\$ )?(?:deployctl|aws|eval) |^\S+$/;
// eslint-disable-next-line no-control-regex -- colours are escape sequences
const COLOURS = /\u001b\[[0-9;]*m/;
/** Controls other than the line feed; the escape is among them. */
// eslint-disable-next-line no-control-regex -- controls are what this expression is for
const CONTROLS = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/;

/** What must hold of a terminal when a command has ended. */
export function expectTidy({ screen, transcript }: TerminalResult, colours: boolean): void {
  expect(
    // The terminal echoes Ctrl-C wherever the cursor stands, also before a line that is being drawn.
    screen.tooWide.filter((line) => !TO_COPY.test(line) && !line.startsWith('^C')),
    `lines of more than 80 columns in:\n${transcript}`,
  ).toEqual([]);
  const { cursorHidden, alternate, updating, column } = screen;
  expect({ cursorHidden, alternate, updating, column, painted: [...screen.painted] }, transcript).toEqual({
    cursorHidden: false,
    alternate: false,
    updating: false,
    column: 0,
    painted: [],
  });
  if (!colours) expect(screen.raw, transcript).not.toMatch(COLOURS);
}

/** What must hold of a pipe: text, and whole lines of it. */
function expectPlain({ stdout, stderr, whole, transcript }: CliResult): void {
  for (const text of [stdout, stderr]) expect(text, transcript).not.toMatch(CONTROLS);
  expect(whole, transcript).toBe(true);
}

/** `--json`: stdout is one document, which its schema accepts. */
function expectDocument(result: CliResult, schema: Schema): void {
  expectPlain(result);
  const document: unknown = JSON.parse(result.stdout);
  expect(documentSchemas[schema].safeParse(document).error, result.stdout).toBeUndefined();
}

export type Schema = keyof typeof documentSchemas;

interface Wanted {
  readonly code: number;
  /** Of the document; absent: the command has no --json, or its document is looked at elsewhere. */
  readonly schema?: Schema;
  /** In what a person reads, in the terminal and in the pipe, blanks and line breaks alike. */
  readonly says?: RegExp;
}

/** In the terminal, there with NO_COLOR, in a pipe, with --json. */
export const FORMS = ['terminal', 'NO_COLOR', 'pipe', 'json'] as const;
type Form = (typeof FORMS)[number];

/** Runs a command in one form, and looks at all that holds for this form. */
export async function inForm(shop: Shop, form: Form, args: readonly string[], wanted: Wanted): Promise<void> {
  const says = wanted.says ?? /\S/;
  if (form === 'terminal' || form === 'NO_COLOR') {
    const result = await inTerminal(shop, args, form === 'NO_COLOR' ? { env: { NO_COLOR: '1' } } : {}).done;
    expect(result.code, result.transcript).toBe(wanted.code);
    expect(result.screen.text.replace(/\s+/g, ' '), result.transcript).toMatch(says);
    expectTidy(result, form === 'terminal');
  } else if (form === 'pipe') {
    const result = await shop.run(wanted.code, args);
    expect(`${result.stderr}\n${result.stdout}`.replace(/\s+/g, ' '), result.transcript).toMatch(says);
    expectPlain(result);
  } else if (wanted.schema !== undefined) {
    const at = args.indexOf('--');
    // What stands behind `--` belongs to another command.
    const own = at === -1 ? args.length : at;
    const result = await shop.run(wanted.code, [...args.slice(0, own), '--json', ...args.slice(own)]);
    expectDocument(result, wanted.schema);
  }
}

/** All forms of a command that leaves nothing behind. */
export async function inEveryForm(shop: Shop, args: readonly string[], wanted: Wanted): Promise<void> {
  await Promise.all(FORMS.map((form) => inForm(shop, form, args, wanted)));
}
