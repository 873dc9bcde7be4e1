import type { Instant, Ms, RouteArn, TargetGroupArn, TargetKey } from '../domain/ids.js';

/** A read that comes sooner than this after our own change and contradicts it is taken for stale. */
export const STALE_FOR: Ms = 10_000;

/** After a reading has shown our registration, so many in a row that contradict it are believed: one may be stale, two in a row hardly ever are. */
const MOST_OLDER = 2;
/** The last of them comes so long after the first at least: readings of the same moment come from the same node. */
const OLDER_FOR: Ms = 250;

interface Expected {
  readonly registered: boolean;
  readonly at: Instant;
  /** When we registered, or may have registered, what we have deregistered since, if a reading may still be older than that. */
  readonly born?: Instant;
  /** A reading has shown the registration; so many in a row have contradicted it since, the first of them then. Somebody else may have deregistered the target. */
  shown?: { readonly against: number; readonly since: Instant };
}

/** What our own changes let readings show, until they are so old that any reading is newer. */
export class Expectations {
  readonly #expected = new Map<string, Expected>();
  readonly #tried = new Map<string, Instant>();
  readonly #written = new Map<RouteArn, { readonly look: string; readonly at: Instant }>();

  /** Our own write of a route, and what it looked like right after it. */
  wrote(route: RouteArn, look: string, at: Instant): void {
    this.#written.set(route, { look, at });
  }

  /** Whether what a route looks like may be from before our own write: then somebody else has changed it since, or the reading is older. */
  mayBeOlder(route: RouteArn, look: string, now: Instant): boolean {
    const written = this.#written.get(route);
    return written !== undefined && written.look !== look && now - written.at < STALE_FOR;
  }

  /** A registration whose answer was lost: it may have been made. A reading that shows it does not contradict the deregistration before it. */
  tried(group: TargetGroupArn, key: TargetKey, at: Instant): void {
    this.#tried.set(`${group} ${key}`, at);
    this.#expected.delete(`${group} ${key}`);
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
    const { shown } = expected;
    if (expected.registered && isIn) expected.shown = { against: 0, since: now };
    else if (shown !== undefined)
      expected.shown = { against: shown.against + 1, since: shown.against === 0 ? now : shown.since };
    const isBelieved =
      expected.shown !== undefined && expected.shown.against >= MOST_OLDER && now - expected.shown.since >= OLDER_FOR;
    // One that agrees does not end this: the next one may be older.
    if (now - expected.at >= STALE_FOR || isBelieved) {
      this.#expected.delete(`${group} ${key}`);
      return false;
    }
    if (isIn !== expected.registered) return true;
    // It still drains: what does not show it any more does not show it yet, from before it was registered.
    const { born, at } = expected;
    return born !== undefined && shows === 'absent' && now - born < STALE_FOR && now - at < drain;
  }
}
