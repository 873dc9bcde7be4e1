import type { PortError } from '../domain/errors.js';
import { isDenied, messageOf } from '../domain/errors.js';
import type { ForeignTarget } from '../domain/foreign-targets.js';
import type { Fence, HostFacts, Slot } from '../domain/host.js';
import type { Color, InstanceId, Instant, Ms, RouteArn, TargetGroupArn, TargetKey } from '../domain/ids.js';
import type { Container, FleetInstance, RouteView, TargetView } from '../domain/observation.js';
import type { PlacedService, Topology } from './topology.js';
import type { RolloutRecord } from '../domain/record.js';
import type { Timing } from '../domain/settings.js';
import { HostBook } from '../engine/book.js';
import { steadyClock } from '../engine/clock.js';
import { foreignIn } from './foreign.js';
import { liveColor } from './present.js';
import type { Toolbox } from './toolbox.js';
import { beforeChange, placedSlot, refusedBy } from './topology.js';
import { someOf, Waiting } from './waiting.js';

/** The world before the first change: everything that the rollout will touch, read once. */
export interface Survey {
  readonly fleet: readonly FleetInstance[];
  readonly routes: ReadonlyMap<RouteArn, RouteView>;
  readonly targets: ReadonlyMap<TargetGroupArn, ReadonlyMap<TargetKey, TargetView>>;
  /** Registered targets that the fleet does not cover. Absent: the fleet could not be read. */
  readonly foreign?: readonly ForeignTarget[];
  readonly containers: ReadonlyMap<InstanceId, readonly Container[]>;
  readonly facts: ReadonlyMap<InstanceId, HostFacts>;
  /** Instances that could not be looked at, and why. */
  readonly silent: ReadonlyMap<InstanceId, string>;
  /** Set when the instances could not be looked at because a call to AWS failed, which says nothing of them. */
  readonly failed?: PortError;
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
  const [looked, foreign] = await Promise.all([
    look(box, topology, fleet, fence, live),
    beforeChange(() => foreignIn(box, topology, fleet, targets)),
  ]);
  return {
    fleet,
    routes,
    targets,
    foreign,
    ...looked,
  };
}

/** @throws DeployctlError `aws.…` (exit 12) when the instances could not be looked at because a call to AWS failed */
export function requireLooked({ failed }: Survey): void {
  if (failed !== undefined) throw refusedBy(failed);
}

/** How often an instance is asked before it counts as silent. */
const rounds = 3;
/** Between two looks for its answer, as long as it is one that takes a second or less and one call reads all answers. */
const firstPause: Ms = 125;
const quickLooks = 6;
const inOneCall = 50;

/** An API that has not answered as it should for so long is what keeps the instances from being looked at. Each of its calls was repeated already. */
const patience: Ms = 20_000;
/** Between two tries to send, when the API takes none. */
const sendAgain: Ms = 1000;

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
): Promise<Pick<Survey, 'containers' | 'facts' | 'silent' | 'refusing' | 'failed' | 'fencedOut' | 'fencedBy'>> {
  const names = new Map(fleet.map(({ id, name }) => [id, name]));
  const nameOf = (id: InstanceId): string => names.get(id) ?? id;
  const book = new HostBook({
    hosts: box.hosts,
    clock: steadyClock(box.clock),
    emit: (event) => {
      if (event.type === 'host.failed') box.emit(event);
    },
    nameOf,
    nextFence: () => fence?.(),
  });
  const slots = topology.services.flatMap((service) => slotsOf(service, live(service)));
  let asked = fleet.filter(({ agent }) => agent === 'online').map(({ id }) => id);
  const { hostCommand, poll } = box.settings.timing;
  const roomUntil = box.clock.now() + hostCommand;
  const waiting = new Waiting(box);
  let answeredAt: Instant = box.clock.now();
  let failed: PortError | undefined;
  /** Whether a call has failed for good: the service refused this identity, or none has been answered for too long. */
  const gaveUp = (error: PortError | undefined): boolean => {
    if (error === undefined) answeredAt = box.clock.now();
    else if (isDenied(error) || box.clock.now() - answeredAt >= patience) failed = error;
    return failed !== undefined;
  };
  // A look that was lost is asked for again: one lost command says nothing of the instance. Nor does one that a large fleet had no room for yet.
  for (let round = 0; round < rounds && asked.length > 0;) {
    const ids = asked;
    const request = { phase: 'inspect', slots } as const;
    const refused = new Set<InstanceId>();
    const send = async (id: InstanceId): Promise<void> => {
      if (await book.send(id, request, hostCommand, box.signal)) refused.add(id);
    };
    await Promise.all(ids.map(send));
    if (gaveUp(book.sendError)) break;
    // A look is over in a second or less: asked for often at first, and the longer it takes the seldomer.
    let pause = firstPause;
    for (let looks = 1; book.busy.length > 0 && failed === undefined; looks += 1) {
      await box.clock.sleep(Math.min(pause, poll, 1000), box.signal);
      await book.poll(box.signal);
      if (gaveUp(book.readError)) break;
      const silent = book.busy.map(nameOf);
      if (book.readError === undefined && silent.length > 0)
        waiting.tell(
          () => `${String(silent.length)} of ${String(fleet.length)} instances to answer: ${someOf(silent)}`,
        );
      if (looks >= quickLooks || book.busy.length > inOneCall) pause *= 2;
    }
    if (failed !== undefined) break;
    asked = ids.filter((id) => refused.has(id) || book.view([id]).get(id)?.op.is === 'lost');
    // What no API takes is no look that an instance has lost.
    if (book.sendError !== undefined && asked.length === ids.length) await box.clock.sleep(sendAgain, box.signal);
    else if (refused.size === 0 || box.clock.now() >= roomUntil) round += 1;
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
          ? failed === undefined
            ? (host?.containers.why ?? 'no answer')
            : messageOf(failed)
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
    ...(failed === undefined ? {} : { failed }),
    ...(book.fencedOut === undefined ? {} : { fencedOut: book.fencedOut }),
    ...(book.fencedBy === undefined ? {} : { fencedBy: book.fencedBy }),
  };
}

export function slotsOf(service: PlacedService, live: Color | undefined): readonly Slot[] {
  return Object.values(service.colors).flatMap(({ color }) => placedSlot(service, color, live) ?? []);
}
