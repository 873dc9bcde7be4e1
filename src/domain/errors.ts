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
  /** Where it was sent: `https://ssm.eu-central-1.amazonaws.com`. */
  readonly endpoint: string | undefined;

  constructor(options: {
    readonly kind: PortErrorKind;
    readonly operation: string;
    readonly message: string;
    readonly serviceCode?: string | undefined;
    readonly requestId?: string | undefined;
    readonly endpoint?: string | undefined;
    readonly cause?: unknown;
  }) {
    super(options.message, options.cause === undefined ? {} : { cause: options.cause });
    this.name = 'PortError';
    this.kind = options.kind;
    this.operation = options.operation;
    this.serviceCode = options.serviceCode;
    this.requestId = options.requestId;
    this.endpoint = options.endpoint;
  }

  /** Whether a changing call may have taken effect although it failed. */
  get mayHaveTakenEffect(): boolean {
    return this.kind === 'timeout' || this.kind === 'network' || this.kind === 'server' || this.kind === 'aborted';
  }
}

/** The reason of an abort that we caused ourselves because a call took longer than it may. Whoever set the limit: it is not what anybody asked for. */
export class TimeLimit extends Error {
  constructor(readonly limit: number) {
    super(`no answer within ${String(limit / 1000)} s`);
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

/** The service refused the identity: no other attempt does better until somebody allows the action, or renews the credentials. */
export function isDenied(
  error: unknown,
): error is PortError & { readonly kind: 'access-denied' | 'expired-credentials' } {
  return error instanceof PortError && (error.kind === 'access-denied' || error.kind === 'expired-credentials');
}

/** Codes of a key that does not exist or does not fit its secret; EC2 has one for both. Without the suffix that SSM adds. */
const invalidCredentials: ReadonlySet<string> = new Set([
  'AuthFailure',
  'IncompleteSignature',
  'InvalidClientTokenId',
  'InvalidSignature',
  'MissingAuthenticationToken',
  'SignatureDoesNotMatch',
  'UnrecognizedClient',
]);

/** Not a matter of rights: AWS does not know who asks. */
function isUnknownIdentity({ kind, serviceCode }: PortError): boolean {
  return kind === 'access-denied' && invalidCredentials.has((serviceCode ?? '').replace(/Exception$/, ''));
}

/** The credentials are missing, unknown or expired: every call fails in the same way. */
export function isOfIdentity(error: PortError): boolean {
  return (
    error.kind === 'expired-credentials' || error.serviceCode === 'CredentialsProviderError' || isUnknownIdentity(error)
  );
}

/**
 * Whether another operation that gives the same answer may have it. What says no to the question itself (`not-found`, `invalid`), or to the identity
 * as a whole (no credentials, expired ones), is an answer.
 */
export function isLacking(error: PortError): boolean {
  if (isOfIdentity(error)) return false;
  switch (error.kind) {
    case 'access-denied':
    case 'throttled':
    case 'timeout':
    case 'network':
    case 'server':
      return true;
    case 'expired-credentials':
    case 'not-found':
    case 'already-exists':
    case 'invalid':
    case 'conflict':
    case 'aborted':
      return false;
  }
}

/** What to do about a call that failed: the one place that says so. */
export function fixFor(error: PortError): string {
  const { kind, operation, serviceCode, endpoint } = error;
  const noCredentials = serviceCode === 'CredentialsProviderError';
  switch (kind) {
    case 'access-denied':
      if (noCredentials)
        return 'give deployctl AWS credentials: AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY';
      if (isUnknownIdentity(error))
        return 'correct the AWS credentials: the access key is not known there, or its secret is another (on the sandbox: eval "$(deployctl sandbox env)")';
      return `allow ${iamAction(operation)} for this identity`;
    case 'expired-credentials':
      return 'renew the AWS credentials';
    case 'not-found':
    case 'invalid':
      return 'correct the name in deployctl.yml, or create it';
    case 'server':
      // Whatever answered does not speak as AWS does: trying again alone does not help.
      if (serviceCode === undefined && endpoint !== undefined) return checkEndpoint(endpoint);
      return 'try again in a moment';
    case 'throttled':
      if (noCredentials)
        return 'check what gives the AWS credentials (AWS_PROFILE, a credential process, SSO, the instance metadata), and try again';
      return 'try again in a moment';
    case 'conflict':
    case 'already-exists':
    case 'aborted':
      return 'try again in a moment';
    case 'timeout':
    case 'network':
      return endpoint === undefined
        ? 'check the connection to AWS (region, AWS_ENDPOINT_URL, proxy) and try again'
        : checkEndpoint(endpoint);
  }
}

const checkEndpoint = (endpoint: string): string =>
  `check the connection to ${endpoint} (region, AWS_ENDPOINT_URL, proxy) and try again`;

/** `error.message`, or a printable form of whatever was thrown. Where the service refused the identity, also what to do about it. */
export function messageOf(error: unknown): string {
  if (isDenied(error)) return `${error.message}; ${fixFor(error)}`;
  return error instanceof Error ? error.message : String(error);
}
