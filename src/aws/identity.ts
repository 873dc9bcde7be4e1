import type { Clock, IdentityPort } from '../engine/ports.js';
import type { Clients } from './clients.js';
import { callLimit } from './clients.js';
import { within } from './deadline.js';
import { toPortError } from './errors.js';

/**
 * Where credentials come from that the SDK renews by itself, so that their expiration is not an end: a role taken on, a web identity, SSO, a login, a
 * process, the container and the instance metadata service. Names are those that the SDK notes in `$source` (its feature ids).
 */
const renewed = /ASSUME_ROLE|WEB_ID|SSO|LOGIN|PROCESS|HTTP|IMDS/;

/**
 * When this process's credentials end: of fixed ones, as in a CI job that took on a role and passes it on in the environment. Reads
 * `AWS_CREDENTIAL_EXPIRATION` through the SDK's own provider. Fixed credentials without it end when they end: undefined.
 */
export function createIdentity(clients: Clients, clock: Clock): IdentityPort {
  return {
    async credentialsEnd(signal) {
      const operation = 'credentials';
      try {
        return await within(clock, callLimit.read, signal, async () => {
          const { client } = await clients.ssm('read');
          const { expiration, ...identity } = await client.config.credentials();
          const source = '$source' in identity ? identity.$source : undefined;
          const from = typeof source === 'object' && source !== null ? Object.keys(source) : [];
          const end = expiration?.getTime();
          return end === undefined || Number.isNaN(end) || from.some((name) => renewed.test(name)) ? undefined : end;
        });
      } catch (error) {
        throw toPortError(error, operation, { signal });
      }
    },
  };
}
