import { EXIT } from '../domain/errors.js';
import type { Plan } from '../domain/plan.js';
import type { OperationResult } from './drive.js';

/** The result of an operation that finds its goal reached: a success that leaves no history. */
export function nothingToDo(plan: Plan, reason: string, warnings: readonly string[]): OperationResult {
  return {
    schemaVersion: 1,
    ok: true,
    outcome: 'nothing-to-do',
    exitCode: EXIT.done,
    app: plan.app,
    environment: plan.environment,
    strategy: plan.how.is,
    from: plan.from.id,
    to: plan.to.id,
    serving: plan.from.id,
    reason,
    durationSeconds: 0,
    services: [],
    excluded: plan.excluded,
    warnings,
    next: [],
  };
}
