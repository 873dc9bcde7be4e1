import { DeployctlError, EXIT } from '../domain/errors.js';
import type { Color, Digest, Instant, ReleaseId, ServiceName } from '../domain/ids.js';
import { otherColor } from '../domain/ids.js';
import type { Container, FleetInstance } from '../domain/observation.js';
import type { Release, RunSpec, ServiceRelease } from '../domain/release.js';
import { belongs, isImageId, sameRepository } from '../domain/occupancy.js';
import { adoptedRelease, NO_RELEASE } from '../domain/release.js';
import { beforeChange, placedSlot } from './topology.js';
import type { PlacedService, Topology } from './topology.js';
import type { Survey } from './survey.js';
import type { Toolbox } from './toolbox.js';

export interface Present {
  readonly release: Release;
  /** Whether the release was found running rather than recorded. */
  readonly found: boolean;
  /** Facts that people should know: instances that run something else. */
  readonly remarks: readonly string[];
  /** Releases that serve and that deployctl had stored, gone from the store: taken from their containers. */
  readonly recreated: readonly { readonly service: ServiceName; readonly release: ReleaseId }[];
}

/** Why the live color of a service cannot be said; `of`: what is to be put right. */
export interface NoLiveColor {
  readonly problem: string;
  readonly of: 'route' | 'weights';
}

/** The only color of a service that has healthy targets; undefined where both have some, or neither. */
export function onlyHealthy({ colors }: PlacedService, seen: Pick<Survey, 'targets'>): Color | undefined {
  const isHealthy = (color: Color): boolean => {
    const group = colors[color]?.group;
    const targets = group === undefined ? undefined : seen.targets.get(group);
    return [...(targets?.values() ?? [])].some(({ state }) => state === 'healthy');
  };
  const [blue, green] = [isHealthy('blue'), isHealthy('green')];
  return blue === green ? undefined : blue ? 'blue' : 'green';
}

/**
 * The live color of a service by the weights of all its routes, or why that cannot be said. Weight of a color without a healthy target does not count where the
 * other one has some: nobody is served there, and the first thing that a rollout does is to move that traffic.
 */
export function liveColor(
  service: PlacedService,
  seen: Pick<Survey, 'routes' | 'targets'>,
): { readonly live: Color } | NoLiveColor {
  const { blue, green } = service.colors;
  if (blue === undefined) return { live: 'green' };
  if (green === undefined || service.routes.length === 0) return { live: 'blue' };
  const lives = new Map<Color, string>();
  const serving = onlyHealthy(service, seen);
  for (const arn of service.routes) {
    const route = seen.routes.get(arn);
    if (route === undefined) return { problem: `route ${arn} of ${service.settings.name} does not exist`, of: 'route' };
    const weight = (group: string): number => route.weights.find((entry) => entry.group === group)?.weight ?? 0;
    const all = weight(blue.group) + weight(green.group);
    const [b, g] =
      serving === undefined
        ? [weight(blue.group), weight(green.group)]
        : [serving === 'blue' ? all : 0, serving === 'green' ? all : 0];
    if (b > 0 && g > 0) {
      return {
        of: 'weights',
        problem: `${route.name} splits ${service.settings.name} ${String(b)}/${String(g)} between blue and green, and no rollout of ours explains it`,
      };
    }
    if (b === 0 && g === 0) {
      return {
        of: 'weights',
        problem: `${route.name} sends nothing to the target groups of ${service.settings.name} (blue 0, green 0)`,
      };
    }
    lives.set(b > 0 ? 'blue' : 'green', route.name);
  }
  const [only, ...more] = lives.keys();
  if (only === undefined || more.length > 0) {
    return {
      of: 'weights',
      problem: `the routes of ${service.settings.name} disagree: ${lives.get('blue') ?? 'one'} sends its traffic to blue, ${lives.get('green') ?? 'another'} to green`,
    };
  }
  return { live: only };
}

export function membersOf(box: Toolbox, fleet: readonly FleetInstance[], color: Color): readonly FleetInstance[] {
  return box.settings.layout.is === 'instances' ? fleet.filter((instance) => instance.color === color) : fleet;
}

/** @param live the color on which a container of somebody else counts for its image; undefined: nobody knows, so none does */
export function occupantIn(
  containers: readonly Container[],
  service: PlacedService,
  color: Color,
  live: Color | undefined,
): Container | undefined {
  const slot = placedSlot(service, color, live);
  const running = slot === undefined ? [] : containers.filter((each) => each.running && belongs(each, slot));
  return running.find(({ ours }) => ours !== undefined) ?? running[0];
}

/** A run spec for what was found: its digest with the configured rest, since a container does not tell all that it was given. */
export function adoptedSpec(service: PlacedService, digest: Digest, reference: string): RunSpec {
  const { run } = service.settings;
  const [named = ''] = reference.split('@');
  const found = /:([A-Za-z0-9_][A-Za-z0-9_.-]{0,127})$/.exec(named)?.[1];
  // A tag that deployctl gives to what it has pulled says nothing to people.
  const tag = found?.startsWith('deployctl-') === true ? undefined : found;
  const repository = foundRepository(service, reference);
  return { ...run, image: { repository, digest, ...(tag === undefined ? {} : { tag }) } };
}

