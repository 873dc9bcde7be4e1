import type { Color, Instant, InstanceId, RolloutId, RouteArn, ServiceName } from '../domain/ids.js';
import { otherColor } from '../domain/ids.js';
import type { Container, GroupWeight } from '../domain/observation.js';
import type { How } from '../domain/plan.js';
import type { RolloutRecord } from '../domain/record.js';
import type { Release, ServiceRelease } from '../domain/release.js';
import { releaseOf } from '../strategies/standing.js';
import { howOf, newRecord } from './plan.js';
import { membersOf, occupantIn, stamp } from './present.js';
import { holding, serviceOf } from './rebuilt.js';
import type { Past } from '../state/index.js';
import { storedRelease } from './serving.js';
import type { Survey } from './survey.js';
import type { Toolbox } from './toolbox.js';
import type { PlacedService, Topology } from './topology.js';

/** What a rollout whose record cannot be read was doing, as far as that can be observed. */
export type HalfWay =
  /** A record that undoes it: from the release that served, to what was found beside it. */
  | {
      readonly is: 'found';
      readonly record: RolloutRecord;
      readonly from: Release;
      readonly to: Release;
      /** It runs in each service that has to be restored; else it is only kept there. */
      readonly isRunning: boolean;
    }
  /** The release serves everywhere, and nothing else runs. */
  | { readonly is: 'nothing' }
  /** A service of which no instance has the release where its traffic could go to it. */
  | { readonly is: 'gone'; readonly service: ServiceName };

interface Asked {
  readonly rollout: RolloutId;
  readonly generation: number;
  readonly now: Instant;
  /** The release that served, and shall serve again. */
  readonly from: Release;
  readonly past: Past;
}

interface Side {
  readonly service: PlacedService;
  /** The color that runs the release. */
  readonly live: Color;
  /** What else runs, and in which color. */
  readonly other?: { readonly container: Container; readonly color: Color };
  /** Whether the release gets all of the traffic and is registered everywhere. */
  readonly isWhole: boolean;
  readonly isRunning: boolean;
}

/**
 * Makes the record anew that a rollout would have left, from weights, targets and the labels of containers. What it did is undone by the same loop as
 * ever: whatever is not found here was not done, or is found by the loop.
 */
export async function halfWay(box: Toolbox, topology: Topology, seen: Survey, asked: Asked): Promise<HalfWay> {
  const sides: Side[] = [];
  for (const service of topology.services) {
    const want = asked.from.services[service.settings.name];
    if (want === undefined) continue;
    const isRead = service.routes.every((arn) => seen.routes.has(arn));
    const side = isRead ? sideOf(box, service, want, seen) : undefined;
    if (side === undefined) return { is: 'gone', service: service.settings.name };
    sides.push(side);
  }
  // What runs in the idle color of a service that is whole is the release before it, kept warm.
  const open = sides.filter(({ isWhole }) => !isWhole);
  if (open.length === 0) return { is: 'nothing' };
  const isSplit = ({ live, other }: Side): boolean => other !== undefined && other.color !== live;
  // A rollout moves either between the colors or in place: a mixture of both is the work of more than one.
  const odd = open.some(isSplit) ? open.find((side) => !isSplit(side) && side.other !== undefined) : undefined;
  if (odd !== undefined) return { is: 'gone', service: odd.service.settings.name };
  const to = await besides(box, asked, open);
  const strategy = open.some(isSplit) ? 'blue-green' : 'rolling';
  const how: How = howOf(box.settings, { strategy });
  const record = newRecord({
    settings: box.settings,
    id: asked.rollout,
    kind: 'rollout',
    generation: asked.generation,
    by: box.actor.name,
    now: asked.now,
    deadline: asked.now + box.settings.timing.rolloutDeadline,
    from: asked.from,
    to,
    how,
    live: Object.fromEntries(sides.map(({ service, live }) => [service.settings.name, live])),
    seen,
    excluded: [...seen.silent.keys()],
    skipValidation: true,
  });
  const before = {
    weightsBefore: weightsBefore(sides, seen),
    ...(how.is === 'blue-green' && how.stickySeconds !== undefined ? { stickinessBefore: unstuck(seen) } : {}),
  };
  return {
    is: 'found',
    record: { ...record, ...before, phase: 'its record was made anew from what is observed' },
    from: asked.from,
    to,
    isRunning: open.every(({ isRunning }) => isRunning),
  };
}

