import { z } from 'zod';
import { AwsError } from '../../types.js';

/** A list of a form; an empty one arrives as an empty string, an absent one is an empty list too. */
export function listOf<T extends z.ZodType>(item: T) {
  return z.preprocess((value) => (value === '' || value === undefined ? [] : value), z.array(item));
}

/** A list that may be absent: undefined then, which differs from an empty one where a call replaces lists. */
export function optionalListOf<T extends z.ZodType>(item: T) {
  return z.preprocess((value) => (value === '' ? [] : value), z.array(item).optional());
}

export const flag = z.enum(['true', 'false']).transform((value) => value === 'true');

/** An integer of a form, with its range in the message. */
export function integer(name: string, min: number, max: number) {
  return z.coerce
    .number({ error: `${name} must be a number between ${min} and ${max}` })
    .int(`${name} must be a whole number`)
    .min(min, `${name} must be between ${min} and ${max}`)
    .max(max, `${name} must be between ${min} and ${max}`);
}

export const keyValues = listOf(z.object({ Key: z.string(), Value: z.string().default('') }));

export function validationError(message: string): AwsError {
  return new AwsError('ValidationError', message);
}

/** Reads a call's parameters; what does not fit is a ValidationError that names the parameter. */
export function read<T extends z.ZodType>(schema: T, params: Record<string, unknown>): z.output<T> {
  const result = schema.safeParse(params);
  if (!result.success) {
    const issue = result.error.issues[0];
    throw validationError(`${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'unreadable'}`);
  }
  return result.data;
}

/** Pages are small unless a size is asked for, so that a caller who reads one page only is found out. */
const defaultPageSize = 5;

export const paging = { Marker: z.string().optional(), PageSize: integer('PageSize', 1, 400).optional() };

/** One page of `items`. Source: ELB API reference, Marker / NextMarker / PageSize (1-400). */
export function page<T>(
  items: readonly T[],
  wanted: { readonly Marker?: string | undefined; readonly PageSize?: number | undefined },
): { items: readonly T[]; NextMarker: string | undefined } {
  const start = wanted.Marker === undefined || wanted.Marker === '' ? 0 : offsetOf(wanted.Marker);
  const end = start + (wanted.PageSize ?? defaultPageSize);
  return {
    items: items.slice(start, end),
    NextMarker: end < items.length ? Buffer.from(`offset:${end}`).toString('base64url') : undefined,
  };
}

function offsetOf(marker: string): number {
  const match = /^offset:(\d+)$/.exec(Buffer.from(marker, 'base64url').toString('latin1'));
  if (match === null) {
    throw validationError(`Marker '${marker}' is not valid`);
  }
  return Number(match[1]);
}