/** One that is adopted by its name may run an image of another repository, and its digest is one of that. An image's id names no repository. */
function foundRepository({ settings }: PlacedService, reference: string): string {
  const { repository } = settings;
  const [named = ''] = reference.split('@');
  const bare = named.replace(/:[^/:]*$/, '');
  if (sameRepository(reference, repository) || isImageId(reference)) return repository;
  return bare;
}

interface Found {
  readonly release: ReleaseId;
  readonly container: Container;
  readonly instances: readonly FleetInstance[];
}

/** Which releases of a service run in its live color, the most common first. */
function foundIn(box: Toolbox, service: PlacedService, live: Color, seen: Survey): readonly Found[] {
  const found = new Map<ReleaseId, Found>();
  for (const instance of membersOf(box, seen.fleet, live)) {
    const occupant = occupantIn(seen.containers.get(instance.id) ?? [], service, live, live);
    if (occupant === undefined) continue;
    const release =
      occupant.ours?.release ?? (occupant.digest === undefined ? undefined : adoptedRelease(occupant.digest));
    if (release === undefined) continue;
    const before = found.get(release);
    found.set(release, { release, container: occupant, instances: [...(before?.instances ?? []), instance] });
  }
  return [...found.values()].sort((a, b) => b.instances.length - a.instances.length);
}

/**
 * What serves now. The recorded release counts where an instance still runs it; else what most instances run, adopted when deployctl did not start it.
 * @param recorded `serving` of the newest outcome
 */
export async function presentRelease(
  box: Toolbox,
  topology: Topology,
  seen: Survey,
  live: ReadonlyMap<string, Color>,
  recorded: Release | undefined,
  now: Instant,
): Promise<Present> {
  const services: Record<string, ServiceRelease> = {};
  const remarks: string[] = [];
  const recreated: Present['recreated'][number][] = [];
  let asRecorded = recorded !== undefined;
  for (const service of topology.services) {
    const { name } = service.settings;
    const color = live.get(name) ?? 'blue';
    const found = foundIn(box, service, color, seen);
    const record = recorded?.services[name];
    const ofRecord = found.find(({ release }) => release === record?.release);
    if (record !== undefined && (ofRecord !== undefined || found.length === 0)) {
      services[name] = record;
    } else {
      asRecorded = false;
      const [first] = found;
      const stored = first === undefined ? undefined : await storedRelease(box, service, first);
      services[name] = stored ?? identify(service, first);
      if (stored === undefined && first?.container.ours !== undefined)
        recreated.push({ service: name, release: first.release });
    }
    for (const other of found.filter(({ release }) => release !== services[name]?.release)) {
      const where = other.instances.map((instance) => instance.name).join(', ');
      remarks.push(`${where}: ${name} runs ${other.release}, not ${services[name]?.release ?? 'nothing'}`);
    }
  }
  if (asRecorded && recorded !== undefined) return { release: recorded, found: false, remarks, recreated };
  const id = `adopted-${stamp(now)}-${box.random.hex(4)}`;
  return { release: { id, createdAt: now, adopted: true, services }, found: true, remarks, recreated };
}

/** What is stored of the release that a container of ours says it is. */
async function storedRelease(
  box: Toolbox,
  service: PlacedService,
  { container, release }: Found,
): Promise<ServiceRelease | undefined> {
  if (container.ours === undefined) return undefined;
  const parts = await beforeChange(() => box.state.readRelease(release, box.signal));
  return parts?.release?.services[service.settings.name];
}

function identify(service: PlacedService, found: Found | undefined): ServiceRelease {
  const { name, repository, run } = service.settings;
  if (found === undefined) {
    const nothing: Digest = `sha256:${'0'.repeat(64)}`;
    return { release: NO_RELEASE, spec: { ...run, image: { repository, tag: NO_RELEASE, digest: nothing } } };
  }
  const { container, release } = found;
  if (container.digest === undefined) {
    const where = found.instances.map((instance) => `${instance.name} (${instance.id})`).join(', ');
    throw new DeployctlError({
      code: 'preflight.refused',
      message: `${name} on ${where} runs ${container.imageReference}, an image without a registry digest, so it could not be brought back`,
      exitCode: EXIT.refused,
      next: [`push that image, and start the container from ${repository} before the first rollout`],
    });
  }
  return { release, spec: adoptedSpec(service, container.digest, container.imageReference) };
}

/** `20261124-195312` of a time, in UTC: sorts by time. */
export function stamp(now: Instant): string {
  return new Date(now).toISOString().slice(0, 19).replaceAll('-', '').replaceAll(':', '').replace('T', '-');
}

/** The release that runs in the idle color of a service on all its instances, if it is one and it is registered and healthy. */
export function idleRelease(box: Toolbox, service: PlacedService, live: Color, seen: Survey): ReleaseId | undefined {
  const idle = otherColor(live);
  const plan = service.colors[idle];
  if (plan === undefined) return undefined;
  const members = membersOf(box, seen.fleet, idle).filter((instance) => seen.containers.has(instance.id));
  const releases = new Set<ReleaseId | undefined>();
  for (const instance of members) {
    const occupant = occupantIn(seen.containers.get(instance.id) ?? [], service, idle, live);
    const state = seen.targets.get(plan.group)?.get(`${instance.id}:${plan.port}`)?.state;
    const release =
      occupant?.ours?.release ?? (occupant?.digest === undefined ? undefined : adoptedRelease(occupant.digest));
    releases.add(state === 'healthy' ? release : undefined);
  }
  const [only, ...more] = [...releases];
  return more.length === 0 ? only : undefined;
}
