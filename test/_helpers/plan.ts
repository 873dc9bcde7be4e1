import type { Color, Digest, InstanceId, ServiceName } from '../../src/domain/ids.js';
import type { FleetInstance } from '../../src/domain/observation.js';
import type { How, Plan, ServicePlan } from '../../src/domain/plan.js';
import type { Release, RunSpec, ServiceRelease } from '../../src/domain/release.js';
import type { Layout, Timing } from '../../src/domain/settings.js';

export const START = Date.UTC(2026, 10, 24, 12, 0, 0);

export const timing: Timing = {
  settle: 60_000,
  stabilize: 10_000,
  bake: 30_000,
  healthTimeout: 120_000,
  hostCommand: 120_000,
  pullTimeout: 300_000,
  quiet: 5000,
  drainCap: 400_000,
  rolloutDeadline: 3_600_000,
  hold: 600_000,
  poll: 5_000,
};

export const ports: Layout = { is: 'ports' };
export const twoSets: Layout = { is: 'instances', tag: 'Color', values: { blue: 'blue', green: 'green' } };

export const digestOf = (letter: string): Digest => `sha256:${letter.repeat(64)}`;

export function specOf(service: ServiceName, tag: string, digest: Digest): RunSpec {
  return {
    image: { repository: `shop/${service}`, tag, digest },
    containerPort: 8080,
    env: {},
    envFiles: [],
    secrets: {},
    runOptions: [],
    command: [],
    stopTimeout: 10_000,
    health: { path: '/health', passes: 3, interval: 1000, timeout: 1000, startTimeout: 60_000 },
    checks: [],
    rollback: 'auto',
  };
}

/** Release ids that tests know: `old` runs before, `new` is rolled out, `older` is what an idle color may still run. */
export function serviceRelease(service: ServiceName, name: 'older' | 'old' | 'new' | 'none'): ServiceRelease {
  const letter = { older: '1', old: '2', new: '3', none: '0' }[name];
  const release = name === 'none' ? 'none' : `r-${name}`;
  return { release, spec: specOf(service, name, digestOf(letter)) };
}

const basePort: Readonly<Record<ServiceName, number>> = { backend: 8080, frontend: 3000 };

export function servicePlan(service: ServiceName, more: Partial<ServicePlan> = {}): ServicePlan {
  const port = basePort[service] ?? 9000;
  return {
    service,
    containerName: service,
    colors: {
      blue: { color: 'blue', port, group: `arn:tg/${service}-blue` },
      green: { color: 'green', port: port + 1, group: `arn:tg/${service}-green` },
    },
    routes: [`arn:rule/${service}`],
    live: 'blue',
    from: serviceRelease(service, 'old'),
    to: serviceRelease(service, 'new'),
    warm: 'until-next',
    adopts: { repository: `shop/${service}`, containers: [] },
    ...more,
  };
}

export const rollingHow: Extract<How, { is: 'rolling' }> = {
  is: 'rolling',
  maxParallel: { is: 'count', value: 1 },
  allowDowntime: false,
};
export const blueGreenHow: Extract<How, { is: 'blue-green' }> = { is: 'blue-green', steps: [10, 50, 100] };

export function planOf(how: How, more: Partial<Plan> = {}): Plan {
  const services = more.services ?? [servicePlan('backend')];
  const side = (of: 'from' | 'to'): Release => ({
    id: of === 'from' ? 'r-old' : 'r-new',
    createdAt: START,
    adopted: false,
    services: Object.fromEntries(services.map((service) => [service.service, service[of]])),
  });
  return {
    rollout: 'ro-1',
    generation: 1,
    kind: 'rollout',
    app: 'shop',
    environment: 'test',
    aim: { to: 'new', epoch: 0 },
    from: side('from'),
    to: side('to'),
    services,
    scope: { is: 'tags', tags: { App: 'shop' } },
    layout: ports,
    how,
    pullParallel: { is: 'percent', value: 50 },
    drain: 'full',
    keep: 1,
    timing,
    gates: { probes: [], commands: [], inconclusive: 'pass' },
    foreignTargets: 'refuse',
    excluded: [],
    startedAt: START,
    deadline: START + timing.rolloutDeadline,
    weightsBefore: new Map(),
    stickinessBefore: new Map(),
    ...more,
  };
}

/** `i-00000001`, in alternating zones. */
export function instanceOf(index: number, color?: Color): FleetInstance {
  const id: InstanceId = `i-${String(index).padStart(8, '0')}`;
  const zone = index % 2 === 1 ? 'a' : 'b';
  const address = `10.0.0.${String(index)}`;
  return {
    id,
    name: `web-${String(index)}`,
    zone,
    address,
    agent: 'online',
    ...(color === undefined ? {} : { color }),
  };
}
