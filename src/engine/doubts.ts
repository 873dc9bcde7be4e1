import type { Instant, Ms } from '../domain/ids.js';

/** What was seen is good for a change for so long at least. */
const SEEN_FOR: Ms = 3000;
/** A look at the world takes seconds, also where AWS is slow. One that took longer is repeated. */
const LONGEST_LOOK: Ms = 30_000;
/** So often is a look or an end doubted because it took long: where every read is slow, it has to be believed. */
const MOST_DOUBTS = 3;

/** Whether what was seen may be past by now, since the process stood still or waited. */
export class Doubts {
  readonly #poll: Ms;
  #looks = 0;
  #ends = 0;

  constructor(poll: Ms) {
    this.#poll = poll;
  }

  /** The process stood still while it looked: what it read first may be long past, such as the instances of the fleet. */
  ofLook(began: Instant, now: Instant): boolean {
    if (now - began <= LONGEST_LOOK || this.#looks >= MOST_DOUBTS) {
      this.#looks = 0;
      return false;
    }
    this.#looks += 1;
    return true;
  }

  /**
   * It has seen what was: an end says what is.
   * @param mayBeOlder a reading contradicts our own last change
   */
  ofEnd(began: Instant, now: Instant, mayBeOlder: boolean): boolean {
    if ((!mayBeOlder && !this.isOld(began, now)) || this.#ends >= MOST_DOUBTS) return false;
    this.#ends += 1;
    return true;
  }

  /** Whether what was seen then may be different by now. */
  isOld(at: Instant, now: Instant): boolean {
    return now - at > Math.max(2 * this.#poll, SEEN_FOR);
  }
}
