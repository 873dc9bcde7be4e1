/** Who may use a sandbox: keys that are made when it starts, and are known to whoever may read its state folder. */
import { createHash, randomBytes, randomInt, timingSafeEqual } from 'node:crypto';

export interface AccessKey {
  readonly id: string;
  readonly secret: string;
}

export interface Access {
  /** What `sandbox env` exports. A policy limits it. */
  readonly client: AccessKey;
  /** The account's root: no policy limits it. */
  readonly root: AccessKey;
  /** Bearer token of the control routes. */
  readonly control: string;
}

/** Whose key a call was signed with. */
export type Caller = keyof Pick<Access, 'client' | 'root'>;

/** Letters of an access key id: those of base32. (IAM guide, unique identifiers) */
const ID_LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
/** Of a long-term key, and then a word that tells whoever finds one in a log that it opens nothing but a sandbox. */
const ID_PREFIX = 'AKIASANDBOX';
const ID_LENGTH = 20;

export function createAccess(): Access {
  return { client: createKey(), root: createKey(), control: randomBytes(32).toString('hex') };
}

/** The key with this id, and whose it is. */
export function keyOf(access: Access, id: string): { readonly caller: Caller; readonly key: AccessKey } | undefined {
  for (const caller of ['client', 'root'] as const) {
    if (access[caller].id === id) return { caller, key: access[caller] };
  }
  return undefined;
}

/** Compares secrets in a time that says nothing about where they differ. */
export function isSameSecret(given: string, wanted: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(wanted));
}

function createKey(): AccessKey {
  const letters = Array.from({ length: ID_LENGTH - ID_PREFIX.length }, () => ID_LETTERS[randomInt(ID_LETTERS.length)]);
  // 40 characters, as AWS's.
  return { id: ID_PREFIX + letters.join(''), secret: randomBytes(30).toString('base64url') };
}
