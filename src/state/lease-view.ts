import { DeployctlError, EXIT, messageOf } from '../domain/errors.js';
import { MOST_GENERATION } from '../domain/host.js';
import type { Instant, Ms, RolloutId } from '../domain/ids.js';
import type { Actor } from '../domain/record.js';
import type { Clock, ParameterPort, Random } from '../engine/ports.js';
import { decode } from './codec.js';
import { generationOf } from './names.js';
import type { Names } from './names.js';
import { retry } from './retry.js';
import { leaseSchema } from './schemas.js';
import type { StoredLease } from './schemas.js';

export interface StateDeps {
  readonly parameters: ParameterPort;
  readonly clock: Clock;
  readonly random: Random;
  readonly app: string;
  readonly environment: string;
  readonly names: Names;
}

/** true: that very process runs on this machine. false: it ran here and is gone. undefined: another machine, or another boot of it. */
export type IsAlive = (actor: Actor) => boolean | undefined;

/** One generation as stored. `lease` is undefined where the value cannot be read: then only its standing still can be judged. */
export interface Entry {
  readonly generation: number;
  readonly name: string;
  readonly raw: string;
  readonly lease: StoredLease | undefined;
  readonly why?: string;
}

/** All generations in the store, highest first. */
export async function readEntries(
  deps: StateDeps,
  signal?: AbortSignal,
  /** Told of numbers that are too high to be a generation: nobody who counts can have made them. */
  beyond?: (name: string) => void,
): Promise<readonly Entry[]> {
  const stored = await deps.parameters.list(deps.names.leases, signal);
  const entries: Entry[] = [];
  for (const [name, raw] of stored) {
    const generation = generationOf(name);
    if (generation === undefined) {
      if (/\/\d{16,}$/.test(name)) beyond?.(name);
      continue;
    }
    try {
      entries.push({ generation, name, raw, lease: decode(name, raw, leaseSchema) });
    } catch (error) {
      entries.push({ generation, name, raw, lease: undefined, why: messageOf(error) });
    }
  }
  return entries.sort((a, b) => b.generation - a.generation);
}

/**
 * The generations that may still act, or may be about to: from the highest down to the first that ever owned. A generation is created with
 * beat 0 and writes beat 1 only after everything below it was over, so whatever lies below a beat of 1 is settled.
 */
export function unsettled(entries: readonly Entry[]): readonly Entry[] {
  const owner = entries.findIndex(({ lease }) => lease !== undefined && lease.beat > 0);
  return owner === -1 ? entries : entries.slice(0, owner + 1);
}

/**
 * Judges other holders by our own clock: a generation that stands still for its TTL is over, whatever its time stamps say. Standing still is
 * counted from the answer that first showed the value to the start of the read that last showed it.
 */
export class Watcher {
  readonly #deps: StateDeps;
  readonly #isAlive: IsAlive;
  readonly #ttl: Ms;
  readonly #seen = new Map<number, { raw: string; since: Ms; changed: boolean; until: Ms }>();

  /** `ttl` is for generations that cannot be read. */
  constructor(deps: StateDeps, isAlive: IsAlive, ttl: Ms) {
    this.#deps = deps;
    this.#isAlive = isAlive;
    this.#ttl = ttl;
  }

