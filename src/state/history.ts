import type { ReleaseId } from '../domain/ids.js';
import type { OutcomeRecord } from '../domain/record.js';
import { newestFirst } from './outcomes.js';

/*
 * What the outcomes say: pure functions over OutcomeRecord lists in any order.
 */

type CurrentRelease =
  | { readonly is: 'known'; readonly release: ReleaseId; readonly outcome: OutcomeRecord }
  /** Nothing was ever rolled out or adopted. */
  | { readonly is: 'none' }
  /** The last rollout left something that is no single release. */
  | { readonly is: 'unclear'; readonly outcome: OutcomeRecord };

/** `serving` of the highest outcome. */
export function currentRelease(outcomes: readonly OutcomeRecord[]): CurrentRelease {
  const [last] = [...outcomes].sort(newestFirst);
  if (last === undefined) return { is: 'none' };
  return last.serving === null
    ? { is: 'unclear', outcome: last }
    : { is: 'known', release: last.serving, outcome: last };
}

interface Served {
  /** Releases that served well, oldest first; one that served again appears again. */
  readonly order: readonly ReleaseId[];
  /** Releases that were rolled back from, and why; a later success by name clears it. */
  readonly withdrawn: ReadonlyMap<ReleaseId, string>;
  readonly last: OutcomeRecord | undefined;
}

/** Replays the outcomes, oldest first. */
function served(outcomes: readonly OutcomeRecord[]): Served {
  const order: ReleaseId[] = [];
  const withdrawn = new Map<ReleaseId, string>();
  let last: OutcomeRecord | undefined;
  for (const outcome of [...outcomes].sort(newestFirst).reverse()) {
    const { kind, from, to, serving } = outcome;
    // Retiring the idle color, and bringing late joiners to what serves, are no steps of history.
    if (kind === 'retire') continue;
    if (kind !== 'adopted' && from === to && serving === to) continue;
    // What the first rollout found had served before it.
    if (last === undefined && kind !== 'adopted') order.push(from);
    last = outcome;
    if (kind === 'adopted') {
      if (serving !== null) order.push(serving);
    } else if (kind === 'rollback') {
      if (from !== to) withdrawn.set(from, `it was rolled back from in generation ${outcome.generation}`);
      if (serving === to) {
        withdrawn.delete(to);
        order.push(to);
      }
    } else if (serving === to) {
      withdrawn.delete(to);
      order.push(to);
    } else {
      withdrawn.set(to, `its rollout ${outcome.rollout} ended ${outcome.outcome}: ${outcome.reason}`);
      if (serving !== null) order.push(serving);
    }
  }
  return { order, withdrawn, last };
}

type RollbackTarget =
  | { readonly is: 'release'; readonly release: ReleaseId }
  /** `candidates`: what `--to` would take, the most recent first. */
  | { readonly is: 'none'; readonly reason: string; readonly candidates: readonly ReleaseId[] };

/**
 * Where a plain `rollback` goes: to the nearest earlier release that served well and is not withdrawn. Right after a rollback it goes nowhere: a second one
 * typed in a hurry, or by a second person, would undo more than was meant.
 */
export function rollbackTarget(outcomes: readonly OutcomeRecord[]): RollbackTarget {
  const { order, withdrawn, last } = served(outcomes);
  const current = last?.serving ?? null;
  const recent = [...new Set([...order].reverse())].filter((release) => release !== current);
  if (last === undefined) {
    return { is: 'none', reason: 'nothing was rolled out here yet, so there is nothing to go back to', candidates: [] };
  }
  if (last.kind === 'rollback' && last.serving === last.to) {
    return {
      is: 'none',
      reason:
        `the last change was a rollback already: ${last.by} went from ${last.from} back to ${last.to} ` +
        `(generation ${last.generation}); to go further back, name the release with --to`,
      candidates: recent,
    };
  }
  const release = recent.find((candidate) => !withdrawn.has(candidate));
  if (release !== undefined) return { is: 'release', release };
  const [nearest] = recent;
  const why =
    nearest === undefined
      ? `no release served here before ${current ?? last.to}`
      : `every earlier release is withdrawn; ${nearest}: ${withdrawn.get(nearest) ?? 'unknown'}`;
  return { is: 'none', reason: why, candidates: recent };
}
