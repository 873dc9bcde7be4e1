import { MOST_GENERATION } from '../domain/host.js';
import type { ReleaseId, RolloutId } from '../domain/ids.js';
import type { Steer } from '../domain/observation.js';
import type { OutcomeRecord, PictureRecord, RolloutRecord, TimelineRecord } from '../domain/record.js';
import type { Release } from '../domain/release.js';
import type { Clock, ParameterPort, Random } from '../engine/ports.js';
import { acquireLease } from './acquire.js';
import type { AcquireOptions } from './acquire.js';
import { breakLease } from './break.js';
import type { BreakOptions } from './break.js';
import { claim, claimConflicts, ownClaims } from './claims.js';
import type { Claimed, ClaimConflict } from './claims.js';
import type { Lease } from './lease.js';
import { readEntries, tooHigh, viewOf } from './lease-view.js';
import type { IsAlive, LeaseView, StateDeps } from './lease-view.js';
import { namesOf } from './names.js';
import { readOutcomes, writeOutcome } from './outcomes.js';
import { readPast, unfinishedRollout } from './past.js';
import type { Past } from './past.js';
import { prune } from './prune.js';
import type { Pruned } from './prune.js';
import { getRelease, listReleases, putRelease, readRelease } from './releases.js';
import type { ReleaseListing, ReleaseParts } from './releases.js';
import { retry } from './retry.js';
import { highestKnown, readRecord, readRecords, recordFlaw, restoreRecord, writeRecord } from './rollouts.js';
import { listSteers, removeSteers, requestSteer } from './steering.js';
import type { SteerRequest } from './steering.js';
import { readPicture, writePicture } from './pictures.js';
import { readTimeline, writeTimeline } from './timelines.js';

export type { AcquireOptions } from './acquire.js';
export type { Claimed, ClaimConflict } from './claims.js';
export { currentRelease, lastChange, rollbackTarget } from './history.js';
export type { Heartbeat, Lease } from './lease.js';
export type { IsAlive, LeaseView } from './lease-view.js';
export { damageOf } from './damage.js';
export type { Damage } from './damage.js';
export type { Past } from './past.js';
export type { Pruned } from './prune.js';
export type { ReleaseListing, ReleaseParts } from './releases.js';
export { CLAIMS, namesOf } from './names.js';
export { isTransient } from './retry.js';
export type { SteerRequest } from './steering.js';

/** What deployctl remembers of one environment, and the lock that decides who may change it. Everything lives in Parameter Store. */
export interface State {
  /** @throws DeployctlError `lease.held` (exit 13), `lease.timing` */
  acquireLease(options: AcquireOptions): Promise<Lease>;
  /** The highest generation that the store speaks of: in its leases, outcomes and records; 0 without any. */
  highestGeneration(signal?: AbortSignal): Promise<number>;
  /** One look, without watching: what looks fresh may be dead, what looks stale may be a wrong clock. */
  readLease(options: { readonly isAlive: IsAlive; readonly signal?: AbortSignal }): Promise<LeaseView>;
  /**
   * Fences the holder out and leaves the lock free. Takes up to a heartbeat and a TTL where the holder is alive or on another machine.
   * Resolves with what was broken; `free` when there was nothing to break.
   * @throws DeployctlError `lease.alive` (exit 13) where the holder beats, unless `force`
   */
  breakLease(options: BreakOptions): Promise<LeaseView>;

  /** @throws DeployctlError `claim.taken` (exit 12) */
  claim(wanted: Claimed, signal?: AbortSignal): Promise<void>;
  /** Reads only. */
  claimConflicts(wanted: Claimed, signal?: AbortSignal): Promise<readonly ClaimConflict[]>;
  ownClaims(signal?: AbortSignal): Promise<readonly ClaimConflict[]>;

  /** @throws DeployctlError `release.differs`, `state.too-large` */
  putRelease(release: Release, signal?: AbortSignal): Promise<void>;
  /** undefined: it does not exist. @throws DeployctlError `state.damaged` */
  getRelease(id: ReleaseId, signal?: AbortSignal): Promise<Release | undefined>;
  /** As much of it as can be read, service by service. undefined: it does not exist. */
  readRelease(id: ReleaseId, signal?: AbortSignal): Promise<ReleaseParts | undefined>;
  listReleases(signal?: AbortSignal): Promise<ReleaseListing>;

  /** Creates or replaces. @throws DeployctlError `lease.lost`, `lease.expired`, `state.too-large` */
  writeRecord(record: RolloutRecord, lease: Lease, signal?: AbortSignal): Promise<void>;
  /** Why the record could not be stored; undefined: it can. Asks nobody. */
  recordFlaw(record: RolloutRecord): string | undefined;
  readRecord(id: RolloutId, signal?: AbortSignal): Promise<RolloutRecord | undefined>;
  /** Stores a record that is gone, as its process knows it: needs no lease, because it never replaces one. `false`: it is there. */
  restoreRecord(record: RolloutRecord, signal?: AbortSignal): Promise<boolean>;
  /** Newest first, as far as they can be read. */
  listRecords(limit?: number, signal?: AbortSignal): Promise<readonly RolloutRecord[]>;
  /**
   * The newest rollout, if it can be continued: it has no outcome, was interrupted, or holds.
   * @throws DeployctlError `state.damaged` where a record that cannot be read may be that of an unfinished rollout
   */
  unfinishedRollout(signal?: AbortSignal): Promise<RolloutRecord | undefined>;
  /** What is stored of earlier rollouts, as far as it can be read. Rejects for no damage. */
  past(signal?: AbortSignal): Promise<Past>;

