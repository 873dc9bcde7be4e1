import { DeployctlError, EXIT } from '../domain/errors.js';
import type { Ask } from '../operations/init/draft.js';
import { oneLine } from '../reporters/clean.js';
import { ask } from './question.js';

/** Asks at a terminal, with the proposal as the answer to an empty line; elsewhere the proposal is the answer. */
export function asker(asks: boolean, signal: AbortSignal): Ask {
  return async ({ text, proposal, choices }) => {
    if (!asks || (choices?.length === 1 && proposal !== undefined)) return proposal;
    const offered = choices === undefined ? '' : ` (${choices.join(', ')})`;
    const question = `${text}${offered}${proposal === undefined ? '' : ` [${proposal}]`}: `;
    for (let wrong = ''; ;) {
      const answer = (await ask(wrong + question, signal))?.trim();
      if (answer === undefined) throw noAnswer();
      const value = answer === '' ? proposal : answer;
      if (value !== undefined && (choices?.includes(value) ?? true)) return value;
      wrong = value === undefined ? 'it needs an answer\n' : `${oneLine(value)} is none of these\n`;
    }
  };
}

function noAnswer(): DeployctlError {
  return new DeployctlError({
    code: 'declined',
    message: 'the question was not answered; nothing was written',
    exitCode: EXIT.refused,
    next: ['deployctl init --yes   # asks nothing, and takes what it proposes'],
  });
}
