import { createInterface } from 'node:readline/promises';
import type { Ask } from '../operations/init/draft.js';
import { oneLine, printable } from '../reporters/clean.js';

/** Asks at a terminal, with the proposal as the answer to an empty line; elsewhere the proposal is the answer. */
export function asker(asks: boolean): Ask {
  return async ({ text, proposal, choices }) => {
    if (!asks || (choices?.length === 1 && proposal !== undefined)) return proposal;
    const terminal = createInterface({ input: process.stdin, output: process.stderr });
    try {
      for (;;) {
        const offered = choices === undefined ? '' : ` (${choices.join(', ')})`;
        const answer = (
          await terminal.question(
            `${printable(`${text}${offered}${proposal === undefined ? '' : ` [${proposal}]`}`)}: `,
          )
        ).trim();
        const value = answer === '' ? proposal : answer;
        if (value !== undefined && (choices?.includes(value) ?? true)) return value;
        process.stderr.write(value === undefined ? 'it needs an answer\n' : `${oneLine(value)} is none of these\n`);
      }
    } finally {
      terminal.close();
    }
  };
}
