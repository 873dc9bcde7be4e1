import type { InstanceId } from '../../domain/ids.js';
import type { FleetSelector, Layout } from '../../domain/settings.js';
import type { InitTools } from './discover.js';

type Tags = Readonly<Record<string, string>>;

/** Keys under which people name what an instance belongs to, the most telling first. */
const telling = ['App', 'Application', 'Project', 'Environment', 'Env', 'Stage', 'Service', 'Role'];

/**
 * How the configuration selects exactly these instances: by tags that they share and no other running instance has, so that new ones are found too; else
 * by their ids.
 */
export async function selectorOf(
  tools: InitTools,
  ids: readonly InstanceId[],
  tagsOf: ReadonlyMap<InstanceId, Tags>,
): Promise<{ readonly selector: FleetSelector; readonly remark?: string }> {
  const shared = sharedTags(ids.map((id) => tagsOf.get(id) ?? {}));
  const rank = (key: string): number => {
    const at = telling.findIndex((one) => one.toLowerCase() === key.toLowerCase());
    return at === -1 ? telling.length : at;
  };
  const pairs = Object.entries(shared).sort(([a], [b]) => rank(a) - rank(b) || (a < b ? -1 : 1));
  const known = pairs.filter(([key]) => rank(key) < telling.length);
  for (const tags of [known, pairs].filter((list) => list.length > 0).map((list) => Object.fromEntries(list))) {
    const found = await tools.fleet.instances({ is: 'tags', tags }, { is: 'ports' }, tools.signal);
    if (found.length === ids.length && found.every(({ id }) => ids.includes(id)))
      return { selector: { is: 'tags', tags } };
  }
  return {
    selector: { is: 'ids', ids: [...ids].sort() },
    remark: 'fleet names instances by id, because no tag tells them from others: new instances are not found by it',
  };
}

function sharedTags(all: readonly Tags[]): Tags {
  const [first = {}] = all;
  return Object.fromEntries(
    Object.entries(first).filter(
      ([key, value]) => key !== 'Name' && !key.startsWith('aws:') && all.every((tags) => tags[key] === value),
    ),
  );
}

/** The tag that tells two sets of instances apart; undefined when no tag does. */
export function layoutOf(
  blue: readonly InstanceId[],
  green: readonly InstanceId[],
  tagsOf: ReadonlyMap<InstanceId, Tags>,
): Layout | undefined {
  const valuesOf = (ids: readonly InstanceId[], key: string): ReadonlySet<string | undefined> =>
    new Set(ids.map((id) => tagsOf.get(id)?.[key]));
  const [first] = blue;
  for (const tag of Object.keys(tagsOf.get(first ?? 'i-0') ?? {}).filter((key) => key !== 'Name')) {
    const [b, g] = [valuesOf(blue, tag), valuesOf(green, tag)];
    const [blueValue, greenValue] = [[...b][0], [...g][0]];
    if (b.size !== 1 || g.size !== 1 || blueValue === undefined || greenValue === undefined) continue;
    if (blueValue !== greenValue) return { is: 'instances', tag, values: { blue: blueValue, green: greenValue } };
  }
  return undefined;
}
