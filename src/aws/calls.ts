import type * as Ec2 from './sdk/ec2.js';
import type * as Ecr from './sdk/ecr.js';
import type * as Elbv2 from './sdk/elbv2.js';
import type * as Ssm from './sdk/ssm.js';
import type { AwsOperation } from '../domain/aws-calls.js';
import { PortError, TimeLimit } from '../domain/errors.js';
import type { Ms } from '../domain/ids.js';
import type { Clock } from '../engine/ports.js';
import type { Clients, Loaded, Use } from './clients.js';
import { callLimit, readAttemptLimit } from './clients.js';
import { within } from './deadline.js';
import { portError, reworded, toPortError } from './errors.js';
import type { Limiter, Quota } from './limiter.js';
import type { Notices } from './notices.js';
import { createStandIn } from './stand-in.js';
import type { StandIn } from './stand-in.js';
import { createCallWaits } from './waits.js';

/** The operations of one service, as its API calls them: `DescribeRules`. */
type OperationOf<Service extends string> = AwsOperation extends infer Each
  ? Each extends `${Service}:${infer Operation}`
    ? Operation
    : never
  : never;

export interface Call<Operation extends string = string> {
  readonly operation: Operation;
  readonly use: Use;
  readonly signal?: AbortSignal | undefined;
  /** Told of each attempt that has failed and is repeated. */
  readonly repeats?: ((error: PortError) => void) | undefined;
}

/** Runs one API call: takes its turn, sends, repeats a read while that may help, maps what goes wrong to a PortError. */
export type Caller<Service extends string, Sdk, Client> = <T>(
  call: Call<OperationOf<Service>>,
  run: (sdk: Sdk, client: Client, options: { readonly abortSignal: AbortSignal }) => Promise<T>,
) => Promise<T>;

/** The one way out to AWS: every call of every adapter goes through here. */
export interface Calls {
  readonly clock: Clock;
  readonly standIn: StandIn;
  /** Calls that are under way go on, and nobody is told of them. */
  readonly close: () => void;
  readonly ec2: Caller<'ec2', typeof Ec2, Ec2.EC2Client>;
  readonly elbv2: Caller<'elbv2', typeof Elbv2, Elbv2.ElasticLoadBalancingV2Client>;
  readonly ssm: Caller<'ssm', typeof Ssm, Ssm.SSMClient>;
  readonly ecr: (region: string) => Caller<'ecr', typeof Ecr, Ecr.ECRClient>;
}

const mostAttempts = 5;
/** Doubled with each attempt, and drawn from its upper half. What is throttled waits longer. */
const firstPause: Readonly<Record<'throttled' | 'other', Ms>> = { throttled: 500, other: 100 };

/** What one call has come to so far. */
interface Trip {
  stage: 'credentials' | 'turn' | 'sent';
  attempts: number;
  /** What the attempt before was answered. */
  last: PortError | undefined;
  endpoint: () => string | undefined;
}

export function createCalls(
  clients: Clients,
  limiter: Limiter,
  clock: Clock,
  options: { readonly region: string; readonly notices?: Notices },
): Calls {
  const notices: Notices = options.notices ?? (() => undefined);
  const waits = createCallWaits(clock, ({ operation, seconds, isOpen, last }) => {
    const after = `(${String(seconds)} s)`;
    const said = last === undefined ? '' : `; the last attempt: ${last}`;
    const where = `${operation} in ${options.region}`;
    notices('info', isOpen ? `waiting for ${where} ${after}${said}` : `no good answer of ${where} yet ${after}${said}`);
  });

  const caller =
    <Service extends string, Sdk, Client>(
      service: Service,
      load: (use: Use) => Promise<Loaded<Sdk, Client>>,
    ): Caller<Service, Sdk, Client> =>
    async (call, run) => {
      const operation = `${service}:${call.operation}`;
      const quota = quotaOf(service, call);
      const open = waits.begin(operation);
      const trip: Trip = { stage: 'credentials', attempts: 0, last: undefined, endpoint: () => undefined };
      const start = clock.monotonic();

      const attempt = async (loaded: Loaded<Sdk, Client>, signal: AbortSignal) => {
        const send = (inner: AbortSignal) => run(loaded.sdk, loaded.client, { abortSignal: inner });
        // A change has one attempt, which the limit of the call ends.
        return call.use === 'read' ? within(clock, readAttemptLimit, signal, send) : send(signal);
      };
      const travel = async (signal: AbortSignal) => {
        const loaded = await load(call.use);
        trip.endpoint = loaded.endpoint;
        await loaded.credentials();
        trip.stage = 'turn';
        await limiter.take(quota, signal);
        trip.stage = 'sent';
        for (;;) {
          trip.attempts += 1;
          try {
            const answer = await attempt(loaded, signal);
            limiter.passed(quota);
            return answer;
          } catch (error) {
            signal.throwIfAborted();
            const known = toPortError(error, operation, { endpoint: trip.endpoint() });
            if (!(known instanceof PortError) || !mayHelp(call, known, error) || trip.attempts >= mostAttempts)
              throw known;
            trip.last = known;
            open.failed(said(known));
            call.repeats?.(known);
            await clock.sleep(pauseAfter(trip.attempts, known), signal);
          }
        }
      };

      try {
        const answer = await within(clock, callLimit[call.use], call.signal, travel);
        open.ends('answered');
        return answer;
      } catch (error) {
        const known = explained(error, { operation, call, trip, took: clock.monotonic() - start });
        open.ends(known instanceof PortError ? endOf(known, open) : 'given-up');
        if (known instanceof PortError && known.kind === 'throttled' && trip.stage !== 'credentials') {
          limiter.throttled(quota);
        }
        throw known;
      }
    };

  return {
    clock,
    standIn: createStandIn(clock, notices),
    close: () => {
      waits.close();
    },
    ec2: caller('ec2', (use) => clients.ec2(use)),
    elbv2: caller('elbv2', (use) => clients.elbv2(use)),
    ssm: caller('ssm', (use) => clients.ssm(use)),
    ecr: (region) => caller('ecr', () => clients.ecr(region)),
  };
}

