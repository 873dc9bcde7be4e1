import { Writable } from 'node:stream';
import { width } from './format.js';
import { stripVTControlCharacters } from 'node:util';

/** What is needed of a terminal: process.stderr has it. */
export interface Terminal {
  readonly columns?: number;
  readonly rows?: number;
  /** Bytes that wait until the terminal takes them. */
  readonly writableLength?: number;
  write(text: string): boolean;
  on(event: 'resize', listener: () => void): unknown;
  off(event: 'resize', listener: () => void): unknown;
}

/** A terminal that stands still (Ctrl-S) gets no more frames than these bytes hold: they would only be drawn over each other later. */
const MOST_WAITING = 64 * 1024;

/** CUU and EL of ECMA-48. Line by line: tmux takes "erase below" from the top row as a page for its history. */
const UP = '\u001b[A';
const ERASE_LINE = '\u001b[2K';

/**
 * The stream that ora draws on. ora remembers how many rows its frame took when it was drawn; a terminal that has become narrower since then
 * has wrapped the frame into more. So taking back the frame is done here, with the width of this moment, whatever ora asks for.
 */
export class Surface extends Writable {
  readonly isTTY = true;
  readonly #terminal: Terminal;
  readonly #put: (text: string) => boolean;
  #drawn = '';

  constructor(terminal: Terminal) {
    super({ decodeStrings: false });
    this.#terminal = terminal;
    // ora replaces `write` of process.stderr while it spins, to step aside for other writers; its own drawing must go past that.
    this.#put = terminal.write.bind(terminal);
  }

  get columns(): number {
    return Math.max(20, this.#terminal.columns ?? 80);
  }

  get rows(): number {
    return Math.max(4, this.#terminal.rows ?? 24);
  }

  override _write(chunk: unknown, _encoding: BufferEncoding, done: () => void): void {
    const text = String(chunk);
    const frame = !text.endsWith('\n') && !text.startsWith('\u001b[?');
    if (frame && (this.#terminal.writableLength ?? 0) > MOST_WAITING) return done();
    // Modes such as "hide the cursor" and finished lines are not the frame.
    if (!text.startsWith('\u001b[?')) this.#drawn = text.endsWith('\n') ? '' : text;
    this.#put(text);
    done();
  }

  /** ora's first step when it takes back its frame. */
  cursorTo(): boolean {
    const rows = this.#drawn === '' ? 0 : this.#rowsOf(this.#drawn);
    this.#drawn = '';
    return this.#put(`\r${Array.from({ length: rows }, () => ERASE_LINE).join(UP)}`);
  }

  /** Part of what `cursorTo` has done already. */
  moveCursor(): boolean {
    return true;
  }

  clearLine(): boolean {
    return true;
  }

  #rowsOf(text: string): number {
    const columns = this.columns;
    return stripVTControlCharacters(text)
      .split('\n')
      .reduce((sum, line) => sum + Math.max(1, Math.ceil(width(line) / columns)), 0);
  }
}
