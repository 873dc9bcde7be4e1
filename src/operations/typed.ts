import type { RolloutId } from '../domain/ids.js';
import type { OutcomeRecord } from '../domain/record.js';
import type { Past } from '../state/index.js';
import { lastChange } from '../state/index.js';

/**
 * What a bare `rollback` was typed against: the rollout that had not ended then, else the last change of what serves. Whoever typed it meant that one, and
 * it may end, or another one come, while the lease is waited for.
 */
export interface TypedAgainst {
  readonly unfinished?: RolloutId;
  readonly last?: Pick<OutcomeRecord, 'rollout' | 'generation'>;
}

export function typedAgainst({ unfinished, outcomes }: Past): TypedAgainst {
  const last = lastChange(outcomes);
  return {
    ...(unfinished === undefined ? {} : { unfinished: unfinished.id }),
    ...(last === undefined ? {} : { last }),
  };
}

/** What has changed of it since, so that another one would be undone than was meant. An unfinished rollout that has ended is still the one that was meant. */
export function changedSince(typed: TypedAgainst, { unfinished, outcomes }: Past): string | undefined {
  const meant = typed.unfinished ?? typed.last?.rollout ?? 'none';
  if (unfinished !== undefined && unfinished.id !== typed.unfinished) {
    const { kind, id, by } = unfinished;
    return `the rollback was typed when ${meantText(typed, meant)}; meanwhile ${kind} ${id} by ${by} began, and has not ended`;
  }
  const last = lastChange(outcomes);
  const same = last?.rollout === typed.last?.rollout && last?.generation === typed.last?.generation;
  if (unfinished !== undefined || same || last?.rollout === typed.unfinished) return undefined;
  const { kind, rollout, by, outcome } = last ?? { kind: 'rollout', rollout: 'none', by: 'somebody', outcome: 'ended' };
  return `the rollback was typed when ${meantText(typed, meant)}; meanwhile ${kind} ${rollout} by ${by} ended (${outcome})`;
}

const meantText = ({ unfinished }: TypedAgainst, meant: string): string =>
  unfinished === undefined ? `the last change was ${meant}` : `${meant} had not ended`;
