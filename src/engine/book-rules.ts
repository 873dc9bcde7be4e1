import type { PortError } from '../domain/errors.js';
import type { HostRequest } from '../domain/host.js';
import type { Ms } from '../domain/ids.js';
import { serviceOf } from './failure.js';

/**
 * Failures that say nothing of the release: the command is looked into and sent again. `no-docker` is one of them because engines are restarted, by
 * upgrades and by service managers; one that stays away is a host that cannot be looked at, and `timing.host-command` judges.
 */
export const INCONCLUSIVE: ReadonlySet<string> = new Set([
  'lock-timeout',
  'broken-output',
  'no-docker',
  'task-unknown',
]);

/** So often may the same step on an instance be lost before that counts as its failure. */
export const MOST_LOSSES = 3;

/** How much longer than its own time limit a command may stay open: delivery, and the agent's own delays. */
export const DELIVERY_GRACE: Ms = 90_000;

/** What SSM says of an instance that it does not take commands for; anything else that it finds invalid would be so for all instances. */
const aboutInstance = /^(?:InvalidInstanceId|UnsupportedPlatformType)/;

export const isAboutRequest = ({ serviceCode }: PortError): boolean =>
  serviceCode !== undefined && !aboutInstance.test(serviceCode);

/** `start backend`, `pull`. */
export function nameOf(request: HostRequest): string {
  return `${request.phase} ${serviceOf(request) ?? ''}`.trim();
}
