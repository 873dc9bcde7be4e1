import type { EventBody, InstanceLine, Place, View } from '../domain/event.js';

/**
 * Turns a series of views into events for what moved: reporters that print lines want changes, not pictures. What cannot be seen has not moved:
 * why not is told once, for everything that could not be read, and the next sight of the instance is compared with the last one.
 */
export class Movements {
  readonly #emit: (event: EventBody) => void;
  readonly #places = new Map<string, Place>();

  constructor(emit: (event: EventBody) => void) {
    this.#emit = emit;
  }

  take(view: View): void {
    for (const line of view.instances) this.#takeLine(line);
  }

  #takeLine(line: InstanceLine): void {
    if (line.place === 'unknown') return;
    const key = `${line.service}/${line.color}/${line.instance}`;
    const before = this.#places.get(key);
    this.#places.set(key, line.place);
    if (before === line.place) return;
    if (before === undefined && (line.place === 'old' || line.place === 'serving')) return;
    this.#emit({ type: 'instance.moved', line, ...(before === undefined ? {} : { before }) });
  }
}
