import type { Outcome } from '../domain/decision.js';
import type { EventBody } from '../domain/event.js';
import type { Ms } from '../domain/ids.js';
import type { HostFailure } from '../domain/observation.js';
import type { Plan } from '../domain/plan.js';
import type { RolloutRecord } from '../domain/record.js';
import type { SeenAtEnd } from '../strategies/moved.js';
import type { HostBook } from './book.js';
import type { Observer } from './observer.js';
import type { Clock, GatePort, LeaseGuard, RecordPort, TrafficPort } from './ports.js';

export interface LoopDeps {
  readonly clock: Clock;
  readonly traffic: TrafficPort;
  readonly book: HostBook;
  readonly observer: Observer;
  readonly gates: GatePort;
  readonly records: RecordPort;
  readonly lease: LeaseGuard;
  readonly emit: (event: EventBody) => void;
  /** The longest that one changing call may take. */
  readonly changeLimit: Ms;
  /** Asked before traffic moves on the way forward; absent: nothing is in the way. */
  readonly preTraffic?: () => PreTraffic;
  /** Told of each new aim, so that fences of the old one lose. */
  readonly onEpoch: (epoch: number) => void;
}

/** What a condition of the user's says so far about moving traffic. */
export type PreTraffic = { readonly is: 'passed' | 'running' } | { readonly is: 'failed'; readonly why: string };

export interface LoopResult extends SeenAtEnd {
  readonly outcome: Outcome;
  readonly reason: string;
  readonly plan: Plan;
  readonly record: RolloutRecord;
  readonly failure?: HostFailure;
  /** Another holder may act by now: nothing more may be written. */
  readonly leaseLost?: true;
}
