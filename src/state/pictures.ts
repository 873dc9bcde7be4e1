import type { RolloutId } from '../domain/ids.js';
import type { Picture, PictureRecord, ProbeBucket } from '../domain/record.js';
import { decode, LIMIT, pack, toJson } from './codec.js';
import { underLease } from './lease.js';
import type { Lease } from './lease.js';
import type { StateDeps } from './lease-view.js';
import { retry } from './retry.js';
import { pictureSchema } from './schemas.js';
import { put } from './store.js';

/** Stores what fits of it. @throws DeployctlError `lease.lost`, `lease.expired`; PortError when the store says no */
export async function writePicture(
  deps: StateDeps,
  picture: PictureRecord,
  lease: Lease,
  signal?: AbortSignal,
): Promise<void> {
  await put(deps, deps.names.picture(picture.rollout), fitted(picture), underLease(lease, signal));
}

/** undefined: none was stored. */
export async function readPicture(
  deps: StateDeps,
  rollout: RolloutId,
  signal?: AbortSignal,
): Promise<PictureRecord | undefined> {
  const name = deps.names.picture(rollout);
  const raw = await retry(deps, (inner) => deps.parameters.get(name, inner), { signal });
  return raw === undefined ? undefined : decode(name, raw, pictureSchema);
}

/** Curves lose their detail first, then go; then the lanes, of which a large fleet has many; the weights are few. */
function fitted(picture: PictureRecord): string {
  for (const smaller of ladder(picture)) {
    const text = toJson(smaller);
    const value = Buffer.byteLength(text) <= LIMIT ? text : pack(text);
    if (value.length <= LIMIT) return value;
  }
  const nothing: PictureRecord = { schema: 1, rollout: picture.rollout, ...EMPTY };
  return toJson({ ...nothing, dropped: ['probes', 'instances', 'weights'] });
}

const EMPTY: Picture = { weights: [], lanes: [], probes: [] };

function* ladder(picture: PictureRecord): Generator<PictureRecord> {
  yield picture;
  let { probes } = picture;
  while (probes.some(({ buckets }) => buckets.length > 8)) {
    probes = probes.map(({ probe, buckets }) => ({ probe, buckets: halved(buckets) }));
    yield { ...picture, probes };
  }
  yield { ...picture, probes: [], dropped: ['probes'] };
  yield { ...picture, probes: [], lanes: [], dropped: ['probes', 'instances'] };
}

/** Two buckets become one. Of percentiles the worse stays: what is drawn is never better than what was. */
function halved(buckets: readonly ProbeBucket[]): readonly ProbeBucket[] {
  return buckets.flatMap((one, index) => (index % 2 === 0 ? [joined(one, buckets[index + 1])] : []));
}

function joined(one: ProbeBucket, other: ProbeBucket | undefined): ProbeBucket {
  if (other === undefined) return one;
  const worse = (key: 'p50' | 'p95'): Partial<ProbeBucket> => {
    const values = [one[key], other[key]].filter((value) => value !== undefined);
    return values.length === 0 ? {} : { [key]: Math.max(...values) };
  };
  return { after: one.after, good: one.good + other.good, bad: one.bad + other.bad, ...worse('p50'), ...worse('p95') };
}
