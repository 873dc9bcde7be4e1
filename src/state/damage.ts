import { DeployctlError } from '../domain/errors.js';

/** A parameter that cannot be read, or that another one names and that is missing. Nothing is concluded from it, and nothing removes it. */
export interface Damage {
  readonly name: string;
  /** `it is not JSON: …`; the name is not in it. */
  readonly why: string;
  /** A newer deployctl wrote it: it can be read there. */
  readonly newer?: true;
  /** It was deleted, or never written: it has no earlier versions. */
  readonly missing?: true;
}

/** The values that can be read, and what stands in the place of the others. Rejects only for bugs. */
export function readable<T>(
  stored: Iterable<readonly [name: string, raw: string]>,
  read: (name: string, raw: string) => T,
): { readonly values: readonly T[]; readonly damaged: readonly Damage[] } {
  const values: T[] = [];
  const damaged: Damage[] = [];
  for (const [name, raw] of stored) {
    try {
      values.push(read(name, raw));
    } catch (error) {
      damaged.push(damageOf(error));
    }
  }
  return { values, damaged };
}

/** What an error of `decode` says. Any other error is thrown. */
export function damageOf(error: unknown): Damage {
  if (!(error instanceof DeployctlError)) throw error;
  const [, name, why] =
    /^the parameter (\S+) cannot be read: (.+)$/s.exec(error.message) ??
    /^(\S+) (was written by .+)$/s.exec(error.message) ??
    [];
  if (name === undefined || why === undefined) throw error;
  return error.code === 'state.newer' ? { name, why: `it ${why}`, newer: true } : { name, why };
}
