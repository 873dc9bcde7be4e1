import { DeployctlError, EXIT, messageOf } from '../domain/errors.js';
import type { ReleaseId, ServiceName } from '../domain/ids.js';
import type { Release, ServiceRelease } from '../domain/release.js';
import { checksum, damaged, decode, LIMIT, pack, SCHEMA, toJson, unpack } from './codec.js';
import { readable } from './damage.js';
import type { Damage } from './damage.js';
import type { StateDeps } from './lease-view.js';
import { childOf } from './names.js';
import { headSchema, serviceReleaseSchema } from './schemas.js';
import type { ReleaseHead } from './schemas.js';
import { createOnce, listRaw, put } from './store.js';

/** A service's spec of more than this many parameters is refused: 64 KB compressed is no run spec. */
const MOST_PARTS = 16;

/**
 * Stores a release for good: one parameter a service, and further parts where that is not enough. The parts are written first, so what has a
 * head is whole. Storing the same release again is fine, and completes one that was left half written. A service that is
 * stored under its id and cannot be read is replaced: Parameter Store keeps it among the earlier versions.
 * @throws DeployctlError `release.differs` when the id is taken by another content, `state.newer`, `state.too-large`
 */
export async function putRelease(deps: StateDeps, release: Release, signal?: AbortSignal): Promise<void> {
  const parameters = parametersOf(deps, release);
  try {
    await createRelease(deps, release.id, parameters, signal);
  } catch (error) {
    const isTaken = error instanceof DeployctlError && ['release.differs', 'state.damaged'].includes(error.code);
    if (!isTaken) throw error;
    const damage = (await readRelease(deps, release.id, signal))?.damage ?? [];
    if (damage.length === 0 || damage.some(({ newer }) => newer)) throw error;
    for (const { head, name, value, isSame } of parameters) {
      // A service that can be read never changes, and one that a list does not show may be there.
      const isDamaged = damage.some((each) => each.missing !== true && isOf(each.name, head));
      if (isDamaged) await put(deps, name, value, { signal });
      else await createRelease(deps, release.id, [{ head, name, value, isSame }], signal);
    }
  }
}

/** Whether a parameter belongs to the service whose first parameter is `head`. */
const isOf = (name: string, head: string): boolean => name === head || name.startsWith(`${head}/`);

interface ReleaseParameter {
  /** Name of the first parameter of its service. */
  readonly head: string;
  readonly name: string;
  readonly value: string;
  readonly isSame: (stored: string) => boolean;
}

/** In the order in which they are written. */
function parametersOf(deps: StateDeps, release: Release): readonly ReleaseParameter[] {
  const services = Object.keys(release.services).sort();
  return Object.entries(release.services).flatMap(([service, content]) => {
    const { head, parts } = split(deps, release, services, service, content);
    const name = deps.names.service(release.id, service);
    return [
      ...parts.map((part, index) => ({
        head: name,
        name: deps.names.part(release.id, service, index + 2),
        value: part,
        isSame: (stored: string) => stored === part,
      })),
      {
        head: name,
        name,
        value: toJson(head),
        isSame: (stored: string) => sameHead(decode(name, stored, headSchema), head),
      },
    ];
  });
}

async function createRelease(
  deps: StateDeps,
  id: ReleaseId,
  parameters: readonly ReleaseParameter[],
  signal: AbortSignal | undefined,
): Promise<void> {
  for (const { name, value, isSame } of parameters) {
    const result = await createOnce(deps, name, value, isSame, { signal });
    if (result.is === 'taken') throw differs(id, name);
  }
}

/**
 * All of a release, or nothing. undefined: no parameter of it exists.
 * @throws DeployctlError `state.damaged` when a service or a part of it is missing or altered
 */
export async function getRelease(deps: StateDeps, id: ReleaseId, signal?: AbortSignal): Promise<Release | undefined> {
  const stored = await listRaw(deps, deps.names.release(id), signal);
  return stored.size === 0 ? undefined : assemble(deps, id, stored);
}

export interface ReleaseListing {
  /** Newest first. */
  readonly releases: readonly Release[];
  /** What is there but cannot be used: damaged, half written, or from a newer deployctl. */
  readonly unreadable: readonly { readonly id: ReleaseId; readonly why: string }[];
}

export async function listReleases(deps: StateDeps, signal?: AbortSignal): Promise<ReleaseListing> {
  const byId = groupById(deps, await listRaw(deps, deps.names.releases, signal));
  const releases: Release[] = [];
  const unreadable: { id: ReleaseId; why: string }[] = [];
  for (const [id, stored] of byId) {
    try {
      releases.push(assemble(deps, id, stored));
    } catch (error) {
      unreadable.push({ id, why: messageOf(error) });
    }
  }
  releases.sort((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1));
  return { releases, unreadable };
}

/** Parameters below `releases/`, by release. */
export function groupById(
  deps: StateDeps,
  stored: ReadonlyMap<string, string>,
): ReadonlyMap<ReleaseId, ReadonlyMap<string, string>> {
  const byId = new Map<ReleaseId, Map<string, string>>();
  for (const [name, value] of stored) {
    const id = name.slice(deps.names.releases.length + 1).split('/')[0];
    if (id === undefined || id === '') continue;
    const group = byId.get(id) ?? new Map<string, string>();
    byId.set(id, group.set(name, value));
  }
  return byId;
}

