import type {
  AccountPort,
  Clock,
  FleetPort,
  IdentityPort,
  ImagesPort,
  ParameterPort,
  RunnerPort,
  TrafficPort,
} from '../engine/ports.js';
import { createAccount } from './account.js';
import { createCalls } from './calls.js';
import { createClients } from './clients.js';
import type { RequestHandler } from './clients.js';
import { createFleet } from './fleet.js';
import { createIdentity } from './identity.js';
import { createImages } from './images.js';
import { createLimiter } from './limiter.js';
import type { Quota, Rate } from './limiter.js';
import type { Notices } from './notices.js';
import { createParameters } from './parameters.js';
import { createRunner } from './runner.js';
import { createTraffic } from './traffic.js';

export { callLimit } from './clients.js';
export type { RequestHandler } from './clients.js';
export { localRates } from './limiter.js';

/** AWS in one region. */
export interface Aws {
  readonly fleet: FleetPort;
  readonly traffic: TrafficPort;
  readonly runner: RunnerPort;
  readonly parameters: ParameterPort;
  readonly images: ImagesPort;
  readonly identity: IdentityPort;
  readonly account: AccountPort;
  /** Closes idle connections. A call after it opens new ones. */
  close(): void;
}

/**
 * Loads nothing and calls nothing by itself. Credentials, profile and `AWS_ENDPOINT_URL` are read by the SDK when the first call is made.
 * One per region and process: its rate limits hold between its own callers.
 */
export function createAws(options: {
  readonly region: string;
  readonly clock: Clock;
  /** Call rates instead of those that leave room in an AWS account; an endpoint of one's own may take more. */
  readonly rates?: Readonly<Record<Quota, Rate>>;
  readonly notices?: Notices;
  /** In place of the SDK's own HTTP. */
  readonly requestHandler?: RequestHandler;
}): Aws {
  const { region, clock, rates, notices, requestHandler } = options;
  const clients = createClients(region, requestHandler);
  const calls = createCalls(clients, createLimiter(clock, rates), clock, {
    region,
    ...(notices === undefined ? {} : { notices }),
  });
  return {
    fleet: createFleet(calls),
    traffic: createTraffic(calls),
    runner: createRunner(calls),
    parameters: createParameters(calls),
    images: createImages(calls),
    identity: createIdentity(clients, clock),
    account: createAccount(calls),
    close: () => {
      calls.close();
      clients.close();
    },
  };
}
