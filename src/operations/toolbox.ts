import type { EventBody } from '../domain/event.js';
import type { Ms } from '../domain/ids.js';
import type { Actor } from '../domain/record.js';
import type { EnvironmentSettings, GateSettings } from '../domain/settings.js';
import type { HostPort } from '../engine/host-port.js';
import type {
  AccountPort,
  Clock,
  FleetPort,
  GatePort,
  HookPort,
  IdentityPort,
  ImagesPort,
  ProbeSample,
  Random,
  TrafficPort,
} from '../engine/ports.js';
import type { State } from '../state/index.js';

/** Everything that an operation works with, made by the composition root. */
export interface Toolbox {
  readonly settings: EnvironmentSettings;
  readonly fleet: FleetPort;
  readonly traffic: TrafficPort;
  readonly images: ImagesPort;
  readonly identity: IdentityPort;
  readonly account: AccountPort;
  readonly hosts: HostPort;
  readonly state: State;
  readonly clock: Clock;
  readonly random: Random;
  /** Gates of a rollout; `sampled` is told of each answer to a probe. */
  readonly gates: (gates: GateSettings, sampled?: (sample: ProbeSample) => void) => GatePort;
  /** Commands of the user; absent: none. */
  readonly hooks?: HookPort;
  readonly emit: (event: EventBody) => void;
  /** Warnings from beside the operation, which everybody but its record has heard: a lost output. Returns the way to stop. Absent: there are none. */
  readonly onAside?: (listener: (text: string) => void) => () => void;
  readonly actor: Actor;
  /** Whether the process of an actor lives, where that can be told from here. */
  readonly isAlive: (actor: Actor) => boolean | undefined;
  /** An operator's interrupt. */
  readonly signal: AbortSignal;
  /** The longest that one changing call may take: it is sent only if it surely ends within the lease. */
  readonly changeLimit: Ms;
  /** Opens the alerts of a rollout; they see every event from then on. */
  readonly notifier: (memory: NotifierMemory) => Promise<{ close(): Promise<void> }>;
}

/** What alerts must remember across a crash: kept in the rollout's record. */
export interface NotifierMemory {
  /** The generation of the lease under which this process works. */
  readonly attempt: number;
  readonly alreadySent: ReadonlySet<string>;
  readonly messageId?: string;
  readonly markSent: (kind: string) => Promise<void>;
  readonly remember: (messageId: string) => Promise<void>;
}
