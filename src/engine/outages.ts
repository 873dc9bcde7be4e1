import type { EventBody } from '../domain/event.js';
import type { Instant } from '../domain/ids.js';
import type { Outage } from '../strategies/outage.js';
import type { Clock } from './ports.js';

/** Reports each outage once when it begins and once when it is over. */
export class Outages {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #emit: (event: EventBody) => void;
  readonly #open = new Map<string, { readonly outage: Outage; readonly since: Instant }>();

  constructor(clock: Pick<Clock, 'now'>, emit: (event: EventBody) => void) {
    this.#clock = clock;
    this.#emit = emit;
  }

  observe(outages: readonly Outage[]): void {
    const now = this.#clock.now();
    const keys = new Set(outages.map(keyOf));
    for (const outage of outages) {
      if (this.#open.has(keyOf(outage))) continue;
      this.#open.set(keyOf(outage), { outage, since: now });
      const { service, empty: color, percent, healthy } = outage;
      const to = healthy === undefined ? {} : { movesTo: healthy };
      this.#emit({ type: 'outage.started', service, color, percent, ...to });
    }
    for (const [key, { outage, since }] of this.#open) {
      if (keys.has(key)) continue;
      this.#open.delete(key);
      this.#emit({ type: 'outage.ended', service: outage.service, color: outage.empty, lasted: now - since });
    }
  }
}

const keyOf = ({ service, empty }: Outage): string => `${service}/${empty}`;
