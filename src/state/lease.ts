import { DeployctlError, EXIT, isDenied, messageOf, PortError } from '../domain/errors.js';
import type { Instant, Ms } from '../domain/ids.js';
import { decode, encode } from './codec.js';
import { describe, readEntries } from './lease-view.js';
import type { Entry, StateDeps } from './lease-view.js';
import { CALL_TIMEOUT, isTransient, PATIENCE, retry, withTimeout } from './retry.js';
import { leaseSchema } from './schemas.js';
import type { StoredLease } from './schemas.js';

export type Heartbeat =
  | { readonly is: 'acknowledged'; readonly at: Instant; readonly beat: number }
  /** `validFor`: how long the lease still holds without a heartbeat; 0 or less: not any more. */
  | {
      readonly is: 'failed';
      readonly at: Instant;
      readonly why: string;
      readonly validFor: Ms;
      readonly error: unknown;
    };

/** The right to change an environment, for as long as `isValid` says so. */
export interface Lease {
  /** The fencing token: higher than that of every holder before. */
  readonly generation: number;
  readonly ttl: Ms;
  /**
   * Whether a call that lasts `callTimeout` at most would end within the lease. Ask right before each change. false does not mean lost: after
   * a pause the next heartbeat may confirm the lease again.
   */
  isValid(callTimeout: Ms): boolean;
  /** Why the last heartbeat failed; undefined when it did not. */
  readonly trouble: string | undefined;
  /** Set when it failed because the service refused this identity. */
  readonly refusal?: PortError | undefined;
  /** Aborts, with a DeployctlError `lease.lost` as its reason, once the lease can never be valid again. */
  readonly lost: AbortSignal;
  /** Calls back after each heartbeat. Returns the way to stop that. */
  onHeartbeat(listener: (heartbeat: Heartbeat) => void): () => void;
  /**
   * Gives the lease up: invalid at once, then marked in the store so that the next one need not wait. Never rejects; when the mark cannot be
   * written, the lease runs out by itself. Await the changes under way before.
   */
  release(): Promise<void>;
}

/** An interrupted process has 5 s for everything. */
const LONGEST_RELEASE: Ms = 3000;

/** A read may lag behind a write by about this much: Parameter Store does not say by how much. */
export function readSlack(ttl: Ms): Ms {
  return Math.min(ttl / 10, 2000);
}

/** How long a change of the store may take: well within the lease. */
function changeTimeout(ttl: Ms): Ms {
  return Math.min(CALL_TIMEOUT, ttl / 3);
}

/** Options of `retry` for a change under the lease: each attempt is checked, and ends within what was checked. */
export function underLease(
  lease: Lease,
  signal: AbortSignal | undefined,
): { readonly signal: AbortSignal | undefined; readonly before: () => void; readonly timeout: Ms } {
  const timeout = changeTimeout(lease.ttl);
  return {
    signal,
    timeout,
    before: () => {
      requireValid(lease, timeout);
    },
  };
}

/** @throws DeployctlError `lease.lost` or `lease.expired` unless a call of `callTimeout` fits into the lease */
function requireValid(lease: Lease, callTimeout: Ms): void {
  lease.lost.throwIfAborted();
  if (lease.isValid(callTimeout)) return;
  throw new DeployctlError({
    code: 'lease.expired',
    message:
      `the lease (generation ${lease.generation}) was not renewed in time for another change: ` +
      'its heartbeats fail, or this process was paused',
    exitCode: EXIT.inProgress,
    next: ['deployctl status', 'deployctl resume   # goes on with it'],
  });
}

/** A generation that we created and own. Begins to beat with `start`. */
export class HeldLease implements Lease {
  readonly generation: number;
  readonly ttl: Ms;
  readonly #deps: StateDeps;
  readonly #name: string;
  readonly #heartbeat: Ms;
  readonly #lost = new AbortController();
  readonly #stop = new AbortController();
  readonly #listeners = new Set<(heartbeat: Heartbeat) => void>();
  #record: StoredLease;
  #trouble: string | undefined;
  #refusal: PortError | undefined;
  /** Start of the last acknowledged heartbeat, on both clocks. */
  #acknowledged: { readonly monotonic: Ms; readonly wall: Instant } | undefined;
  #beating: Promise<void> = Promise.resolve();
  #released: Promise<void> | undefined;
  /** Someone else's value may be under our name, or nothing: not ours to write any more. */
  #foreign = false;

