import { EventEmitter } from 'node:events';
import type { Terminal } from '../../src/reporters/surface.js';
import { width } from '../../src/reporters/format.js';

/**
 * A terminal as far as the live view uses one: text with automatic wrapping, line feed, carriage return, cursor up, erase line, modes, and colours
 * (dropped). What is above the window stays readable, as in a scrollback.
 */
export class Screen extends EventEmitter implements Terminal {
  columns: number;
  rows: number;
  cursorHidden = false;
  raw = '';
  #lines: string[] = [''];
  #row = 0;
  #column = 0;

  constructor(columns = 80, rows = 24) {
    super();
    this.columns = columns;
    this.rows = rows;
  }

  write(text: string): boolean {
    this.raw += text;
    // eslint-disable-next-line no-control-regex -- escape sequences begin with one
    for (const [token] of text.matchAll(/\u001b\[[?0-9;]*[A-Za-z]|[\s\S]/gu)) this.#put(token);
    return true;
  }

  /** As terminals do it: lines that became too long are wrapped, and the cursor stays on its text. */
  resize(columns: number, rows: number): void {
    const lines: string[] = [];
    let row = 0;
    for (const [index, line] of this.#lines.entries()) {
      if (index === this.#row) row = lines.length + Math.floor(Math.max(0, this.#column - 1) / columns);
      if (line === '') lines.push('');
      for (let from = 0; from < line.length; from += columns) lines.push(line.slice(from, from + columns));
    }
    this.#lines = lines;
    this.#row = row;
    this.columns = columns;
    this.rows = rows;
    this.emit('resize');
  }

  get lines(): readonly string[] {
    return this.#lines.map((line) => line.trimEnd());
  }

  get text(): string {
    return this.lines.join('\n').trimEnd();
  }

  #put(token: string): void {
    if (token === '\n') {
      this.#row += 1;
      this.#column = 0;
      this.#lines[this.#row] ??= '';
    } else if (token === '\r') this.#column = 0;
    else if (token.startsWith('\u001b[')) this.#control(token);
    else {
      if (this.#column >= this.columns) {
        this.#row += 1;
        this.#column = 0;
        this.#lines[this.#row] ??= '';
      }
      const line = (this.#lines[this.#row] ?? '').padEnd(this.#column);
      this.#lines[this.#row] = line.slice(0, this.#column) + token + line.slice(this.#column + token.length);
      this.#column += width(token);
    }
  }

  #control(token: string): void {
    if (token === '\u001b[?25l') this.cursorHidden = true;
    else if (token === '\u001b[?25h') this.cursorHidden = false;
    else if (token === '\u001b[2K') this.#lines[this.#row] = '';
    else if (token === '\u001b[A') this.#row = Math.max(0, this.#row - 1);
    else if (!token.endsWith('m') && !token.startsWith('\u001b[?2026'))
      throw new Error(`unknown: ${JSON.stringify(token)}`);
  }
}
