import type { LeaseView } from '../state/index.js';
import type { Toolbox } from './toolbox.js';
import { beforeChange } from './topology.js';

export type { LeaseView } from '../state/index.js';

export function readLease(box: Toolbox): Promise<LeaseView> {
  return beforeChange(() => box.state.readLease({ isAlive: box.isAlive, signal: box.signal }));
}

/** Fences the holder out and leaves the lock free. */
export function breakLease(box: Toolbox): Promise<LeaseView> {
  const { ttl, heartbeat } = box.settings.lease;
  return beforeChange(() =>
    box.state.breakLease({
      actor: box.actor,
      command: 'lease release',
      ttl,
      heartbeat,
      isAlive: box.isAlive,
      signal: box.signal,
    }),
  );
}
