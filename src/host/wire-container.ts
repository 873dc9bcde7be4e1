import { z } from 'zod';
import { isDigest, type Digest } from '../domain/ids.js';
import type { Container } from '../domain/observation.js';
import { isImageId, sameRepository } from '../domain/occupancy.js';

/** For whom the answer is read: what carries labels of another app or environment is not theirs. */
export interface Scope {
  readonly app: string;
  readonly environment: string;
}

/** Docker prints a label that is not there as "", null or not at all, depending on version and template. */
const label = z
  .string()
  .nullish()
  .transform((value) => value ?? '');

/** A container as the instance script describes it. */
export const wireContainer = z.object({
  id: z.string(),
  name: z.string(),
  image: z.string(),
  reference: z.string(),
  status: z.string(),
  startedAt: z.string(),
  restartCount: z.number(),
  exitCode: z.number(),
  oomKilled: z.boolean(),
  restartPolicy: z.string(),
  memoryLimit: z.number(),
  ports: z.string(),
  app: label,
  environment: label,
  service: label,
  color: label,
  release: label,
  digest: label,
});
type WireContainer = z.infer<typeof wireContainer>;

/** The digest under which an image is known in the repository of a reference; else any; the same order as in the instance script. */
export function pickDigest(repoDigests: readonly string[], reference: string): Digest | undefined {
  const known = repoDigests.map((entry) => {
    const at = entry.lastIndexOf('@');
    return { repository: entry.slice(0, at), digest: entry.slice(at + 1) };
  });
  const found = (known.find((entry) => sameRepository(entry.repository, reference)) ?? known[0])?.digest;
  return found !== undefined && isDigest(found) ? found : undefined;
}

function isColor(text: string): text is 'blue' | 'green' {
  return text === 'blue' || text === 'green';
}

/**
 * Host ports for TCP out of `8081:3000/tcp,8000-8010:80/tcp,`. A range is what the container was given: one that runs has one port of it, which is
 * listed too; one that is about to be started again may get any.
 */
function toPorts(text: string, status: string): readonly number[] {
  const found = new Set<number>();
  for (const [, first, last] of text.matchAll(/(?:^|,)([0-9]+)(?:-([0-9]+))?:[0-9]+\/tcp/g)) {
    if (last !== undefined && status !== 'restarting') continue;
    for (let port = Number(first); port <= Number(last ?? first); port += 1) if (port > 0) found.add(port);
  }
  return [...found].sort((a, b) => a - b);
}

/** What an answer tells beside its containers. */
export interface Beside {
  readonly images: Readonly<Record<string, readonly string[] | null>>;
  /** Ids that the kernel has killed for memory lately: of those the present state may say nothing. */
  readonly oom: readonly string[];
  readonly adopted: readonly string[];
  readonly scope: Scope;
}

type Owner = Pick<Container, 'ours' | 'owner' | 'adopted'>;

function toOwner(wired: WireContainer, { adopted, scope }: Beside): Owner {
  const { app, environment, service, color, release } = wired;
  if (app === scope.app && environment === scope.environment && isColor(color) && service !== '' && release !== '')
    return { ours: { service, color, release } };
  if (app !== '') return { owner: `${app}/${environment}` };
  const [, of, inColor] = adopted.map((entry) => entry.split(' ')).find(([id]) => id === wired.id) ?? [];
  return of !== undefined && inColor !== undefined && isColor(inColor)
    ? { adopted: { service: of, color: inColor } }
    : {};
}

export function toContainer(wired: WireContainer, beside: Beside): Container {
  const repoDigests = beside.images[wired.image] ?? [];
  const fromImage = pickDigest(repoDigests, wired.reference);
  const digest = [wired.digest, fromImage, wired.image].find((value) => value !== undefined && isDigest(value));
  return {
    id: wired.id,
    name: wired.name.replace(/^\//, ''),
    // One that waits for its next restart serves nobody.
    running: wired.status === 'running',
    ...(wired.status === 'restarting' ? { restarting: true } : {}),
    ...(wired.status === 'paused' ? { paused: true } : {}),
    startedAt: wired.startedAt,
    restartCount: wired.restartCount,
    exitCode: wired.exitCode,
    oomKilled: wired.oomKilled || beside.oom.includes(wired.id),
    restartPolicy: wired.restartPolicy,
    ports: toPorts(wired.ports, wired.status),
    ...(digest !== undefined && isDigest(digest) ? { digest } : {}),
    imageReference: wired.reference,
    ...(isImageId(wired.reference) ? { repositories: [wired.reference, ...repoDigests] } : {}),
    ...toOwner(wired, beside),
  };
}
