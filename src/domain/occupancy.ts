/** Whose a container is: the rules by which the preflight, the decisions and, in its own words, the instance script tell ours from others'. */
import type { Adopts, Slot } from './host.js';
import type { Container } from './observation.js';

/** What the rules need to know of a slot. */
export type Place = Pick<Slot, 'service' | 'color' | 'port' | 'containerName' | 'adopts'>;

/** Whether it holds its ports, or will again in a moment. */
export function isUp(container: Container): boolean {
  return container.running || container.restarting === true || container.paused === true;
}

/**
 * The repository of an image reference with everything that Docker leaves out: `backend:1` → `docker.io/library/backend`,
 * `localhost:5000/shop/backend@sha256:…` → `localhost:5000/shop/backend`. Docker's own rule (distribution/reference, splitDockerDomain).
 */
export function canonicalRepository(reference: string): string {
  const named = reference.split('@')[0] ?? reference;
  const colon = named.indexOf(':', named.lastIndexOf('/') + 1);
  const name = colon === -1 ? named : named.slice(0, colon);
  const slash = name.indexOf('/');
  const first = slash === -1 ? '' : name.slice(0, slash);
  const isHost = /[.:]/.test(first) || first === 'localhost' || first !== first.toLowerCase();
  const host = isHost ? first.toLowerCase() : 'docker.io';
  const path = isHost ? name.slice(slash + 1) : name;
  if (host !== 'docker.io' && host !== 'index.docker.io') return `${host}/${path}`;
  return `docker.io/${path.includes('/') ? path : `library/${path}`}`;
}

/** Whether a reference may be the id of an image, which names no repository: `docker run 3f2a…`. */
export function isImageId(reference: string): boolean {
  return /^(sha256:)?[0-9a-f]+$/.test(reference);
}

export function sameRepository(a: string, b: string): boolean {
  return canonicalRepository(a) === canonicalRepository(b);
}

function runsOwnImage({ repositories, imageReference }: Container, adopts: Adopts | undefined): boolean {
  const repository = adopts?.repository;
  if (repository === undefined) return false;
  return (repositories ?? [imageReference]).some((each) => sameRepository(each, repository));
}

/** `backend-blue-adopted-0123456789ab-` and the beginning of its own id: the name that only deployctl gives, and only to what it has adopted. */
function hasKeptName({ id, name }: Container, { containerName, color }: Place): boolean {
  const prefix = `${containerName}-${color}-adopted-`;
  const suffix = `-${id.slice(0, 12)}`;
  return (
    name.startsWith(prefix) && name.endsWith(suffix) && /^[0-9a-f]{12}$/.test(name.slice(prefix.length, -suffix.length))
  );
}

/**
 * Whether deployctl may stop, rename and start the container for the slot: it started it for that slot, has adopted it for that slot, or may do so now.
 * The order is significant: what is someone's by label or by an earlier adoption is not adopted for its image.
 */
export function belongs(container: Container, slot: Place): boolean {
  const { ours, adopted } = container;
  if (ours !== undefined) return ours.service === slot.service && ours.color === slot.color;
  if (container.owner !== undefined) return false;
  const holds = isUp(container) && container.ports.includes(slot.port);
  if (holds && slot.adopts?.containers.includes(container.name) === true) return true;
  if (adopted !== undefined) return adopted.service === slot.service && adopted.color === slot.color;
  return hasKeptName(container, slot) || (holds && runsOwnImage(container, slot.adopts));
}

/** Names that deployctl gives to containers of the slot. */
export function namesOf({ containerName, color }: Place): readonly string[] {
  return [`${containerName}-${color}`, `${containerName}-${color}-next`];
}

/** A container that is in the way of the slot and is not the slot's: by its port, or by its name only. */
export interface Intruder {
  readonly container: Container;
  readonly by: 'port' | 'name';
}

/** Containers that keep the slot from being used. Nothing may be done to them. */
export function intrudersIn(containers: readonly Container[], slot: Place): readonly Intruder[] {
  return containers
    .filter((container) => !belongs(container, slot))
    .flatMap((container): readonly Intruder[] => {
      if (isUp(container) && container.ports.includes(slot.port)) return [{ container, by: 'port' }];
      return namesOf(slot).includes(container.name) ? [{ container, by: 'name' }] : [];
    });
}
