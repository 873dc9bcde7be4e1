import { DaemonError } from '../errors.js';

/** A reference to an image: a repository and a tag, or a repository and a digest. */
export interface Reference {
  readonly repository: string;
  readonly tag?: string;
  readonly digest?: string;
}

const HOST = /^[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*(?::\d+)?$/;
const PART = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*$/;

function isRepository(path: string): boolean {
  const host = registryHost(path);
  const rest = host === undefined ? path : path.slice(host.length + 1);
  return (host === undefined || HOST.test(host)) && rest.split('/').every((part) => PART.test(part));
}

/**
 * Parses `repo`, `repo:tag`, `repo@sha256:…` or `repo:tag@sha256:…` (the digest wins); a missing tag is `latest`.
 * `docker.io/library/` is left out, as Docker shows it. Source: distribution/reference, the grammar.
 * @throws DaemonError in Docker's words
 */
export function parseReference(text: string): Reference {
  const [named = '', digest, ...more] = text.split('@');
  const colon = named.indexOf(':', named.lastIndexOf('/') + 1);
  const path = (colon < 0 ? named : named.slice(0, colon)).replace(/^docker\.io\/(library\/)?/, '');
  const tag = colon < 0 ? undefined : named.slice(colon + 1);
  const bad =
    more.length > 0 ||
    !isRepository(path) ||
    (tag !== undefined && !/^\w[\w.-]{0,127}$/.test(tag)) ||
    (digest !== undefined && !/^sha256:[0-9a-f]{64}$/.test(digest));
  if (bad) {
    if (/[A-Z]/.test(path) && isRepository(path.toLowerCase())) {
      throw new DaemonError(`invalid reference format: repository name (${path}) must be lowercase`);
    }
    throw new DaemonError('invalid reference format');
  }
  if (digest !== undefined) return { repository: path, digest };
  return { repository: path, tag: tag ?? 'latest' };
}

/** `repo:tag` or `repo@digest`. */
export function formatReference(reference: Reference): string {
  return reference.digest === undefined
    ? `${reference.repository}:${reference.tag ?? 'latest'}`
    : `${reference.repository}@${reference.digest}`;
}

/** The registry's host in a repository name, or undefined for Docker Hub's names. */
export function registryHost(repository: string): string | undefined {
  const [first = '', rest] = repository.split('/', 2);
  return rest !== undefined && (/[.:]/.test(first) || first === 'localhost') ? first : undefined;
}