  /** @throws DeployctlError `lease.generation` when nothing can be counted on from what is stored */
  async read(signal?: AbortSignal): Promise<readonly Entry[]> {
    const start = this.#deps.clock.monotonic();
    let beyond: string | undefined;
    const note = (name: string): void => void (beyond = name);
    const entries = await retry(this.#deps, (inner) => readEntries(this.#deps, inner, note), { signal });
    const highest = entries[0]?.generation === MOST_GENERATION ? entries[0].name : undefined;
    if (beyond !== undefined || highest !== undefined) throw tooHigh(this.#deps, beyond ?? highest ?? '');
    const end = this.#deps.clock.monotonic();
    for (const { generation, raw } of entries) {
      const before = this.#seen.get(generation);
      if (before?.raw === raw) before.until = start;
      else this.#seen.set(generation, { raw, since: end, changed: before !== undefined, until: end });
    }
    return entries;
  }

  /** The unsettled generations below `below` that are not known to be over. */
  blockers(entries: readonly Entry[], below = Infinity): readonly Entry[] {
    return unsettled(entries).filter((entry) => entry.generation < below && this.over(entry) === undefined);
  }

  /** Why the generation can act no more; undefined: it may. */
  over(entry: Entry): 'released' | 'dead' | 'still' | undefined {
    const { lease } = entry;
    if (lease?.released === true) return 'released';
    if (lease !== undefined && this.#isAlive(lease.holder) === false) return 'dead';
    const seen = this.#seen.get(entry.generation);
    return seen !== undefined && seen.until - seen.since >= (lease?.ttl ?? this.#ttl) ? 'still' : undefined;
  }

  /** Whether its holder is surely or probably alive: it changed while we watched, or its last heartbeat looks recent. */
  looksAlive(entry: Entry): boolean {
    return this.#seen.get(entry.generation)?.changed === true || looksFresh(entry, this.#deps.clock.now());
  }
}

/** By the time stamps alone, which machines with wrong clocks spoil: good for a quick answer, never for a take-over. */
export function looksFresh(entry: Entry, now: Instant): boolean {
  return entry.lease !== undefined && Math.abs(now - entry.lease.at) < entry.lease.ttl;
}

/** The lock as one read shows it. */
export type LeaseView =
  | { readonly is: 'free'; readonly generation: number }
  | {
      readonly is: 'held';
      readonly generation: number;
      /** `dead`: its process ran on this machine and is gone. `stale`: no recent heartbeat by the time stamps. */
      readonly looks: 'fresh' | 'stale' | 'dead' | 'unreadable';
      readonly holder?: Actor;
      readonly command?: string;
      readonly rollout?: RolloutId;
      readonly since?: Instant;
      readonly lastBeat?: Instant;
      readonly ttl?: Ms;
      readonly why?: string;
    };

export function viewOf(entries: readonly Entry[], now: Instant, isAlive: IsAlive): LeaseView {
  const blocker = unsettled(entries).find(({ lease }) => lease?.released !== true);
  if (blocker === undefined) return { is: 'free', generation: entries[0]?.generation ?? 0 };
  const { lease, generation, why } = blocker;
  if (lease === undefined) {
    return { is: 'held', generation, looks: 'unreadable', ...(why === undefined ? {} : { why }) };
  }
  const dead = isAlive(lease.holder) === false;
  return {
    is: 'held',
    generation,
    looks: dead ? 'dead' : looksFresh(blocker, now) ? 'fresh' : 'stale',
    holder: lease.holder,
    command: lease.command,
    ...(lease.rollout === undefined ? {} : { rollout: lease.rollout }),
    since: lease.since,
    lastBeat: lease.at,
    ttl: lease.ttl,
  };
}

/** `lease.generation`, exit 12: a parameter whose number leaves none above it. */
export function tooHigh(deps: StateDeps, name: string): DeployctlError {
  return new DeployctlError({
    code: 'lease.generation',
    message:
      `the lock of ${deps.app}/${deps.environment} cannot be taken: the number of ${name} leaves none above it (instances compare 15 digits). ` +
      'deployctl counts up by one with each command, so somebody created that parameter by hand. Nothing was changed',
    exitCode: EXIT.refused,
    next: [
      `aws ssm delete-parameter --name ${name}   # while no deployctl runs`,
      `deployctl status --env ${deps.environment}`,
    ],
  });
}

/** `lease.held`, exit 13: who holds it, since when, doing what, and what to do. */
export function heldError(deps: StateDeps, entry: Entry): DeployctlError {
  return new DeployctlError({
    code: 'lease.held',
    message: `${deps.app}/${deps.environment} is locked by ${describe(entry, deps.clock.now())}`,
    exitCode: EXIT.leaseHeld,
    next: [
      `deployctl status --env ${deps.environment}   # what it does`,
      '--lock-wait 10m   # waits for it',
      `deployctl lease release --env ${deps.environment}   # if it will never come back`,
    ],
  });
}

/** `anna@laptop (pid 4242 on laptop), "rollout" since 2026-11-24 12:00:00Z, last heartbeat 4 s ago, generation 7`. */
export function describe(entry: Entry, now: Instant): string {
  const { lease, generation } = entry;
  if (lease === undefined) return `generation ${generation}, which cannot be read (${entry.why ?? 'unknown'})`;
  const { holder } = lease;
  const rollout = lease.rollout === undefined ? '' : ` (${lease.rollout})`;
  const age = Math.round((now - lease.at) / 1000);
  return (
    `${holder.name} (pid ${holder.pid} on ${holder.host}), "${lease.command}"${rollout} since ${timeOf(lease.since)}, ` +
    `last heartbeat ${age >= 0 ? `${age} s ago` : `${-age} s ahead of this clock`}, generation ${generation}`
  );
}

function timeOf(at: Instant): string {
  const time = new Date(at);
  return Number.isNaN(time.getTime()) ? `time ${at}` : `${time.toISOString().slice(0, 19).replace('T', ' ')}Z`;
}
