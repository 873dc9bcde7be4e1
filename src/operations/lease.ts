import { MOST_GENERATION } from '../domain/host.js';
import type { LeaseView } from '../state/index.js';
import type { Finding } from './preflight.js';
import type { Toolbox } from './toolbox.js';
import { beforeChange } from './topology.js';

export type { LeaseView } from '../state/index.js';

/** What is known of the lock; `unknown`: it could not be read. */
export type LeaseSeen = LeaseView | { readonly is: 'unknown'; readonly why: string };

export function readLease(box: Toolbox): Promise<LeaseView> {
  return beforeChange(() => box.state.readLease({ isAlive: box.isAlive, signal: box.signal }));
}

/** What keeps everybody from taking the lock, whoever holds it: a plan has to say so too, although it takes none. */
export function judgeLock({ environment }: Toolbox['settings'], lease: LeaseView): readonly Finding[] {
  if (lease.generation < MOST_GENERATION || lease.is !== 'held') return [];
  const fix = `remove that parameter while no deployctl runs; deployctl lease show --env ${environment}`;
  return [
    {
      level: 'refuse',
      text: (lease.why ?? 'the lock cannot be taken').replace(/\. Nothing was changed$/, ''),
      fix,
    },
  ];
}

/** Fences the holder out and leaves the lock free. @throws DeployctlError `lease.alive` (exit 13) where the holder is alive, unless `force` */
export function breakLease(box: Toolbox, force: boolean): Promise<LeaseView> {
  const { ttl, heartbeat } = box.settings.lease;
  return beforeChange(() =>
    box.state.breakLease({
      actor: box.actor,
      command: 'lease release',
      ttl,
      heartbeat,
      isAlive: box.isAlive,
      signal: box.signal,
      force,
    }),
  );
}
