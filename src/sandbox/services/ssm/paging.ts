import { AwsError } from '../../types.js';

/** One page of a list and, unless it was the last, the token of the next. */
export interface Page<T> {
  readonly items: T[];
  /** Spread into the answer: the token is left out at the end, never empty (an empty one ends a paginator's loop). */
  readonly next: { readonly NextToken?: string };
}

/**
 * Cuts a page out of `items`. Tokens are opaque to clients and good only for the operation that gave them out.
 * @param size the most items that a page may hold
 * @throws AwsError InvalidNextToken
 */
export function page<T>(operation: string, items: readonly T[], size: number, token: string | undefined): Page<T> {
  const from = token === undefined ? 0 : offsetOf(operation, token);
  const to = from + size;
  return {
    items: items.slice(from, to),
    next: to < items.length ? { NextToken: tokenFor(operation, to) } : {},
  };
}

/** The token that continues `operation` at `offset`. */
export function tokenFor(operation: string, offset: number): string {
  return Buffer.from(`${operation}:${offset}`, 'utf8').toString('base64');
}

function offsetOf(operation: string, token: string): number {
  const [owner, offset] = Buffer.from(token, 'base64').toString('utf8').split(':');
  const value = Number(offset);
  if (owner !== operation || !Number.isInteger(value) || value < 0) {
    throw new AwsError('InvalidNextToken', `The specified token '${token.slice(0, 40)}' isn't valid for ${operation}.`);
  }
  return value;
}