/** Whether another attempt may do better. The SDK notes when it has corrected its clock by what the service answered. */
function mayHelp(call: Call, { kind }: PortError, error: unknown): boolean {
  if (call.use !== 'read') return false;
  return (
    kind === 'throttled' || kind === 'timeout' || kind === 'network' || kind === 'server' || isClockCorrected(error)
  );
}

function isClockCorrected(error: unknown): boolean {
  if (!(error instanceof Error) || !('$metadata' in error)) return false;
  const metadata = error.$metadata;
  return (
    typeof metadata === 'object' &&
    metadata !== null &&
    'clockSkewCorrected' in metadata &&
    metadata.clockSkewCorrected === true
  );
}

function pauseAfter(attempt: number, { kind }: PortError): Ms {
  const full = firstPause[kind === 'throttled' ? 'throttled' : 'other'] * 2 ** (attempt - 1);
  return Math.round(full * (0.5 + Math.random() / 2));
}

/** Whether the service works, and said no to what was asked. */
function endOf(error: PortError, open: { failed(why: string): void }): 'answered' | 'failed' | 'given-up' {
  switch (error.kind) {
    case 'not-found':
    case 'already-exists':
    case 'invalid':
    case 'conflict':
      return 'answered';
    case 'aborted':
      return 'given-up';
    default:
      open.failed(said(error));
      return 'failed';
  }
}

/** Why the call has failed. A time limit says least: what the attempts before were answered says more. */
function explained(
  error: unknown,
  { operation, call, trip, took }: { operation: string; call: Call; trip: Trip; took: Ms },
): Error {
  const { stage, attempts, last } = trip;
  const endpoint = trip.endpoint();
  const limit = timeLimitOf(error, call.signal);
  if (limit !== undefined && stage === 'credentials') {
    const text = `not sent: no AWS credentials within ${String(limit.limit / 1000)} s`;
    return portError('throttled', operation, text, { serviceCode: 'CredentialsProviderError', cause: error });
  }
  if (limit !== undefined && stage === 'turn') {
    return portError('throttled', operation, 'not sent: too many calls are waiting for their turn', { cause: error });
  }
  const known =
    limit !== undefined && last !== undefined ? last : toPortError(error, operation, { signal: call.signal, endpoint });
  if (!(known instanceof PortError) || attempts < 2 || known.kind === 'aborted') return known;
  return reworded(known, `${known.message} (${String(attempts)} attempts in ${String(Math.round(took / 1000))} s)`);
}

function timeLimitOf(error: unknown, signal: AbortSignal | undefined): TimeLimit | undefined {
  if (error instanceof TimeLimit) return error;
  return signal?.aborted === true && signal.reason instanceof TimeLimit ? signal.reason : undefined;
}

/** The message without the operation that it begins with. */
function said({ message, operation }: PortError): string {
  return message.startsWith(`${operation}: `) ? message.slice(operation.length + 2) : message;
}

function quotaOf(service: string, call: Call): Quota {
  switch (service) {
    case 'ec2':
      return 'ec2.read';
    case 'ecr':
      return 'ecr.read';
    case 'elbv2':
      return `elbv2.${call.use}`;
    default:
      return /Parameter/.test(call.operation) ? `parameters.${call.use}` : `ssm.${call.use}`;
  }
}

/**
 * Reads all pages. A page may be empty and still have a successor (GetParametersByPath: "between zero and MaxResults"), so only the token ends the
 * loop. Rejects with `server` when the service gives the token back that it was given.
 */
export async function allPages<T>(
  operation: string,
  read: (token: string | undefined) => Promise<{ readonly items: readonly T[]; readonly next: string | undefined }>,
): Promise<readonly T[]> {
  const all: T[] = [];
  let token: string | undefined;
  do {
    const page = await read(token);
    all.push(...page.items);
    if (page.next !== undefined && page.next !== '' && page.next === token) {
      throw portError('server', operation, `the answer repeats the page token ${token}`);
    }
    token = page.next === '' ? undefined : page.next;
  } while (token !== undefined);
  return all;
}

/** Parts of at most `size`, in order. */
export function chunks<T>(items: readonly T[], size: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );
}
