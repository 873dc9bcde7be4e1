import type { Adopts } from './host.js';
import type { Color, InstanceId, Instant, Ms, ReleaseId, RolloutId, RouteArn, ServiceName } from './ids.js';
import type { GroupWeight } from './observation.js';
import type { Outcome } from './decision.js';
import type { Place } from './event.js';
import type { Aim, How } from './plan.js';
import type { GateSettings, Timing } from './settings.js';

/** Who acts: for people, and to tell a dead holder on the same machine from a live one. */
export interface Actor {
  /** `ci: acme/shop run 812`, `anna@laptop`. */
  readonly name: string;
  readonly host: string;
  readonly bootId: string;
  readonly pid: number;
  readonly processStart: string;
  /**
   * The PID and time namespaces in which its process id and start time mean something. Absent where they are not known, and in records of earlier
   * versions: such an actor is never taken for dead.
   */
  readonly namespaces?: string;
}

/** Intent, stored before the first change that it leads to. At most 4 KB as JSON. Progress is not in it: that is observed. */
export interface RolloutRecord {
  readonly schema: 1;
  readonly id: RolloutId;
  readonly kind: 'rollout' | 'rollback' | 'retire';
  readonly generation: number;
  readonly by: string;
  readonly startedAt: Instant;
  readonly deadline: Instant;
  readonly from: ReleaseId;
  readonly to: ReleaseId;
  readonly how: How;
  readonly aim: Aim;
  /** The live color of each service when it began. */
  readonly live: Readonly<Record<ServiceName, Color>>;
  readonly weightsBefore: Readonly<Record<RouteArn, readonly GroupWeight[]>>;
  readonly stickinessBefore: Readonly<Record<RouteArn, { readonly enabled: boolean; readonly seconds?: number }>>;
  readonly weightsIntended?: Readonly<Record<RouteArn, readonly GroupWeight[]>>;
  readonly weightsLast?: Readonly<Record<RouteArn, readonly GroupWeight[]>>;
  readonly tasks?: Readonly<Record<ServiceName, 'intended' | 'succeeded' | 'failed'>>;
  readonly excluded: readonly InstanceId[];
  /** What each service may adopt, as the configuration said when it began: a resume goes by it. */
  readonly adopts?: Readonly<Record<ServiceName, Required<Adopts>>>;
  /**
   * Timing, `--bake` included, and gates as they were when it began: a resume goes by them, whatever the configuration says by then. Absent in records of
   * earlier versions.
   */
  readonly asked?: { readonly timing: Timing; readonly gates: GateSettings };
  /** Display only. */
  readonly phase: string;
  /** Display only: what its process waits for, and until when at most. A little late, and stale when that process is gone. */
  readonly waits?: readonly { readonly what: string; readonly until: Instant }[];
  readonly notified: readonly string[];
  readonly discordMessage?: string;
  readonly skipValidation?: boolean;
  readonly endedAt?: Instant;
  readonly outcome?: Outcome;
  readonly reason?: string;
}

export interface TimelineEntry {
  /** Since the start of the rollout. */
  readonly after: Ms;
  readonly is: 'phase' | 'step' | 'traffic' | 'failure' | 'back' | 'hold' | 'note';
  readonly text: string;
}

/** What happened in a rollout, in words: for people only, nothing is decided by it. At most 4 KB. */
export interface TimelineRecord {
  readonly schema: 1;
  readonly rollout: RolloutId;
  /** Entries that were dropped from the middle for want of room. */
  readonly leftOut: number;
  readonly entries: readonly TimelineEntry[];
}

/**
 * What a rollout looked like over its time, to be drawn: for people only, nothing is decided by it. Times are milliseconds since its start. At most
 * 4 KB packed.
 */
export interface Picture {
  /** An entry where the shares changed, in percent; none where a service has one color only. */
  readonly weights: readonly {
    readonly after: Ms;
    readonly service: ServiceName;
    readonly percents: Readonly<Partial<Record<Color, number>>>;
  }[];
  readonly lanes: readonly {
    readonly instance: InstanceId;
    readonly name: string;
    readonly service: ServiceName;
    readonly color: Color;
    /** From when on it stood where. */
    readonly places: readonly (readonly [after: Ms, place: Place])[];
  }[];
  readonly probes: readonly { readonly probe: string; readonly buckets: readonly ProbeBucket[] }[];
  /** What was left out for want of room. */
  readonly dropped?: readonly ('probes' | 'instances' | 'weights')[];
}

/** Samples of one probe over a span of time. */
export interface ProbeBucket {
  readonly after: Ms;
  readonly good: number;
  readonly bad: number;
  /** Median and 95th percentile (nearest rank) of the good samples' latencies in ms; absent when none was good. */
  readonly p50?: Ms;
  readonly p95?: Ms;
}

export interface PictureRecord extends Picture {
  readonly schema: 1;
  readonly rollout: RolloutId;
}

/** Written once per lease generation that ended a rollout. The current release is `serving` of the highest. */
export interface OutcomeRecord {
  readonly schema: 1;
  readonly generation: number;
  readonly rollout: RolloutId;
  readonly kind: 'rollout' | 'rollback' | 'adopted' | 'retire';
  readonly strategy: string;
  readonly from: ReleaseId;
  readonly to: ReleaseId;
  /** What serves now, when that is one release; null when a human is needed. */
  readonly serving: ReleaseId | null;
  readonly outcome: 'succeeded' | 'rolled-back' | 'failed';
  readonly reason: string;
  readonly by: string;
  readonly startedAt: Instant;
  readonly endedAt: Instant;
  /** Service → image for people: `backend` → `1.1.0 (sha256:…)`. Of a service that did not change and was moved by another hand: what was observed, also where that is not of `serving`. */
  readonly images: Readonly<Record<ServiceName, string>>;
  /** Instances that were left out. */
  readonly excluded: readonly InstanceId[];
}

/** The lock. One parameter per generation; the highest owns. */
export interface LeaseRecord {
  readonly schema: 1;
  readonly generation: number;
  readonly nonce: string;
  readonly holder: Actor;
  readonly command: string;
  readonly rollout?: RolloutId;
  readonly ttl: number;
  readonly beat: number;
  readonly at: Instant;
  readonly released: boolean;
}
