import type * as Ec2 from './sdk/ec2.js';
import type * as Ecr from './sdk/ecr.js';
import type * as Elbv2 from './sdk/elbv2.js';
import type * as Ssm from './sdk/ssm.js';
import { PortError, TimeLimit } from '../domain/errors.js';
import type { Clock } from '../engine/ports.js';
import { watchAttempts, withAttempts } from './attempts.js';
import type { Watched } from './attempts.js';
import type { Clients, Loaded, Use } from './clients.js';
import { callLimit } from './clients.js';
import { within } from './deadline.js';
import { portError, toPortError } from './errors.js';
import type { Limiter, Quota } from './limiter.js';

export interface Call {
  /** The API's own name: `DescribeRules`. */
  readonly operation: string;
  readonly use: Use;
  readonly signal?: AbortSignal | undefined;
}

/** Runs one API call: takes its turn, sends, maps what goes wrong to a PortError. */
export type Caller<Sdk, Client> = <T>(
  call: Call,
  run: (sdk: Sdk, client: Client, options: { readonly abortSignal: AbortSignal }) => Promise<T>,
) => Promise<T>;

/** The one way out to AWS: every call of every adapter goes through here. */
export interface Calls {
  readonly clock: Clock;
  readonly ec2: Caller<typeof Ec2, Ec2.EC2Client>;
  readonly elbv2: Caller<typeof Elbv2, Elbv2.ElasticLoadBalancingV2Client>;
  readonly ssm: Caller<typeof Ssm, Ssm.SSMClient>;
  readonly ecr: (region: string) => Caller<typeof Ecr, Ecr.ECRClient>;
}

export function createCalls(clients: Clients, limiter: Limiter, clock: Clock): Calls {
  const caller =
    <Sdk, Client extends Watched>(
      service: string,
      load: (use: Use) => Promise<Loaded<Sdk, Client>>,
    ): Caller<Sdk, Client> =>
    async (call, run) => {
      const operation = `${service}:${call.operation}`;
      const quota = quotaOf(service, call);
      let sent = false;
      const attempts: { last?: unknown } = {};
      try {
        return await within(callLimit[call.use], call.signal, async (signal) => {
          try {
            const { sdk, client } = await load(call.use);
            watchAttempts(client);
            await limiter.take(quota, signal);
            sent = true;
            const answer = await withAttempts(attempts, () => run(sdk, client, { abortSignal: signal }));
            limiter.passed(quota);
            return answer;
          } catch (error) {
            throw toPortError(error, operation, signal);
          }
        });
      } catch (error) {
        if (!sent && isTimeLimit(error)) {
          throw portError('throttled', operation, 'not sent: too many calls are waiting for their turn', {
            cause: error,
          });
        }
        const known = withLast(toPortError(error, operation, call.signal), attempts.last, operation);
        if (known instanceof PortError && known.kind === 'throttled') {
          limiter.throttled(quota);
        }
        throw known;
      }
    };

  return {
    clock,
    ec2: caller('ec2', (use) => clients.ec2(use)),
    elbv2: caller('elbv2', (use) => clients.elbv2(use)),
    ssm: caller('ssm', (use) => clients.ssm(use)),
    ecr: (region) => caller('ecr', () => clients.ecr(region)),
  };
}

/** No answer in time: what the attempts before were answered is the reason. Only reads are repeated, so it is the whole truth. */
function withLast(error: Error, last: unknown, operation: string): Error {
  if (!(error instanceof PortError) || error.kind !== 'timeout' || last === undefined) return error;
  const said = toPortError(last, operation);
  if (!(said instanceof PortError) || said.kind === 'timeout' || said.kind === 'aborted') return error;
  const { kind, serviceCode, requestId } = said;
  const message = `${said.message} (and then: ${error.message.replace(`${operation}: `, '')})`;
  return new PortError({ kind, operation, message, serviceCode, requestId, cause: error });
}

function isTimeLimit(error: unknown): boolean {
  return error instanceof TimeLimit || (error instanceof PortError && error.kind === 'timeout');
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
