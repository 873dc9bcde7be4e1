import type { Color, ReleaseId, ServiceName } from '../domain/ids.js';
import { otherColor } from '../domain/ids.js';
import type { Container } from '../domain/observation.js';
import { belongs } from '../domain/occupancy.js';
import type { RolloutRecord } from '../domain/record.js';
import type { Release, ServiceRelease } from '../domain/release.js';
import type { ReleaseParts } from '../state/index.js';
import { releaseOf } from '../strategies/standing.js';
import { adoptedSpec, membersOf } from './present.js';
import type { Survey } from './survey.js';
import type { Toolbox } from './toolbox.js';
import type { PlacedService, Topology } from './topology.js';
import { beforeChange, placedSlot } from './topology.js';

/** Containers of a service in a color, running or kept. @param live the color on which containers of others count for their image */
function containersIn(
  box: Toolbox,
  seen: Survey,
  service: PlacedService,
  color: Color,
  live: Color | undefined,
): readonly Container[] {
  const slot = placedSlot(service, color, live);
  if (slot === undefined) return [];
  return membersOf(box, seen.fleet, color).flatMap(({ id }) =>
    (seen.containers.get(id) ?? []).filter((container) => belongs(container, slot)),
  );
}

/** Those of them that are of a release. */
export function holding(
  box: Toolbox,
  seen: Survey,
  service: PlacedService,
  color: Color,
  release: ReleaseId,
): readonly Container[] {
  // While nobody knows which color is live, either may be.
  return containersIn(box, seen, service, color, color).filter((container) => releaseOf(container) === release);
}

/** What a container runs, as a service of a release: as it is stored, else its image with the configured rest. undefined: its image has no digest. */
export async function serviceOf(
  box: Toolbox,
  service: PlacedService,
  container: Container,
): Promise<ServiceRelease | undefined> {
  const release = releaseOf(container);
  if (release === undefined) return undefined;
  const parts = await beforeChange(() => box.state.readRelease(release, box.signal));
  const stored = parts?.release?.services[service.settings.name];
  if (stored !== undefined) return stored;
  const { digest, imageReference } = container;
  return digest === undefined ? undefined : { release, spec: adoptedSpec(service, digest, imageReference) };
}

/**
 * A release of which a parameter cannot be read, or is gone, completed from the containers that are still there. Their images are known, and what else they
 * were started with is what deployctl.yml says now: that matters only where one has to be started from its image.
 * @param find the containers of a service that may be of that release, the best first
 * @returns undefined where a service cannot be known
 */
export async function rebuilt(
  box: Toolbox,
  topology: Topology,
  id: ReleaseId,
  parts: ReleaseParts | undefined,
  find: (service: PlacedService) => readonly Container[] | ServiceRelease,
): Promise<Release | undefined> {
  const services: Record<ServiceName, ServiceRelease> = { ...parts?.release?.services };
  for (const service of topology.services) {
    const { name } = service.settings;
    if (services[name] !== undefined) continue;
    const found = find(service);
    const known = 'spec' in found ? found : await firstKnown(box, service, found);
    if (known === undefined) return undefined;
    services[name] = known;
  }
  return {
    id,
    createdAt: parts?.release?.createdAt ?? box.clock.now(),
    adopted: parts?.release?.adopted ?? false,
    services,
  };
}

async function firstKnown(
  box: Toolbox,
  service: PlacedService,
  containers: readonly Container[],
): Promise<ServiceRelease | undefined> {
  for (const container of containers) {
    const known = await serviceOf(box, service, container);
    if (known !== undefined) return known;
  }
  return undefined;
}

/** Where the containers of either release of an unfinished rollout are. */
export function ofRecord(
  box: Toolbox,
  seen: Survey,
  record: RolloutRecord,
  which: 'from' | 'to',
): (service: PlacedService) => readonly Container[] {
  return (service) => {
    const live = record.live[service.settings.name] ?? 'blue';
    const all = [live, otherColor(live)].flatMap((color) => containersIn(box, seen, service, color, live));
    if (which === 'to') return all.filter((container) => releaseOf(container) === record.to);
    // What served before is in the color that was live then, running or kept; an old one is kept longer than the one before it.
    const own = containersIn(box, seen, service, live, live).filter((container) => releaseOf(container) !== record.to);
    return [...own].sort((a, b) => Number(b.running) - Number(a.running) || (a.startedAt < b.startedAt ? 1 : -1));
  };
}

/**
 * Where the containers of the release are that served before the last rollout: in the idle color, or kept in the live one.
 * @param isDefault it is what the last rollout found serving; else only a label can tell what belongs to it
 */
export function ofTarget(
  box: Toolbox,
  seen: Survey,
  live: ReadonlyMap<ServiceName, Color>,
  target: { readonly id: ReleaseId; readonly isDefault: boolean; readonly present: Release },
): (service: PlacedService) => readonly Container[] | ServiceRelease {
  const { id, isDefault, present } = target;
  return (service) => {
    const { name } = service.settings;
    const color = live.get(name) ?? 'blue';
    const now = present.services[name];
    const all = [otherColor(color), color].flatMap((each) => containersIn(box, seen, service, each, color));
    const labelled = all.filter((container) => releaseOf(container) === id);
    if (labelled.length > 0 || !isDefault) return labelled;
    // A service that the last rollout did not change runs what it ran before. What was found has an id of its own, which tells nothing of that.
    const brought = Object.values(present.services).some(({ release }) => release === present.id);
    if (brought && now !== undefined && now.release !== present.id) return now;
    const others = all.filter((container) => {
      const release = releaseOf(container);
      return release !== now?.release && !isLater(release, now?.release);
    });
    const running = others.filter((container) => container.running);
    return running.length > 0 ? running : [...others].sort((a, b) => (a.startedAt < b.startedAt ? 1 : -1));
  };
}

/**
 * Whether a release was made after another one, by the time in their ids. Containers of a later release cannot be what served before: a rollout whose record
 * was deleted started them.
 */
function isLater(release: ReleaseId | undefined, than: ReleaseId | undefined): boolean {
  const [made, before] = [release, than].map((id) => /\d{8}-\d{6}/.exec(id ?? '')?.[0]);
  return made !== undefined && before !== undefined && made > before;
}
