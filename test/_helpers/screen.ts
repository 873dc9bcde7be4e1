import { EventEmitter } from 'node:events';
import type { Terminal } from '../../src/reporters/surface.js';
import { width } from '../../src/reporters/format.js';

/** Escape sequences, other controls, and what is between them. */
// eslint-disable-next-line no-control-regex -- escape sequences and controls are what this expression is for
const TOKENS = /\u001b\[[?0-9;]*[A-Za-z]|[\u0000-\u001f\u007f]|[^\u0000-\u001f\u007f]+/g;
const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** Lines of cells, and where the next character goes. A character of two cells is followed by an empty one. */
interface Page {
  readonly lines: string[][];
  /** Rows that go on with the row above, because it was full. */
  readonly wrapped: Set<number>;
  row: number;
  column: number;
}

const blank = (): Page => ({ lines: [[]], wrapped: new Set(), row: 0, column: 0 });

/**
 * A terminal as far as views and questions use one: text with automatic wrapping, line feed, carriage return, cursor up and to a column, erasing, the alternate screen, modes, and
 * colours (counted, not shown). What is above the window stays readable, as in a scrollback. @throws at any other control: nothing else may be written.
 */
export class Screen extends EventEmitter implements Terminal {
  columns: number;
  rows: number;
  cursorHidden = false;
  /** Whether the alternate screen is shown. */
  alternate = false;
  /** Whether what is drawn is kept back until the end of an update. */
  updating = false;
  raw = '';
  /** Every line that was wider than the terminal, as far as it had come when it wrapped. */
  readonly tooWide: string[] = [];
  /** Attributes that are on. */
  readonly painted = new Set<string>();
  #page = blank();
  #main = this.#page;

  constructor(columns = 80, rows = 24) {
    super();
    this.columns = columns;
    this.rows = rows;
  }

  write(text: string): boolean {
    this.raw += text;
    for (const [token] of text.matchAll(TOKENS)) {
      if (token.startsWith('\u001b[')) this.#control(token);
      else if (token === '\n') this.#feed();
      else if (token === '\r') this.#page.column = 0;
      else if (token < ' ' || token === '\u007f') throw new Error(`unknown: ${JSON.stringify(token)}`);
      else for (const { segment } of graphemes.segment(token)) this.#put(segment);
    }
    return true;
  }

  /** As terminals do it: lines that became too long are wrapped, and the cursor stays on its text. */
  resize(columns: number, rows: number): void {
    const page = this.#page;
    const lines: string[][] = [];
    let row = 0;
    for (const [index, line] of page.lines.entries()) {
      if (index === page.row) row = lines.length + Math.floor(Math.max(0, page.column - 1) / columns);
      if (line.length === 0) lines.push([]);
      for (let from = 0; from < line.length; from += columns) lines.push(line.slice(from, from + columns));
    }
    page.lines.splice(0, page.lines.length, ...lines);
    page.row = row;
    this.columns = columns;
    this.rows = rows;
    this.emit('resize');
  }

  get lines(): readonly string[] {
    return this.#page.lines.map((line) => line.join('').trimEnd());
  }

  get text(): string {
    return this.lines.join('\n').trimEnd();
  }

  /** Where the next character would go: 0 when the last line is whole. */
  get column(): number {
    return this.#page.column;
  }

  /** The line discipline of a terminal puts a carriage return before each line feed. */
  #feed(): void {
    this.#page.row += 1;
    this.#page.column = 0;
    this.#page.lines[this.#page.row] ??= [];
    if (this.alternate && this.#page.row >= this.rows)
      throw new Error('the alternate screen is written past its last row');
  }

  #put(character: string): void {
    const page = this.#page;
    const cells = width(character);
    if (page.column + cells > this.columns) this.#wrap();
    const line = (page.lines[page.row] ??= []);
    while (line.length < page.column) line.push(' ');
    line.splice(page.column, cells, character, ...Array.from({ length: cells - 1 }, () => ''));
    page.column += cells;
  }

  #wrap(): void {
    const page = this.#page;
    let first = page.row;
    while (page.wrapped.has(first)) first -= 1;
    this.tooWide.push(
      page.lines
        .slice(first, page.row + 1)
        .map((line) => line.join(''))
        .join(''),
    );
    this.#feed();
    page.wrapped.add(page.row);
  }

  #control(token: string): void {
    const page = this.#page;
    // eslint-disable-next-line no-control-regex -- as above
    const column = /^\u001b\[(\d+)G$/.exec(token)?.[1];
    // eslint-disable-next-line no-control-regex -- as above
    const mode = /^\u001b\[\?(\d+)([hl])$/.exec(token);
    if (mode !== null) this.#mode(mode[1] ?? '', mode[2] === 'h');
    else if (column !== undefined) page.column = Number(column) - 1;
    else if (token.endsWith('m')) this.#paint(token.slice(2, -1));
    else if (token === '\u001b[2K') {
      page.lines[page.row] = [];
      page.wrapped.delete(page.row);
    } else if (token === '\u001b[0J') {
      page.lines[page.row]?.splice(page.column);
      page.lines.splice(page.row + 1);
    } else if (token === '\u001b[A') page.row = Math.max(0, page.row - 1);
    else if (token === '\u001b[H' && this.alternate) Object.assign(page, { row: 0, column: 0 });
    else if (token === '\u001b[2J' && this.alternate) {
      page.lines.splice(0, page.lines.length, []);
      page.wrapped.clear();
    } else throw new Error(`unknown: ${JSON.stringify(token)}`);
  }

  #mode(mode: string, on: boolean): void {
    if (mode === '25') this.cursorHidden = !on;
    else if (mode === '2026') this.updating = on;
    else if (mode === '1049') {
      if (on) this.#main = this.#page;
      this.#page = on ? blank() : this.#main;
      this.alternate = on;
    } else throw new Error(`unknown mode: ${mode}`);
  }

  #paint(codes: string): void {
    for (const code of codes.split(';').map(Number)) {
      if (code === 0) this.painted.clear();
      else if (code === 1 || code === 2) this.painted.add('weight');
      else if (code === 22) this.painted.delete('weight');
      else if (code === 4) this.painted.add('underline');
      else if (code === 24) this.painted.delete('underline');
      else if (code >= 30 && code <= 37) this.painted.add('colour');
      else if (code === 39) this.painted.delete('colour');
      else throw new Error(`unknown attribute: ${String(code)}`);
    }
  }
}
