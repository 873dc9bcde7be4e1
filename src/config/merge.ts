import type { Config } from './schema/index.js';
import type { Placement, Service } from './schema/service.js';

/** A service as it is in one environment. */
export interface PlacedService {
  readonly name: string;
  readonly service: Service;
  readonly placement: Placement;
}

/**
 * Services of an environment in rollout order, the environment's keys over the service's. Maps (`container`, `health`, `env`, `secrets`) are
 * merged key by key; everything else, lists too, is replaced.
 */
export function placedServices(config: Config, environment: string): PlacedService[] {
  const placements = new Map(Object.entries(config.environments[environment]?.services ?? {}));
  return Object.entries(config.services).flatMap(([name, service]) => {
    const placement = placements.get(name);
    return placement === undefined ? [] : [{ name, service: merge(service, placement), placement }];
  });
}

function merge(service: Service, over: Placement): Service {
  const { name = service.container.name, port = service.container.port } = over.container ?? {};
  const task = over.task ?? service.task;
  return {
    image: over.image ?? service.image,
    container: { ...(name === undefined ? {} : { name }), port },
    health: {
      path: over.health?.path ?? service.health.path,
      passes: over.health?.passes ?? service.health.passes,
      interval: over.health?.interval ?? service.health.interval,
      timeout: over.health?.timeout ?? service.health.timeout,
      'start-timeout': over.health?.['start-timeout'] ?? service.health['start-timeout'],
    },
    checks: over.checks ?? service.checks,
    env: { ...service.env, ...over.env },
    'env-files': over['env-files'] ?? service['env-files'],
    secrets: { ...service.secrets, ...over.secrets },
    run: over.run ?? service.run,
    command: over.command ?? service.command,
    'stop-timeout': over['stop-timeout'] ?? service['stop-timeout'],
    ...(task === undefined ? {} : { task }),
    rollback: over.rollback ?? service.rollback,
    warm: over.warm ?? service.warm,
    adopt: over.adopt ?? service.adopt,
  };
}
