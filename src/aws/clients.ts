import type * as Ec2 from './sdk/ec2.js';
import type * as Ecr from './sdk/ecr.js';
import type * as Elbv2 from './sdk/elbv2.js';
import type * as Ssm from './sdk/ssm.js';
import type { SSMClientConfig } from '@aws-sdk/client-ssm';
import type { Ms } from '../domain/ids.js';
import { watchAnswers } from './foreign-answers.js';
import { version } from './version.js';

/**
 * `read`: repeated while that may help (calls.ts). `change`: one attempt, because a change whose answer was lost may have taken effect
 * (SendCommand has no client token: the script would run a second time).
 */
export type Use = 'read' | 'change';

/** How long one call may take, from the moment it is asked for (waiting for the rate limit included) to its answer. Milliseconds. */
export const callLimit: Readonly<Record<Use, Ms>> = { read: 20_000, change: 10_000 };

const connectTimeout: Ms = 3_000;
/** One attempt of a read. A silent endpoint would else hold the SDK for ever: it has no timeout of its own. */
export const readAttemptLimit: Ms = 6_000;

export interface Loaded<Sdk, Client> {
  readonly sdk: Sdk;
  readonly client: Client;
  /** Where the last request went: `https://ssm.eu-central-1.amazonaws.com`. undefined: none was made yet. */
  readonly endpoint: () => string | undefined;
  /** Resolves when there are credentials: a process, SSO and the metadata service may take long, or hang. */
  readonly credentials: () => Promise<unknown>;
}

/** How requests travel. */
export type RequestHandler = NonNullable<SSMClientConfig['requestHandler']>;

/** SDK clients, made when first used: importing one costs time that not every command has to spend. */
export interface Clients {
  ec2(use: Use): Promise<Loaded<typeof Ec2, Ec2.EC2Client>>;
  elbv2(use: Use): Promise<Loaded<typeof Elbv2, Elbv2.ElasticLoadBalancingV2Client>>;
  ssm(use: Use): Promise<Loaded<typeof Ssm, Ssm.SSMClient>>;
  /** ECR answers in the region of the repository only. */
  ecr(region: string): Promise<Loaded<typeof Ecr, Ecr.ECRClient>>;
  /** Closes the sockets of all clients. */
  close(): void;
}

/**
 * Endpoint and credentials come from the environment and the profile, as for any AWS tool.
 * @param requestHandler in place of the SDK's own HTTP
 */
export function createClients(region: string, requestHandler?: RequestHandler): Clients {
  const open: { destroy(): void }[] = [];
  /** Of the first client; the others take it over, so that SSO, a process or the metadata service is asked once. */
  let credentials: SSMClientConfig['credentials'];
  const memory = new Map<string, Promise<unknown>>();

  const config = (use: Use, where: string) => ({
    region: where,
    // Repeated in calls.ts: there the time is known that is left, and what the attempts before were answered.
    maxAttempts: 1,
    retryMode: 'standard' as const,
    requestHandler: requestHandler ?? {
      connectionTimeout: connectTimeout,
      requestTimeout: use === 'read' ? readAttemptLimit : callLimit.change,
      throwOnRequestTimeout: true,
      // A connection that was idle may be reset by the other side at the moment of use. A read is repeated; a change would be left
      // unknown, so each gets a connection of its own.
      httpAgent: { keepAlive: use === 'read', maxSockets: 25 },
      httpsAgent: { keepAlive: use === 'read', maxSockets: 25 },
    },
    customUserAgent: [['deployctl', VERSION]] as [string, string][],
    ...(credentials === undefined ? {} : { credentials }),
  });

  const once = async <T>(key: string, make: () => Promise<T>): Promise<T> => {
    const made = (memory.get(key) as Promise<T> | undefined) ?? make();
    memory.set(key, made);
    return made;
  };

  const keep = <
    C extends {
      readonly middlewareStack: object;
      destroy(): void;
      readonly config: { readonly credentials: typeof credentials };
    },
  >(
    client: C,
  ): Pick<Loaded<unknown, C>, 'client' | 'endpoint' | 'credentials'> => {
    open.push(client);
    credentials ??= client.config.credentials;
    const ready = async (): Promise<unknown> =>
      typeof client.config.credentials === 'function' ? client.config.credentials() : client.config.credentials;
    return { client, endpoint: watchAnswers(client), credentials: ready };
  };

  return {
    ec2: (use) =>
      once(`ec2.${use}`, async () => {
        quiet();
        const sdk = await import('./sdk/ec2.js');
        return { sdk, ...keep(new sdk.EC2Client(config(use, region))) };
      }),
    elbv2: (use) =>
      once(`elbv2.${use}`, async () => {
        quiet();
        const sdk = await import('./sdk/elbv2.js');
        return { sdk, ...keep(new sdk.ElasticLoadBalancingV2Client(config(use, region))) };
      }),
    ssm: (use) =>
      once(`ssm.${use}`, async () => {
        quiet();
        const sdk = await import('./sdk/ssm.js');
        return { sdk, ...keep(new sdk.SSMClient(config(use, region))) };
      }),
    ecr: (where) =>
      once(`ecr.${where}`, async () => {
        quiet();
        const sdk = await import('./sdk/ecr.js');
        return { sdk, ...keep(new sdk.ECRClient(config('read', where))) };
      }),
    close() {
      for (const client of open.splice(0)) {
        client.destroy();
      }
      memory.clear();
    },
  };
}

/** Read at start: the installation may be replaced while a command runs. */
const VERSION = version();

/** The SDK warns on stderr that it will drop Node 20 in 2027; that is for us to act on, not for whoever runs a rollout. */
function quiet(): void {
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true';
}
