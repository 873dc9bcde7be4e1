/**
 * The contract between the parts of the sandbox: wire, load balancer, hosts, SSM.
 *
 * Time: the sandbox has one knob, `timeScale`. An AWS duration of d ms lasts d / timeScale real ms. Timestamps on the
 * wire are real time (an SDK learns clock skew from them), and every attribute that is reported is the AWS value.
 */

/** Durations of AWS, made real. */
export interface SandboxTime {
  readonly scale: number;
  /** Real milliseconds that an AWS duration of `awsMs` takes. */
  real(awsMs: number): number;
  /** Resolves after `awsMs` of AWS time; rejects with the signal's reason when it aborts. */
  sleep(awsMs: number, signal?: AbortSignal): Promise<void>;
}

export interface SandboxOptions {
  readonly stateDir: string;
  readonly instances: number;
  /** 1 is AWS's own speed, 10 is ten times faster. */
  readonly timeScale: number;
  readonly runtime: 'process' | 'docker';
  readonly region: string;
  readonly accountId: string;
}

export type InstanceState = 'pending' | 'running' | 'shutting-down' | 'terminated' | 'stopping' | 'stopped';

/** One EC2 instance of the sandbox. `address` is its private IP, where its containers listen. */
export interface SandboxInstance {
  readonly id: string; // i-0123456789abcdef0
  readonly zone: string; // eu-west-1a
  readonly address: string; // 127.77.N.x for the process runtime, 10.77.N.x for docker
  readonly launchedAt: Date;
  state: InstanceState;
  tags: Record<string, string>;
  /** Whether an SSM agent is online; an instance without one is not "managed". */
  agent: 'online' | 'offline' | 'absent';
}

/** Answer of one host command. `signal` when a signal ended it; output is whole, truncation is SSM's business. */
export interface ExecResult {
  readonly exitCode: number;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly timedOut: boolean;
  readonly cancelled: boolean;
}

export interface ContainerSummary {
  readonly id: string;
  readonly name: string;
  /** The reference that `docker run` was given. */
  readonly image: string;
  /** Repo digest of the image, sha256:… */
  readonly digest: string;
  readonly state: 'created' | 'running' | 'exited' | 'restarting';
  readonly hostPorts: readonly number[];
  readonly labels: Readonly<Record<string, string>>;
}

export interface ImageBuild {
  /** Folder with a Dockerfile. */
  readonly context: string;
  /** repository:tag */
  readonly reference: string;
  readonly args?: Readonly<Record<string, string>>;
}

/** A runtime that makes instances real: it executes commands on them and runs containers. */
export interface Hosts {
  /**
   * Runs `script` as the SSM agent would: one file, mode 0700, `sh -c FILE`, own process group, no HOME, SIGKILL to the
   * group on timeout or cancel, waits until the output pipes close.
   * @param timeoutMs real milliseconds
   */
  exec(
    instanceId: string,
    script: string,
    options: {
      readonly workingDirectory?: string;
      readonly timeoutMs: number;
      readonly env?: Record<string, string>;
      readonly signal?: AbortSignal;
    },
  ): Promise<ExecResult>;
  /** Containers of an instance, as its engine knows them. */
  containers(instanceId: string): Promise<readonly ContainerSummary[]>;
  /** Which running container of the instance serves a host port (for the access log), if any. */
  serving(instanceId: string, port: number): { readonly digest: string; readonly image: string } | undefined;
  /** Adds an instance's host (folder, engine). */
  addInstance(instance: SandboxInstance): Promise<void>;
  /** Kills everything that runs on an instance; its disk stays when `keepDisk`. */
  removeInstance(instanceId: string, keepDisk: boolean): Promise<void>;
  /** Power cycle: containers die without a signal handler, then those with a restart policy come back. */
  reboot(instanceId: string): Promise<void>;
  /**
   * Builds `contextDir` (its Dockerfile) and pushes it to the sandbox's registry as `reference` (repo:tag).
   * @returns the repo digest sha256:…
   */
  build(contextDir: string, reference: string, buildArgs?: Readonly<Record<string, string>>): Promise<string>;
  /**
   * Builds the images of a new sandbox, before any other, and keeps them for later sandboxes, by their content. Absent where a
   * build costs nothing.
   */
  provide?(builds: readonly ImageBuild[]): Promise<void>;
  /** Plays a fault of the machines. @throws FaultRefused when the runtime cannot, or when it makes no sense now */
  play?(fault: HostFault): Promise<void>;
  /** Ends the faults that last. */
  endFaults?(): Promise<void>;
  close(): Promise<void>;
}

