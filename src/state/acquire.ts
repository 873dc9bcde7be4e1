import { DeployctlError, EXIT, PortError } from '../domain/errors.js';
import { MOST_GENERATION } from '../domain/host.js';
import type { Ms, RolloutId } from '../domain/ids.js';
import type { Actor } from '../domain/record.js';
import { encode } from './codec.js';
import { HeldLease, nonceOf, readSlack, underLease } from './lease.js';
import type { Lease } from './lease.js';
import { heldError, tooHigh, unsettled, viewOf, Watcher } from './lease-view.js';
import type { Entry, IsAlive, LeaseView, StateDeps } from './lease-view.js';
import { highestKnown } from './rollouts.js';
import { isTransient, retry, withTimeout, CALL_TIMEOUT } from './retry.js';
import type { StoredLease } from './schemas.js';

export interface AcquireOptions {
  readonly actor: Actor;
  /** For people: `rollout backend=1.2.0`. */
  readonly command: string;
  readonly rollout?: RolloutId;
  readonly ttl: Ms;
  readonly heartbeat: Ms;
  readonly isAlive: IsAlive;
  /**
   * Highest generation that any instance has followed. Where the store knows of none as high, leases were deleted or an older copy of them was restored:
   * ours will be higher, and is taken like one below which a lease was removed by hand.
   */
  readonly knownGeneration?: number;
  /** How long to wait for a live holder; absent: not at all. A holder that looks dead is watched for its TTL in any case. */
  readonly wait?: Ms;
  /** Told once for each holder that is waited for. */
  readonly onWait?: (holder: LeaseView) => void;
  readonly signal?: AbortSignal;
}

/**
 * Takes the lease: creates the next generation, which only one can, makes sure that everything below it can act no more, and begins to beat.
 * @throws DeployctlError `lease.held` (exit 13) while a live holder has it; the signal's reason; PortError when the store says no
 */
export async function acquireLease(deps: StateDeps, options: AcquireOptions): Promise<Lease> {
  return new Taking(deps, options, false).take();
}

/**
 * Takes the lease from whoever has it: the holder finds itself fenced out at its next heartbeat. Resolves when the old holder has released, or
 * has been still for its TTL: not before, since until then it believes in its lease.
 */
export async function seizeLease(deps: StateDeps, options: Omit<AcquireOptions, 'wait'>): Promise<Lease> {
  return new Taking(deps, options, true).take();
}

type Settled =
  { readonly is: 'owned'; readonly below: readonly Entry[] } | { readonly is: 'beaten' } | { readonly is: 'foreign' };

class Taking {
  readonly #deps: StateDeps;
  readonly #options: AcquireOptions;
  readonly #force: boolean;
  readonly #watcher: Watcher;
  readonly #poll: Ms;
  #told: string | undefined;

  constructor(deps: StateDeps, options: AcquireOptions, force: boolean) {
    if (!(options.heartbeat > 0 && options.heartbeat * 2 <= options.ttl)) {
      throw new DeployctlError({
        code: 'lease.timing',
        message: `a lease of ${options.ttl} ms cannot live on a heartbeat every ${options.heartbeat} ms: at least two must fit`,
        exitCode: EXIT.usage,
        next: ['set lease.heartbeat to half of lease.ttl or less'],
      });
    }
    this.#deps = deps;
    this.#options = options;
    this.#force = force;
    this.#watcher = new Watcher(deps, options.isAlive, options.ttl);
    this.#poll = Math.min(2000, Math.max(50, options.heartbeat / 4));
  }

