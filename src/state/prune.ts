import type { Ms, ReleaseId, RolloutId } from '../domain/ids.js';
import type { OutcomeRecord } from '../domain/record.js';
import { currentRelease, rollbackTarget } from './history.js';
import { underLease } from './lease.js';
import type { Lease } from './lease.js';
import { readEntries } from './lease-view.js';
import type { StateDeps } from './lease-view.js';
import { readOutcomes } from './outcomes.js';
import { groupById, listReleases } from './releases.js';
import { retry } from './retry.js';
import { isUnfinished, readRecords } from './rollouts.js';
import { listRaw } from './store.js';

/** Outcomes and records that stay. */
export const KEEP = 50;
/** Lease generations that stay. */
export const KEEP_LEASES = 10;
/** Nothing younger than this is removed, whatever its rank: it may be in the making, or someone paused may still believe in it. */
const LATE: Ms = 24 * 3600_000;
/** The same for leases, which every heartbeat lists: a busy day must not make heartbeats slow. */
const LATE_LEASE: Ms = 3600_000;
/** DeleteParameters takes ten names (SSM API reference). */
const BATCH = 10;

export interface Pruned {
  readonly outcomes: number;
  readonly records: number;
  readonly releases: number;
  readonly leases: number;
}

/**
 * Removes what history no longer needs, under the lease. What serves, where a plain rollback goes, and every release that a kept outcome or record
 * names stays. Outcomes go before the releases that they name, so a death in between leaves nothing that points nowhere.
 */
export async function prune(deps: StateDeps, lease: Lease, signal?: AbortSignal): Promise<Pruned> {
  const { outcomes, damaged: damagedOutcomes } = await readOutcomes(deps, signal);
  const { records, damaged: damagedRecords } = await readRecords(deps, signal);
  const old = deps.clock.now() - LATE;

  const keptOutcomes = outcomesToKeep(outcomes);
  const lostOutcomes = outcomes.filter((outcome) => !keptOutcomes.includes(outcome) && outcome.endedAt < old);
  const keptRecords = records.filter(
    (record, rank) => rank < KEEP || record.startedAt >= old || (rank === 0 && isUnfinished(record)),
  );
  const lostRecords = records.filter((record) => !keptRecords.includes(record));

  const needed = new Set<ReleaseId>();
  for (const outcome of outcomes.filter((one) => !lostOutcomes.includes(one))) {
    for (const id of [outcome.from, outcome.to, outcome.serving]) if (id !== null) needed.add(id);
  }
  for (const { from, to } of keptRecords) needed.add(from).add(to);
  const listing = await listReleases(deps, signal);
  for (const release of listing.releases) {
    // A service that did not change keeps the id of the release that brought it.
    if (needed.has(release.id)) for (const { release: id } of Object.values(release.services)) needed.add(id);
  }
  // What cannot be read stays: someone has to look at it. And which releases it speaks of is not known, so all of them stay with it.
  const isWhole = damagedOutcomes.length === 0 && damagedRecords.length === 0;
  const lostReleases = listing.releases.filter(({ id, createdAt }) => isWhole && !needed.has(id) && createdAt < old);

  const releaseParameters = groupById(deps, await listRaw(deps, deps.names.releases, signal));
  const leaseNames = await oldLeases(deps, signal);
  await remove(
    deps,
    lease,
    await recordNames(
      deps,
      lostRecords.map(({ id }) => id),
      signal,
    ),
    signal,
  );
  await remove(
    deps,
    lease,
    lostRecords.flatMap(({ id }) => [deps.names.timeline(id), deps.names.picture(id)]),
    signal,
  );
  await remove(
    deps,
    lease,
    lostOutcomes.map((one) => deps.names.outcome(one.generation, one.kind === 'adopted')),
    signal,
  );
  await remove(
    deps,
    lease,
    lostReleases.flatMap(({ id }) => [...(releaseParameters.get(id)?.keys() ?? [])]),
    signal,
  );
  await remove(deps, lease, leaseNames, signal);
  return {
    outcomes: lostOutcomes.length,
    records: lostRecords.length,
    releases: lostReleases.length,
    leases: leaseNames.length,
  };
}

/** The newest fifty, and older ones for as long as the answer to "what serves, and where does a rollback go" would change without them. */
export function outcomesToKeep(outcomes: readonly OutcomeRecord[]): readonly OutcomeRecord[] {
  const wanted = answers(outcomes);
  let keep = Math.min(KEEP, outcomes.length);
  while (keep < outcomes.length && answers(outcomes.slice(0, keep)) !== wanted) keep += 1;
  return outcomes.slice(0, keep);
}

function answers(outcomes: readonly OutcomeRecord[]): string {
  const current = currentRelease(outcomes);
  const target = rollbackTarget(outcomes);
  return JSON.stringify([
    current.is === 'known' ? current.release : current.is,
    target.is === 'release' ? target.release : target.is,
  ]);
}

/** Generations far below the highest, none of the newest ten. Their names never come back: the next is always above the highest. */
async function oldLeases(deps: StateDeps, signal: AbortSignal | undefined): Promise<readonly string[]> {
  const entries = await retry(deps, (inner) => readEntries(deps, inner), { signal });
  const highest = entries[0]?.generation ?? 0;
  const old = deps.clock.now() - LATE_LEASE;
  return entries
    .slice(KEEP_LEASES)
    .filter((entry) => entry.generation <= highest - KEEP_LEASES && entry.lease !== undefined && entry.lease.at < old)
    .map(({ name }) => name);
}

/** A record and the requests that were left for it. */
async function recordNames(
  deps: StateDeps,
  ids: readonly RolloutId[],
  signal: AbortSignal | undefined,
): Promise<readonly string[]> {
  if (ids.length === 0) return [];
  const gone = new Set(ids);
  const stored = await listRaw(deps, deps.names.rollouts, signal);
  return [...stored.keys()].filter((name) => gone.has(name.slice(deps.names.rollouts.length + 1).split('/')[0] ?? ''));
}

async function remove(
  deps: StateDeps,
  lease: Lease,
  names: readonly string[],
  signal: AbortSignal | undefined,
): Promise<void> {
  for (let at = 0; at < names.length; at += BATCH) {
    const batch = names.slice(at, at + BATCH);
    await retry(deps, (inner) => deps.parameters.remove(batch, inner), underLease(lease, signal));
  }
}
