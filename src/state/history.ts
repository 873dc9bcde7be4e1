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
  /** Releases that served, oldest first; one that served again appears again. */
  readonly order: readonly ReleaseId[];
  /** The last change of what serves. */
  readonly last: OutcomeRecord | undefined;
  /** That change was made by another hand: `last` found it, and did not make it. */
  readonly foundBy: boolean;
}

/** Replays the outcomes, oldest first. */
function served(outcomes: readonly OutcomeRecord[]): Served {
  const order: ReleaseId[] = [];
  const serves = (release: ReleaseId): void => {
    if (order.at(-1) !== release) order.push(release);
  };
  let last: OutcomeRecord | undefined;
  let foundBy = false;
  for (const outcome of [...outcomes].sort(newestFirst).reverse()) {
    const { kind, from, to, serving } = outcome;
    // What it found had served, whatever is on record: somebody may have moved there by hand.
    serves(from);
    if (serving !== null) serves(serving);
    // Retiring the idle color, and bringing late joiners to what serves, change nothing of it. They may be the first to find that somebody has.
    const isChange = kind === 'adopted' || (kind !== 'retire' && (from !== to || serving !== to));
    const isFound = !isChange && last?.serving !== undefined && last.serving !== null && serving !== last.serving;
    if (!isChange && !isFound) continue;
    last = outcome;
    foundBy = isFound;
  }
  return { order, last, foundBy };
}

type RollbackTarget =
  | { readonly is: 'release'; readonly release: ReleaseId }
  /** `candidates`: what `--to` would take, the most recent first. */
  | { readonly is: 'none'; readonly reason: string; readonly candidates: readonly ReleaseId[] };

/**
 * Where a plain `rollback` goes: to the release that the last rollout found serving when it began. When that was restored already, it goes nowhere: a second
 * one typed in a hurry, or by a second person, would undo a release that nobody has complained of.
 */
export function rollbackTarget(outcomes: readonly OutcomeRecord[]): RollbackTarget {
  const { order, last, foundBy } = served(outcomes);
  const current = last?.serving ?? null;
  const candidates = [...new Set([...order].reverse())].filter((release) => release !== current);
  const none = (reason: string): RollbackTarget => ({ is: 'none', reason, candidates });
  if (last === undefined) return none('nothing was rolled out here yet, so there is nothing to go back to');
  const { kind, from, to, serving, by, rollout, generation } = last;
  const further = 'to go further back, name the release with --to';
  if (foundBy)
    return none(
      `another hand moved what serves to ${String(serving)} before generation ${String(generation)}, so no rollout is there to undo; name the release with --to`,
    );
  if (kind === 'adopted') return none(`no release served here before ${serving ?? to}`);
  if (kind === 'rollback') {
    // One that failed is tried again.
    if (serving !== to) return { is: 'release', release: to };
    return none(
      `the last change was a rollback already: ${by} went from ${from} back to ${to} (generation ${String(generation)}); ${further}`,
    );
  }
  if (last.outcome === 'rolled-back')
    return none(
      `the last rollout was rolled back already: ${rollout} by ${by} from ${from} to ${to} (generation ${String(generation)}): ${last.reason}; ${further}`,
    );
  return { is: 'release', release: from };
}

/** The last change of what serves, for telling whether another one came. */
export function lastChange(
  outcomes: readonly OutcomeRecord[],
): Pick<OutcomeRecord, 'rollout' | 'generation' | 'kind' | 'outcome' | 'by'> | undefined {
  return served(outcomes).last;
}
