import { createHash } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import type { z } from 'zod';
import { DeployctlError, EXIT, messageOf } from '../domain/errors.js';

/** Size of a standard-tier parameter (SSM quotas, "Maximum size for a parameter value"), counted in bytes to be sure. */
export const LIMIT = 4096;
/** What this version of deployctl writes, and the newest that it reads. */
export const SCHEMA = 1;

const PACKED = 'gz1:';
/** A value that unpacks to more than this is not one of ours. */
const LARGEST = 4 * 1024 * 1024;

/**
 * JSON for a parameter. `{{` is escaped: Parameter Store reads it as a reference and refuses the value. JSON itself never holds `{{`
 * outside a string, so escaping both braces is always legal.
 */
export function toJson(value: unknown): string {
  return JSON.stringify(value).replaceAll('{{', '\\u007b\\u007b');
}

/** The value as text of at most 4096 bytes: plain JSON where that fits, for people who read it in the console; else compressed. */
export function encode(name: string, value: unknown): string {
  const json = toJson(value);
  if (Buffer.byteLength(json) <= LIMIT) return json;
  const packed = pack(json);
  if (packed.length <= LIMIT) return packed;
  throw new DeployctlError({
    code: 'state.too-large',
    message:
      `${name} would hold ${Buffer.byteLength(json)} bytes (${packed.length} compressed); ` +
      `a parameter holds at most ${LIMIT}`,
    exitCode: EXIT.refused,
    next: ['shorten what the configuration makes it hold: fewer routes or services in one environment'],
  });
}

/** `gz1:` and the gzip in base64. */
export function pack(text: string): string {
  return PACKED + gzipSync(text, { level: 9 }).toString('base64');
}

/** The reverse of `pack`; plain text passes unchanged. Throws what zlib throws. */
export function unpack(text: string): string {
  if (!text.startsWith(PACKED)) return text;
  const bytes = Buffer.from(text.slice(PACKED.length), 'base64');
  return gunzipSync(bytes, { maxOutputLength: LARGEST }).toString('utf8');
}

/**
 * Reads a stored value and checks its shape. Fields that this version does not know are kept.
 * @throws DeployctlError `state.newer` when a newer deployctl wrote it, `state.damaged` when it is not what it should be
 */
export function decode<T>(name: string, text: string, schema: z.ZodType<T>): T {
  let value: unknown;
  try {
    value = JSON.parse(unpack(text));
  } catch (cause) {
    throw damaged(name, `it is not JSON: ${messageOf(cause)}`, cause);
  }
  const version = schemaOf(value);
  if (version !== undefined && version > SCHEMA) {
    throw new DeployctlError({
      code: 'state.newer',
      message: `${name} was written by a newer deployctl (schema ${version}; this one reads up to ${SCHEMA})`,
      exitCode: EXIT.refused,
      next: ['update deployctl here, then try again'],
    });
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const where = issue === undefined ? '' : `${issue.path.join('.') || 'the value'}: ${issue.message}`;
  throw damaged(name, where, parsed.error);
}

/** The error for something stored that cannot be what we wrote. Never treated as absent. */
export function damaged(name: string, why: string, cause?: unknown): DeployctlError {
  return new DeployctlError({
    code: 'state.damaged',
    message: `the parameter ${name} cannot be read: ${why}`,
    exitCode: EXIT.refused,
    next: [
      `look at it: aws ssm get-parameter --name ${name}`,
      `put back an earlier version (aws ssm get-parameter-history --name ${name}), or delete it if it is of no use`,
    ],
    cause,
  });
}

/** Equal for values that are equal whatever the order of their keys; absent and undefined are the same. */
export function checksum(value: unknown): string {
  return createHash('sha256').update(canonical(value)).digest('hex');
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
      : inner,
  );
}

function schemaOf(value: unknown): number | undefined {
  if (typeof value !== 'object' || value === null || !('schema' in value)) return undefined;
  return typeof value.schema === 'number' ? value.schema : undefined;
}
