import { Flags } from '@oclif/core';
import { DeployctlError, EXIT } from '../domain/errors.js';
import type { RolloutSummary } from '../domain/event.js';
import { flat, oneLine } from '../reporters/clean.js';
import { duration } from '../reporters/format.js';
import { fold } from '../reporters/fold.js';
import { durationFlag, LONGEST_LOCK_WAIT } from './duration-flag.js';
import { ask } from './question.js';

export const yesFlag = Flags.boolean({
  char: 'y',
  description: 'ask nothing; DEPLOYCTL_YES=1 and CI=true do the same',
  env: 'DEPLOYCTL_YES',
});

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

/** Who answers the question before a change. */
export type Asking =
  /** `--yes`, or what stands for it: nobody is asked. */
  { readonly is: 'answered' } | { readonly is: 'asks' };

/**
 * `--yes` (DEPLOYCTL_YES), or a CI job, which is a decision made before, answers; else a person at a terminal does.
 * @param given.again what to type
 * @throws DeployctlError `usage.unconfirmed` (exit 64) where nobody can answer
 */
export function askingOf(given: {
  readonly yes: boolean;
  readonly env: NodeJS.ProcessEnv;
  readonly canAsk: () => boolean;
  readonly command: string;
  readonly again: string;
}): Asking {
  if (given.yes || /^(?:true|1)$/i.test(given.env['CI'] ?? '')) return { is: 'answered' };
  if (given.canAsk()) return { is: 'asks' };
  throw new DeployctlError({
    code: 'usage.unconfirmed',
    message: `${given.command} needs a confirmation, and there is no terminal to ask on (the answer is read from stdin, which must be one). Nothing was changed. Pass --yes; DEPLOYCTL_YES=1 or CI=true in the environment do the same`,
    exitCode: EXIT.usage,
    next: [given.again],
  });
}

/** Asks with what will change, and with what is to be known before. */
export function confirmer(
  asking: Asking,
  signal: AbortSignal,
): (summary: RolloutSummary, warnings: readonly string[]) => Promise<boolean> {
  return async (summary, warnings) => {
    if (asking.is === 'answered') return true;
    const { services, kind, app, environment, strategy } = flat(summary);
    const changes = services.map(({ service, from, to }) => `  ${service}: ${from} → ${to}`);
    const estimate = summary.estimate === undefined ? '' : `, about ${duration(summary.estimate)}`;
    const how = kind === strategy ? '' : `, ${strategy}`;
    const head = `${kind} ${app}/${environment}${how}${estimate}`;
    const lines = [head, ...changes, ...warnings.map((text) => `  ! ${oneLine(text)}`), 'Go on?'].join('\n');
    return isYes(fold(lines, process.stderr.columns ?? 80), signal);
  };
}

/** @throws DeployctlError `declined` (exit 12) */
export async function confirmText(question: string, asking: Asking, signal: AbortSignal): Promise<void> {
  if (asking.is === 'answered' || (await isYes(question, signal))) return;
  throw new DeployctlError({
    code: 'declined',
    message: 'not confirmed; nothing was changed',
    exitCode: EXIT.refused,
    next: ['pass --yes to go on without being asked'],
  });
}

async function isYes(question: string, signal: AbortSignal): Promise<boolean> {
  return /^y(es)?$/i.test((await ask(`${question} [y/N] `, signal))?.trim() ?? '');
}
