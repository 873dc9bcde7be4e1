import { z } from 'zod';
import { AwsError } from '../../types.js';

/**
 * Reads the JSON of a call. What doesn't fit is a `ValidationException` in the words that AWS uses: how many errors,
 * and for each the member, the value seen and the constraint.
 */
export function readInput<S extends z.ZodType>(schema: S, params: Record<string, unknown>): z.output<S> {
  const parsed = schema.safeParse(params);
  if (parsed.success) {
    return parsed.data;
  }
  const issues = parsed.error.issues;
  const texts = issues.map((issue) => {
    const seen = valueAt(params, issue.path);
    const value = seen === undefined ? 'null' : `'${shorten(typeof seen === 'string' ? seen : JSON.stringify(seen))}'`;
    return `Value ${value} at '${memberName(issue.path)}' failed to satisfy constraint: ${issue.message}`;
  });
  throw new AwsError(
    'ValidationException',
    `${issues.length} validation error${issues.length === 1 ? '' : 's'} detected: ${texts.join('; ')}`,
  );
}

/** A list of at least `min` and at most `max` members. */
export function listOf<S extends z.ZodType>(item: S, min: number, max: number): z.ZodArray<S> {
  return z
    .array(item)
    .min(min, `Member must have length greater than or equal to ${min}`)
    .max(max, `Member must have length less than or equal to ${max}`);
}

/** A string with a length between `min` and `max` characters. */
export function text(min: number, max: number): z.ZodString {
  return z
    .string({ error: 'Member must not be null' })
    .min(min, `Member must have length greater than or equal to ${min}`)
    .max(max, `Member must have length less than or equal to ${max}`);
}

/** A whole number between `min` and `max`. */
export function integer(min: number, max: number): z.ZodNumber {
  return z
    .number({ error: 'Member must be a number' })
    .int('Member must be a whole number')
    .min(min, `Member must have value greater than or equal to ${min}`)
    .max(max, `Member must have value less than or equal to ${max}`);
}

/** One of `values`. */
export function oneOf<const V extends readonly [string, ...string[]]>(values: V): z.ZodEnum<{ [K in V[number]]: K }> {
  return z.enum(values, { error: `Member must satisfy enum value set: [${values.join(', ')}]` });
}

function valueAt(params: unknown, path: readonly PropertyKey[]): unknown {
  let at: unknown = params;
  for (const key of path) {
    at = typeof at === 'object' && at !== null ? Reflect.get(at, key) : undefined;
  }
  return at;
}

/** `['InstanceIds', 0]` is `instanceIds.1.member` in AWS's messages. */
function memberName(path: readonly PropertyKey[]): string {
  return path
    .map((key) => (typeof key === 'number' ? `${key + 1}.member` : String(key).replace(/^./, (c) => c.toLowerCase())))
    .join('.');
}

function shorten(value: string): string {
  return value.length > 80 ? `${value.slice(0, 80)}…` : value;
}