/** A fault that cannot be played: the message says why, and what can. */
export class FaultRefused extends Error {}

/**
 * Faults below AWS: of machines, engines and the registry. Those of the second list happen once, the others last until all faults are
 * ended. Durations are real milliseconds.
 */
export type HostFault =
  /** The registry is not there; refuses whatever is asked; answers late. */
  | { readonly kind: 'registry-down' | 'registry-denied' }
  | { readonly kind: 'registry-slow'; readonly ms: number }
  /** Some other process listens on a host port. */
  | { readonly kind: 'port-taken'; readonly instance: string; readonly port: number }
  /** The engine is dead, and its containers go on; the disk of its images and containers has no space left. */
  | { readonly kind: 'docker-kill' | 'disk-full'; readonly instance: string }
  /** Neither the load balancer nor SSM reaches the instance; what runs on it goes on. */
  | { readonly kind: 'network-cut'; readonly instance: string }
  | HostEvent;

export type HostEvent =
  /** A tag and what it names are deleted from the registry; with an instance, from that instance only. */
  | { readonly kind: 'image-gone'; readonly image: string; readonly instance?: string }
  /** The first process of a container is killed for want of memory. */
  | { readonly kind: 'oom-kill'; readonly instance: string; readonly container: string }
  | { readonly kind: 'docker-restart'; readonly instance: string };

/**
 * A fault that the sandbox was told to play. `operation` is an API name (`SendCommand`) or `*`.
 * `times` counts down per hit (absent: until cleared); durations are real milliseconds.
 */
export type FaultSpec =
  | HostFault
  | {
      readonly kind: 'api-error';
      readonly operation: string;
      readonly code: string;
      readonly status: number;
      /** `after`: the call takes effect and only then the error is sent. */
      readonly when: 'before' | 'after';
      readonly times?: number;
    }
  /** The connection is cut without an answer. */
  | {
      readonly kind: 'api-drop';
      readonly operation: string;
      readonly when: 'before' | 'after';
      readonly times?: number;
    }
  /** A proxy answers in the place of AWS: an HTML page. */
  | {
      readonly kind: 'api-html';
      readonly operation: string;
      readonly status: number;
      readonly when: 'before' | 'after';
      readonly times?: number;
    }
  | {
      readonly kind: 'api-hang';
      readonly operation: string;
      readonly when: 'before' | 'after';
      readonly ms: number;
      readonly times?: number;
    }
  /** The next commands run a second time, `ms` after the first run ended. */
  | { readonly kind: 'ssm-duplicate'; readonly ms: number; readonly instance?: string; readonly times?: number }
  /** The next commands are reported as DeliveryTimedOut at once and run `ms` later. */
  | { readonly kind: 'ssm-late'; readonly ms: number; readonly instance?: string; readonly times?: number }
  /** The next commands are never delivered: Pending, then DeliveryTimedOut at their timeout. */
  | { readonly kind: 'ssm-lost'; readonly instance?: string; readonly times?: number }
  | { readonly kind: 'agent-offline'; readonly instance: string }
  | { readonly kind: 'agent-online'; readonly instance: string }
  /** SSM does not know the instance any more, as without an instance profile. */
  | { readonly kind: 'agent-absent'; readonly instance: string }
  | {
      readonly kind: 'instance-terminate' | 'instance-stop' | 'instance-start' | 'instance-reboot';
      readonly instance: string;
    }
  /** Data plane propagation lag, in AWS milliseconds. */
  | { readonly kind: 'lag'; readonly ms: number };

export interface Faults {
  /** Takes one hit of the first matching armed fault of that kind, or undefined. */
  take<K extends FaultSpec['kind']>(
    kind: K,
    match: (fault: Extract<FaultSpec, { kind: K }>) => boolean,
  ): Extract<FaultSpec, { kind: K }> | undefined;
  add(fault: FaultSpec): void;
  clear(): void;
  list(): readonly FaultSpec[];
}

/** One AWS call as the wire hands it to a service. `params` is the parsed JSON body, or the form as nested objects. */
export interface ServiceCall {
  readonly operation: string;
  readonly params: Record<string, unknown>;
  readonly requestId: string;
  readonly signal: AbortSignal;
}

/** An AWS error on the wire. `code` is the wire code (ELBv2: without "Exception"). */
export class AwsError extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly status = 400,
  ) {
    super(message);
  }
}
