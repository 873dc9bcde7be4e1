import { DeployctlError, fixFor, messageOf, PortError } from '../domain/errors.js';
import type { Color, ReleaseId, ServiceName } from '../domain/ids.js';
import type { OutcomeRecord, RolloutRecord } from '../domain/record.js';
import type { Release } from '../domain/release.js';
import { imageTag } from '../domain/release.js';
import { currentRelease } from '../state/index.js';
import type { Ground } from './begin.js';
import { judgeForeign } from './foreign.js';
import { movesOf } from './history.js';
import { judgePorts } from './intruders.js';
import { howOf, servicePlans } from './plan.js';
import type { Finding } from './preflight.js';
import type { LeaseSeen } from './lease.js';
import { membersOf, occupantIn } from './present.js';
import { nextFor } from './status-next.js';
import { statusWorld } from './status-world.js';
import type { StatusWorld } from './status-world.js';
import { isDriven } from './steer.js';
import type { Toolbox } from './toolbox.js';
import type { PlacedService } from './topology.js';
import { beforeChange } from './topology.js';

export interface StatusResult {
  readonly schemaVersion: 1;
  readonly app: string;
  readonly environment: string;
  /** The release that serves; null where what runs here is none that is on record. */
  readonly release: string | null;
  /** What the record says serves, where that is another release: another hand has moved since. null: it cannot be read. */
  readonly recorded?: string | null;
  /** ISO time since when that release serves, and who brought it. */
  readonly since?: string;
  readonly by?: string;
  readonly services: readonly ServiceStatus[];
  readonly instances: readonly {
    readonly id: string;
    readonly name: string;
    readonly zone: string;
    readonly agent: string;
    readonly silent?: string;
  }[];
  readonly running?: RunningStatus;
  /** The last one that ended. */
  readonly last?: {
    readonly rollout: string;
    readonly kind: string;
    readonly outcome: 'succeeded' | 'rolled-back' | 'failed';
    readonly reason: string;
    readonly by: string;
    readonly endedAt: string;
  };
  readonly lease: LeaseSeen;
  readonly problems: readonly string[];
  /** A call to AWS that failed, so that part of this is not known; `problems` names what else could not be read. */
  readonly unread?: { readonly operation: string; readonly message: string; readonly fix: string };
  readonly next: readonly string[];
}

/** A rollout that has not ended: it runs, waits for a person, or its process is gone. */
interface RunningStatus {
  readonly rollout: string;
  readonly kind: string;
  readonly strategy: string;
  readonly by: string;
  readonly services: readonly { readonly service: string; readonly from: string; readonly to: string }[];
  readonly phase: string;
  readonly aim: 'new' | 'old';
  /** Why it goes back. */
  readonly because?: string;
  readonly startedAt: string;
  readonly deadline: string;
  /** Whether a process drives it. */
  readonly driven: boolean;
  /** What that process waits for, and the ISO time until when at most. */
  readonly waits: readonly { readonly what: string; readonly until: string }[];
}

export interface ServiceStatus {
  readonly service: string;
  readonly image: string;
  readonly release: string;
  readonly live: Color | 'unclear';
  /** Percent of the traffic. */
  readonly weights: Readonly<Partial<Record<Color, number>>>;
  readonly colors: readonly {
    readonly color: Color;
    readonly port: number;
    readonly targets: readonly TargetStatus[];
  }[];
}

export interface TargetStatus {
  readonly instance: string;
  readonly name: string;
  readonly zone: string;
  /** As the load balancer calls it, `not registered`, or `unknown` where its target group cannot be read. */
  readonly state: string;
  /** Tag or digest of the image that runs, `nothing`, or `unknown`. */
  readonly runs: string;
  readonly release?: string;
  /** ISO time of the container's start. */
  readonly since?: string;
  readonly description?: string;
}

