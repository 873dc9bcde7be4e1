import type { PortError } from '../domain/errors.js';
import type { Arn, Digest, InstanceId, Instant, Ms, RouteArn, TargetGroupArn, TargetKey } from '../domain/ids.js';
import type { RolloutRecord } from '../domain/record.js';
import type {
  CommandResult,
  FleetInstance,
  GroupWeight,
  ProbeSamples,
  RouteView,
  TargetView,
} from '../domain/observation.js';
import type { FleetSelector, GroupName, HookName, Layout, RouteName } from '../domain/settings.js';
import type { DeployctlEvent } from '../domain/event.js';

/*
 * What the engine needs of the outside. Every method takes an abort signal, has a time limit of its own, and rejects with PortError for
 * anything that the outside said or failed to say. Anything else that is thrown is a bug.
 */

export interface Clock {
  /** Wall clock, ms since the epoch. */
  now(): Instant;
  /** Never goes back; for durations within the process. */
  monotonic(): Ms;
  /** Resolves after `duration`, rejects with the signal's reason on abort. */
  sleep(duration: Ms, signal?: AbortSignal): Promise<void>;
}

export interface Random {
  /** Lower case hex, `length` characters. */
  hex(length: number): string;
}

/** `stopped`: it does not run, and may be started again. */
export type InstanceState = 'running' | 'stopped';

export interface FleetPort {
  /** Running instances of the fleet with the state of their SSM agents, sorted by id. All pages. */
  instances(selector: FleetSelector, layout: Layout, signal?: AbortSignal): Promise<readonly FleetInstance[]>;
  /** Whether instances run, whatever fleet they are of. One that was terminated is left out, as one that never was. */
  states(instances: readonly InstanceId[], signal?: AbortSignal): Promise<ReadonlyMap<InstanceId, InstanceState>>;
}

/** A target group, as far as the rollout depends on it. Durations in ms, as AWS reports them. */
export interface GroupFacts {
  readonly arn: TargetGroupArn;
  readonly name: string;
  readonly targetType: string;
  readonly port: number;
  readonly loadBalancers: readonly string[];
  readonly healthPath: string;
  readonly healthInterval: Ms;
  readonly healthTimeout: Ms;
  readonly healthyThreshold: number;
  readonly unhealthyThreshold: number;
  readonly deregistrationDelay: Ms;
  readonly groupStickiness: boolean;
  readonly slowStart: Ms;
  readonly crossZone: boolean;
  /** With fewer healthy targets than `count`, or a smaller share than `percent`, the load balancer sends to all targets, bad ones too. */
  readonly failOpenBelow: { readonly count: number; readonly percent?: number };
}

/** A listener or rule that forwards to a group. */
export interface RouteUse {
  readonly route: RouteArn;
  readonly name: string;
  readonly groups: readonly TargetGroupArn[];
}

export interface TrafficPort {
  resolveGroup(name: GroupName, signal?: AbortSignal): Promise<TargetGroupArn>;
  resolveRoute(name: RouteName, signal?: AbortSignal): Promise<RouteArn>;
  /** Attributes of groups; rejects with `not-found` naming the group. */
  groups(groups: readonly TargetGroupArn[], signal?: AbortSignal): Promise<readonly GroupFacts[]>;
  /** Every target group of the Region that holds one of these instances on one of these ports. */
  groupsHolding(
    targets: readonly TargetKey[],
    signal?: AbortSignal,
  ): Promise<readonly { group: TargetGroupArn; name: string; target: TargetKey }[]>;
  /** Every listener and rule of the groups' load balancers that forwards to any of the groups. */
  routesUsing(groups: readonly TargetGroupArn[], signal?: AbortSignal): Promise<readonly RouteUse[]>;
  /** One call per listener, whatever the number of routes. `managed`: groups that the frame leaves out. */
  routes(
    routes: readonly RouteArn[],
    managed: readonly TargetGroupArn[],
    signal?: AbortSignal,
  ): Promise<ReadonlyMap<RouteArn, RouteView>>;
  /** One DescribeTargetHealth: all targets that the group lists. */
  targets(group: TargetGroupArn, signal?: AbortSignal): Promise<ReadonlyMap<TargetKey, TargetView>>;
  register(
    group: TargetGroupArn,
    targets: readonly { instance: InstanceId; port: number }[],
    signal?: AbortSignal,
  ): Promise<void>;
  deregister(
    group: TargetGroupArn,
    targets: readonly { instance: InstanceId; port: number }[],
    signal?: AbortSignal,
  ): Promise<void>;
  /**
   * Reads the whole action list, compares its frame and all its weights with what was observed, changes the weights of `set` (a group that is missing is
   * appended) and, if asked, the stickiness, writes once, and reads back.
   * Rejects with `conflict` when what is there is not what was expected; with `timeout` when `mayWrite`, asked right before the write, says no: then
   * nothing is written.
   */
  setWeights(
    change: {
      readonly route: RouteArn;
      readonly managed: readonly TargetGroupArn[];
      readonly frame: string;
      readonly expected: readonly GroupWeight[];
      readonly set: readonly GroupWeight[];
      readonly stickiness?: { readonly enabled: boolean; readonly seconds?: number };
      readonly mayWrite?: () => boolean;
    },
    signal?: AbortSignal,
  ): Promise<RouteView>;
}