function split(
  deps: StateDeps,
  release: Release,
  services: readonly ServiceName[],
  service: ServiceName,
  content: ServiceRelease,
): { readonly head: ReleaseHead; readonly parts: readonly string[] } {
  const packed = pack(toJson(content));
  const facts = {
    schema: SCHEMA,
    release: release.id,
    service,
    createdAt: release.createdAt,
    adopted: release.adopted,
    services,
    sha256: checksum(content),
  } as const;
  const room = LIMIT - Buffer.byteLength(toJson({ ...facts, parts: MOST_PARTS, data: '' }));
  const parts: string[] = [];
  for (let at = room; room > 0 && at < packed.length; at += LIMIT) parts.push(packed.slice(at, at + LIMIT));
  if (room <= 0 || parts.length + 1 > MOST_PARTS) {
    throw new DeployctlError({
      code: 'state.too-large',
      message:
        `the run spec of ${service} in release ${release.id} is ${packed.length} bytes when compressed; ` +
        `Parameter Store is given at most ${MOST_PARTS} parts of ${LIMIT} (${deps.names.service(release.id, service)})`,
      exitCode: EXIT.refused,
      next: ['move large environment values into an env file on the instances'],
    });
  }
  return { head: { ...facts, parts: parts.length + 1, data: packed.slice(0, room) }, parts };
}

function assemble(deps: StateDeps, id: ReleaseId, stored: ReadonlyMap<string, string>): Release {
  const { release, damage } = partsOf(deps, id, stored);
  const [first] = damage;
  if (first !== undefined) throw damaged(first.name, first.why);
  if (release === undefined) throw damaged(deps.names.release(id), NEVER_FINISHED);
  return release;
}

const NEVER_FINISHED = 'it was begun and never finished: no service has its first part';

/** What can be read of a release, service by service, and what cannot. */
export interface ReleaseParts {
  /** Its services that can be read; undefined when none can. */
  readonly release: Release | undefined;
  /** None: the release is whole. */
  readonly damage: readonly Damage[];
}

/** undefined: no parameter of it exists. Rejects for no damage. */
export async function readRelease(
  deps: StateDeps,
  id: ReleaseId,
  signal?: AbortSignal,
): Promise<ReleaseParts | undefined> {
  const stored = await listRaw(deps, deps.names.release(id), signal);
  return stored.size === 0 ? undefined : partsOf(deps, id, stored);
}

function partsOf(deps: StateDeps, id: ReleaseId, stored: ReadonlyMap<string, string>): ReleaseParts {
  const path = deps.names.release(id);
  const own = [...stored].filter(([name]) => childOf(path, name) !== undefined);
  const { values: heads, damaged: damage } = readable(own, (name, raw) => {
    const head = decode(name, raw, headSchema);
    if (head.release !== id || head.service !== childOf(path, name))
      throw damaged(name, 'it speaks of another release or service than its name does');
    return head;
  });
  const [first] = heads;
  if (first === undefined) {
    const nothing = damage.length > 0 ? damage : [{ name: path, why: NEVER_FINISHED }];
    return { release: undefined, damage: nothing };
  }
  const missing = first.services
    .map((service) => deps.names.service(id, service))
    .filter((name) => !stored.has(name))
    .map((name): Damage => ({
      name,
      why: 'the release names this service, and its parameter is missing',
      missing: true,
    }));
  const agree = (head: ReleaseHead): boolean =>
    first.services.includes(head.service) && checksum(head.services) === checksum(first.services);
  const joined = readable(
    heads.map((head) => [deps.names.service(id, head.service), head.service] as const),
    (name, service) => {
      const head = heads.find((each) => each.service === service);
      if (head === undefined || !agree(head))
        throw damaged(name, 'it speaks of another release or service than its name does');
      return [service, join(deps, head, stored)] as const;
    },
  );
  const { createdAt, adopted } = first;
  return {
    release: { id, createdAt, adopted, services: Object.fromEntries(joined.values) },
    damage: [...damage, ...missing, ...joined.damaged],
  };
}

function join(deps: StateDeps, head: ReleaseHead, stored: ReadonlyMap<string, string>): ServiceRelease {
  const name = deps.names.service(head.release, head.service);
  let packed = head.data;
  for (let part = 2; part <= head.parts; part += 1) {
    const partName = deps.names.part(head.release, head.service, part);
    const piece = stored.get(partName);
    if (piece === undefined) throw damaged(partName, `part ${part} of ${head.parts} is missing`);
    packed += piece;
  }
  let content: unknown;
  try {
    content = JSON.parse(unpack(packed));
  } catch (cause) {
    throw damaged(name, `its parts do not unpack: ${messageOf(cause)}`, cause);
  }
  // Before the schema, which may add nothing today but could tomorrow.
  if (checksum(content) !== head.sha256) throw damaged(name, 'its content does not fit its checksum');
  const parsed = serviceReleaseSchema.safeParse(content);
  if (!parsed.success)
    throw damaged(name, parsed.error.issues[0]?.message ?? 'its content has another shape', parsed.error);
  return parsed.data;
}

/** The packed form may differ between versions of zlib: what counts is the content. */
function sameHead(a: ReleaseHead, b: ReleaseHead): boolean {
  return (
    a.release === b.release &&
    a.service === b.service &&
    a.adopted === b.adopted &&
    a.sha256 === b.sha256 &&
    checksum(a.services) === checksum(b.services)
  );
}

function differs(id: ReleaseId, name: string): DeployctlError {
  return new DeployctlError({
    code: 'release.differs',
    message: `release ${id} exists with another content (${name}); a release never changes`,
    exitCode: EXIT.refused,
    next: ['run the rollout again: it makes a new release with an id of its own'],
  });
}
