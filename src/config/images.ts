import type { Digest } from '../domain/ids.js';
import { isDigest } from '../domain/ids.js';
import { badValue } from './units.js';

/** An image as an operator asks for it, not resolved yet. At least one of `tag` and `digest` is there; with both, the digest decides. */
export interface ImageRequest {
  readonly repository: string;
  readonly tag?: string;
  readonly digest?: Digest;
}

// The grammar of references is Docker's (distribution/reference, "reference.go"), without its rarer separators.
const HOST =
  /^(?:localhost|[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+|[a-z0-9-]+(?=:\d))(?::\d{1,5})?$/i;
const COMPONENT = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;

/** Whether the text is a repository without tag and digest: `shop/backend`, `localhost:5000/shop`. */
export function isRepository(text: string): boolean {
  if (text.length === 0 || text.length > 255) return false;
  const [first = '', ...rest] = text.split('/');
  const path = rest.length > 0 && HOST.test(first) ? rest : [first, ...rest];
  return path.every((component) => COMPONENT.test(component));
}

/** Repository of the configuration. Refuses a tag or digest: which version runs is what a rollout decides. */
export function parseRepository(text: string): string {
  if (isRepository(text)) return text;
  const { repository, suffix } = split(text);
  if (suffix !== '' && isRepository(repository)) {
    throw badValue(
      text,
      `has a version; write ${repository} here and name ${suffix.slice(1)} in \`deployctl rollout\``,
    );
  }
  throw badValue(
    text,
    'not an image repository; write it like shop/backend or registry.example.com/shop/backend (lower case)',
  );
}

/**
 * What `--image`, `--backend` and `--frontend` take: `repository:tag`, `repository@sha256:…`, `repository:tag@sha256:…`, or for the
 * configured repository a bare tag or digest.
 * @throws DeployctlError `usage.value`
 */
export function parseImage(text: string, configured: string): ImageRequest {
  if (isDigest(text)) return { repository: configured, digest: text };
  if (TAG.test(text)) return { repository: configured, tag: text };
  const { repository, suffix } = split(text);
  if (suffix === '') {
    throw badValue(
      text,
      isRepository(repository) ? `has no version; add a tag (${text}:1.2.0) or a digest (${text}@sha256:…)` : WANTED,
    );
  }
  const at = suffix.indexOf('@');
  const tag = (at === -1 ? suffix : suffix.slice(0, at)).slice(1);
  const digest = at === -1 ? undefined : suffix.slice(at + 1);
  if (!isRepository(repository) || (tag === '' && at !== 0) || (tag !== '' && !TAG.test(tag)))
    throw badValue(text, WANTED);
  if (digest !== undefined && !isDigest(digest)) throw badValue(text, 'a digest is sha256: and 64 hexadecimal digits');
  return { repository, ...(tag === '' ? {} : { tag }), ...(digest === undefined ? {} : { digest }) };
}

const WANTED = 'not an image; write repository:tag, repository@sha256:…, or a bare tag of the configured repository';

/** `host:5000/a/b:1@sha256:x` → `host:5000/a/b` and `:1@sha256:x`: a colon before the last slash belongs to the host. */
function split(text: string): { readonly repository: string; readonly suffix: string } {
  const at = text.indexOf('@');
  const named = at === -1 ? text : text.slice(0, at);
  const colon = named.indexOf(':', named.lastIndexOf('/') + 1);
  const end = colon === -1 ? named.length : colon;
  return { repository: text.slice(0, end), suffix: text.slice(end) };
}
