import type { HostFacts, HostRequest } from '../domain/host.js';
import type { Instant } from '../domain/ids.js';
import type { Connections, Container, HostFailure, HostOp, Seen, SlotKey, Verified } from '../domain/observation.js';

/** What this process knows of one instance. */
export interface Entry {
  containers: Seen<readonly Container[]>;
  op: HostOp;
  command?: { readonly id: string; readonly request: HostRequest; readonly sentAt: Instant };
  readonly verified: Map<SlotKey, Verified>;
  readonly connections: Map<SlotKey, Connections>;
  readonly failures: Map<SlotKey, HostFailure>;
  readonly pulled: Set<string>;
  /** How often in a row a step of the slot was lost. */
  readonly losses: Map<SlotKey, number>;
  /** Slots that are known to be bad, but not why. */
  readonly unexplained: Set<SlotKey>;
  pullFailure?: HostFailure;
  facts?: HostFacts;
}

export function newEntry(since: Instant): Entry {
  return {
    containers: { is: 'unknown', why: 'its containers were not read yet', since },
    op: { is: 'idle' },
    verified: new Map(),
    connections: new Map(),
    failures: new Map(),
    pulled: new Set(),
    losses: new Map(),
    unexplained: new Set(),
  };
}

/** A later look confirms what was verified as long as it is the same start of the same container. */
export function confirm(entry: Entry, lookedAt: Instant): void {
  if (entry.containers.is !== 'known') return;
  for (const [slot, verified] of entry.verified) {
    const same = entry.containers.value.find((container) => container.id === verified.containerId);
    const unchanged =
      same?.running === true && same.startedAt === verified.startedAt && same.restartCount === verified.restartCount;
    if (unchanged) entry.verified.set(slot, { ...verified, at: lookedAt });
  }
}