/** A route with what it asks for. Host and path patterns; `others`: it asks for something else too. */
export interface RouteFacts extends RouteUse {
  readonly listener: Arn;
  /** Name of the load balancer. */
  readonly loadBalancer: string;
  readonly port?: number;
  readonly paths: readonly string[];
  readonly hosts: readonly string[];
  readonly others: boolean;
}

/** What only people look at who set an environment up: no strategy depends on it. */
export interface AccountPort {
  /** Application Load Balancers of the Region. */
  balancers(signal?: AbortSignal): Promise<readonly { readonly arn: string; readonly name: string }[]>;
  /** Listeners and rules of a load balancer that forward to target groups. */
  routesOf(loadBalancer: string, signal?: AbortSignal): Promise<readonly RouteFacts[]>;
  /** Target groups of the Region that hold instances. */
  groups(
    signal?: AbortSignal,
  ): Promise<
    readonly { readonly arn: TargetGroupArn; readonly name: string; readonly loadBalancers: readonly string[] }[]
  >;
  /** Tags of instances that run. */
  instanceTags(
    instances: readonly InstanceId[],
    signal?: AbortSignal,
  ): Promise<ReadonlyMap<InstanceId, Readonly<Record<string, string>>>>;
  /** Tags by ARN, of load balancers, listeners, rules and target groups. */
  tags(arns: readonly string[], signal?: AbortSignal): Promise<ReadonlyMap<string, Readonly<Record<string, string>>>>;
  /** How long a load balancer keeps an idle connection to a target. */
  idleTimeout(loadBalancer: string, signal?: AbortSignal): Promise<Ms>;
  /** Makes a call in a way that changes nothing. Resolves when the identity may make it and the service answers. */
  prove(call: Proof, signal?: AbortSignal): Promise<void>;
}

/** `name`: of a parameter that does not exist. */
export type Proof =
  | { readonly operation: 'ssm:ListCommandInvocations' | 'ssm:GetCommandInvocation' }
  | { readonly operation: 'ssm:GetParameter' | 'ssm:PutParameter' | 'ssm:DeleteParameters'; readonly name: string };

export type CommandState =
  | { readonly is: 'pending' | 'running' }
  | { readonly is: 'finished'; readonly exitCode: number; readonly stdout: string; readonly stderr: string }
  /** Killed at its execution timeout or by a cancel: it may have done any part of its work. */
  | { readonly is: 'killed'; readonly why: string }
  /** Reported as never delivered. It may still run later: only a fence keeps it out. */
  | { readonly is: 'undelivered'; readonly why: string };

export interface RunnerPort {
  /**
   * Sends one script to one instance through AWS-RunShellScript; one attempt. `comment` (≤ 100 chars) identifies it.
   * @returns the command id
   */
  send(
    command: { readonly instance: InstanceId; readonly script: string; readonly comment: string; readonly timeout: Ms },
    signal?: AbortSignal,
  ): Promise<string>;
  /** States of the given commands, 50 a call; output is fetched once for those that finished. A command that SSM does not know yet is `pending`. */
  poll(
    commands: readonly { readonly id: string; readonly instance: InstanceId }[],
    signal?: AbortSignal,
  ): Promise<ReadonlyMap<string, CommandState>>;
  /** Commands of ours that are not finished, sent since `since`, by comment prefix. */
  live(
    commentPrefix: string,
    since: Instant,
    signal?: AbortSignal,
  ): Promise<readonly { readonly id: string; readonly instance: InstanceId; readonly comment: string }[]>;
}

