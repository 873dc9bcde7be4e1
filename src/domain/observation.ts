import type {
  Color,
  Digest,
  InstanceId,
  Instant,
  Ms,
  ReleaseId,
  RouteArn,
  ServiceName,
  TargetGroupArn,
  TargetKey,
} from './ids.js';
import type { HostPhase } from './host.js';

/** A fact with its time, or the admission that it could not be read. Unknown is never absent. */
export type Seen<T> =
  | { readonly is: 'known'; readonly value: T; readonly at: Instant }
  | { readonly is: 'unknown'; readonly why: string; readonly since: Instant };

export interface FleetInstance {
  readonly id: InstanceId;
  readonly name: string;
  readonly zone: string;
  readonly address: string;
  /** The color of the set that it belongs to, in the layout of two sets of instances. */
  readonly color?: Color;
  /** What SSM says of its agent. `unmanaged`: SSM does not know the instance. */
  readonly agent: 'online' | 'offline' | 'unmanaged';
}

export interface GroupWeight {
  readonly group: TargetGroupArn;
  readonly weight: number;
}

/** A listener's default action or a rule: its forward action's weights, and a hash of all that is not ours to change. */
export interface RouteView {
  readonly route: RouteArn;
  /** For people: `HTTP:80 default`, `HTTPS:443 /api/*`. */
  readonly name: string;
  readonly weights: readonly GroupWeight[];
  readonly stickiness: { readonly enabled: boolean; readonly seconds?: number };
  /** Hash of the action list without weights, stickiness and the managed groups. Differs when another hand changed the route. */
  readonly frame: string;
}

export interface ObservedRoute extends RouteView {
  /** Since when this process has seen these very weights without a break, per group. A group that is missing counts as 0. */
  readonly since: ReadonlyMap<TargetGroupArn, Instant>;
}

export type TargetState = 'initial' | 'healthy' | 'unhealthy' | 'unused' | 'draining' | 'unavailable' | 'absent';

export interface TargetView {
  readonly state: Exclude<TargetState, 'absent'>;
  readonly reason?: string;
  readonly description?: string;
}

export interface ObservedTarget {
  readonly state: TargetState;
  readonly reason?: string;
  readonly description?: string;
  /** Since when this process has seen this state without a break. Starts again when this process registers or deregisters it. */
  readonly since: Instant;
  /**
   * Since when this process has seen without a break that the load balancer has no reason to send it a request: not registered or
   * draining, or all its group's weights are 0. Absent while it may get traffic.
   */
  readonly unroutedSince?: Instant;
  /** Since when it has been out of the load balancer, or on its way out, without a break; absent while it is registered. */
  readonly outSince?: Instant;
  /** It drains by our own accepted change alone: no reading has shown that yet. */
  readonly assumed?: true;
}

/** Registered, whatever its health. `unused` with another reason than NotRegistered is registered in a group that nothing forwards to. */
export function isRegistered({ state, reason }: Pick<ObservedTarget, 'state' | 'reason'>): boolean {
  if (state === 'absent' || state === 'draining') return false;
  return !(state === 'unused' && reason === 'Target.NotRegistered');
}

/** A container as `docker inspect` on the instance shows it. */
export interface Container {
  readonly id: string;
  readonly name: string;
  readonly running: boolean;
  /** It ended, and docker is about to start it again: it serves nobody, and goes on like that until it is stopped. */
  readonly restarting?: boolean;
  /** Somebody paused it: it holds its ports and answers nobody. */
  readonly paused?: boolean;
  readonly startedAt: string;
  readonly restartCount: number;
  readonly exitCode: number;
  readonly oomKilled: boolean;
  readonly restartPolicy: string;
  /** Host ports that it publishes for TCP, on whatever address; of a stopped one those that it would publish. */
  readonly ports: readonly number[];
  /** Digest of the image: from our label, else from the image's repo digests. */
  readonly digest?: Digest;
  readonly imageReference: string;
  /** Repositories of its image, where the reference is an image's id and names none. */
  readonly repositories?: readonly string[];
  /** Present when deployctl started it for this app and environment. */
  readonly ours?: { readonly service: ServiceName; readonly color: Color; readonly release: ReleaseId };
  /** The slot for which this environment has adopted it; only of what deployctl did not start. */
  readonly adopted?: { readonly service: ServiceName; readonly color: Color };
  /** `shop/staging`: deployctl started it for another app or environment. */
  readonly owner?: string;
}

/** The witness on the instance: health path and checks passed for exactly this start of this container. */
export interface Verified {
  readonly release: ReleaseId;
  readonly containerId: string;
  readonly startedAt: string;
  readonly restartCount: number;
  /** When it passed its checks. */
  readonly since: Instant;
  /** When it was last confirmed that the container is still the verified one. */
  readonly at: Instant;
}

/** What a watch of a container's connections saw. Absent number: they could not be read, which is not quiet. */
export interface Connections {
  readonly containerId: string;
  /** 0: none was open for the whole window. */
  readonly open?: number;
  /** When the watch was sent; it lasted for `timing.quiet` from then on, or longer. */
  readonly at: Instant;
}

