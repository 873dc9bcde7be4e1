import { messageOf, PortError, TimeLimit } from '../domain/errors.js';
import type { PortErrorKind } from '../domain/errors.js';
import { ForeignAnswer } from './foreign-answers.js';

/** Codes whose kind their spelling does not give away. Wire spelling, without the SDK's `Exception` suffix. */
const kinds: Readonly<Record<string, PortErrorKind>> = {
  // Throttling, from the SDK's own list (its retry classification) and the EC2 and ELB throttling guides.
  BandwidthLimitExceeded: 'throttled',
  EC2Throttled: 'throttled',
  LimitExceeded: 'throttled',
  ProvisionedThroughputExceeded: 'throttled',
  RateExceeded: 'throttled',
  RequestLimitExceeded: 'throttled',
  RequestThrottled: 'throttled',
  SlowDown: 'throttled',
  Throttled: 'throttled',
  Throttling: 'throttled',
  TooManyRequests: 'throttled',
  // Someone else is writing the same thing. Neither is retried here: what is there must be read again first.
  PriorRequestNotComplete: 'conflict',
  ResourceInUse: 'conflict',
  TooManyUpdates: 'conflict',
  TransactionInProgress: 'conflict',
  ExpiredToken: 'expired-credentials',
  RequestExpired: 'expired-credentials',
  TokenRefreshRequired: 'expired-credentials',
  TokenProviderError: 'expired-credentials',
  AccessDenied: 'access-denied',
  AuthFailure: 'access-denied',
  InvalidClientTokenId: 'access-denied',
  InvalidSignature: 'access-denied',
  IncompleteSignature: 'access-denied',
  MissingAuthenticationToken: 'access-denied',
  NotAuthorized: 'access-denied',
  OptInRequired: 'access-denied',
  SignatureDoesNotMatch: 'access-denied',
  UnauthorizedOperation: 'access-denied',
  UnrecognizedClient: 'access-denied',
  InvocationDoesNotExist: 'not-found',
  PriorityInUse: 'already-exists',
  HealthUnavailable: 'server',
  InternalError: 'server',
  InternalFailure: 'server',
  InternalServerError: 'server',
  ServiceUnavailable: 'server',
  Unavailable: 'server',
  RequestTimeout: 'timeout',
};

const networkCodes: ReadonlySet<string> = new Set([
  'EAI_AGAIN',
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EPIPE',
]);

/** What the SDK threw, as far as it tells. */
interface WireError {
  readonly name: string;
  readonly code: string | undefined;
  readonly message: string;
  readonly status: number | undefined;
  readonly requestId: string | undefined;
  /** An answer came, so whatever happened, happened between the SDK and the service. */
  readonly answered: boolean;
}

/**
 * What the SDK, the network or an abort threw, as a PortError. Matches on `name` and `Code`: ELBv2 sends `TargetGroupNotFound` where the SDK
 * says `TargetGroupNotFoundException`, and SSM may send no message at all, which the SDK reports as "UnknownError".
 *
 * @param operation the API's name, `elbv2:ModifyRule`
 * @param call.signal the signal that the call was given: an abort of it is `aborted`, unless a time limit was the reason
 * @param call.endpoint where it was sent
 * @returns a PortError; or the error itself when nothing in it comes from outside, which makes it a bug
 */
export function toPortError(
  error: unknown,
  operation: string,
  { signal, endpoint }: { readonly signal?: AbortSignal | undefined; readonly endpoint?: string | undefined } = {},
): Error {
  if (error instanceof PortError) {
    return error;
  }
  const from = endpoint === undefined ? '' : ` from ${endpoint}`;
  if (error instanceof TimeLimit || (signal?.aborted === true && signal.reason instanceof TimeLimit)) {
    const { limit } = error instanceof TimeLimit ? error : (signal?.reason as TimeLimit);
    return portError('timeout', operation, `no answer${from} within ${limit / 1000} s`, { endpoint, cause: error });
  }
  if (signal?.aborted === true || (error instanceof Error && error.name === 'AbortError')) {
    const why = signal?.aborted === true ? `: ${messageOf(signal.reason)}` : '';
    return portError('aborted', operation, `the call was aborted${why}`, { cause: error });
  }
  if (error instanceof ForeignAnswer) {
    return portError('server', operation, error.message, { endpoint: error.endpoint, cause: error });
  }
  const wire = read(error);
  const kind = kindOf(wire, error);
  if (kind === undefined) {
    return error instanceof Error ? error : new Error(String(error));
  }
  return portError(kind, operation, describe(wire, kind, from), {
    // The SDK's own word for having no credentials at all: whoever words what to do tells it from a missing right.
    serviceCode: wire.code ?? (wire.name === 'CredentialsProviderError' ? wire.name : undefined),
    requestId: wire.requestId,
    endpoint,
    cause: error,
  });
}

