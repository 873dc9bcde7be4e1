import type { Decision } from '../domain/decision.js';
import type { Instant, Ms } from '../domain/ids.js';
import type { Observation } from '../domain/observation.js';

/** Since when the engine has waited under this key without a break; `now` when it has not begun to. */
export function waitingSince(seen: Pick<Observation, 'waiting'>, key: string, now: Instant): Instant {
  return seen.waiting.get(key) ?? now;
}

/** A wait that other decisions interrupt for no longer than this goes on: one failed read is no new beginning. */
export const BREAK: Ms = 20_000;

interface Waited {
  readonly since: Instant;
  readonly last: Instant;
}

/** Remembers for the strategies since when each keyed wait has lasted. They are pure and cannot. */
export class WaitClock {
  readonly #waits = new Map<string, Waited>();

  /** Takes in a decision made at `now`. */
  take(decision: Decision, now: Instant): void {
    const waits = 'waits' in decision ? decision.waits : [];
    for (const { key } of waits) {
      if (key === undefined) continue;
      this.#waits.set(key, { since: this.#waits.get(key)?.since ?? now, last: now });
    }
    for (const [key, { last }] of this.#waits) if (now - last > BREAK) this.#waits.delete(key);
  }

  /** A new direction: what was waited for before is not waited for any more. */
  clear(): void {
    this.#waits.clear();
  }

  since(): ReadonlyMap<string, Instant> {
    return new Map([...this.#waits].map(([key, { since }]) => [key, since]));
  }
}
