import type { ValidateResult } from '../operations/validate.js';
import { flat, oneLine } from '../reporters/clean.js';
import { duration } from '../reporters/format.js';

/** How each phase ended, what was done about it, and what to type next. */
export function validateText(result: ValidateResult): string {
  const { app, environment, outcome, phases, next } = flat(result);
  const verdict = {
    passed: 'passed',
    failed: 'failed; nothing was changed',
    'rolled-back': 'failed; the previous release is serving',
    'rollback-failed': 'failed, and could not be rolled back; a person is needed',
  }[outcome];
  return [
    `${app}/${environment}: ${verdict}`,
    ...phases.map(
      ({ phase, passed, why, seconds }) =>
        `  ${phase} ${passed ? 'passed' : 'failed'} after ${duration(seconds * 1000)}: ${oneLine(why)}`,
    ),
    ...(next.length === 0 ? [] : ['', 'Next:', ...next.map((line) => `  ${line}`)]),
  ].join('\n');
}
