import { DeployctlError, EXIT } from '../domain/errors.js';
import { acquireLease, seizeLease } from './acquire.js';
import type { AcquireOptions } from './acquire.js';
import type { Lease } from './lease.js';
import { describe, readEntries, unsettled } from './lease-view.js';
import type { LeaseView, StateDeps } from './lease-view.js';
import { retry } from './retry.js';

export interface BreakOptions extends Omit<AcquireOptions, 'wait'> {
  /** Takes the lease from a holder that is alive, too: its operation stops wherever it is. */
  readonly force: boolean;
}

/**
 * Takes the lease and gives it back. Without `force` as everybody takes it: from a holder that is known to be gone, or that has had no heartbeat for its TTL
 * as watched here. With it, from anybody.
 * @returns what was broken; `free` when there was nothing to break
 * @throws DeployctlError `lease.alive` (exit 13)
 */
export async function breakLease(
  deps: StateDeps,
  read: (options: Pick<AcquireOptions, 'isAlive' | 'signal'>) => Promise<LeaseView>,
  { force, ...take }: BreakOptions,
): Promise<LeaseView> {
  const before = await read(take);
  if (before.is === 'free') return before;
  const lease = force ? await seizeLease(deps, take) : await fromTheDead(deps, take);
  await lease.release();
  return before;
}

async function fromTheDead(deps: StateDeps, take: Omit<AcquireOptions, 'wait'>): Promise<Lease> {
  try {
    return await acquireLease(deps, take);
  } catch (error) {
    if (error instanceof DeployctlError && error.code === 'lease.held') throw await aliveError(deps, take.signal);
    throw error;
  }
}

/** Who holds it, and what there is besides taking it. */
async function aliveError(deps: StateDeps, signal: AbortSignal | undefined): Promise<DeployctlError> {
  const entries = await retry(deps, (inner) => readEntries(deps, inner), { signal });
  const holder = unsettled(entries).find(({ lease }) => lease?.released !== true);
  const { app, environment, clock } = deps;
  const env = `--env ${environment}`;
  const ttl = Math.round((holder?.lease?.ttl ?? 0) / 1000);
  const who = holder === undefined ? 'somebody, who has released it meanwhile' : describe(holder, clock.now());
  const isRollout = /^(?:rollout|resume)\b/.test(holder?.lease?.command ?? '');
  return new DeployctlError({
    code: 'lease.alive',
    message: `${app}/${environment} is locked by ${who}. Its heartbeat is fresh, so its process is at work. Nothing was changed`,
    exitCode: EXIT.leaseHeld,
    next: [
      ...(isRollout ? [`deployctl abort ${env}   # asks it to roll back, and to release the lock`] : []),
      `deployctl status ${env} --watch   # waits for its end`,
      ...(ttl === 0
        ? []
        : [`deployctl lease release ${env}   # once its heartbeat is ${String(ttl)} s old: then it is over`]),
      `deployctl lease release ${env} --force   # stops it where it is, half-way`,
    ],
  });
}
