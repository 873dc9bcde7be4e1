import type { Plugin } from 'vitest/config';
import { mutants } from './mutants.js';

const query = /\?mutant=(\d+)$/;

/**
 * Loads modules with a planted defect: what is imported as `x.js?mutant=3`, and all that it imports of ours in turn, is a copy of its own, in which
 * the third mutant's file is changed.
 */
export function plantMutants(): Plugin {
  return {
    name: 'plant-mutants',
    enforce: 'pre',
    async resolveId(source, importer) {
      const number = query.exec(source)?.[1] ?? query.exec(importer ?? '')?.[1];
      if (number === undefined || importer === undefined || !source.startsWith('.')) return null;
      const plain = await this.resolve(source.replace(query, ''), importer.replace(query, ''), { skipSelf: true });
      return plain === null ? null : `${plain.id}?mutant=${number}`;
    },
    transform(code, id) {
      const number = query.exec(id)?.[1];
      const mutant = number === undefined ? undefined : mutants[Number(number)];
      if (mutant === undefined || !id.replace(query, '').endsWith(`/src/${mutant.file}`)) return null;
      const parts = code.split(mutant.find);
      if (parts.length !== 2)
        throw new Error(
          `mutant "${mutant.what}": ${mutant.file} has its text ${String(parts.length - 1)} times, wanted once`,
        );
      return { code: parts.join(mutant.replace), map: null };
    },
  };
}
