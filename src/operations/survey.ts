import type { Fence, HostFacts, Slot } from '../domain/host.js';
import type { Color, InstanceId, Ms, RouteArn, TargetGroupArn, TargetKey } from '../domain/ids.js';
import type { Container, FleetInstance, RouteView, TargetView } from '../domain/observation.js';
import type { PlacedService, Topology } from './topology.js';
import type { RolloutRecord } from '../domain/record.js';
import type { Timing } from '../domain/settings.js';
import { HostBook } from '../engine/book.js';
import { steadyClock } from '../engine/clock.js';
import { liveColor } from './present.js';
import type { Toolbox } from './toolbox.js';
import { beforeChange, placedSlot } from './topology.js';

/** The world before the first change: everything that the rollout will touch, read once. */
export interface Survey {
  readonly fleet: readonly FleetInstance[];
  readonly routes: ReadonlyMap<RouteArn, RouteView>;
  readonly targets: ReadonlyMap<TargetGroupArn, ReadonlyMap<TargetKey, TargetView>>;
  readonly containers: ReadonlyMap<InstanceId, readonly Container[]>;
  readonly facts: ReadonlyMap<InstanceId, HostFacts>;
  /** Instances that could not be looked at, and why. */
  readonly silent: ReadonlyMap<InstanceId, string>;
  /** Those of them that answered, and could not say what runs there: their agents are well. */
  readonly refusing?: ReadonlySet<InstanceId>;
  /** Set when an instance follows a higher generation than ours: how that shows, and the highest of them where one told. */
  readonly fencedOut?: string;
  readonly fencedBy?: number;
}

/**
 * Reads fleet, weights, targets and containers. `fence`: the looks wait for commands that are still running, shut out those that were never
 * delivered, and note what is adopted; without it they take no lock and change nothing.
 * @param before a rollout that knows which colors were live when it began
 */
export async function survey(
  box: Toolbox,
  topology: Topology,
  fence: (() => Fence) | undefined,
  before?: Pick<RolloutRecord, 'live'>,
): Promise<Survey> {
  const { settings, signal } = box;
  const groups = topology.groups.map(({ arn }) => arn);
  const routeArns = [...new Set(topology.services.flatMap(({ routes }) => routes))];
  const [fleet, routes, ...views] = await beforeChange(() =>
    Promise.all([
      box.fleet.instances(settings.fleet, settings.layout, signal),
      routeArns.length === 0
        ? Promise.resolve(new Map<RouteArn, RouteView>())
        : box.traffic.routes(routeArns, groups, signal),
      ...groups.map((group) => box.traffic.targets(group, signal)),
    ]),
  );
  const targets = new Map(groups.map((group, index) => [group, views[index] ?? new Map()]));
  const live = (service: PlacedService): Color | undefined => {
    const color = liveColor(service, { routes, targets });
    return before?.live[service.settings.name] ?? ('live' in color ? color.live : undefined);
  };
  const looked = await look(box, topology, fleet, fence, live);
  return {
    fleet,
    routes,
    targets,
    ...looked,
  };
}

/** How often an instance is asked before it counts as silent. */
const rounds = 3;
/** Between two looks for its answer, as long as it is one that takes a second or less and one call reads all answers. */
const firstPause: Ms = 125;
const quickLooks = 6;
const inOneCall = 50;

/**
 * Looks at the containers of each instance. Without a fence it takes no lock and changes nothing.
 * @param live the color on which containers of others may be adopted for their image
 */
export async function look(
  box: Pick<Toolbox, 'hosts' | 'clock' | 'emit' | 'signal'> & {
    readonly settings: { readonly timing: Pick<Timing, 'hostCommand' | 'poll'> };
  },
  topology: Topology,
  fleet: readonly FleetInstance[],
  fence: (() => Fence) | undefined,
  live: (service: PlacedService) => Color | undefined = () => undefined,
): Promise<Pick<Survey, 'containers' | 'facts' | 'silent' | 'refusing' | 'fencedOut' | 'fencedBy'>> {
  const names = new Map(fleet.map(({ id, name }) => [id, name]));
  const book = new HostBook({
    hosts: box.hosts,
    clock: steadyClock(box.clock),
    emit: (event) => {
      if (event.type === 'host.failed') box.emit(event);
    },
    nameOf: (id) => names.get(id) ?? id,
    nextFence: () => fence?.(),
  });
  const slots = topology.services.flatMap((service) => slotsOf(service, live(service)));
  let asked = fleet.filter(({ agent }) => agent === 'online').map(({ id }) => id);
  const { hostCommand, poll } = box.settings.timing;
  const roomUntil = box.clock.now() + hostCommand;
  // A look that was lost is asked for again: one lost command says nothing of the instance. Nor does one that a large fleet had no room for yet.
  for (let round = 0; round < rounds && asked.length > 0;) {
    const ids = asked;
    const request = { phase: 'inspect', slots } as const;
    const refused = new Set<InstanceId>();
    const send = async (id: InstanceId): Promise<void> => {
      if (await book.send(id, request, hostCommand, box.signal)) refused.add(id);
    };
    await beforeChange(() => Promise.all(ids.map(send)));
    // A look is over in a second or less: asked for often at first, and the longer it takes the seldomer.
    let pause = firstPause;
    for (let looks = 1; book.busy.length > 0; looks += 1) {
      await box.clock.sleep(Math.min(pause, poll, 1000), box.signal);
      await book.poll(box.signal);
      if (looks >= quickLooks || book.busy.length > inOneCall) pause *= 2;
    }
    if (refused.size === 0 || box.clock.now() >= roomUntil) round += 1;
    asked = ids.filter((id) => refused.has(id) || book.view([id]).get(id)?.op.is === 'lost');
  }
  const containers = new Map<InstanceId, readonly Container[]>();
  const facts = new Map<InstanceId, HostFacts>();
  const silent = new Map<InstanceId, string>();
  const refusing = new Set<InstanceId>();
  for (const { id, agent } of fleet) {
    const host = book.view([id]).get(id);
    if (agent === 'online' && host?.op.is === 'idle' && host.containers.is === 'unknown') refusing.add(id);
    if (host?.containers.is === 'known') containers.set(id, host.containers.value);
    else
      silent.set(
        id,
        agent === 'online'
          ? (host?.containers.why ?? 'no answer')
          : agent === 'unmanaged'
            ? 'SSM does not manage it'
            : 'its SSM agent is offline',
      );
    const fact = book.facts(id);
    if (fact !== undefined) facts.set(id, fact);
  }
  return {
    containers,
    facts,
    silent,
    refusing,
    ...(book.fencedOut === undefined ? {} : { fencedOut: book.fencedOut }),
    ...(book.fencedBy === undefined ? {} : { fencedBy: book.fencedBy }),
  };
}

export function slotsOf(service: PlacedService, live: Color | undefined): readonly Slot[] {
  return Object.values(service.colors).flatMap(({ color }) => placedSlot(service, color, live) ?? []);
}
