/*
 * The words of a request: what a field may hold, and how a free value travels. What is refused here names the field, and shows the value only where
 * it is a name or a number of deployctl's own: values of variables, commands, options and headers may hold a secret.
 */
import { shortened } from '../domain/text.js';

/** A request that cannot be encoded. `field` is where, `why` what is wrong with it and what is wanted. */
export class HostRequestError extends Error {
  constructor(field: string, why: string) {
    super(`${field}: ${why}`);
    this.name = 'HostRequestError';
  }
}

/** Most of a value that a message shows. */
const LONGEST_SHOWN = 60;

/** A value of deployctl's own (a name, a port) that does not fit. Never for free values. */
export function misfit(field: string, seen: unknown, wanted: string): HostRequestError {
  const text = JSON.stringify(seen) ?? String(seen);
  const shown = shortened(text, LONGEST_SHOWN);
  return new HostRequestError(field, `${shown} cannot be sent to an instance; wanted ${wanted}`);
}

export function matching(field: string, value: string, pattern: RegExp, wanted: string): string {
  if (!pattern.test(value)) throw misfit(field, value, wanted);
  return value;
}

export function integer(field: string, value: number, min: number, max: number): string {
  if (!Number.isInteger(value) || value < min || value > max) {
    throw misfit(field, value, `a whole number from ${min} to ${max}`);
  }
  return String(value);
}

/** A free value: base64 of it and one ".", so that no word is empty and line ends at its end survive the shell. */
export function word(field: string, value: string): string {
  if (value.includes('\0')) {
    throw new HostRequestError(field, 'its value holds a NUL character, which no variable or argument can; remove it');
  }
  if (/\p{Surrogate}/u.test(value)) {
    throw new HostRequestError(field, 'its value is not valid Unicode (half of a surrogate pair); correct it');
  }
  return Buffer.from(`${value}.`, 'utf8').toString('base64');
}
