import { refused } from './balancer.js';

interface Told {
  stored(name: string, value: string): void;
}

/** Parameter Store: one creator wins, an overwrite of nothing fails, 4096 bytes. */
export class Store {
  readonly values = new Map<string, string>();
  /** Grows with every change. */
  version = 0;
  /** What was there before somebody spoiled it. */
  readonly #earlier = new Map<string, string>();
  readonly #told: Told;

  constructor(told: Told) {
    this.#told = told;
  }

  create(name: string, value: string): void {
    check(name, value);
    if (this.values.has(name)) throw refused('already-exists', `${name} exists`);
    this.#put(name, value);
  }

  overwrite(name: string, value: string): void {
    check(name, value);
    if (!this.values.has(name)) throw refused('not-found', `there is no ${name} to overwrite`);
    this.#put(name, value);
  }

  remove(names: readonly string[]): void {
    for (const name of names) this.values.delete(name);
    this.version += 1;
  }

  /** Somebody else writes what nobody can read. */
  spoil(name: string, value: string): void {
    const before = this.values.get(name);
    if (before !== undefined) this.#earlier.set(name, before);
    this.values.set(name, value);
    this.version += 1;
  }

  /** Somebody puts back what was there before it was spoiled. `false`: no earlier version is known. */
  restore(name: string): boolean {
    const before = this.#earlier.get(name);
    if (before === undefined) return false;
    this.values.set(name, before);
    this.version += 1;
    return true;
  }

  #put(name: string, value: string): void {
    this.values.set(name, value);
    this.version += 1;
    this.#told.stored(name, value);
  }
}

function check(name: string, value: string): void {
  if (!/^(\/[a-zA-Z0-9_.-]+){1,15}$/.test(name)) throw refused('invalid', `illegal name ${name}`);
  if (value === '' || Buffer.byteLength(value) > 4096 || value.includes('{{'))
    throw refused('invalid', `illegal value for ${name}`);
}

/** All below a path, by name. */
export function listed(values: ReadonlyMap<string, string>, path: string): ReadonlyMap<string, string> {
  const prefix = path.endsWith('/') ? path : `${path}/`;
  const found = [...values].filter(([name]) => name.startsWith(prefix));
  return new Map(found.sort(([a], [b]) => (a < b ? -1 : 1)));
}
