import type { Color, ReleaseId } from '../domain/ids.js';
import { otherColor } from '../domain/ids.js';
import type { Container } from '../domain/observation.js';
import { belongs } from '../domain/occupancy.js';
import { NO_RELEASE } from '../domain/release.js';
import type { Release, ServiceRelease } from '../domain/release.js';
import { releaseOf } from '../strategies/standing.js';
import type { Ground } from './begin.js';
import { adoptedSpec, idleRelease, stamp } from './present.js';
import type { Survey } from './survey.js';
import type { Toolbox } from './toolbox.js';
import type { PlacedService } from './topology.js';
import { placedSlot } from './topology.js';

/*
 * Releases by what is on the instances, for when Parameter Store has lost them: a container says of which release it is, and what its image is. Everything
 * else is taken from deployctl.yml, as for a container that is adopted.
 */

/** Containers of a service on any instance that run or are kept in one of the colors. */
export function containersOf(
  seen: Pick<Survey, 'containers'>,
  service: PlacedService,
  live: Color | undefined,
  colors: readonly Color[] = ['blue', 'green'],
): readonly Container[] {
  const slots = colors.flatMap((color) => placedSlot(service, color, live) ?? []);
  return [...seen.containers.values()].flat().filter((container) => slots.some((slot) => belongs(container, slot)));
}

/** A service's release as its container is. undefined: its image has no digest, so it could not be brought back. */
export function releaseFrom(service: PlacedService, container: Container): ServiceRelease | undefined {
  const release = releaseOf(container);
  if (release === undefined || container.digest === undefined) return undefined;
  return { release, spec: adoptedSpec(service, container.digest, container.imageReference) };
}

/** What could be rolled back to, by id: whatever runs on standby or is kept, and is not what serves. */
export function observedIds(ground: Ground): readonly ReleaseId[] {
  const { topology, seen, live, present } = ground;
  const ids = topology.services.flatMap((service) => {
    const { name } = service.settings;
    return containersOf(seen, service, live.get(name))
      .flatMap((container) => (container.digest === undefined ? [] : (releaseOf(container) ?? [])))
      .filter((id) => id !== present.release.services[name]?.release && id !== NO_RELEASE);
  });
  return [...new Set(ids)];
}

/**
 * Where a plain rollback goes when no record says so: to what the standby colors run, healthy on all their instances, if that is one release that was
 * started before what serves. One that was started after it may be what somebody has rolled back from. What was found running before the first rollout
 * counts as one release, whatever the services.
 */
export function observedTarget(box: Toolbox, ground: Ground): Release | undefined {
  const { topology, seen, live, present, now } = ground;
  const warm: Record<string, ServiceRelease> = {};
  for (const service of topology.services) {
    const { name } = service.settings;
    const color = live.get(name);
    if (color === undefined) return undefined;
    const id = idleRelease(box, service, color, seen);
    if (id === undefined || id === present.release.services[name]?.release) continue;
    const standby = running(seen, service, color, otherColor(color));
    if (!isBefore(standby, running(seen, service, color, color))) return undefined;
    const container = standby.find((each) => releaseOf(each) === id);
    const release = container === undefined ? undefined : releaseFrom(service, container);
    if (release !== undefined) warm[name] = release;
  }
  const ids = new Set(Object.values(warm).map(({ release }) => release));
  const [id] = ids;
  if (id === undefined) return undefined;
  const isAdopted = [...ids].every((each) => each.startsWith('adopted-'));
  if (ids.size > 1 && !isAdopted) return undefined;
  return {
    id: isAdopted ? `adopted-${stamp(now)}-${box.random.hex(4)}` : id,
    createdAt: now,
    adopted: true,
    services: { ...present.release.services, ...warm },
  };
}

function running(
  seen: Pick<Survey, 'containers'>,
  service: PlacedService,
  live: Color,
  color: Color,
): readonly Container[] {
  return containersOf(seen, service, live, [color]).filter((container) => container.running);
}

/** Whether all of `earlier` were started before any of `later`, of which deployctl started one at least. */
function isBefore(earlier: readonly Container[], later: readonly Container[]): boolean {
  const times = (containers: readonly Container[]): readonly number[] =>
    containers.map(({ startedAt }) => Date.parse(startedAt));
  return later.some(({ ours }) => ours !== undefined) && Math.max(...times(earlier)) < Math.min(...times(later));
}
