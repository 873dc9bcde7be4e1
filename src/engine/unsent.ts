import type { Action } from '../domain/decision.js';
import type { TaskState } from '../domain/observation.js';
import type { RolloutRecord } from '../domain/record.js';

/**
 * A task that was not sent after all was never begun: whoever resumes must not take the stored intent for one whose end nobody knows.
 * @returns the intents that stay; undefined: nothing changes
 */
export function withoutUnsent(
  actions: readonly Action[],
  stored: RolloutRecord['tasks'],
  tasks: ReadonlyMap<string, TaskState>,
): RolloutRecord['tasks'] {
  const unsent = actions.flatMap((action) =>
    action.is === 'task' && (tasks.get(action.service)?.is ?? 'none') === 'none' ? [action.service] : [],
  );
  if (unsent.length === 0) return undefined;
  return Object.fromEntries(Object.entries(stored ?? {}).filter(([service]) => !unsent.includes(service)));
}
