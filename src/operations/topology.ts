import { awsCalls } from '../domain/aws-calls.js';
import { DeployctlError, EXIT, fixFor, PortError } from '../domain/errors.js';
import type { Adopts, Slot } from '../domain/host.js';
import type { Color, RouteArn } from '../domain/ids.js';
import type { ColorPlan } from '../domain/plan.js';
import type { ServiceSettings } from '../domain/settings.js';
import { UnsendableRequest } from '../engine/host-port.js';
import type { GroupFacts } from '../engine/ports.js';
import type { Toolbox } from './toolbox.js';

/** A service with its names resolved to ARNs. */
export interface PlacedService {
  readonly settings: ServiceSettings;
  readonly colors: Readonly<Partial<Record<Color, ColorPlan>>>;
  readonly routes: readonly RouteArn[];
}

export interface Topology {
  readonly services: readonly PlacedService[];
  readonly groups: readonly GroupFacts[];
}

/** What a service may adopt, as the configuration says. */
export function adoptsOf({ repository, adopt }: ServiceSettings): Required<Adopts> {
  return { repository, containers: adopt ?? [] };
}

/** The slot of a service in one of its colors. Nothing is adopted for its image alone while nobody knows which color is live. */
export function placedSlot(
  { settings, colors }: PlacedService,
  color: Color,
  live: Color | undefined,
): Slot | undefined {
  const plan = colors[color];
  if (plan === undefined) return undefined;
  const { containers, repository } = adoptsOf(settings);
  return {
    service: settings.name,
    containerName: settings.containerName,
    color,
    port: plan.port,
    adopts: color === live ? { repository, containers } : { containers },
  };
}

/** Resolves the target groups and routes of the configuration. Nothing was changed when it rejects. */
export async function resolveTopology(box: Toolbox): Promise<Topology> {
  return beforeChange(async () => {
    const services = await Promise.all(box.settings.services.map((service) => place(box, service)));
    const arns = services.flatMap((service) => Object.values(service.colors).map(({ group }) => group));
    const groups = await box.traffic.groups([...new Set(arns)], box.signal);
    return { services: services.map((service) => withDrain(service, groups)), groups };
  });
}

function withDrain(service: PlacedService, groups: readonly GroupFacts[]): PlacedService {
  const colors: Partial<Record<Color, ColorPlan>> = {};
  for (const color of Object.values(service.colors)) {
    const facts = groups.find(({ arn }) => arn === color.group);
    colors[color.color] = facts === undefined ? color : { ...color, drain: facts.deregistrationDelay };
  }
  return { ...service, colors };
}

async function place(box: Toolbox, settings: ServiceSettings): Promise<PlacedService> {
  const colors: Partial<Record<Color, ColorPlan>> = {};
  const names: readonly Color[] = ['blue', 'green'];
  for (const color of names) {
    const wanted = settings.colors[color];
    if (wanted === undefined) continue;
    colors[color] = { color, port: wanted.port, group: await box.traffic.resolveGroup(wanted.targetGroup, box.signal) };
  }
  const routes = await Promise.all(settings.routes.map((route) => box.traffic.resolveRoute(route, box.signal)));
  return { settings, colors, routes };
}

/** Runs reads that come before the first change: what the outside refuses there is a refusal of the operation. */
export async function beforeChange<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof UnsendableRequest) {
      throw new DeployctlError({
        code: 'host.unsendable',
        message: `a command cannot be sent to the instances: ${error.message}. Nothing was changed`,
        exitCode: EXIT.refused,
        next: ['correct what is named above, in deployctl.yml or on the command line'],
        cause: error,
      });
    }
    if (!(error instanceof PortError) || error.kind === 'aborted') throw error;
    throw refusedBy(error);
  }
}

/** The end of an operation that has changed nothing yet, because a call to AWS failed. */
export function refusedBy(error: PortError): DeployctlError {
  const request = error.requestId === undefined ? '' : ` (request ${error.requestId})`;
  const left = mayHaveChanged(error)
    ? 'Whether it took effect is not known; nothing else was changed'
    : 'Nothing was changed';
  return new DeployctlError({
    code: `aws.${error.kind}`,
    message: `${error.message}${request}. ${left}`,
    exitCode: EXIT.refused,
    next: [fixFor(error)],
    cause: error,
  });
}

/** A change whose answer was lost. A command is not meant: before the first change it only looks. */
function mayHaveChanged({ operation, mayHaveTakenEffect }: PortError): boolean {
  const call = awsCalls.find((each) => each.operation === operation);
  return call?.use === 'change' && operation !== 'ssm:SendCommand' && mayHaveTakenEffect;
}
