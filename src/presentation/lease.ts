import type { Instant } from '../domain/ids.js';
import { flat } from '../reporters/clean.js';
import { age } from '../reporters/format.js';
import type { LeaseSeen } from '../operations/lease.js';

/** Who holds the lock, doing what, since when, and whether it looks alive. */
export function leaseText(view: LeaseSeen, now: Instant): string {
  const lease = flat(view);
  if (lease.is === 'unknown') return `unknown: it cannot be read (${lease.why})`;
  if (lease.is === 'free') return 'free';
  const who = lease.holder === undefined ? 'someone' : `${lease.holder.name} (pid ${String(lease.holder.pid)})`;
  const what = lease.command === undefined ? '' : `, "${lease.command}"`;
  const beat = lease.lastBeat === undefined ? '' : `, last heartbeat ${age(lease.lastBeat, now)}`;
  const why = lease.why === undefined ? '' : ` (${lease.why})`;
  const looks = lease.looks === 'fresh' ? '' : `, looks ${lease.looks}${why}`;
  return `held by ${who}${what}${beat}${looks}, generation ${String(lease.generation)}`;
}