  constructor(deps: StateDeps, record: StoredLease, heartbeat: Ms) {
    this.#deps = deps;
    this.#record = record;
    this.generation = record.generation;
    this.ttl = record.ttl;
    this.#name = deps.names.lease(record.generation);
    this.#heartbeat = heartbeat;
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  get trouble(): string | undefined {
    return this.#trouble;
  }

  get refusal(): PortError | undefined {
    return this.#refusal;
  }

  isValid(callTimeout: Ms): boolean {
    if (this.#lost.signal.aborted || this.#stop.signal.aborted) return false;
    return callTimeout < this.#left();
  }

  onHeartbeat(listener: (heartbeat: Heartbeat) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** The first heartbeat, which makes us the owner in everyone's eyes, then more in the background. Rejects when it cannot be had within a TTL, or half a minute. */
  async start(signal: AbortSignal | undefined): Promise<void> {
    const { clock } = this.#deps;
    const end = clock.monotonic() + Math.min(this.ttl, PATIENCE);
    for (;;) {
      try {
        await this.#beat(signal);
        break;
      } catch (error) {
        signal?.throwIfAborted();
        if (this.lost.aborted || !isTransient(error) || clock.monotonic() >= end) throw error;
        await clock.sleep(this.#quickly(), signal);
      }
    }
    this.#beating = this.#beatOn();
  }

  release(): Promise<void> {
    this.#released ??= this.#release();
    return this.#released;
  }

  async #release(): Promise<void> {
    this.#stop.abort(new Error('the lease was released'));
    await this.#beating;
    if (this.#foreign) return;
    this.#record = { ...this.#record, released: true, at: this.#deps.clock.now() };
    try {
      await withTimeout(this.#deps.clock, LONGEST_RELEASE, (signal) =>
        retry(this.#deps, (inner) => this.#mark(inner), { signal, timeout: LONGEST_RELEASE / 2 }),
      );
    } catch (error) {
      this.#tell({ is: 'failed', at: this.#deps.clock.now(), why: messageOf(error), validFor: 0, error });
    }
  }

  /** Marks the lease as released, unless someone has created it again under the same name since the last heartbeat. */
  async #mark(signal: AbortSignal): Promise<void> {
    if (await this.#isOurs(signal)) await this.#write(this.#record, signal);
  }

  /** Whether what is stored under our name is ours. A read may lag behind our own creation, so nothing counts as ours. */
  async #isOurs(signal: AbortSignal): Promise<boolean> {
    const own = await this.#deps.parameters.get(this.#name, signal);
    return own === undefined || nonceOf(this.#name, own) === this.#record.nonce;
  }

  async #beatOn(): Promise<void> {
    const { clock } = this.#deps;
    const { signal } = this.#stop;
    let pause = this.#heartbeat;
    while (!signal.aborted && !this.lost.aborted) {
      try {
        await clock.sleep(pause, signal);
        const start = clock.monotonic();
        await this.#beat(signal);
        this.#tell({ is: 'acknowledged', at: clock.now(), beat: this.#record.beat });
        pause = Math.max(0, this.#heartbeat - (clock.monotonic() - start));
      } catch (error) {
        if (signal.aborted) return;
        // Whatever the failure is, only a loss ends the heartbeats: credentials come back, too.
        this.#tell({ is: 'failed', at: clock.now(), why: messageOf(error), validFor: this.#left(), error });
        pause = this.#quickly();
      }
    }
  }

  /**
   * Writes, then looks for a higher generation: in this order, because a taker does the reverse, so at least one of the two sees the other. The own
   * value is read first, because a name that someone deleted and created again would be overwritten blindly.
   */
  async #beat(signal: AbortSignal | undefined): Promise<void> {
    const { clock } = this.#deps;
    const start = { monotonic: clock.monotonic(), wall: clock.now() };
    if (!(await this.#call((inner) => this.#isOurs(inner), signal))) {
      await this.#refuseHigher(signal);
      this.#lose(true, 'someone else took it over, or deleted its parameter and created it again');
    }
    this.#record = { ...this.#record, beat: this.#record.beat + 1, at: clock.now() };
    try {
      await this.#call((inner) => this.#write(this.#record, inner), signal);
    } catch (error) {
      if (error instanceof PortError && (error.kind === 'not-found' || error.kind === 'invalid')) {
        this.#lose(true, `its parameter ${this.#name} is gone (${error.message})`);
      }
      throw error;
    }
    await this.#refuseHigher(signal);
    if (this.#acknowledged !== undefined && this.#left() <= 0) {
      // We were silent for a TTL: someone may be taking over right now, unseen by a read that lags.
      await clock.sleep(readSlack(this.ttl), signal);
      await this.#refuseHigher(signal);
    }
    this.#acknowledged = start;
  }

  async #refuseHigher(signal: AbortSignal | undefined): Promise<void> {
    const entries = await this.#call((inner) => readEntries(this.#deps, inner), signal);
    const higher = entries[0];
    if (higher !== undefined && higher.generation > this.generation) this.#loseTo(higher);
  }

  #loseTo(higher: Entry): never {
    this.#lose(false, `it was taken by ${describe(higher, this.#deps.clock.now())}`);
  }

  #lose(foreign: boolean, why: string): never {
    this.#foreign = foreign;
    const error = new DeployctlError({
      code: 'lease.lost',
      message: `the lease on ${this.#deps.app}/${this.#deps.environment} (generation ${this.generation}) is lost: ${why}`,
      exitCode: EXIT.leaseHeld,
      next: [`deployctl status --env ${this.#deps.environment}   # who holds it now`, 'the same command again'],
    });
    this.#lost.abort(error);
    throw error;
  }

  #write(record: StoredLease, signal: AbortSignal): Promise<void> {
    return this.#deps.parameters.overwrite(this.#name, encode(this.#name, record), signal);
  }

  #call<T>(call: (signal: AbortSignal) => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    return withTimeout(this.#deps.clock, changeTimeout(this.ttl), call, signal);
  }

  /** What is left of the lease. The wall clock counts what the machine slept, the monotonic one survives someone setting the time. */
  #left(): Ms {
    if (this.#acknowledged === undefined) return 0;
    const { clock } = this.#deps;
    const monotonic = clock.monotonic() - this.#acknowledged.monotonic;
    return this.ttl - Math.max(monotonic, clock.now() - this.#acknowledged.wall);
  }

  #quickly(): Ms {
    return Math.min(this.#heartbeat, Math.max(500, this.ttl / 20));
  }

  #tell(heartbeat: Heartbeat): void {
    this.#trouble = heartbeat.is === 'failed' ? heartbeat.why : undefined;
    this.#refusal = heartbeat.is === 'failed' && isDenied(heartbeat.error) ? heartbeat.error : undefined;
    for (const listener of this.#listeners) listener(heartbeat);
  }
}

/** The nonce of a stored lease; undefined when it cannot be read, which our own always can. */
export function nonceOf(name: string, raw: string): string | undefined {
  try {
    return decode(name, raw, leaseSchema).nonce;
  } catch {
    return undefined;
  }
}