/** What runs where, since when, by whom, what a rollout waits for, and what to type next. Takes no lease and no lock. */
export async function status(box: Toolbox): Promise<StatusResult> {
  const world = await statusWorld(box);
  const { ground, lease, unfinished } = world;
  // A store that does not answer is not asked again.
  const releases = world.isPastKnown ? await releasesSeen(box, ground, unfinished) : new Map<ReleaseId, Release>();
  const { environment } = box.settings;
  const foreign = judgeForeign(box, ground.topology, ground.seen.foreign ?? []);
  const findings = [...ground.findings, ...portsOf(box, ground), ...foreign];
  const problems = [...world.problems, ...findings.map(({ text }) => text)];
  for (const { name, why, rollout } of ground.past.open)
    problems.push(
      `the parameter ${name} cannot be read: ${why}. ${rollout} may not have ended: a new rollout is refused`,
    );
  const { failed } = ground.seen;
  if (failed === undefined)
    for (const [id, why] of ground.seen.silent) problems.push(`${id} cannot be looked at: ${why}`);
  else problems.push(`what runs on the instances is not known: ${messageOf(failed)}`);
  const [last] = ground.outcomes;
  const release = ground.present.found ? null : ground.present.release.id;
  const recorded = recordedOf(world, release);
  const next = await nextFor(box, world);
  const [unread] = world.failed;
  return {
    schemaVersion: 1,
    app: box.settings.app,
    environment,
    release,
    ...(recorded === undefined ? (release === null ? {} : sinceOf(ground.outcomes)) : { recorded }),
    services: ground.topology.services.map((service) => serviceStatus(box, world, service, releases)),
    instances: ground.seen.fleet.map(({ id, name, zone, agent }) => {
      const silent = ground.seen.silent.get(id);
      return { id, name, zone, agent, ...(silent === undefined ? {} : { silent }) };
    }),
    ...(unfinished === undefined ? {} : { running: runningOf(unfinished, releases, isDriven(lease)) }),
    ...(last === undefined ? {} : { last: lastOf(last) }),
    lease,
    problems: [...new Set(problems)],
    ...(unread === undefined
      ? {}
      : { unread: { operation: unread.operation, message: unread.message, fix: fixFor(unread) } }),
    next: [...new Set([...(unread === undefined ? [] : [fixFor(unread)]), ...next])],
  };
}

/** What is in the way of a service's ports, of either color. */
function portsOf(box: Toolbox, { topology, seen, live, present }: Ground): readonly Finding[] {
  const { layout, environment } = box.settings;
  const services = servicePlans(topology, { live: Object.fromEntries(live) }, present.release, present.release);
  const known = services.filter(({ service }) => live.has(service));
  const using = { services: known, how: howOf(box.settings, {}), layout, environment, excluded: [] };
  return judgePorts(seen, using, 'all');
}

/** What the record says serves, where that is another release than the one that is seen. null: it cannot be read. */
function recordedOf(
  { ground, unfinished, isPastKnown, failed }: StatusWorld,
  release: ReleaseId | null,
): ReleaseId | null | undefined {
  // What was not seen differs from nothing.
  if (isPastKnown && failed.length > 0) return undefined;
  if (!isPastKnown || ground.past.unclear !== undefined) return null;
  const current = currentRelease(ground.outcomes);
  return unfinished !== undefined || current.is !== 'known' || current.release === release
    ? undefined
    : current.release;
}

/** Looks that may fail in a row before following gives up. */
const tolerated = 5;

/**
 * The status now, and then again and again for as long as the rollout that runs now has not ended. Ends early when nobody drives that rollout any more.
 * A look that fails in passing is left out.
 */
export async function* follow(box: Toolbox): AsyncGenerator<StatusResult, void> {
  const first = await status(box);
  yield first;
  const pause = Math.max(box.settings.timing.poll, 1000);
  let failures = 0;
  let alone: number | undefined;
  for (let seen = first; seen.running !== undefined && seen.running.rollout === first.running?.rollout;) {
    const now = box.clock.now();
    alone = seen.running.driven ? undefined : (alone ?? now);
    // A process that has just begun, or is about to go on, has a moment to take the lock.
    if (alone !== undefined && now - alone >= Math.min(box.settings.lease.ttl, 5000)) return;
    await box.clock.sleep(pause, box.signal);
    try {
      seen = await status(box);
      failures = 0;
    } catch (error) {
      failures += 1;
      if (!isPassing(error) || failures > tolerated) throw error;
      continue;
    }
    yield seen;
  }
}

