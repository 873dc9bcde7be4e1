import type { Reference } from './case.js';
import { referenceOf } from './case.js';
import type { Find } from './hunt.js';
import { hunted } from './hunt.js';

interface Hunting {
  hunt(references: readonly Reference[]): Promise<Find | undefined>;
}

let references: Promise<readonly Reference[]> | undefined;

/** What undisturbed runs of the sound code do. */
export function soundReferences(): Promise<readonly Reference[]> {
  references ??= (async () => {
    const found: Reference[] = [];
    for (const scenario of hunted) found.push(await referenceOf(scenario));
    return found;
  })();
  return references;
}

/** Hunts for the defect of this number, in a copy of the code that has it (`mutate.ts`). */
export async function huntPlanted(index: number): Promise<Find | undefined> {
  const path = `./hunt.js?mutant=${String(index)}`;
  const { hunt } = (await import(/* @vite-ignore */ path)) as Hunting;
  return hunt(await soundReferences());
}
