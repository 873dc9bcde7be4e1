import type { OperationResult } from '../operations/drive.js';
import { flat } from '../reporters/clean.js';

/** The result on stdout, in one line: everything else went to stderr while it happened. */
export function resultLine(ended: OperationResult): string {
  const result = flat(ended);
  const where = `${result.app}/${result.environment}`;
  const moves = result.services.map(({ service, from, to }) => `${service} ${from} → ${to}`).join(', ');
  switch (result.outcome) {
    case 'nothing-to-do':
      return result.strategy === 'retire'
        ? `nothing to do: ${where} has nothing in service on standby`
        : `nothing to do: ${where} serves ${result.to} everywhere already`;
    case 'succeeded':
      return `done: ${where} serves ${result.to}${moves === '' ? '' : ` (${moves})`}`;
    case 'rolled-back':
      return `rolled back: ${where} serves ${result.from} again`;
    case 'failed':
      return `failed: ${where} needs a human: ${result.reason}`;
    case 'held':
      return `held: ${where} waits for a human: ${result.reason}`;
    case 'interrupted':
      return `interrupted: ${where} can be resumed`;
  }
}