  async take(): Promise<Lease> {
    const { clock } = this.#deps;
    const { signal, wait = 0 } = this.#options;
    const deadline = clock.monotonic() + wait;
    for (;;) {
      const entries = await this.#watcher.read(signal);
      const blockers = this.#watcher.blockers(entries);
      const [first] = blockers;
      if (first === undefined || this.#force) {
        const lease = await this.#takeNext(entries);
        if (lease !== undefined) return lease;
        continue;
      }
      const alive = blockers.find((entry) => this.#watcher.looksAlive(entry));
      if (alive !== undefined && clock.monotonic() >= deadline) throw heldError(this.#deps, alive);
      this.#tellWait(blockers);
      await clock.sleep(this.#poll, signal);
    }
  }

  /** undefined: someone else was quicker. */
  async #takeNext(entries: readonly Entry[]): Promise<Lease | undefined> {
    const { clock, random, names } = this.#deps;
    const { actor, command, rollout, ttl, heartbeat, signal } = this.#options;
    const { generation, isGapped } = await this.#nextGeneration(entries);
    const now = clock.now();
    const record: StoredLease = {
      schema: 1,
      generation,
      nonce: random.hex(16),
      holder: actor,
      command,
      ...(rollout === undefined ? {} : { rollout }),
      ttl,
      beat: 0,
      at: now,
      since: now,
      released: false,
    };
    // Whoever is taken over without its word may have spoken since we looked, and a read may lag.
    const watched = this.#force || unspoken(this.#watcher, entries);
    const name = names.lease(generation);
    if (!(await this.#create(name, record))) return undefined;
    const lease = new HeldLease(this.#deps, record, heartbeat);
    try {
      if (watched) await clock.sleep(readSlack(ttl), signal);
      const settled = await this.#settle(record, isGapped);
      if (settled.is === 'foreign') return undefined;
      if (settled.is === 'beaten') {
        await lease.release();
        return undefined;
      }
      await lease.start(signal);
      await this.#closeSilent(lease, settled.below);
      return lease;
    } catch (error) {
      await lease.release();
      if (lease.lost.aborted && signal?.aborted !== true) return undefined;
      throw error;
    }
  }

  /**
   * Whoever stood still may wake up, and sees by a higher generation that it has lost the lease. Should somebody remove that one by hand, it sees by
   * the nonce that its own was taken. The name stays: it must not be used again.
   */
  async #closeSilent(lease: Lease, below: readonly Entry[]): Promise<void> {
    const { parameters, random } = this.#deps;
    for (const { name, lease: silent } of below) {
      if (silent === undefined || silent.released) continue;
      const value = encode(name, { ...silent, released: true, nonce: random.hex(16) });
      await retry(
        this.#deps,
        (inner) => parameters.overwrite(name, value, inner),
        underLease(lease, this.#options.signal),
      );
    }
  }

  /** `isGapped`: leases are gone from the store. Their holder, if it lives, learns of it with its next heartbeat. */
  async #nextGeneration(
    entries: readonly Entry[],
  ): Promise<{ readonly generation: number; readonly isGapped: boolean }> {
    const stored = await highestKnown(this.#deps, this.#options.signal);
    const known = Math.max(stored.generation, this.#options.knownGeneration ?? 0);
    const highest = entries[0]?.generation ?? 0;
    if (highest >= known) return this.#countable({ generation: highest + 1, isGapped: false }, entries[0]?.name);
    // Leases that are gone were deleted by hand: their names must not come back, and how many there were is not known.
    return this.#countable({ generation: known + 11, isGapped: true }, stored.name);
  }

  /** @throws DeployctlError `lease.generation` when no further one could follow */
  #countable<T extends { readonly generation: number }>(next: T, name: string | undefined): T {
    if (next.generation < MOST_GENERATION) return next;
    throw tooHigh(this.#deps, name ?? this.#deps.names.leases);
  }

  /** One creator wins. After a lost answer "already exists" may speak of our own creation: the nonce tells. */
  async #create(name: string, record: StoredLease): Promise<boolean> {
    const { clock, parameters } = this.#deps;
    const { signal } = this.#options;
    const value = encode(name, record);
    for (let attempt = 1; ; attempt += 1) {
      try {
        await withTimeout(clock, CALL_TIMEOUT, (inner) => parameters.create(name, value, inner), signal);
        return true;
      } catch (error) {
        if (error instanceof PortError && error.kind === 'already-exists') return this.#isOurs(name, record.nonce);
        if (signal?.aborted === true || !isTransient(error) || attempt === 5) {
          await this.#abandon(name, record);
          signal?.throwIfAborted();
          throw error;
        }
        await clock.sleep(this.#poll, signal);
      }
    }
  }

  async #isOurs(name: string, nonce: string): Promise<boolean> {
    const { clock, parameters } = this.#deps;
    const { signal } = this.#options;
    for (let attempt = 1; attempt <= 5; attempt += 1) {
      const raw = await retry(this.#deps, (inner) => parameters.get(name, inner), { signal });
      if (raw !== undefined) return nonceOf(name, raw) === nonce;
      await clock.sleep(this.#poll, signal);
    }
    return false;
  }

  /** A creation whose outcome we never learned may be there: then say that nobody is behind it. */
  async #abandon(name: string, record: StoredLease): Promise<void> {
    const { clock, parameters } = this.#deps;
    try {
      const raw = await withTimeout(clock, 1500, (inner) => parameters.get(name, inner));
      if (raw === undefined || nonceOf(name, raw) !== record.nonce) return;
      const value = encode(name, { ...record, released: true });
      await withTimeout(clock, 1500, (inner) => parameters.overwrite(name, value, inner));
    } catch {
      return; // it runs out by itself
    }
  }

  /**
   * Waits until nothing below our generation can act; where one below was removed by hand, for a TTL, since it cannot be watched. `beaten`: a higher one exists. `foreign`: what is there under our name is not ours.
   * @throws DeployctlError `lease.held` when a lower holder keeps beating although ours is there for it to see
   */
  async #settle(record: StoredLease, isGapped: boolean): Promise<Settled> {
    const { clock, names, parameters } = this.#deps;
    const { signal, ttl, heartbeat } = this.#options;
    const name = names.lease(record.generation);
    const start = clock.monotonic();
    const earliest = isGapped ? start + ttl : start;
    let written = start;
    for (;;) {
      const entries = await this.#watcher.read(signal);
      const [highest] = entries;
      const own = entries.find(({ generation }) => generation === record.generation);
      if (own !== undefined && own.lease?.nonce !== record.nonce) return { is: 'foreign' };
      if (highest !== undefined && highest.generation > record.generation) return { is: 'beaten' };
      const blockers = this.#watcher.blockers(entries, record.generation);
      const [first] = blockers;
      const isDue = clock.monotonic() >= earliest;
      if (first === undefined && own !== undefined && isDue)
        return { is: 'owned', below: entries.filter(({ generation }) => generation < record.generation) };
      const patience = 3 * Math.max(ttl, ...blockers.map((entry) => entry.lease?.ttl ?? ttl));
      if (clock.monotonic() - start > patience) {
        if (first !== undefined) throw heldError(this.#deps, first);
        return { is: 'foreign' }; // a read that never shows what we created: it was deleted
      }
      if (first !== undefined) this.#tellWait(blockers);
      else if (!isDue) this.#tell(removedByHand(record.generation));
      if (clock.monotonic() - written >= heartbeat) {
        // Still beat 0: alive, not yet the owner.
        const value = encode(name, { ...record, at: clock.now() });
        await retry(this.#deps, (inner) => parameters.overwrite(name, value, inner), { signal, timeout: CALL_TIMEOUT });
        written = clock.monotonic();
      }
      await clock.sleep(this.#poll, signal);
    }
  }

  #tellWait(blockers: readonly Entry[]): void {
    const { clock } = this.#deps;
    this.#tell(viewOf(blockers, clock.now(), this.#options.isAlive));
  }

  #tell(view: LeaseView): void {
    const key = view.is === 'held' ? `${view.generation}` : 'free';
    if (key === this.#told) return;
    this.#told = key;
    this.#options.onWait?.(view);
  }
}

/** Whether anything unsettled is over only because it stood still. */
function unspoken(watcher: Watcher, entries: readonly Entry[]): boolean {
  return unsettled(entries).some((entry) => watcher.over(entry) === 'still');
}

/** Below this generation there was one that nobody can watch any more. */
function removedByHand(generation: number): LeaseView {
  const why = 'one was removed by hand, and its holder may act until its next heartbeat';
  return { is: 'held', generation, looks: 'unreadable', why };
}
