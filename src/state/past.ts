import type { RolloutId } from '../domain/ids.js';
import type { OutcomeRecord, RolloutRecord } from '../domain/record.js';
import { damaged } from './codec.js';
import type { Damage } from './damage.js';
import type { StateDeps } from './lease-view.js';
import { generationOf } from './names.js';
import { newestFirst, readOutcomes } from './outcomes.js';
import { isUnfinished, readRecords } from './rollouts.js';
import type { DamagedRecord } from './rollouts.js';

/** Clocks of two machines are not further apart than this: what began so much later than another rollout came after it. */
const SURELY_LATER = 24 * 3600_000;

/** What is stored of earlier rollouts, as far as it can be read. */
export interface Past {
  /**
   * Newest first. An outcome that is damaged or gone is taken from the record of its rollout, where that says how it ended: the two say the same.
   */
  readonly outcomes: readonly OutcomeRecord[];
  /** Newest first. */
  readonly records: readonly RolloutRecord[];
  /** The newest rollout, if it can be continued: it has no outcome, was interrupted, or holds. */
  readonly unfinished?: RolloutRecord;
  /** Everything that cannot be read. */
  readonly damaged: readonly Damage[];
  /** Of these, records of rollouts that may not have ended: nothing says that they did, and nothing that can be read came after them. */
  readonly open: readonly DamagedRecord[];
  /** An outcome that cannot be read and is newer than all that can: what it says of the release that serves is not known. */
  readonly unclear?: Damage;
}

/** Reads what is stored of earlier rollouts. What cannot be read is named, and stops nothing. */
export async function readPast(deps: StateDeps, signal?: AbortSignal): Promise<Past> {
  const [ends, began] = await Promise.all([readOutcomes(deps, signal), readRecords(deps, signal)]);
  const outcomes = completed(ends.outcomes, began.records);
  const newest = outcomes[0]?.generation ?? 0;
  const unclear = ends.damaged.find(({ name }) => (generationOf(name) ?? Infinity) > newest);
  const open = began.damaged.filter((record) => mayBeOpen(record, outcomes, began.records));
  const unfinished = unfinishedOf(began.records, outcomes, open);
  return {
    outcomes,
    records: began.records,
    ...(unfinished === undefined ? {} : { unfinished }),
    damaged: [...ends.damaged, ...began.damaged.map(({ name, why }) => ({ name, why }))],
    open,
    ...(unclear === undefined ? {} : { unclear }),
  };
}

/**
 * The newest rollout, if it is unfinished. An older unfinished one was superseded by what came after it.
 * @throws DeployctlError `state.damaged` where a record that cannot be read may be that of an unfinished rollout
 */
export async function unfinishedRollout(deps: StateDeps, signal?: AbortSignal): Promise<RolloutRecord | undefined> {
  const { unfinished, open } = await readPast(deps, signal);
  const [first] = open;
  if (unfinished === undefined && first !== undefined) throw damaged(first.name, first.why);
  return unfinished;
}

function unfinishedOf(
  [newest]: readonly RolloutRecord[],
  outcomes: readonly OutcomeRecord[],
  open: readonly DamagedRecord[],
): RolloutRecord | undefined {
  if (newest === undefined || !isUnfinished(newest)) return undefined;
  if (open.some(({ generation = 0 }) => generation > newest.generation)) return undefined;
  // The outcome is written before the record is closed: a death in between leaves a record that only looks unfinished.
  const ended = outcomes.some(
    ({ kind, rollout, generation }) => kind !== 'adopted' && rollout === newest.id && generation >= newest.generation,
  );
  return ended ? undefined : newest;
}

function mayBeOpen(
  { rollout, generation }: DamagedRecord,
  outcomes: readonly OutcomeRecord[],
  records: readonly RolloutRecord[],
): boolean {
  if (outcomes.some((outcome) => outcome.kind !== 'adopted' && outcome.rollout === rollout)) return false;
  const latest = Math.max(0, outcomes[0]?.generation ?? 0, records[0]?.generation ?? 0);
  if (generation !== undefined) return generation > latest;
  const at = startOf(rollout);
  return at === undefined || ![...records, ...outcomes].some(({ startedAt }) => startedAt - at > SURELY_LATER);
}

/** When a rollout began, by its id: `ro-20261124-195312-4f2a`. */
function startOf(rollout: RolloutId): number | undefined {
  const [, year, month, day, hour, minute, second] =
    /^ro-(\d{4})(\d\d)(\d\d)-(\d\d)(\d\d)(\d\d)-/.exec(rollout)?.map(Number) ?? [];
  if (year === undefined || month === undefined) return undefined;
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

/** The outcomes, and for each rollout that has ended and has none, what its record says. */
function completed(outcomes: readonly OutcomeRecord[], records: readonly RolloutRecord[]): readonly OutcomeRecord[] {
  const known = new Set(outcomes.filter(({ kind }) => kind !== 'adopted').map(({ rollout }) => rollout));
  const taken = records.flatMap((record) => (known.has(record.id) ? [] : (endOf(record) ?? [])));
  return taken.length === 0 ? outcomes : [...outcomes, ...taken].sort(newestFirst);
}

/** The outcome that a closed record tells of. Images are in the outcome alone. */
function endOf(record: RolloutRecord): OutcomeRecord | undefined {
  const { id, generation, kind, how, from, to, outcome, reason, by, startedAt, endedAt, excluded } = record;
  if (outcome === undefined || outcome === 'held' || outcome === 'interrupted') return undefined;
  return {
    schema: 1,
    generation,
    rollout: id,
    kind,
    strategy: how.is,
    from,
    to,
    serving: outcome === 'succeeded' ? to : outcome === 'rolled-back' ? from : null,
    outcome,
    reason: reason ?? '',
    by,
    startedAt,
    endedAt: endedAt ?? startedAt,
    images: {},
    excluded,
  };
}