/** A PortError whose message starts with the operation. */
export function portError(
  kind: PortErrorKind,
  operation: string,
  message: string,
  more: {
    readonly serviceCode?: string | undefined;
    readonly requestId?: string | undefined;
    readonly endpoint?: string | undefined;
    readonly cause?: unknown;
  } = {},
): PortError {
  const { serviceCode, requestId, endpoint, cause } = more;
  return new PortError({
    kind,
    operation,
    message: `${operation}: ${message}`,
    serviceCode,
    requestId,
    endpoint,
    cause,
  });
}

/** The same error in other words. */
export function reworded(error: PortError, message: string): PortError {
  const { kind, operation, serviceCode, requestId, endpoint } = error;
  return new PortError({ kind, operation, message, serviceCode, requestId, endpoint, cause: error });
}

/** Whether the service said that what was asked for does not exist. */
export const isNotFound = (error: unknown): boolean => error instanceof PortError && error.kind === 'not-found';

/** The list of an answer. One that is missing is not an empty list: the answer was not what the service sends. */
export function listed<T>(operation: string, field: string, list: readonly T[] | undefined): readonly T[] {
  if (list === undefined) {
    throw portError('server', operation, `the answer has no ${field}`);
  }
  return list;
}

function kindOf(wire: WireError, error: unknown): PortErrorKind | undefined {
  const said = wire.code === undefined ? undefined : kindOfCode(wire.code, wire.message);
  // The SDK calls a connection that was reset or refused a TimeoutError as well, so the socket's own code goes before the name.
  const known = said ?? networkCause(error) ?? kindOfCode(wire.name, wire.message);
  if (known !== undefined) {
    return known;
  }
  if (wire.status !== undefined) {
    return kindOfStatus(wire.status);
  }
  return wire.answered ? 'server' : undefined;
}

function kindOfCode(raw: string, message: string): PortErrorKind | undefined {
  const code = raw.replace(/Exception$/, '');
  const known = Object.hasOwn(kinds, code) ? kinds[code] : undefined;
  if (known !== undefined) {
    return known;
  }
  if (code === 'CredentialsProviderError') {
    return /expired|refresh/i.test(message) ? 'expired-credentials' : 'access-denied';
  }
  if (code === 'TimeoutError' || code === 'ETIMEDOUT') {
    return 'timeout';
  }
  if (/\.NotFound$|NotFound$/.test(code)) {
    return 'not-found';
  }
  return /AlreadyExists$|^Duplicate(Listener|TargetGroupName)/.test(code) ? 'already-exists' : undefined;
}

/** An answer without a code that we know: an HTML page of a proxy, an empty body, a new code. */
function kindOfStatus(status: number): PortErrorKind {
  switch (status) {
    case 401:
    case 403:
      return 'access-denied';
    case 408:
      return 'timeout';
    case 429:
      return 'throttled';
    default:
      return status >= 400 && status < 500 ? 'invalid' : 'server';
  }
}

/** The SDK wraps what the socket said; its code may be a few causes down. */
function networkCause(error: unknown, depth = 0): 'network' | 'timeout' | undefined {
  if (!(error instanceof Error) || depth > 5) {
    return undefined;
  }
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (code === 'ETIMEDOUT') {
    return 'timeout';
  }
  if (networkCodes.has(code) || error.message === 'socket hang up') {
    return 'network';
  }
  if (error instanceof AggregateError) {
    return networkCause(error.errors[0], depth + 1);
  }
  return networkCause(error.cause, depth + 1);
}

function read(error: unknown): WireError {
  if (!(error instanceof Error)) {
    return {
      name: '',
      code: undefined,
      message: String(error),
      status: undefined,
      requestId: undefined,
      answered: false,
    };
  }
  const metadata = '$metadata' in error ? record(error.$metadata) : undefined;
  const code = 'Code' in error && typeof error.Code === 'string' ? error.Code : undefined;
  // Errors of the service carry their code as name; those of the SDK and the socket are not codes of the service.
  const fromService = '$fault' in error && error.name !== 'Error' && error.name !== 'Unknown';
  return {
    name: error.name,
    code: code ?? (fromService ? error.name : undefined),
    message: error.message,
    status: typeof metadata?.['httpStatusCode'] === 'number' ? metadata['httpStatusCode'] : undefined,
    requestId: typeof metadata?.['requestId'] === 'string' ? metadata['requestId'] : undefined,
    answered: '$response' in error || metadata?.['httpStatusCode'] !== undefined,
  };
}

function record(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null ? { ...value } : undefined;
}

/** Where it went is part of it when it may be the wrong place: a refusal or a "slow down" of AWS is not. */
function describe(wire: WireError, kind: PortErrorKind, from: string): string {
  const { code, message, status } = wire;
  const said = message === '' || message === 'UnknownError' ? undefined : message;
  const text = [code, said].filter((part) => part !== undefined && part !== '').join(': ');
  if (kind === 'network' || kind === 'timeout') return `${text === '' ? 'no answer' : text}${from}`;
  if (text === '') return `failed without a message (HTTP ${status ?? 'unknown'}${from})`;
  return status === undefined || status < 500 ? text : `${text} (HTTP ${status}${from})`;
}
