import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What a part of the deep run has counted. */
export interface Counts {
  readonly counts: Readonly<Record<string, number>>;
  /** A command that replays it, and what is broken. */
  readonly failures: readonly string[];
  /** One line each: what is worth reading besides the counts. */
  readonly notes: readonly string[];
}

export class Tally implements Counts {
  readonly counts: Record<string, number> = {};
  readonly failures: string[] = [];
  readonly notes: string[] = [];

  add(what: string, count = 1): void {
    this.counts[what] = (this.counts[what] ?? 0) + count;
  }

  failed(replay: string, violations: readonly string[]): void {
    this.add('violations');
    this.failures.push([replay, ...violations.slice(0, 3)].join('\n  '));
  }
}

/**
 * Where the workers of one deep run meet: each takes the next part that no other has taken, and leaves what it counted. A run that was cut off goes on
 * where it was when it is given the folder again.
 */
export class Results {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true });
  }

  /** Whether nobody has taken this part before. */
  take(part: string): boolean {
    try {
      writeFileSync(join(this.#folder, `${part}.taken`), String(process.pid), { flag: 'wx' });
      return true;
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
      throw error;
    }
  }

  put(part: string, counts: Counts): void {
    const path = join(this.#folder, `${part}.json`);
    writeFileSync(`${path}.new`, JSON.stringify(counts));
    renameSync(`${path}.new`, path);
  }

  /** The sum of all parts that have ended. */
  sum(): Tally {
    const sum = new Tally();
    for (const name of readdirSync(this.#folder).filter((each) => each.endsWith('.json'))) {
      const { counts, failures, notes } = JSON.parse(readFileSync(join(this.#folder, name), 'utf8')) as Counts;
      for (const [what, count] of Object.entries(counts)) sum.add(what, count);
      sum.failures.push(...failures);
      sum.notes.push(...notes);
      sum.add('parts');
    }
    return sum;
  }
}