/** undefined: no instance runs the release. */
function sideOf(box: Toolbox, service: PlacedService, want: ServiceRelease, seen: Survey): Side | undefined {
  const colors = (['blue', 'green'] as const).filter((color) => service.colors[color] !== undefined);
  const running = (color: Color): readonly (readonly [InstanceId, Container | undefined])[] =>
    membersOf(box, seen.fleet, color)
      .filter(({ id }) => seen.containers.has(id))
      .map(({ id }) => [id, occupantIn(seen.containers.get(id) ?? [], service, color, color)]);
  const runs = (color: Color): number => running(color).filter(([, one]) => isRelease(one, want)).length;
  const keeps = (color: Color): number => holding(box, seen, service, color, want.release).length;
  const [live] = [...colors].sort((a, b) => runs(b) - runs(a) || keeps(b) - keeps(a));
  if (live === undefined || keeps(live) === 0) return undefined;
  // Kept containers are started in place: in a color that has no traffic nothing would give it to them.
  if (runs(live) === 0 && shareOf(service, live, seen) !== 'all') return undefined;
  const others = [live, otherColor(live)].flatMap((color) =>
    !colors.includes(color)
      ? []
      : running(color).flatMap(([, container]) =>
          container === undefined || isRelease(container, want) ? [] : [{ container, color }],
        ),
  );
  const { group, port } = service.colors[live] ?? { group: undefined, port: 0 };
  const targets = group === undefined ? undefined : seen.targets.get(group);
  const registered = running(live).every(([id]) => {
    const state = targets?.get(`${id}:${port}`)?.state;
    return state === 'healthy' || state === 'initial' || (service.routes.length === 0 && state !== undefined);
  });
  const isWhole =
    running(live).every(([, one]) => isRelease(one, want)) && registered && shareOf(service, live, seen) === 'all';
  const [other] = others;
  return { service, live, isWhole, isRunning: runs(live) > 0, ...(other === undefined ? {} : { other }) };
}

const isRelease = (container: Container | undefined, want: ServiceRelease): boolean =>
  container !== undefined && releaseOf(container) === want.release;

/** How much of the traffic of all its routes a color gets. */
function shareOf(service: PlacedService, color: Color, seen: Survey): 'all' | 'some' {
  const other = service.colors[otherColor(color)]?.group;
  const takes = service.routes.some((arn) =>
    seen.routes.get(arn)?.weights.some(({ group, weight }) => group === other && weight > 0),
  );
  return takes ? 'some' : 'all';
}

/** What runs beside the release: what the rollout was bringing. Of a service of which nothing else runs, the release itself. */
async function besides(box: Toolbox, { from, now, past }: Asked, sides: readonly Side[]): Promise<Release> {
  const services: Record<ServiceName, ServiceRelease> = { ...from.services };
  for (const { service, other } of sides) {
    const { name } = service.settings;
    const before = from.services[name];
    if (other === undefined || before === undefined) continue;
    // It is only taken out of service: what it was started with is not needed for that.
    services[name] = (await serviceOf(box, service, other.container)) ?? {
      release: releaseOf(other.container) ?? 'unknown',
      spec: before.spec,
    };
  }
  const made: Release = { id: `adopted-${stamp(now)}-${box.random.hex(4)}`, createdAt: now, adopted: true, services };
  return (await storedRelease(box, made, past)) ?? made;
}

/** All of each pair for the color that shall serve again, the rest as it is. */
function weightsBefore(sides: readonly Side[], seen: Survey): Record<RouteArn, readonly GroupWeight[]> {
  const before: Record<RouteArn, readonly GroupWeight[]> = {};
  for (const [arn, { weights }] of seen.routes) {
    const side = sides.find(({ service }) => service.routes.includes(arn));
    const groups = Object.values(side?.service.colors ?? {}).map(({ group }) => group);
    const live = side?.service.colors[side.live]?.group;
    const total = weights.filter(({ group }) => groups.includes(group)).reduce((sum, { weight }) => sum + weight, 0);
    before[arn] = weights.map(({ group, weight }) => ({
      group,
      weight: !groups.includes(group) ? weight : group === live ? total : 0,
    }));
  }
  return before;
}

/** The stickiness of a shift is borrowed: before it there was none, or it would not have been configured. */
function unstuck(seen: Survey): RolloutRecord['stickinessBefore'] {
  return Object.fromEntries([...seen.routes.keys()].map((arn) => [arn, { enabled: false }]));
}
