import { DeployctlError, EXIT } from '../domain/errors.js';
import type { Ms } from '../domain/ids.js';
import type { Lease } from '../state/index.js';
import type { Survey } from './survey.js';
import type { Toolbox } from './toolbox.js';

/**
 * An instance follows a generation above ours. Either somebody took over, which the store knows; or the store has forgotten: leases were deleted, an older
 * copy was restored, or the instance comes from an image of another installation. Caught by `withLease`, which then takes the lease above it.
 */
export class Behind extends Error {
  /** The highest generation that an instance follows. */
  readonly generation: number;

  constructor(generation: number, why: string) {
    super(why);
    this.name = 'Behind';
    this.generation = generation;
  }
}

/** So often is the lease taken anew before that counts as a fight with somebody else who manages these instances. */
export const mostJumps = 3;

/** @throws Behind when an instance has refused our fence */
export function refuseBehind(box: Toolbox, { fencedOut, fencedBy }: Pick<Survey, 'fencedOut' | 'fencedBy'>): void {
  if (fencedOut === undefined) return;
  if (fencedBy === undefined) throw behindError(box, fencedOut);
  throw new Behind(fencedBy, fencedOut);
}

export function behindError(box: Toolbox, why: string): DeployctlError {
  const { environment } = box.settings;
  return new DeployctlError({
    code: 'lease.behind',
    message: `${why}. The lease in Parameter Store is behind what the instances have followed, again and again: something else manages them`,
    exitCode: EXIT.refused,
    next: [
      `deployctl lease show --env ${environment}   # who holds the lease here`,
      'find the other deployctl: another account, Region or endpoint, or an app and environment of the same names',
    ],
  });
}

/** How late a read of the store may be. */
const slack = (ttl: Ms): Ms => Math.min(ttl / 10, 2000);

/** Whether the store knows of no generation above ours, so that nobody took over: the instances follow one that is gone from it. */
export async function isHighest(box: Toolbox, lease: Lease): Promise<boolean> {
  if (lease.lost.aborted) return false;
  await box.clock.sleep(slack(lease.ttl), box.signal);
  const view = await box.state.readLease({ isAlive: box.isAlive, signal: box.signal });
  return !isLost(lease) && view.is === 'held' && view.generation === lease.generation;
}

/** Asked anew: it may be lost while the store is read. */
const isLost = (lease: Lease): boolean => lease.lost.aborted;

/** What is told before the lease is taken above what the instances follow. */
export function jumpText(box: Toolbox, lease: Lease, behind: Behind): string {
  const { app, environment } = box.settings;
  return (
    `${behind.message}. Parameter Store knows of no generation above ${String(lease.generation)} of ${app}/${environment}: its parameters were deleted or restored ` +
    `from an older copy, or that instance comes from an image of another installation. The lease is taken anew above generation ${String(behind.generation)}, ` +
    `after ${String(Math.round(lease.ttl / 1000))} s in which an older process, if there is one, finds out that its lease is gone`
  );
}
