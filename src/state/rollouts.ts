import { DeployctlError, EXIT } from '../domain/errors.js';
import type { RolloutId } from '../domain/ids.js';
import type { RolloutRecord } from '../domain/record.js';
import { decode, encode } from './codec.js';
import { readable } from './damage.js';
import type { Damage } from './damage.js';
import { underLease } from './lease.js';
import type { Lease } from './lease.js';
import type { StateDeps } from './lease-view.js';
import { childOf, generationOf } from './names.js';
import { retry } from './retry.js';
import { rolloutSchema } from './schemas.js';
import { createOnce, listRaw, put } from './store.js';

/**
 * Stores the record, new or changed, under the lease. Retries what may pass (throttling, TooManyUpdates, lost answers), checking the lease anew
 * before each attempt.
 * @throws DeployctlError `state.too-large`, `lease.lost`, `lease.expired`; PortError when the store says no
 */
export async function writeRecord(
  deps: StateDeps,
  record: RolloutRecord,
  lease: Lease,
  signal?: AbortSignal,
): Promise<void> {
  if (record.generation !== lease.generation) {
    throw new DeployctlError({
      code: 'state.generation',
      message: `the record of ${record.id} says generation ${record.generation}, the lease is generation ${lease.generation}`,
      exitCode: EXIT.bug,
    });
  }
  const name = deps.names.rollout(record.id);
  const value = encode(name, record);
  await put(deps, name, value, underLease(lease, signal));
}

/** Why the record could not be stored; undefined: it can. Asks nobody. */
export function recordFlaw(deps: StateDeps, record: RolloutRecord): string | undefined {
  try {
    encode(deps.names.rollout(record.id), record);
    return undefined;
  } catch (error) {
    if (error instanceof DeployctlError && error.code === 'state.too-large') return error.message;
    throw error;
  }
}

/**
 * Stores a record that somebody has removed, without the lease: it creates only, and whoever came since has a higher generation, beside which this one is old.
 * @returns whether it was gone
 */
export async function restoreRecord(deps: StateDeps, record: RolloutRecord, signal?: AbortSignal): Promise<boolean> {
  const name = deps.names.rollout(record.id);
  const { is } = await createOnce(deps, name, encode(name, record), () => false, { signal });
  return is === 'stored';
}

/** undefined: there is no such rollout. */
export async function readRecord(
  deps: StateDeps,
  id: RolloutId,
  signal?: AbortSignal,
): Promise<RolloutRecord | undefined> {
  const name = deps.names.rollout(id);
  const raw = await retry(deps, (inner) => deps.parameters.get(name, inner), { signal });
  return raw === undefined ? undefined : decode(name, raw, rolloutSchema);
}

/** A record that cannot be read: its name tells which rollout it is of, and its text perhaps of which generation. */
export interface DamagedRecord extends Damage {
  readonly rollout: RolloutId;
  readonly generation?: number;
}

/** Those that can be read, newest first: by generation, which wrong clocks don't spoil, then by id. And what stands in the place of the others. */
export async function readRecords(
  deps: StateDeps,
  signal?: AbortSignal,
): Promise<{ readonly records: readonly RolloutRecord[]; readonly damaged: readonly DamagedRecord[] }> {
  const stored = await listRaw(deps, deps.names.rollouts, signal);
  const own = [...stored].filter(([name]) => childOf(deps.names.rollouts, name) !== undefined);
  const { values, damaged } = readable(own, (name, raw) => decode(name, raw, rolloutSchema));
  return {
    records: values.toSorted(newestFirst),
    damaged: damaged.map((each): DamagedRecord => {
      const rollout = childOf(deps.names.rollouts, each.name) ?? '';
      const generation = generationIn(stored.get(each.name) ?? '');
      return { ...each, rollout, ...(generation === undefined ? {} : { generation }) };
    }),
  };
}

/** A record begins with its generation, so one that was cut off, or that a newer deployctl wrote, may still tell it. */
function generationIn(raw: string): number | undefined {
  const digits = /"generation":\s*(\d{1,15})\b/.exec(raw)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** Whether the rollout can be gone on with: it did not end, was interrupted, or holds. */
export function isUnfinished(record: RolloutRecord): boolean {
  const { outcome } = record;
  if (outcome === undefined) return true;
  switch (outcome) {
    case 'held':
    case 'interrupted':
      return true;
    case 'succeeded':
    case 'rolled-back':
    case 'failed':
      return false;
  }
}

/**
 * The highest generation that outcomes and records speak of, and the parameter that does; 0 without any. What cannot be read counts by its name alone.
 */
export async function highestKnown(
  deps: StateDeps,
  signal?: AbortSignal,
): Promise<{ readonly generation: number; readonly name: string }> {
  let highest = { generation: 0, name: deps.names.outcomes };
  const note = (generation: number, name: string): void => {
    if (generation > highest.generation) highest = { generation, name };
  };
  for (const [name] of await listRaw(deps, deps.names.outcomes, signal)) note(generationOf(name) ?? 0, name);
  for (const [name, raw] of await listRaw(deps, deps.names.rollouts, signal)) {
    if (childOf(deps.names.rollouts, name) !== undefined) note(generationInside(raw, name), name);
  }
  return highest;
}

function generationInside(raw: string, name: string): number {
  try {
    return decode(name, raw, rolloutSchema).generation;
  } catch {
    return generationIn(raw) ?? 0; // it may speak of no generation that we can read
  }
}

function newestFirst(a: RolloutRecord, b: RolloutRecord): number {
  if (a.generation !== b.generation) return b.generation - a.generation;
  return a.id < b.id ? 1 : a.id > b.id ? -1 : 0;
}
