import { z } from 'zod';
import { AwsError } from '../../types.js';

/** A list of a form; an empty one arrives as an empty string. */
export function listOf<T extends z.ZodType>(item: T) {
  return z.preprocess((value) => (value === '' || value === undefined ? [] : value), z.array(item));
}

export const flag = z.enum(['true', 'false']).transform((value) => value === 'true');

const filterSchema = z.object({ Name: z.string(), Value: listOf(z.string()) });
export const filters = listOf(filterSchema);
export type Filter = z.infer<typeof filterSchema>;

export const tags = listOf(z.object({ Key: z.string(), Value: z.string().default('') }));

/** Reads a call's parameters; what does not fit is EC2's InvalidParameterValue, naming the parameter. */
export function read<T extends z.ZodType>(schema: T, params: Record<string, unknown>): z.output<T> {
  const result = schema.safeParse(params);
  if (!result.success) {
    const issue = result.error.issues[0];
    throw new AwsError(
      'InvalidParameterValue',
      `Invalid value for parameter ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'unreadable'}`,
    );
  }
  return result.data;
}

/** A filter's value as a pattern: `*` any text, `?` one character, `\` takes the next character as it is. */
export function wildcard(pattern: string): RegExp {
  const source = pattern.replace(/\\(.)|([*?])|([.+^${}()|[\]\\/-])/gs, (_all, escaped, wild, special) => {
    if (typeof escaped === 'string') {
      return `\\u{${(escaped.codePointAt(0) ?? 0).toString(16)}}`;
    }
    return typeof wild === 'string'
      ? wild === '*'
        ? '[^]*'
        : '[^]'
      : `\\u{${String(special).charCodeAt(0).toString(16)}}`;
  });
  return new RegExp(`^${source}$`, 'u');
}

/**
 * Whether a resource passes all filters (filters are ANDed, a filter's values ORed, letter case counts).
 * @param valuesOf the resource's values for a filter name, or undefined if the call has no such filter
 * @throws AwsError InvalidParameterValue for an unknown filter
 */
export function passes(
  filterList: readonly Filter[],
  valuesOf: (name: string) => readonly string[] | undefined,
): boolean {
  return filterList.every((filter) => {
    const values = valuesOf(filter.Name);
    if (values === undefined) {
      throw new AwsError('InvalidParameterValue', `The filter '${filter.Name}' is invalid`);
    }
    const patterns = filter.Value.map(wildcard);
    return values.some((value) => patterns.some((pattern) => pattern.test(value)));
  });
}

/** Cuts one page out of `items`. The token is the offset, opaque to the caller. */
export function page<T>(
  items: readonly T[],
  size: number | undefined,
  token: string | undefined,
): { items: readonly T[]; nextToken: string | undefined } {
  const start = token === undefined ? 0 : offsetOf(token);
  const end = size === undefined ? items.length : start + size;
  return { items: items.slice(start, end), nextToken: end < items.length ? tokenOf(end) : undefined };
}

function tokenOf(offset: number): string {
  return Buffer.from(`offset:${offset}`).toString('base64url');
}

function offsetOf(token: string): number {
  const match = /^offset:(\d+)$/.exec(Buffer.from(token, 'base64url').toString('latin1'));
  if (match === null) {
    throw new AwsError('InvalidNextToken', `The token '${token}' is invalid`);
  }
  return Number(match[1]);
}
