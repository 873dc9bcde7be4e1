import type { Color, InstanceId, Ms, RouteArn, ServiceName, TargetGroupArn } from './ids.js';
import type { RunSpec } from './release.js';

/** A count, or a share of the fleet (percentages round down, at least 1). */
export type Amount =
  { readonly is: 'count'; readonly value: number } | { readonly is: 'percent'; readonly value: number };

/** Which instances. `tags` are ANDed; a value may have wildcards as in EC2 filters. */
export type FleetSelector =
  | { readonly is: 'tags'; readonly tags: Readonly<Record<string, string>> }
  | { readonly is: 'ids'; readonly ids: readonly InstanceId[] };

export type Layout =
  /** Every instance runs both colors, on two host ports. */
  | { readonly is: 'ports' }
  /** Two sets of instances, told apart by the value of a tag. */
  | { readonly is: 'instances'; readonly tag: string; readonly values: Readonly<Record<Color, string>> };

/** How long the previous color stays in service after a success: until the next rollout, or not at all. */
export type Warm = 'until-next' | 'none';

/** A target group by ARN or by name; a route by the ARN of a listener or rule, or by what it matches. */
export type GroupName =
  { readonly is: 'arn'; readonly arn: TargetGroupArn } | { readonly is: 'name'; readonly name: string };
export type RouteName =
  | { readonly is: 'arn'; readonly arn: RouteArn }
  | {
      readonly is: 'match';
      readonly loadBalancer: string;
      /** Of the listener; absent: the only listener that fits. */
      readonly port?: number;
      readonly path?: string;
      readonly host?: string;
    };

export interface ColorSettings {
  /** Host port of the color. */
  readonly port: number;
  readonly targetGroup: GroupName;
}

/** A probe of a URL from where deployctl runs, during bakes and validation. */
export interface ProbeSettings {
  readonly name: string;
  readonly url: string;
  readonly service?: ServiceName;
  readonly status: readonly (readonly [number, number])[];
  readonly contains?: string;
  readonly interval: Ms;
  readonly timeout: Ms;
  /** Lowest share of good samples, 0-1. */
  readonly successRate: number;
  /** Fewer samples than this is inconclusive. */
  readonly minSamples: number;
  readonly maxLatencyP95?: Ms;
}

/** A command of the user, run where deployctl runs: exit 0 passes. argv, no shell. */
export interface CommandGate {
  readonly name: string;
  readonly command: readonly string[];
  readonly timeout: Ms;
}

export type HookName = 'pre-rollout' | 'pre-traffic' | 'post-shift' | 'success' | 'failure';

/** A command of the user at a moment of a rollout, run where deployctl runs. */
export interface HookCommand {
  /** argv, run without a shell; or one line for `sh -c`. */
  readonly command:
    { readonly is: 'argv'; readonly argv: readonly string[] } | { readonly is: 'shell'; readonly line: string };
  readonly timeout: Ms;
}

export type HookSettings = Readonly<Record<HookName, readonly HookCommand[]>>;

export interface GateSettings {
  readonly probes: readonly ProbeSettings[];
  readonly commands: readonly CommandGate[];
  readonly inconclusive: 'pass' | 'fail';
}

export interface ServiceSettings {
  readonly name: ServiceName;
  readonly repository: string;
  readonly containerName: string;
  /** Containers that deployctl did not start and that are the service's own all the same. Absent: none. */
  readonly adopt?: readonly string[];
  /** The run spec without its image. */
  readonly run: Omit<RunSpec, 'image'>;
  readonly colors: Readonly<Partial<Record<Color, ColorSettings>>>;
  readonly routes: readonly RouteName[];
  readonly warm: Warm;
}

/** Where the secret is, never the secret itself. */
export type SecretSource =
  { readonly is: 'env'; readonly variable: string } | { readonly is: 'parameter'; readonly name: string };

export interface DiscordSettings {
  readonly webhook: SecretSource;
  readonly mention?: string;
}

export interface SlackSettings {
  readonly webhook: SecretSource;
  readonly mention?: string;
}

/** A receiver of signed events. */
export interface WebhookSettings {
  readonly name: string;
  readonly url: SecretSource;
  /** What the signature is made with. */
  readonly secret: SecretSource;
}

/**
 * When a drain is over: `full`: when the load balancer has let the group's whole deregistration delay pass; `quiet`: already when nobody is connected to
 * the container any more.
 */
export type Drain = 'full' | 'quiet';

export interface Timing {
  /** Nothing that had traffic is stopped or deregistered sooner than this after its traffic was taken away. */
  readonly settle: Ms;
  /** A new target must be seen healthy for this long. */
  readonly stabilize: Ms;
  /** Observation time of a shift step, and of the whole at the end of a rolling rollout. */
  readonly bake: Ms;
  /** How long a registered target may take to become healthy. */
  readonly healthTimeout: Ms;
  /** Longest run of one host command (pull has its own). */
  readonly hostCommand: Ms;
  readonly pullTimeout: Ms;
  /** With `drain: quiet`: so long must nobody be connected. */
  readonly quiet: Ms;
  /** A drain that lasts longer than this is a failure of the world: the rollout is aborted. */
  readonly drainCap: Ms;
  /** From the start of the rollout to its abort. */
  readonly rolloutDeadline: Ms;
  /** How long a hold waits for the world to get well. */
  readonly hold: Ms;
  /** Time between two observations. */
  readonly poll: Ms;
}

export interface LeaseTiming {
  readonly ttl: Ms;
  readonly heartbeat: Ms;
}

/** `deregister`: a rollout takes targets that the fleet does not cover out of its target groups; `refuse`: it does not begin, or does not end, beside them. */
export type ForeignPolicy = 'refuse' | 'deregister';

export interface EnvironmentSettings {
  readonly app: string;
  readonly environment: string;
  readonly region: string;
  readonly fleet: FleetSelector;
  readonly layout: Layout;
  readonly strategy: 'rolling' | 'blue-green';
  readonly maxParallel: Amount;
  /** Healthy targets per service that must remain; absent: fleet minus max parallel, at least half rounded up. */
  readonly minimumHealthy?: Amount;
  readonly allowDowntime: boolean;
  readonly pullParallel: Amount;
  /** Percentages of traffic on the new color, ascending, last is 100. */
  readonly steps: readonly number[];
  /** Seconds of group stickiness during the shift; absent: stickiness is left alone. */
  readonly stickySeconds?: number;
  readonly drain: Drain;
  /** Stopped previous containers kept per service and color. */
  readonly keep: number;
  readonly unreachable: 'refuse' | 'exclude';
  /** What to do about registered targets that the fleet does not cover. */
  readonly foreignTargets: ForeignPolicy;
  readonly timing: Timing;
  readonly lease: LeaseTiming;
  /** What a command that changes something does when its terminal is closed; absent: `continue`. */
  readonly onHangup?: 'continue' | 'interrupt';
  /** In rollout order: backend before frontend. */
  readonly services: readonly ServiceSettings[];
  readonly gates: GateSettings;
  /** Probes of the validation phase after the rollout. */
  readonly validation: { readonly probes: readonly ProbeSettings[]; readonly duration: Ms; readonly monitor: Ms };
  /** Absent: none. */
  readonly hooks?: HookSettings;
  readonly discord?: DiscordSettings;
  readonly slack?: SlackSettings;
  /** Absent: none. */
  readonly webhooks?: readonly WebhookSettings[];
}

/** The whole configuration, checked. */
export interface Settings {
  readonly file: string;
  readonly environments: Readonly<Record<string, EnvironmentSettings>>;
}
