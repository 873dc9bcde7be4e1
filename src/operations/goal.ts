import { isDeepStrictEqual } from 'node:util';
import { DeployctlError, EXIT, isLacking, messageOf, PortError } from '../domain/errors.js';
import type { Digest, Instant, ServiceName } from '../domain/ids.js';
import type { FleetInstance } from '../domain/observation.js';
import type { Release, RunSpec, ServiceRelease } from '../domain/release.js';
import type { PlacedService, Topology } from './topology.js';
import { stamp } from './present.js';
import type { Toolbox } from './toolbox.js';
import { beforeChange, refusedBy } from './topology.js';
import { Waiting } from './waiting.js';

/** An image as an operator asked for it. */
export interface ImageRequest {
  readonly repository: string;
  readonly tag?: string;
  readonly digest?: Digest;
}

/**
 * The release to move to: the requested images with the configured rest; services that were not named keep what they have.
 * A spec that equals the present one keeps the present id: nothing to do is success.
 */
export async function goalRelease(
  box: Toolbox,
  topology: Topology,
  present: Release,
  requests: ReadonlyMap<ServiceName, ImageRequest>,
  fleet: readonly FleetInstance[],
  now: Instant,
): Promise<Release> {
  const id = `r-${stamp(now)}-${box.random.hex(4)}`;
  const services: Record<ServiceName, ServiceRelease> = {};
  let changed = false;
  for (const service of topology.services) {
    const { name } = service.settings;
    const before = present.services[name];
    const request = requests.get(name);
    if (request === undefined) {
      if (before !== undefined) services[name] = before;
      continue;
    }
    const spec = await specFor(box, service, request, fleet);
    if (before !== undefined && sameSpec(before.spec, spec)) services[name] = before;
    else {
      services[name] = { release: id, spec };
      changed = true;
    }
  }
  return changed ? { id, createdAt: now, adopted: false, services } : present;
}

/** Equal but for the name that the digest goes by. */
function sameSpec(a: RunSpec, b: RunSpec): boolean {
  const bare = (spec: RunSpec): unknown =>
    plainJson({ ...spec, image: { repository: spec.image.repository, digest: spec.image.digest } });
  return isDeepStrictEqual(bare(a), bare(b));
}

/** As it looks after a trip through the store: no undefined, no prototypes. */
const plainJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

async function specFor(
  box: Toolbox,
  service: PlacedService,
  request: ImageRequest,
  fleet: readonly FleetInstance[],
): Promise<RunSpec> {
  const { repository, tag } = request;
  const digest = request.digest ?? (await resolve(box, repository, tag ?? 'latest', fleet));
  return { ...service.settings.run, image: { repository, digest, ...(tag === undefined ? {} : { tag }) } };
}

/** Instances that are asked for a digest, one after the other, when those before do not answer. */
const mostAsked = 3;

/** A tag becomes a digest once, by the registry's API or by a pull on one instance; the whole fleet gets the digest. */
async function resolve(
  box: Toolbox,
  repository: string,
  tag: string,
  fleet: readonly FleetInstance[],
): Promise<Digest> {
  const asked = await byApi(box, repository, tag);
  if (asked !== undefined && 'digest' in asked) return asked.digest;
  const online = fleet.filter(({ agent }) => agent === 'online');
  if (asked !== undefined) {
    if (online.length === 0) throw refusedBy(asked.lacking);
    const text = `${messageOf(asked.lacking)}. deployctl pulls ${repository}:${tag} on an instance instead, which gives the same digest`;
    box.emit({ type: 'note', level: 'warning', text });
  }
  if (online.length === 0) {
    throw refused(`${repository}:${tag} cannot be resolved: no instance is online to pull it`, [
      'repair the SSM agents of the fleet: aws ssm describe-instance-information',
    ]);
  }
  const silent: string[] = [];
  for (const instance of online.slice(0, mostAsked)) {
    const answer = await resolveOn(box, instance, repository, tag);
    if (answer.is === 'digest') return answer.digest;
    silent.push(`${instance.name} (${instance.id}): ${answer.why}`);
  }
  throw refused(`${repository}:${tag} cannot be resolved, no instance answered: ${silent.join('; ')}`, [
    'repair the SSM agents of these instances: aws ssm describe-instance-information',
  ]);
}

/** What the registry's API says. undefined: it has none. `lacking`: it does not answer as it should, which an instance that pulls the image makes up for. */
async function byApi(
  box: Toolbox,
  repository: string,
  tag: string,
): Promise<{ readonly digest: Digest } | { readonly lacking: PortError } | undefined> {
  return beforeChange(async () => {
    try {
      const digest = await box.images.resolve(repository, tag, box.signal);
      return digest === undefined ? undefined : { digest };
    } catch (error) {
      if (!(error instanceof PortError) || !isLacking(error)) throw error;
      return { lacking: error };
    }
  });
}

/** `silent` says nothing of the image. @throws DeployctlError when the instance answers that it cannot have the image */
async function resolveOn(
  box: Toolbox,
  instance: FleetInstance,
  repository: string,
  tag: string,
): Promise<{ readonly is: 'digest'; readonly digest: Digest } | { readonly is: 'silent'; readonly why: string }> {
  const timeout = box.settings.timing.pullTimeout;
  const id = await beforeChange(() =>
    box.hosts.sendResolve({ instance: instance.id, repository, tag, timeout }, box.signal),
  );
  const deadline = box.clock.now() + timeout;
  const waiting = new Waiting(box);
  while (box.clock.now() < deadline) {
    const states = await beforeChange(() => box.hosts.poll([{ id, instance: instance.id }], box.signal));
    const state = states.get(id);
    if (state?.is === 'lost') return { is: 'silent', why: state.why };
    if (state?.is === 'replied') {
      if (!state.reply.ok) {
        throw refused(
          `image ${repository}:${tag} cannot be pulled on ${instance.name} (${instance.id}): ${state.reply.message}`,
          [`check that ${repository} has the tag ${tag}, and that the instance may pull it`],
        );
      }
      if (state.reply.digest !== undefined) return { is: 'digest', digest: state.reply.digest };
      throw refused(`image ${repository}:${tag} has no registry digest on ${instance.name}`, ['push it to a registry']);
    }
    waiting.tell(() => `${instance.name} to pull ${repository}:${tag}`);
    await box.clock.sleep(Math.min(box.settings.timing.poll, 1000), box.signal);
  }
  return { is: 'silent', why: `no answer within ${String(Math.round(timeout / 1000))} s` };
}

function refused(message: string, next: readonly string[]): DeployctlError {
  return new DeployctlError({
    code: 'preflight.refused',
    message: `${message}. Nothing was changed`,
    exitCode: EXIT.refused,
    next,
  });
}
