import type { Clock, Reporter } from '../engine/ports.js';
import { printable } from './clean.js';
import { createLines } from './lines.js';
import { createStyle, wantsColor, wantsLiveView, wantsUnicode } from './style.js';
import type { Terminal } from './surface.js';

/**
 * The reporter for whoever started the command, on stderr: a live view for a person at a terminal, lines for a pipe and for CI.
 * @param options.quiet lines even at a terminal (`--json`, whose reader may be looking at both streams)
 */
export async function createProgress(options: {
  readonly stream: Terminal & { readonly isTTY?: boolean };
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly quiet?: boolean;
}): Promise<Reporter> {
  const { stream, env, clock } = options;
  if (options.quiet === true || !wantsLiveView(stream, env)) {
    return createLines({ write: (text) => void stream.write(printable(text)), clock });
  }
  // ora takes a fifth of a second to load, and a pipe doesn't need it.
  const { createTerminal } = await import('./terminal.js');
  const style = createStyle({ color: wantsColor(stream, env), unicode: wantsUnicode(env) });
  return createTerminal({ terminal: stream, clock, style });
}
