import { createInterface } from 'node:readline/promises';
import { Flags } from '@oclif/core';
import { DeployctlError, EXIT } from '../domain/errors.js';
import type { RolloutSummary } from '../domain/event.js';
import { flat, oneLine, printable } from '../reporters/clean.js';
import { duration } from '../reporters/format.js';
import { fold } from '../reporters/fold.js';
import { durationFlag, LONGEST_LOCK_WAIT } from './duration-flag.js';

export const yesFlag = Flags.boolean({ char: 'y', description: 'ask nothing' });

export const eventsFlag = Flags.string({
  description: 'write every event to this file, one JSON document a line (schema/events.schema.json)',
  helpValue: 'FILE',
});

export const lockWaitFlag = durationFlag(
  0,
  LONGEST_LOCK_WAIT,
)({
  description: 'how long to wait for another rollout to end: 10m',
});

interface Asking {
  readonly yes: boolean;
  readonly json: boolean;
}

/** Asks at a terminal; elsewhere the command itself is the decision. */
export function confirmer(asking: Asking): (summary: RolloutSummary, warnings: readonly string[]) => Promise<boolean> {
  return async (summary, warnings) => {
    if (!asks(asking)) return true;
    const { services, kind, app, environment, strategy } = flat(summary);
    const changes = services.map(({ service, from, to }) => `  ${service}: ${from} → ${to}`);
    const estimate = summary.estimate === undefined ? '' : `, about ${duration(summary.estimate)}`;
    const head = `${kind} ${app}/${environment}, ${strategy}${estimate}`;
    const lines = [head, ...changes, ...warnings.map((text) => `  ! ${oneLine(text)}`), 'Go on?'].join('\n');
    return ask(fold(lines, process.stderr.columns));
  };
}

/** @throws DeployctlError `declined` (exit 12) */
export async function confirmText(question: string, asking: Asking): Promise<void> {
  if (!asks(asking) || (await ask(question))) return;
  throw new DeployctlError({
    code: 'declined',
    message: 'not confirmed; nothing was changed',
    exitCode: EXIT.refused,
    next: ['pass --yes to go on without being asked'],
  });
}

function asks({ yes, json }: Asking): boolean {
  return !yes && !json && process.stdin.isTTY && process.stderr.isTTY;
}

async function ask(question: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(`${printable(question)} [y/N] `);
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    terminal.close();
  }
}
