import type { Color, Ms, ReleaseId, ServiceName } from './ids.js';
import type { RunSpec } from './release.js';

/**
 * Highest wins, lexicographically: lease generation, epoch (+1 at each re-aim), send. An instance refuses a lower fence, and
 * answers an equal one with the first result without doing anything.
 */
export type Fence = readonly [generation: number, epoch: number, send: number];

/** Generations count up by one with each command that takes the lock. Instances compare them in a shell, so 15 digits are what all of them agree on. */
export const MOST_GENERATION = 999_999_999_999_999;

export type HostPhase = 'inspect' | 'quiet' | 'pull' | 'task' | 'start' | 'stop' | 'restore';

/** Containers that deployctl did not start and may take for the slot's own. They are stopped and renamed where a release needs it, never removed. */
export interface Adopts {
  /** The service's image repository; absent on the standby color, where an image alone says nothing. */
  readonly repository?: string;
  /** Names of containers: `adopt` in deployctl.yml. */
  readonly containers: readonly string[];
}

/** Which container: names and labels on the instance come from these. */
export interface Slot {
  readonly service: ServiceName;
  readonly containerName: string;
  readonly color: Color;
  readonly port: number;
  /** Absent: none. */
  readonly adopts?: Adopts;
}

/** A port of a slot on which something listens although no container publishes it. */
export interface Listener {
  readonly port: number;
  /** `nginx (pid 812)`, where the instance could tell. */
  readonly process?: string;
  /** Its container, where it is one: it uses the host's network. */
  readonly container?: string;
}

/** What an instance is asked to do. One SSM command carries one request. */
export type HostRequest =
  /** Look at the containers of these slots. With a fence it waits for a running command and shuts out older ones. */
  | { readonly phase: 'inspect'; readonly slots: readonly Slot[] }
  /** Watch the connections of what runs in the slot for `window`. Changes nothing. */
  | { readonly phase: 'quiet'; readonly slot: Slot; readonly container: string; readonly window: Ms }
  /**
   * Get the images while the old version serves, tagged so that a prune keeps them; and see whether their containers can be created: options, env files
   * and secrets.
   */
  | {
      readonly phase: 'pull';
      readonly images: readonly {
        readonly service: ServiceName;
        readonly release: ReleaseId;
        readonly containerName: string;
        readonly spec: RunSpec;
      }[];
    }
  /** Run the release's one-off task once. */
  | {
      readonly phase: 'task';
      readonly service: ServiceName;
      readonly containerName: string;
      readonly release: ReleaseId;
      readonly spec: RunSpec;
    }
  /**
   * Make `release` what runs in the slot: whatever runs there is renamed, stopped with restart off and kept; then `docker run`; then the
   * witness. Already running: only the witness. So it may be sent again at any time.
   */
  | {
      readonly phase: 'start';
      readonly slot: Slot;
      readonly release: ReleaseId;
      readonly spec: RunSpec;
      readonly keep: number;
    }
  /** As `start`, but the kept container of the release is started again when there is one; restart policy put back. */
  | {
      readonly phase: 'restore';
      readonly slot: Slot;
      readonly release: ReleaseId;
      readonly spec: RunSpec;
      readonly keep: number;
      /** Tell what became of the container that is set aside: exit code, memory kill, the end of its log. */
      readonly evidence?: boolean;
    }
  /** Stop what runs in the slot and keep it, restart off. */
  | {
      readonly phase: 'stop';
      readonly slot: Slot;
      readonly stopTimeout: Ms;
      readonly keep: number;
      readonly evidence?: boolean;
    };

/** What became of a container by the time that it was set aside. No exit code: it ran. */
export interface SetAside {
  readonly release: ReleaseId;
  /** How often docker has started it again. */
  readonly restarts: number;
  readonly exitCode?: number;
  readonly oomKilled?: boolean;
  readonly logTail?: string;
}

/** The instance itself, as an inspect saw it. Absent members could not be read. */
export interface HostFacts {
  readonly dockerVersion?: string;
  /** Whether containers outlive their engine; absent when docker does not tell. */
  readonly liveRestore?: boolean;
  /** Of the file system that holds docker's data. */
  readonly diskFreeBytes?: number;
  readonly memoryAvailableBytes?: number;
  readonly memoryTotalBytes?: number;
  readonly curl: boolean;
  readonly flock: boolean;
  readonly aws: boolean;
  /** Container id → bytes that it uses, and its limit if it has one. Running ones only. */
  readonly memory: Readonly<Record<string, { readonly used: number; readonly limit?: number }>>;
  /** Of the ports that were asked for; absent: the instance has no `ss` to tell. */
  readonly listeners?: readonly Listener[];
  /** The highest fence that the instance has followed; absent: none. */
  readonly fence?: Fence;
}
