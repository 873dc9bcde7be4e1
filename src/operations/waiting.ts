import type { Instant, Ms } from '../domain/ids.js';
import type { Toolbox } from './toolbox.js';

/** Nobody looks at a silent terminal for longer. */
const tellAfter: Ms = 5_000;

/** Tells what is waited for on instances: after 5 s, and again when it has taken twice as long. Calls to AWS tell for themselves. */
export class Waiting {
  readonly #box: Pick<Toolbox, 'clock' | 'emit'>;
  readonly #since: Instant;
  #tellAt: Ms = tellAfter;

  constructor(box: Pick<Toolbox, 'clock' | 'emit'>) {
    this.#box = box;
    this.#since = box.clock.now();
  }

  /** To be called at each turn of the wait. @param what `2 instances to answer: shop-1, shop-2` */
  tell(what: () => string): void {
    const waited = this.#box.clock.now() - this.#since;
    if (waited < this.#tellAt) return;
    while (this.#tellAt <= waited) this.#tellAt *= 2;
    const text = `waiting for ${what()} (${String(Math.round(waited / 1000))} s)`;
    this.#box.emit({ type: 'note', level: 'info', text });
  }
}

/** `shop-1, shop-2, shop-3 and 5 more`. */
export function someOf(names: readonly string[]): string {
  const shown = names.slice(0, 3).join(', ');
  return names.length > 3 ? `${shown} and ${String(names.length - 3)} more` : shown;
}
