import { DeployctlError, EXIT } from '../domain/errors.js';
import type { OutcomeRecord } from '../domain/record.js';
import { checksum, decode, encode } from './codec.js';
import { readable } from './damage.js';
import type { Damage } from './damage.js';
import { underLease } from './lease.js';
import type { Lease } from './lease.js';
import type { StateDeps } from './lease-view.js';
import { childOf } from './names.js';
import { outcomeSchema } from './schemas.js';
import { createOnce, listRaw } from './store.js';

/**
 * Stores how a rollout ended, once per generation (and one adoption besides). The same outcome again is fine.
 * @throws DeployctlError `state.outcome` when another outcome is there already; `lease.lost`, `lease.expired`
 */
export async function writeOutcome(
  deps: StateDeps,
  outcome: OutcomeRecord,
  lease: Lease,
  signal?: AbortSignal,
): Promise<void> {
  if (outcome.generation !== lease.generation) {
    throw new DeployctlError({
      code: 'state.generation',
      message: `the outcome of ${outcome.rollout} says generation ${outcome.generation}, the lease is generation ${lease.generation}`,
      exitCode: EXIT.bug,
    });
  }
  const name = deps.names.outcome(outcome.generation, outcome.kind === 'adopted');
  const stored = short(outcome);
  const result = await createOnce(
    deps,
    name,
    encode(name, stored),
    (there) => checksum(decode(name, there, outcomeSchema)) === checksum(stored),
    underLease(lease, signal),
  );
  if (result.is === 'stored') return;
  const there = decode(name, result.stored, outcomeSchema);
  throw new DeployctlError({
    code: 'state.outcome',
    message:
      `generation ${outcome.generation} has an outcome already: ${there.rollout} ${there.outcome}, "${there.reason}"; ` +
      `it cannot become ${outcome.rollout} ${outcome.outcome}`,
    exitCode: EXIT.bug,
    next: ['deployctl history'],
  });
}

/** Those that can be read, newest first, and what stands in the place of the others. */
export async function readOutcomes(
  deps: StateDeps,
  signal?: AbortSignal,
): Promise<{ readonly outcomes: readonly OutcomeRecord[]; readonly damaged: readonly Damage[] }> {
  const stored = await listRaw(deps, deps.names.outcomes, signal);
  const own = [...stored].filter(([name]) => childOf(deps.names.outcomes, name) !== undefined);
  const { values, damaged } = readable(own, (name, raw) => decode(name, raw, outcomeSchema));
  return { outcomes: values.toSorted(newestFirst), damaged };
}

/** By generation; an adoption comes before the outcome of the rollout that adopted. */
export function newestFirst(a: OutcomeRecord, b: OutcomeRecord): number {
  if (a.generation !== b.generation) return b.generation - a.generation;
  return Number(a.kind === 'adopted') - Number(b.kind === 'adopted');
}

const LONGEST_REASON = 1200;

/** A reason can quote a log tail; the sentence at its beginning is what history shows. */
function short(outcome: OutcomeRecord): OutcomeRecord {
  const { reason } = outcome;
  return reason.length <= LONGEST_REASON ? outcome : { ...outcome, reason: `${reason.slice(0, LONGEST_REASON - 1)}…` };
}