/** Parameter Store. Names are absolute: `/deployctl/shop/production/lease/7`. */
export interface ParameterPort {
  /** Creates; rejects with `already-exists`. One attempt. */
  create(name: string, value: string, signal?: AbortSignal): Promise<void>;
  /** Overwrites without Type, so that a removed parameter fails (`not-found` or `invalid`) rather than comes back. One attempt. */
  overwrite(name: string, value: string, signal?: AbortSignal): Promise<void>;
  /** undefined when it does not exist. */
  get(name: string, signal?: AbortSignal): Promise<string | undefined>;
  /** Decrypted value of a (Secure)String that belongs to the user. */
  secret(name: string, signal?: AbortSignal): Promise<string>;
  /** All parameters below `path` (recursive, all pages), by full name. */
  list(path: string, signal?: AbortSignal): Promise<ReadonlyMap<string, string>>;
  /** Missing is fine. */
  remove(names: readonly string[], signal?: AbortSignal): Promise<void>;
}

export interface ImagesPort {
  /**
   * Resolves a tag by the registry's API (ECR). undefined: no API for this registry, ask an instance.
   * Rejects with `not-found` naming repository and tag.
   */
  resolve(repository: string, tag: string, signal?: AbortSignal): Promise<Digest | undefined>;
}

export interface IdentityPort {
  /** When the credentials end, if they do. */
  credentialsEnd(signal?: AbortSignal): Promise<Instant | undefined>;
}

export interface HttpSample {
  readonly ok: boolean;
  readonly status?: number;
  readonly latency: Ms;
  readonly error?: string;
  /** First 64 KB. */
  readonly body?: string;
}

export interface HttpPort {
  /** One GET; never rejects for what the other side does. */
  probe(
    url: string,
    options: { readonly timeout: Ms; readonly headers?: Readonly<Record<string, string>> },
    signal?: AbortSignal,
  ): Promise<HttpSample>;
}

/** Sees every event. Must not throw; the engine neither waits for it nor fails with it. */
export interface Reporter {
  report(event: DeployctlEvent): void;
  /** Flushes; called once at the end. Resolves within a few seconds, whatever happens outside. */
  close(): Promise<void>;
}

/** One answer to a probe; `why` says what was wrong with it. */
export interface ProbeSample {
  readonly probe: string;
  readonly latency: Ms;
  readonly why?: string;
}

/** Gates that need the outside: URL probes and the user's commands, run while a bake is on. No verdicts. */
export interface GatePort {
  /** Goes on with, or begins, the bake of that key (undefined: no bake, all rest) and gives what it has so far. */
  watch(bake: string | undefined): {
    readonly probes: readonly ProbeSamples[];
    readonly commands: readonly CommandResult[];
  };
  close(): Promise<void>;
}

/** Commands of the user at moments of a rollout. */
export interface HookPort {
  /**
   * Runs the commands of a hook one after the other, until one fails. Never rejects.
   * @param variables added to the environment of the commands
   * @returns why it failed: `./smoke.sh: exit 1: no answer`; undefined when all passed, or there are none
   */
  run(hook: HookName, variables: Readonly<Record<string, string>>, signal?: AbortSignal): Promise<string | undefined>;
  has(hook: HookName): boolean;
}

/** The lease, as far as a change depends on it. */
export interface LeaseGuard {
  readonly generation: number;
  readonly ttl: Ms;
  /** Why the last heartbeat failed; absent when it did not. */
  readonly trouble?: string | undefined;
  /** Set when it failed because the service refused this identity. */
  readonly refusal?: PortError | undefined;
  /** Whether a call that may last `callTimeout` surely ends within the lease. */
  isValid(callTimeout: Ms): boolean;
  /** Aborts when the lease is lost; its reason is a DeployctlError. */
  readonly lost: AbortSignal;
}

/** Where intent is stored before the change that it leads to. */
export interface RecordPort {
  write(record: RolloutRecord): Promise<void>;
}
