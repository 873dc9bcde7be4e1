import { DeployctlError, EXIT, fixFor } from '../domain/errors.js';
import type { PortError } from '../domain/errors.js';
import type { HostRequest, SetAside } from '../domain/host.js';
import type { Instant } from '../domain/ids.js';
import type { Action, Spot } from '../domain/decision.js';
import type { HostFailure } from '../domain/observation.js';
import { NO_EFFECT, SET_ASIDE } from '../domain/observation.js';
import type { Plan } from '../domain/plan.js';
import { wanted } from '../domain/plan.js';
import type { HostReply } from './host-port.js';

/** The service whose containers a request is about. */
export function serviceOf(request: HostRequest): string | undefined {
  switch (request.phase) {
    case 'inspect':
    case 'quiet':
    case 'pull':
      return undefined;
    case 'task':
      return request.service;
    case 'start':
    case 'restore':
    case 'stop':
      return request.slot.service;
  }
}

/** What an instance said of a request that it could not do. */
export function failureOf(request: HostRequest, reply: Extract<HostReply, { ok: false }>, at: Instant): HostFailure {
  const service = serviceOf(request);
  const release = 'release' in request ? request.release : undefined;
  return {
    phase: request.phase,
    code: reply.code,
    message: reply.message,
    at,
    ...(service === undefined ? {} : { service }),
    ...(release === undefined ? {} : { release }),
    ...(reply.lastProbe === undefined ? {} : { lastProbe: reply.lastProbe }),
    ...(reply.exitCode === undefined ? {} : { exitCode: reply.exitCode }),
    ...(reply.oomKilled === undefined ? {} : { oomKilled: reply.oomKilled }),
    ...(reply.logTail === undefined ? {} : { logTail: reply.logTail }),
  };
}

/** A step that never has an effect, as the failure of each instance that it was for. */
export function failuresOf(
  plan: Plan,
  action: Exclude<Action, { is: 'weights' }>,
  message: string,
  at: Instant,
): readonly { readonly spot: Spot; readonly failure: HostFailure }[] {
  return spotsOf(plan, action).map((spot) => {
    const service = plan.services.find((each) => each.service === spot.service);
    const release = 'release' in action ? action.release : service && wanted(plan, service).release;
    const failure = { phase: action.is, service: spot.service, code: NO_EFFECT, message, at };
    return { spot, failure: { ...failure, ...(release === undefined ? {} : { release }) } };
  });
}

function spotsOf(plan: Plan, action: Exclude<Action, { is: 'weights' }>): readonly Spot[] {
  if ('color' in action) return [{ instance: action.instance, service: action.service, color: action.color }];
  if (!('targets' in action)) return [];
  return plan.services.flatMap(({ service, colors }) =>
    Object.values(colors)
      .filter(({ group }) => group === action.group)
      .flatMap(({ color }) => action.targets.map(({ instance }) => ({ instance, service, color }))),
  );
}

/** What became of a container, as its instance told when it was set aside. */
export function asideOf(
  request: Extract<HostRequest, { slot: unknown }>,
  { release, restarts, exitCode, oomKilled, logTail }: SetAside,
  at: Instant,
): HostFailure {
  const ended =
    oomKilled === true ? 'was killed for memory' : exitCode !== undefined || restarts > 0 ? 'ended' : undefined;
  const again = restarts > 0 ? `, and docker started it again (restarts: ${String(restarts)}),` : '';
  const became = ended === undefined ? 'ran until it was' : `${ended}${again} before it was`;
  return {
    phase: request.phase,
    code: SET_ASIDE,
    message: `${release} ${became} set aside`,
    at,
    service: request.slot.service,
    release,
    ...(exitCode === undefined ? {} : { exitCode }),
    ...(oomKilled === undefined ? {} : { oomKilled }),
    ...(logTail === undefined ? {} : { logTail }),
  };
}

/** The end of an operation whose identity may not do what it needs: it stands half-way. */
export function withoutRights({ environment }: Pick<Plan, 'environment'>, error: PortError): DeployctlError {
  return new DeployctlError({
    code: `aws.${error.kind}`,
    message: `${error.operation} was refused in the middle of the rollout: ${error.message}. The fleet is as it was after the last accepted change`,
    exitCode: EXIT.inProgress,
    next: [
      fixFor(error),
      `deployctl resume --env ${environment}     # then continues it`,
      `deployctl rollback --env ${environment}   # or undoes it`,
    ],
    cause: error,
  });
}
