/** Exit codes are a contract (README, "Exit codes"). */
export const EXIT = {
  done: 0,
  /** A command of the user's own that ran in a container failed: nothing of deployctl did. */
  commandFailed: 1,
  somethingToDo: 2,
  rolledBack: 10,
  needsHuman: 11,
  refused: 12,
  leaseHeld: 13,
  inProgress: 14,
  usage: 64,
  bug: 70,
  interrupted: 130,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/**
 * An expected failure. The message names the thing, the value seen and the value wanted; `next` is what to type or do.
 * `code` is a stable word for scripts: `config.unknown-key`, `preflight.refused`, `lease.held`.
 */
export class DeployctlError extends Error {
  readonly code: string;
  readonly exitCode: ExitCode;
  readonly next: readonly string[];
  /** The message line by line, where it has several by design. Elsewhere a line break in it came with text of others. */
  readonly lines: readonly string[] | undefined;

  constructor(options: {
    readonly code: string;
    readonly message: string | readonly string[];
    readonly exitCode: ExitCode;
    readonly next?: readonly string[];
    readonly cause?: unknown;
  }) {
    const { message } = options;
    const lines = typeof message === 'string' ? undefined : message;
    super(lines?.join('\n') ?? String(message), options.cause === undefined ? {} : { cause: options.cause });
    this.lines = lines;
    this.name = 'DeployctlError';
    this.code = options.code;
    this.exitCode = options.exitCode;
    this.next = options.next ?? [];
  }
}

/**
 * What went wrong at a port, in our words.
 * `access-denied`, `expired-credentials`, `not-found`, `already-exists`, `invalid`: the service said no, nothing happened.
 * `throttled`: nothing happened, later it may. `conflict`: someone else was writing (TooManyUpdates, PriorRequestNotComplete).
 * `timeout`, `network`, `server`: unknown; a change may or may not have taken effect.
 */
export type PortErrorKind =
  | 'access-denied'
  | 'expired-credentials'
  | 'not-found'
  | 'already-exists'
  | 'invalid'
  | 'throttled'
  | 'conflict'
  | 'timeout'
  | 'network'
  | 'server'
  | 'aborted';

/** A call to the outside that failed. `operation` is the API's own name (`elbv2:ModifyRule`). */
export class PortError extends Error {
  readonly kind: PortErrorKind;
  readonly operation: string;
  /** The service's error code: `TargetGroupNotFound`. */
  readonly serviceCode: string | undefined;
  readonly requestId: string | undefined;

  constructor(options: {
    readonly kind: PortErrorKind;
    readonly operation: string;
    readonly message: string;
    readonly serviceCode?: string | undefined;
    readonly requestId?: string | undefined;
    readonly cause?: unknown;
  }) {
    super(options.message, options.cause === undefined ? {} : { cause: options.cause });
    this.name = 'PortError';
    this.kind = options.kind;
    this.operation = options.operation;
    this.serviceCode = options.serviceCode;
    this.requestId = options.requestId;
  }

  /** Whether a changing call may have taken effect although it failed. */
  get mayHaveTakenEffect(): boolean {
    return this.kind === 'timeout' || this.kind === 'network' || this.kind === 'server' || this.kind === 'aborted';
  }
}

/** The reason of an abort that we caused ourselves because a call took longer than it may. Whoever set the limit: it is not what anybody asked for. */
export class TimeLimit extends Error {
  constructor(readonly limit: number) {
    super(`no answer within ${limit} ms`);
    this.name = 'TimeLimit';
  }
}

/** The prefix that IAM gives the rights of a service, where the operation's name has another. */
const iamPrefix: Readonly<Record<string, string>> = { elbv2: 'elasticloadbalancing' };

/** The right that an operation needs, as a policy names it: `elbv2:ModifyRule` → `elasticloadbalancing:ModifyRule`. */
export function iamAction(operation: string): string {
  const [service = '', action = ''] = operation.split(':');
  return `${iamPrefix[service] ?? service}:${action}`;
}

/** `error.message`, or a printable form of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
