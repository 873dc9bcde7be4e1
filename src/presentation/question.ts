import { openSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { isatty, WriteStream } from 'node:tty';
import { printable } from '../reporters/clean.js';

/** A terminal that shows a question. */
interface Place {
  readonly output: NodeJS.WritableStream;
  readonly close: () => void;
}

/** Whether somebody can be asked: answers come from stdin, so that must be a terminal; questions go to stderr, or past a pipe to the terminal itself. */
export function canAsk(): boolean {
  const place = openPlace();
  place?.close();
  return place !== undefined;
}

/**
 * Asks one line, with the question cleaned. Ctrl-C is the interrupt that it is elsewhere.
 * @param signal ends the question: rejects with its reason
 * @returns undefined when there is no answer: Ctrl-D, or the terminal went away
 */
export async function ask(question: string, signal: AbortSignal): Promise<string | undefined> {
  signal.throwIfAborted();
  const place = openPlace();
  if (place === undefined) return undefined;
  const { output } = place;
  const lines = createInterface({ input: process.stdin, output });
  const gone = new AbortController();
  const leave = (): void => gone.abort();
  // A terminal in raw mode sends a character where it would send the signal.
  lines.on('SIGINT', () => process.kill(process.pid, 'SIGINT'));
  lines.once('close', leave);
  const sources: readonly NodeJS.EventEmitter[] = [lines, process.stdin, output];
  for (const source of sources) source.on('error', leave);
  try {
    return await lines.question(printable(question), { signal: AbortSignal.any([signal, gone.signal]) });
  } catch (error) {
    output.write('\n');
    signal.throwIfAborted();
    if (!gone.signal.aborted) throw error;
    return undefined;
  } finally {
    lines.close();
    for (const source of sources) source.off('error', leave);
    place.close();
  }
}

function openPlace(): Place | undefined {
  if (!isatty(0)) return undefined;
  if (isatty(2)) return { output: process.stderr, close: () => undefined };
  try {
    const output = new WriteStream(openSync('/dev/tty', 'w'));
    return { output, close: () => void output.destroy() };
  } catch {
    // ENXIO, ENOENT: this process has no terminal of its own.
    return undefined;
  }
}
