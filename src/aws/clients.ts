import { readFileSync } from 'node:fs';
import type * as Ec2 from './sdk/ec2.js';
import type * as Ecr from './sdk/ecr.js';
import type * as Elbv2 from './sdk/elbv2.js';
import type * as Ssm from './sdk/ssm.js';
import type { SSMClientConfig } from '@aws-sdk/client-ssm';
import type { Ms } from '../domain/ids.js';

/**
 * `read`: repeated by the SDK, in adaptive mode. `change`: one attempt, because a change whose answer was lost may have taken effect
 * (SendCommand has no client token: the SDK would run the script a second time).
 */
export type Use = 'read' | 'change';

/** How long one call may take, from the moment it is asked for (waiting for the rate limit included) to its answer. Milliseconds. */
export const callLimit: Readonly<Record<Use, Ms>> = { read: 20_000, change: 10_000 };

const connectTimeout: Ms = 3_000;
/** One attempt of a read. A silent endpoint would else hold the SDK for ever: it has no timeout of its own. */
const readAttemptTimeout: Ms = 6_000;

export interface Loaded<Sdk, Client> {
  readonly sdk: Sdk;
  readonly client: Client;
}

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

/** Endpoint and credentials come from the environment and the profile, as for any AWS tool. */
export function createClients(region: string): Clients {
  const open: { destroy(): void }[] = [];
  /** Of the first client; the others take it over, so that SSO, a process or the metadata service is asked once. */
  let credentials: SSMClientConfig['credentials'];
  const memory = new Map<string, Promise<unknown>>();

  const config = (use: Use, where: string) => ({
    region: where,
    ...(use === 'read'
      ? { maxAttempts: 5, retryMode: 'adaptive' as const }
      : { maxAttempts: 1, retryMode: 'standard' as const }),
    requestHandler: {
      connectionTimeout: connectTimeout,
      requestTimeout: use === 'read' ? readAttemptTimeout : callLimit.change,
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

  const keep = <C extends { destroy(): void; readonly config: { readonly credentials: typeof credentials } }>(
    client: C,
  ): C => {
    open.push(client);
    credentials ??= client.config.credentials;
    return client;
  };

  return {
    ec2: (use) =>
      once(`ec2.${use}`, async () => {
        quiet();
        const sdk = await import('./sdk/ec2.js');
        return { sdk, client: keep(new sdk.EC2Client(config(use, region))) };
      }),
    elbv2: (use) =>
      once(`elbv2.${use}`, async () => {
        quiet();
        const sdk = await import('./sdk/elbv2.js');
        return { sdk, client: keep(new sdk.ElasticLoadBalancingV2Client(config(use, region))) };
      }),
    ssm: (use) =>
      once(`ssm.${use}`, async () => {
        quiet();
        const sdk = await import('./sdk/ssm.js');
        return { sdk, client: keep(new sdk.SSMClient(config(use, region))) };
      }),
    ecr: (where) =>
      once(`ecr.${where}`, async () => {
        quiet();
        const sdk = await import('./sdk/ecr.js');
        return { sdk, client: keep(new sdk.ECRClient(config('read', where))) };
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

function version(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  return typeof manifest === 'object' && manifest !== null && 'version' in manifest
    ? String(manifest.version)
    : 'unknown';
}
