import type { ServiceName } from '../domain/ids.js';
import { otherColor } from '../domain/ids.js';
import type { Observation } from '../domain/observation.js';
import type { Plan, ServicePlan } from '../domain/plan.js';
import { imageName, NO_RELEASE } from '../domain/release.js';
import { healthOf } from './outage.js';
import { isChanged } from './preload.js';
import { stickinessLeft } from './return.js';
import { hasTwoColors, pairsOf } from './shift.js';
import { colorOf, membersOf, occupantOf, releaseOf, targetOf, valueOf } from './standing.js';

/** A service that the plan does not change, and that is not served at the end as the record says: by its other color, or by nothing. */
export interface MovedService {
  readonly service: ServiceName;
  /** What was observed to serve: images for people, one for each release, {@link UNSERVED} or {@link UNROUTED}. */
  readonly images: readonly string[];
  /** `backend, which this rollout does not change, is served by green (r-1): 100% of HTTP:80 default. It was left as it is` */
  readonly text: string;
}

/** What an end has to say beside its outcome. */
export interface SeenAtEnd {
  /** Services that the plan does not change, and that are served by their other color, or by nothing. */
  readonly moved: readonly MovedService[];
  /** What could not be put back as it was, in words. */
  readonly left: readonly string[];
}

/** In the place of an image, where no target is healthy, and where no request is sent to either color. */
export const UNSERVED = 'no healthy target';
export const UNROUTED = 'no traffic';
export const UNKNOWN = 'unknown';

export const seenAtEnd = (plan: Plan, seen: Observation): SeenAtEnd => ({
  moved: plan.services
    .filter((service) => !isChanged(service))
    .flatMap((service) => unserved(plan, seen, service) ?? movedService(plan, seen, service) ?? []),
  left: stickinessLeft(plan, seen),
});

/** Whoever asks for a service none of whose targets is healthy, in any color with traffic, gets an error. */
function unserved(plan: Plan, seen: Observation, service: ServicePlan): MovedService | undefined {
  const pairs = hasTwoColors(service) ? pairsOf(plan, seen, [service]) : [];
  if (pairs === undefined || service.from.release === NO_RELEASE) return undefined;
  const colors = [
    ...(pairs.length === 0 || pairs.some(({ live }) => live > 0) ? [service.live] : []),
    ...(pairs.some(({ idle }) => idle > 0) ? [otherColor(service.live)] : []),
  ];
  const name = `${service.service}, which this ${plan.kind} does not change,`;
  if (colors.length === 0)
    return {
      service: service.service,
      images: [UNROUTED],
      text: `${name} has weight 0 in both colors: no request reaches it`,
    };
  if (!colors.every((color) => healthOf(seen, service, color) === 'none')) return undefined;
  return {
    service: service.service,
    images: [UNSERVED],
    text: `${name} has no healthy target in ${colors.join(' and ')}: its requests fail`,
  };
}

/** A service whose traffic goes to another color than when it all began: what serves it is what was observed there. */
function movedService(plan: Plan, seen: Observation, service: ServicePlan): MovedService | undefined {
  if (!hasTwoColors(service)) return undefined;
  const pairs = pairsOf(plan, seen, [service]) ?? [];
  const away = pairs.filter(({ idle }) => idle > 0);
  if (away.length === 0) return undefined;
  const color = otherColor(service.live);
  const there = releasesIn(plan, seen, service);
  const shares = away.map(({ live, idle, route }) => `${String(share(live, idle))}% of ${route.name}`);
  const runs = there.size === 0 ? 'what runs there is not known' : [...there.keys()].join(' and ');
  const stays = pairs.some(({ live }) => live > 0) ? [imageName(service.from.spec.image)] : [];
  return {
    service: service.service,
    images: [...new Set([...stays, ...(there.size === 0 ? [UNKNOWN] : there.values())])],
    text: `${service.service}, which this ${plan.kind} does not change, is served by ${color} (${runs}): ${shares.join(', ')}. It was left as it is`,
  };
}

/** Image by release, of the containers of the other color: those with a healthy target, or all where none is. */
function releasesIn(plan: Plan, seen: Observation, service: ServicePlan): ReadonlyMap<string, string> {
  const color = colorOf(service, otherColor(service.live));
  const members = membersOf(plan, valueOf(seen.fleet) ?? [], color.color);
  const healthy = members.filter(({ id }) => targetOf(seen, color, id)?.state === 'healthy');
  const found = new Map<string, string>();
  for (const { id } of healthy.length > 0 ? healthy : members) {
    const occupant = occupantOf(valueOf(seen.hosts.get(id)?.containers) ?? [], service, color);
    const release = occupant === undefined ? undefined : releaseOf(occupant);
    if (release === undefined || occupant?.digest === undefined) continue;
    found.set(release, imageName({ repository: service.from.spec.image.repository, digest: occupant.digest }));
  }
  return found;
}

const share = (live: number, idle: number): number => Math.round((idle / (live + idle)) * 100);