  /** Once per generation. @throws DeployctlError `state.outcome`, `lease.lost`, `lease.expired` */
  writeOutcome(outcome: OutcomeRecord, lease: Lease, signal?: AbortSignal): Promise<void>;
  /** Newest first, as far as they can be read. */
  listOutcomes(limit?: number, signal?: AbortSignal): Promise<readonly OutcomeRecord[]>;

  /** For people: nothing is decided by it. Creates or replaces. @throws DeployctlError `lease.lost`, `lease.expired` */
  writeTimeline(timeline: TimelineRecord, lease: Lease, signal?: AbortSignal): Promise<void>;
  readTimeline(rollout: RolloutId, signal?: AbortSignal): Promise<TimelineRecord | undefined>;
  /** Stores what fits of it. */
  writePicture(picture: PictureRecord, lease: Lease, signal?: AbortSignal): Promise<void>;
  readPicture(rollout: RolloutId, signal?: AbortSignal): Promise<PictureRecord | undefined>;

  /** @throws DeployctlError `steer.no-rollout`, `steer.ended` (exit 12) */
  requestSteer(rollout: RolloutId, request: SteerRequest, signal?: AbortSignal): Promise<Steer>;
  /** Oldest first. */
  listSteers(rollout: RolloutId, signal?: AbortSignal, attempts?: number): Promise<readonly Steer[]>;
  /** For requests whose effect is in the record: a resume must not obey them again. */
  removeSteers(rollout: RolloutId, ids: readonly string[], signal?: AbortSignal): Promise<void>;

  /** Removes what history no longer needs; at the end of a rollout, before the lease is released. */
  prune(lease: Lease, signal?: AbortSignal): Promise<Pruned>;
}

/** @throws DeployctlError `state.name` (exit 64) when app or environment cannot be part of a parameter's name */
export function createState(options: {
  readonly parameters: ParameterPort;
  readonly clock: Clock;
  readonly random: Random;
  readonly app: string;
  readonly environment: string;
}): State {
  const deps: StateDeps = { ...options, names: namesOf(options.app, options.environment) };
  const readLease: State['readLease'] = async ({ isAlive, signal }) => {
    let beyond: string | undefined;
    const note = (name: string): void => void (beyond = name);
    const entries = await retry(deps, (inner) => readEntries(deps, inner, note), { signal });
    const [highest] = entries;
    if (highest?.generation === MOST_GENERATION) beyond ??= highest.name;
    if (beyond === undefined) return viewOf(entries, deps.clock.now(), isAlive);
    const { message: why } = tooHigh(deps, beyond);
    return { is: 'held', generation: MOST_GENERATION, looks: 'unreadable', why };
  };
  return {
    acquireLease: (acquire) => acquireLease(deps, acquire),
    readLease,
    highestGeneration: async (signal) => {
      const entries = await retry(deps, (inner) => readEntries(deps, inner), { signal });
      const stored = await highestKnown(deps, signal);
      return Math.max(entries[0]?.generation ?? 0, stored.generation);
    },
    breakLease: (options) => breakLease(deps, readLease, options),
    claim: (wanted, signal) => claim(deps, wanted, signal),
    claimConflicts: (wanted, signal) => claimConflicts(deps, wanted, signal),
    ownClaims: (signal) => ownClaims(deps, signal),
    putRelease: (release, signal) => putRelease(deps, release, signal),
    getRelease: (id, signal) => getRelease(deps, id, signal),
    readRelease: (id, signal) => readRelease(deps, id, signal),
    listReleases: (signal) => listReleases(deps, signal),
    writeRecord: (record, lease, signal) => writeRecord(deps, record, lease, signal),
    recordFlaw: (record) => recordFlaw(deps, record),
    restoreRecord: (record, signal) => restoreRecord(deps, record, signal),
    readRecord: (id, signal) => readRecord(deps, id, signal),
    listRecords: async (limit = 50, signal) => (await readRecords(deps, signal)).records.slice(0, limit),
    unfinishedRollout: (signal) => unfinishedRollout(deps, signal),
    past: (signal) => readPast(deps, signal),
    writeOutcome: (outcome, lease, signal) => writeOutcome(deps, outcome, lease, signal),
    listOutcomes: async (limit = 50, signal) => (await readOutcomes(deps, signal)).outcomes.slice(0, limit),
    writeTimeline: (timeline, lease, signal) => writeTimeline(deps, timeline, lease, signal),
    readTimeline: (rollout, signal) => readTimeline(deps, rollout, signal),
    writePicture: (picture, lease, signal) => writePicture(deps, picture, lease, signal),
    readPicture: (rollout, signal) => readPicture(deps, rollout, signal),
    requestSteer: (rollout, request, signal) => requestSteer(deps, rollout, request, signal),
    listSteers: (rollout, signal, attempts) => listSteers(deps, rollout, signal, attempts),
    removeSteers: (rollout, ids, signal) => removeSteers(deps, rollout, ids, signal),
    prune: (lease, signal) => prune(deps, lease, signal),
  };
}