/** Code of a HostFailure that is no failure of the command, but what it told of the container that it took out of the way. */
export const SET_ASIDE = 'set-aside';

/** Code of a HostFailure of a step that was accepted several times and changed nothing, or that AWS refuses for good. */
export const NO_EFFECT = 'no-effect';

/** Why a host command failed, in words and with its evidence. */
export interface HostFailure {
  readonly phase: HostPhase | 'register' | 'deregister';
  readonly service?: ServiceName;
  readonly release?: ReleaseId;
  readonly code: string;
  readonly message: string;
  readonly lastProbe?: string;
  readonly exitCode?: number;
  readonly oomKilled?: boolean;
  readonly logTail?: string;
  readonly at: Instant;
}

/** `start of backend failed (exited): …`; `backend r-1 was killed …`, where a container that was set aside has told. */
export function sentenceOf({ phase, service, code, message }: HostFailure): string {
  if (code === SET_ASIDE) return `${service ?? ''} ${message}`.trim();
  return `${phase}${service === undefined ? '' : ` of ${service}`} failed (${code}): ${message}`;
}

/** What this process knows of commands on an instance. One at a time. */
export type HostOp =
  | { readonly is: 'idle' }
  | {
      readonly is: 'running';
      readonly phase: HostPhase;
      readonly service?: ServiceName;
      readonly since: Instant;
      readonly until: Instant;
    }
  /** The send or its result was lost: inspect with the next fence before anything else is sent. */
  | { readonly is: 'lost'; readonly phase: HostPhase; readonly why: string; readonly since: Instant };

export type SlotKey = `${ServiceName}/${Color}`;
export const slotKey = (service: ServiceName, color: Color): SlotKey => `${service}/${color}`;

export interface ObservedHost {
  readonly containers: Seen<readonly Container[]>;
  readonly op: HostOp;
  readonly verified: ReadonlyMap<SlotKey, Verified>;
  /** The last watch per slot. */
  readonly connections: ReadonlyMap<SlotKey, Connections>;
  /** The last failure per slot in the present aim; a success of the slot clears it. */
  readonly failures: ReadonlyMap<SlotKey, HostFailure>;
  /** Releases whose image is on the instance, by service, as a pull of this process confirmed. */
  readonly pulled: ReadonlySet<string>;
  readonly pullFailure?: HostFailure;
}

/** Result of a gate over the samples of the present bake. */
export type GateVerdict =
  | { readonly is: 'pass'; readonly why: string }
  | { readonly is: 'fail'; readonly why: string }
  | { readonly is: 'inconclusive'; readonly why: string };

/** Counters of one probe since the start of the present bake. */
export interface ProbeSamples {
  readonly probe: string;
  readonly good: number;
  readonly bad: number;
  /** Milliseconds, of good samples. */
  readonly p95?: number;
  readonly lastFailure?: string;
}

export interface CommandResult {
  readonly gate: string;
  readonly passed: boolean;
  readonly why: string;
}

export interface TaskState {
  readonly is: 'none' | 'running' | 'succeeded' | 'failed' | 'unknown';
  readonly why?: string;
}

export interface Steer {
  readonly id: string;
  readonly is: 'abort' | 'pause' | 'promote';
  readonly by: string;
  readonly at: Instant;
  readonly reason?: string;
  /** How long a pause may last. */
  readonly for?: Ms;
}

/** A request as this process sees it. `since`: when it saw it first, by its own clock; the clock of whoever asked may be wrong. */
export interface ObservedSteer extends Steer {
  readonly since: Instant;
}

export interface Observation {
  readonly fleet: Seen<readonly FleetInstance[]>;
  readonly routes: ReadonlyMap<RouteArn, Seen<ObservedRoute>>;
  /** Every configured target has an entry; one that the group does not list is `absent`. */
  readonly targets: ReadonlyMap<TargetGroupArn, Seen<ReadonlyMap<TargetKey, ObservedTarget>>>;
  readonly hosts: ReadonlyMap<InstanceId, ObservedHost>;
  /** Key of the bake that the samples belong to, chosen by the strategy; see Decision.bake. */
  readonly bake?: { readonly key: string; readonly since: Instant };
  readonly probes: readonly ProbeSamples[];
  readonly commands: readonly CommandResult[];
  readonly tasks: ReadonlyMap<ServiceName, TaskState>;
  /** Oldest first. */
  readonly steering: readonly ObservedSteer[];
  /** Since when this process has waited for something without a break, by `Wait.key`. */
  readonly waiting: ReadonlyMap<string, Instant>;
  /** Routes whose weights cannot be written, and why: AWS refuses the write, or accepts it and nothing changes. Forgotten when the route changes. */
  readonly refused: ReadonlyMap<RouteArn, string>;
  /** Targets that the fleet does not cover and that stay registered, as `ARN i-…:port`: their deregistration was refused, or accepted and changed nothing. */
  readonly kept?: ReadonlyMap<string, string>;
}

/** Key of a target in `Observation.kept`. */
export const keptKey = (group: TargetGroupArn, target: TargetKey): string => `${group} ${target}`;
