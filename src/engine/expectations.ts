import type { Instant, Ms, TargetGroupArn, TargetKey } from '../domain/ids.js';

/** A read that comes sooner than this after our own change and contradicts it is taken for stale. */
export const STALE_FOR: Ms = 10_000;

/** After a reading has shown our registration, so many in a row that contradict it are believed: one may be stale, two in a row hardly ever are. */
const MOST_OLDER = 2;

interface Expected {
  readonly registered: boolean;
  readonly at: Instant;
  /** When we registered, or may have registered, what we have deregistered since, if a reading may still be older than that. */
  readonly born?: Instant;
  /** A reading has shown the registration; so many in a row have contradicted it since. Somebody else may have deregistered the target. */
  shown?: { against: number };
}

/** What our own registrations and deregistrations let readings show, until they are so old that any reading is newer. */
export class Expectations {
  readonly #expected = new Map<string, Expected>();
  readonly #tried = new Map<string, Instant>();

  /** A registration whose answer was lost: it may have been made. */
  tried(group: TargetGroupArn, key: TargetKey, at: Instant): void {
    this.#tried.set(`${group} ${key}`, at);
  }

  changed(group: TargetGroupArn, key: TargetKey, registered: boolean, at: Instant): void {
    const earlier = this.#expected.get(`${group} ${key}`);
    const since = earlier?.registered === true ? earlier.at : this.#tried.get(`${group} ${key}`);
    this.#tried.delete(`${group} ${key}`);
    const born = !registered && since !== undefined ? { born: since } : {};
    this.#expected.set(`${group} ${key}`, { registered, at, ...born });
  }

  /**
   * Whether a reading shows a target as it was before our change.
   * @param shows the target is `in` the group, on its way `out`, or `absent`
   * @param drain for how long at least a target of the group drains
   */
  isOlder(group: TargetGroupArn, key: TargetKey, shows: 'in' | 'out' | 'absent', now: Instant, drain: Ms): boolean {
    const expected = this.#expected.get(`${group} ${key}`);
    if (expected === undefined) return false;
    const isIn = shows === 'in';
    if (expected.registered && isIn) expected.shown = { against: 0 };
    else if (expected.shown !== undefined) expected.shown.against += 1;
    // One that agrees does not end this: the next one may be older.
    if (now - expected.at >= STALE_FOR || (expected.shown?.against ?? 0) >= MOST_OLDER) {
      this.#expected.delete(`${group} ${key}`);
      return false;
    }
    if (isIn !== expected.registered) return true;
    // It still drains: what does not show it any more does not show it yet, from before it was registered.
    const { born, at } = expected;
    return born !== undefined && shows === 'absent' && now - born < STALE_FOR && now - at < drain;
  }
}