function isPassing(error: unknown): boolean {
  const { cause } = error instanceof DeployctlError ? error : {};
  return (
    cause instanceof PortError && (cause.kind === 'throttled' || cause.mayHaveTakenEffect) && cause.kind !== 'aborted'
  );
}

/** Releases by id, for the names of what runs: the present one, both ends of a rollout, and whatever a container says it is. */
async function releasesSeen(
  box: Toolbox,
  ground: Ground,
  unfinished: RolloutRecord | undefined,
): Promise<ReadonlyMap<ReleaseId, Release>> {
  const known = new Map<ReleaseId, Release>([[ground.present.release.id, ground.present.release]]);
  const wanted = new Set<ReleaseId>(unfinished === undefined ? [] : [unfinished.from, unfinished.to]);
  for (const containers of ground.seen.containers.values()) {
    for (const { running, ours } of containers) if (running && ours !== undefined) wanted.add(ours.release);
  }
  for (const id of wanted) {
    if (known.has(id) || (id.startsWith('adopted-') && id !== unfinished?.from)) continue;
    const parts = await beforeChange(() => box.state.readRelease(id, box.signal));
    if (parts?.release !== undefined) known.set(id, parts.release);
  }
  return known;
}

function tagOf(
  releases: ReadonlyMap<ReleaseId, Release>,
  service: ServiceName,
  release: ReleaseId,
): string | undefined {
  for (const { services } of releases.values()) {
    const found = services[service];
    if (found?.release === release) return imageTag(found.spec.image);
  }
  return undefined;
}

/** Since when the present release serves: the first outcome of the unbroken row that says so. */
function sinceOf(outcomes: readonly OutcomeRecord[]): Pick<StatusResult, 'since' | 'by'> {
  const [newest] = outcomes;
  if (newest === undefined || newest.serving === null) return {};
  const changed = outcomes.findIndex(({ serving }) => serving !== newest.serving);
  const first = outcomes[changed === -1 ? outcomes.length - 1 : changed - 1] ?? newest;
  // The oldest that is left may not be the one that brought it: a rollout that was undone found it serving.
  if (first.outcome === 'rolled-back') return {};
  return { since: new Date(first.endedAt).toISOString(), by: first.by };
}

function lastOf({ rollout, kind, outcome, reason, by, endedAt }: OutcomeRecord): NonNullable<StatusResult['last']> {
  return { rollout, kind, outcome, reason, by, endedAt: new Date(endedAt).toISOString() };
}

function runningOf(record: RolloutRecord, releases: ReadonlyMap<ReleaseId, Release>, driven: boolean): RunningStatus {
  return {
    rollout: record.id,
    kind: record.kind,
    strategy: record.how.is,
    by: record.by,
    services: movesOf(releases.get(record.from), releases.get(record.to)),
    phase: record.phase,
    aim: record.aim.to,
    ...(record.aim.to === 'old' ? { because: record.aim.because } : {}),
    startedAt: new Date(record.startedAt).toISOString(),
    deadline: new Date(record.deadline).toISOString(),
    driven,
    waits: driven
      ? (record.waits ?? []).map(({ what, until }) => ({ what, until: new Date(until).toISOString() }))
      : [],
  };
}

function serviceStatus(
  box: Toolbox,
  world: StatusWorld,
  service: PlacedService,
  releases: ReadonlyMap<ReleaseId, Release>,
): ServiceStatus {
  const { ground, unknown } = world;
  const { name } = service.settings;
  const present = ground.present.release.services[name];
  const isUnknown = unknown.has(name) || ground.present.release.id === 'unknown';
  const colors: readonly Color[] = ['blue', 'green'];
  return {
    service: name,
    image: present === undefined ? (isUnknown ? 'unknown' : 'nothing') : imageTag(present.spec.image),
    release: present?.release ?? (isUnknown ? 'unknown' : 'none'),
    live: ground.live.get(name) ?? 'unclear',
    weights: weightsOf(ground, service),
    colors: colors.flatMap((color) => {
      const port = service.settings.colors[color]?.port;
      return port === undefined ? [] : [{ color, port, targets: targetsOf(box, world, service, color, releases) }];
    }),
  };
}

