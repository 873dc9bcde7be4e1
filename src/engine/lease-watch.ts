import { messageOf } from '../domain/errors.js';
import type { Instant } from '../domain/ids.js';
import type { Plan } from '../domain/plan.js';
import type { LoopDeps } from './loop-deps.js';
import type { Troubles } from './troubles.js';

/** What the lease allows, and what there is to say about it. */
export class LeaseWatch {
  readonly #deps: Pick<LoopDeps, 'lease' | 'clock' | 'changeLimit' | 'book'>;
  readonly #troubles: Troubles;
  /** Since when no change may be sent; undefined: one may. */
  since: Instant | undefined;

  constructor(deps: Pick<LoopDeps, 'lease' | 'clock' | 'changeLimit' | 'book'>, troubles: Troubles) {
    this.#deps = deps;
    this.#troubles = troubles;
  }

  /** Whether a change would surely end within the lease; when not, that is what is waited for, whatever the decision was. */
  mayChange(): boolean {
    const { lease, clock, changeLimit } = this.#deps;
    if (lease.isValid(changeLimit)) {
      this.since = undefined;
      this.#troubles.over('lease', 'the lease is renewed, and changes go on', 0);
      return true;
    }
    this.since ??= clock.now();
    const why = lease.trouble === undefined ? '' : ` (${lease.trouble})`;
    const text = `the lease is not renewed in time for another change${why}: nothing is changed until it is`;
    this.#troubles.began('lease', text);
    return false;
  }

  /** The lease ends although nobody takes it: that is reported as soon as it is known. */
  reportRefusal(): void {
    const { refusal, ttl } = this.#deps.lease;
    if (refusal === undefined) {
      this.#troubles.over('lease refused', 'the lease is renewed again', 0);
      return;
    }
    const text = `the lease cannot be renewed: ${messageOf(refusal)}. The rollout stops when it has not been for ${String(Math.round(ttl / 1000))} s`;
    this.#troubles.began('lease refused', text);
  }

  /** Why the lease can never be valid again. */
  loss({ kind }: Plan): unknown {
    const { lease, book } = this.#deps;
    if (lease.lost.aborted) return lease.lost.reason;
    return book.fencedOut === undefined
      ? undefined
      : `another deployctl has taken over this ${kind}: ${book.fencedOut}`;
  }
}
