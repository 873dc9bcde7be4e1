import type { RolloutId } from '../domain/ids.js';
import type { TimelineRecord } from '../domain/record.js';
import { decode, LIMIT, pack, toJson } from './codec.js';
import { underLease } from './lease.js';
import type { Lease } from './lease.js';
import type { StateDeps } from './lease-view.js';
import { retry } from './retry.js';
import { timelineSchema } from './schemas.js';
import { put } from './store.js';

/** Stores what fits of it: the middle goes first. @throws DeployctlError `lease.lost`, `lease.expired`; PortError when the store says no */
export async function writeTimeline(
  deps: StateDeps,
  timeline: TimelineRecord,
  lease: Lease,
  signal?: AbortSignal,
): Promise<void> {
  await put(deps, deps.names.timeline(timeline.rollout), fitted(timeline), underLease(lease, signal));
}

/** undefined: none was stored. */
export async function readTimeline(
  deps: StateDeps,
  rollout: RolloutId,
  signal?: AbortSignal,
): Promise<TimelineRecord | undefined> {
  const name = deps.names.timeline(rollout);
  const raw = await retry(deps, (inner) => deps.parameters.get(name, inner), { signal });
  return raw === undefined ? undefined : decode(name, raw, timelineSchema);
}

function fitted(timeline: TimelineRecord): string {
  const { entries } = timeline;
  for (let keep = entries.length; ; keep = Math.floor(keep * 0.9)) {
    const head = Math.ceil(keep / 2);
    const kept = [...entries.slice(0, head), ...entries.slice(entries.length - (keep - head))];
    const text = toJson({ ...timeline, leftOut: timeline.leftOut + entries.length - keep, entries: kept });
    const value = Buffer.byteLength(text) <= LIMIT ? text : pack(text);
    if (value.length <= LIMIT || keep === 0) return value;
  }
}
