import type { Color, InstanceId, Instant, Ms, ReleaseId, RolloutId, ServiceName } from './ids.js';
import type { Action, Outcome, Wait } from './decision.js';
import type { HostFailure } from './observation.js';

/** One line of an instance in the live view. */
export interface InstanceLine {
  readonly instance: InstanceId;
  readonly name: string;
  readonly zone: string;
  readonly service: ServiceName;
  readonly color: Color;
  readonly place: Place;
  /** What it waits for, and until when at most. */
  readonly waitsFor?: string;
  readonly until?: Instant;
}

/**
 * Where an instance stands with a service, derived from the observation alone.
 * `empty`: nothing runs there. `old`: serves what it is to move away from. `draining`/`quiet`: out of the load balancer, not yet / now allowed to
 * stop. `swapping`: a host command runs. `unverified`: the wanted container runs without its witness. `ready`: witnessed, not registered.
 * `warming`: registered, not yet healthy. `settling`: healthy, not for long enough. `serving`: the wanted release, verified and healthy.
 */
export type Place = (typeof PLACES)[number];

export const PLACES = [
  'empty',
  'old',
  'draining',
  'quiet',
  'swapping',
  'unverified',
  'ready',
  'warming',
  'settling',
  'serving',
  'bad',
  'excluded',
  'unknown',
] as const;

export interface ServiceLine {
  readonly service: ServiceName;
  readonly from: string;
  readonly to: string;
  readonly live: Color;
  /** Share of traffic per color in percent, where it is known. */
  readonly weights: Readonly<Partial<Record<Color, number>>>;
}

/** What a rollout looks like at one moment: enough to draw it. */
export interface View {
  readonly rollout: RolloutId;
  readonly kind: 'rollout' | 'rollback' | 'retire';
  readonly app: string;
  readonly environment: string;
  readonly strategy: string;
  readonly aim: 'new' | 'old';
  readonly phase: string;
  readonly startedAt: Instant;
  readonly estimate?: Ms;
  readonly services: readonly ServiceLine[];
  readonly instances: readonly InstanceLine[];
  readonly waits: readonly Wait[];
  readonly reason: string;
}

export interface RolloutSummary {
  readonly rollout: RolloutId;
  readonly kind: 'rollout' | 'rollback' | 'retire';
  readonly app: string;
  readonly environment: string;
  readonly strategy: string;
  readonly from: ReleaseId;
  readonly to: ReleaseId;
  readonly by: string;
  /** Only services that change. */
  readonly services: readonly { readonly service: ServiceName; readonly from: string; readonly to: string }[];
  readonly estimate?: Ms;
}

/** Everything that a reporter can learn. Words, not codes; `at` is the wall clock. */
export type DeployctlEvent = { readonly at: Instant } & (
  | { readonly type: 'note'; readonly level: 'info' | 'warning'; readonly text: string }
  | { readonly type: 'rollout.started'; readonly summary: RolloutSummary; readonly resumed: boolean }
  | { readonly type: 'phase.changed'; readonly phase: string; readonly reason: string }
  | { readonly type: 'action.sent'; readonly action: Action; readonly text: string }
  | { readonly type: 'action.failed'; readonly action: Action; readonly text: string; readonly why: string }
  | {
      readonly type: 'host.done';
      readonly instance: InstanceId;
      readonly name: string;
      readonly text: string;
      readonly took: Ms;
    }
  | {
      readonly type: 'host.failed';
      readonly instance: InstanceId;
      readonly name: string;
      readonly failure: HostFailure;
    }
  | { readonly type: 'instance.moved'; readonly line: InstanceLine; readonly before?: Place }
  | { readonly type: 'traffic.shifted'; readonly service: ServiceName; readonly color: Color; readonly percent: number }
  | { readonly type: 'bake.started'; readonly key: string; readonly until: Instant }
  | {
      /** One answer to a probe of a bake. */
      readonly type: 'probe.sampled';
      readonly probe: string;
      readonly latency: Ms;
      /** What was wrong with it; absent when it was good. */
      readonly why?: string;
    }
  | { readonly type: 'rollback.started'; readonly reason: string; readonly failure?: HostFailure }
  | {
      /** A color gets requests and has no healthy target. */
      readonly type: 'outage.started';
      readonly service: ServiceName;
      readonly color: Color;
      /** Of the traffic. */
      readonly percent: number;
      /** Where the traffic goes now; absent: the other color has no healthy target either. */
      readonly movesTo?: Color;
    }
  | { readonly type: 'outage.ended'; readonly service: ServiceName; readonly color: Color; readonly lasted: Ms }
  | { readonly type: 'hold.started'; readonly reason: string; readonly until: Instant }
  | { readonly type: 'view'; readonly view: View }
  | {
      readonly type: 'rollout.ended';
      readonly summary: RolloutSummary;
      readonly outcome: Outcome;
      readonly reason: string;
      /** The person who asked for the way back; absent where the rollout went forward, or was given up by itself. */
      readonly askedBy?: string;
      readonly took: Ms;
      readonly serving: string;
      readonly failure?: HostFailure;
      /** What to type next. */
      readonly next: readonly string[];
    }
);

/** The event without its time: what emitters write. */
export type EventBody = DeployctlEvent extends infer E ? (E extends unknown ? Omit<E, 'at'> : never) : never;