/** One instance each. What cannot be read is unknown, and not out of the load balancer. */
function targetsOf(
  box: Toolbox,
  { ground, isFleetKnown }: StatusWorld,
  service: PlacedService,
  color: Color,
  releases: ReadonlyMap<ReleaseId, Release>,
): readonly TargetStatus[] {
  const plan = service.colors[color];
  const targets = plan === undefined ? undefined : ground.seen.targets.get(plan.group);
  if (!isFleetKnown) {
    const all = [...(targets ?? [])].map(([key, { state }]): TargetStatus => {
      const id = key.split(':')[0] ?? key;
      return { instance: id, name: id, zone: '', state, runs: 'unknown' };
    });
    return all.length > 0
      ? all
      : [{ instance: 'unknown', name: 'unknown', zone: '', state: 'unknown', runs: 'unknown' }];
  }
  return membersOf(box, ground.seen.fleet, color).map(({ id, name: instance, zone }): TargetStatus => {
    const view = plan === undefined ? undefined : targets?.get(`${id}:${plan.port}`);
    return {
      instance: id,
      name: instance,
      zone,
      state: view?.state ?? (targets === undefined ? 'unknown' : 'not registered'),
      ...runsIn(ground, service, color, id, releases),
      ...(view?.description === undefined ? {} : { description: view.description }),
    };
  });
}

function runsIn(
  ground: Ground,
  service: PlacedService,
  color: Color,
  instance: Ground['seen']['fleet'][number]['id'],
  releases: ReadonlyMap<ReleaseId, Release>,
): Pick<TargetStatus, 'runs' | 'release' | 'since'> {
  const containers = ground.seen.containers.get(instance);
  if (containers === undefined) return { runs: 'unknown' };
  // While nobody knows which color is live, either may be.
  const occupant = occupantIn(containers, service, color, ground.live.get(service.settings.name) ?? color);
  if (occupant === undefined) return { runs: 'nothing' };
  const since = new Date(occupant.startedAt);
  const started = Number.isNaN(since.getTime()) ? {} : { since: since.toISOString() };
  const release = occupant.ours?.release;
  // What deployctl did not start goes by the name that it was started with.
  if (release === undefined) return { runs: nameOf(occupant.imageReference), ...started };
  return { runs: tagOf(releases, service.settings.name, release) ?? release, release, ...started };
}

/** `1.0.0` of `shop/backend:1.0.0`, `0123456789ab` of `shop/backend@sha256:0123456789abcdef…`. */
function nameOf(reference: string): string {
  const name = /[^/:]*$/.exec(reference)?.[0] ?? reference;
  return reference.includes('sha256:') ? name.slice(0, 12) : name;
}

/** Percent per color, by the first route. */
function weightsOf(ground: Ground, service: PlacedService): Partial<Record<Color, number>> {
  const [first] = service.routes;
  const route = first === undefined ? undefined : ground.seen.routes.get(first);
  const wanted = Object.keys(service.settings.colors).length;
  // A share of one color alone says nothing.
  if (route === undefined || Object.keys(service.colors).length < wanted) return {};
  const entries = (['blue', 'green'] as const).flatMap((color) => {
    const group = service.colors[color]?.group;
    if (group === undefined) return [];
    return [[color, route.weights.find((entry) => entry.group === group)?.weight ?? 0] as const];
  });
  const total = entries.reduce((sum, [, weight]) => sum + weight, 0);
  return Object.fromEntries(
    entries.map(([color, weight]) => [color, total === 0 ? 0 : Math.round((weight / total) * 100)]),
  );
}
