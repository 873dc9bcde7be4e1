import type { Color } from '../../src/domain/ids.js';
import type { Release, RunSpec } from '../../src/domain/release.js';
import type { EnvironmentSettings, Layout, ProbeSettings } from '../../src/domain/settings.js';
import type { Promised } from './auditor.js';
import { Dice } from './dice.js';
import { Process } from './process.js';
import { toolboxOf } from './ports.js';
import { Timeline } from './timeline.js';
import type { Fate, ServiceShape } from './world/shape.js';
import { digestOf, fates, foreignGroup, gated, instanceId, shapeOf, zoneOf } from './world/shape.js';
import { World } from './world/world.js';

/** What a simulated rollout starts from. */
export interface Scenario {
  readonly strategy: 'rolling' | 'blue-green';
  readonly layout: Layout['is'];
  /** Services that the rollout changes; both are always there. */
  readonly change: 'backend' | 'frontend' | 'both';
  /** Instances that serve; the layout of two sets has as many again. */
  readonly fleet: number;
  readonly fate: Fate;
  /** What runs before: containers that someone started by hand, or an earlier release of ours. */
  readonly before: 'adopted' | 'released';
  readonly seed: number;
  /** What the environment has beyond the least. */
  readonly extras?: readonly Extra[];
}

/**
 * `gates`: a probe. `sticky`: group stickiness while the weights move. `task`: a one-off task. `quiet`: drains end when nobody is connected. `cold`: the standby
 * color is retired at once. `warm`: the standby color still runs the release before the previous one, registered and healthy. `shared`: a group of somebody else in every rule, beside a pair of weight 1.
 */
export const extras = ['gates', 'sticky', 'task', 'quiet', 'cold', 'warm', 'shared'] as const;
export type Extra = (typeof extras)[number];

export const has = (scenario: Pick<Scenario, 'extras'>, extra: Extra): boolean =>
  scenario.extras?.includes(extra) === true;

export const changed = ({ change }: Scenario): readonly string[] =>
  change === 'both' ? ['backend', 'frontend'] : [change];

export const describeScenario = (s: Scenario): string =>
  [
    `${s.strategy}/${s.layout}/${s.change}/${String(s.fleet)}/${s.fate}/${s.before}/${String(s.seed)}`,
    ...(s.extras ?? []),
  ].join('+');

export function parseScenario(text: string): Scenario {
  const [plain = '', ...named] = text.split('+');
  const [strategy, layout, change, fleet, fate, before, seed] = plain.split('/');
  const among = <T extends string>(value: string | undefined, ...known: T[]): T => {
    const found = known.find((each) => each === value);
    if (found === undefined) throw new Error(`scenario ${text}: ${String(value)} is none of ${known.join(', ')}`);
    return found;
  };
  return {
    strategy: among(strategy, 'rolling', 'blue-green'),
    layout: among(layout, 'ports', 'instances'),
    change: among(change, 'backend', 'frontend', 'both'),
    fleet: Number(fleet),
    fate: among(fate, ...fates, ...gated),
    before: among(before, 'adopted', 'released'),
    seed: Number(seed),
    ...(named.length === 0 ? {} : { extras: named.map((extra) => among(extra, ...extras)) }),
  };
}

/** Of one half of all seeds. Dice of its own, so that nothing else of a seed depends on it. */
const foreignTargetsOf = ({ seed }: Scenario): EnvironmentSettings['foreignTargets'] =>
  new Dice(seed * 130_363 + 7).chance(0.5) ? 'deregister' : 'refuse';

const maxParallel = (fleet: number): number => (fleet >= 5 ? 2 : 1);

export function promisedBy(scenario: Scenario): Promised {
  const { strategy, fleet } = scenario;
  return {
    strategy,
    maxParallel: maxParallel(fleet),
    allowDowntime: fleet === 1,
    foreignTargets: foreignTargetsOf(scenario),
    quiet: has(scenario, 'quiet'),
    changes: changed(scenario),
  };
}

/** The configuration of the simulated environment. Times are short and in the proportions of the defaults. */
export function settingsOf(scenario: Scenario): EnvironmentSettings {
  const { strategy, layout, fleet } = scenario;
  const shape = shapeOf(layout);
  return {
    app: 'shop',
    environment: 'sim',
    region: 'eu-central-1',
    fleet: { is: 'tags', tags: { App: 'shop' } },
    layout: layout === 'ports' ? { is: 'ports' } : { is: 'instances', tag: 'Color', values: { blue: 'b', green: 'g' } },
    strategy,
    maxParallel: { is: 'count', value: maxParallel(fleet) },
    allowDowntime: fleet === 1,
    pullParallel: { is: 'percent', value: 50 },
    foreignTargets: foreignTargetsOf(scenario),
    steps: [10, 100],
    ...(has(scenario, 'sticky') ? { stickySeconds: 20 } : {}),
    drain: has(scenario, 'quiet') ? 'quiet' : 'full',
    keep: 1,
    unreachable: 'refuse',
    timing: {
      settle: 8000,
      stabilize: 4000,
      bake: 8000,
      healthTimeout: 40_000,
      hostCommand: 40_000,
      pullTimeout: 60_000,
      quiet: 5000,
      drainCap: 60_000,
      rolloutDeadline: 900_000,
      hold: 30_000,
      poll: 2000,
    },
    lease: { ttl: 30_000, heartbeat: 10_000 },
    services: shape.services.map(({ name, colors, routes }) => {
      const color = (which: Color): { port: number; targetGroup: { is: 'arn'; arn: `arn:${string}` } } => ({
        port: colors[which].port,
        targetGroup: { is: 'arn', arn: colors[which].group },
      });
      const { image: _, ...bare } = specOf(name, 'old');
      const run = has(scenario, 'task') ? { ...bare, task: { command: ['migrate'], timeout: 20_000 } } : bare;
      return {
        name,
        repository: `shop/${name}`,
        containerName: name,
        run,
        colors: { blue: color('blue'), green: color('green') },
        routes: routes.map((arn) => ({ is: 'arn', arn })),
        warm: has(scenario, 'cold') ? 'none' : 'until-next',
      };
    }),
    gates: { probes: has(scenario, 'gates') ? changed(scenario).map(probeOf) : [], commands: [], inconclusive: 'pass' },
    validation: { probes: [], duration: 0, monitor: 0 },
  };
}

/** Asks a service through the load balancer, as its users do. */
function probeOf(service: string): ProbeSettings {
  const times = { interval: 1000, timeout: 1000 } as const;
  return {
    name: service,
    url: `http://shop/${service}`,
    service,
    status: [[200, 299]],
    ...times,
    successRate: 0.9,
    minSamples: 3,
  };
}

function specOf(service: string, tag: string): RunSpec {
  return {
    image: { repository: `shop/${service}`, tag, digest: digestOf(service, tag) },
    containerPort: 8080,
    env: {},
    envFiles: [],
    secrets: {},
    runOptions: ['--memory=512m'],
    command: [],
    stopTimeout: 4000,
    health: { path: '/health', passes: 3, interval: 1000, timeout: 1000, startTimeout: 6000 },
    checks: [],
    rollback: 'auto',
  };
}

const base: Release = {
  id: 'r-20261101-120000-0001',
  createdAt: Date.UTC(2026, 10, 1, 12),
  adopted: false,
  services: {
    backend: { release: 'r-20261101-120000-0001', spec: specOf('backend', 'old') },
    frontend: { release: 'r-20261101-120000-0001', spec: specOf('frontend', 'old') },
  },
};

/** The world before the rollout: `old` serves on blue, the images of the new release are in the registry. */
export async function worldOf(scenario: Scenario): Promise<World> {
  const world = new World(new Timeline(), shapeOf(scenario.layout), scenario.seed);
  const two = scenario.layout === 'instances';
  if (has(scenario, 'quiet')) world.balancer.drains = 25_000;
  for (let index = 1; index <= scenario.fleet * (two ? 2 : 1); index += 1) {
    const color = two ? (index <= scenario.fleet ? 'blue' : 'green') : undefined;
    world.addHost({ id: instanceId(index), zone: zoneOf(index), color });
  }
  for (const { name, colors, routes } of world.shape.services) {
    world.publish(digestOf(name, 'old'), 'good');
    world.publish(digestOf(name, 'new'), changed(scenario).includes(name) ? scenario.fate : 'good');
    world.publish(digestOf(name, 'newer'), 'good');
    const shared: readonly [`arn:${string}`, number][] = [
      [colors.blue.group, 1],
      [foreignGroup, 1],
    ];
    const weights = has(scenario, 'shared') ? new Map(shared) : new Map([[colors.blue.group, 100]]);
    if (has(scenario, 'warm')) weights.set(colors.green.group, 0);
    for (const route of routes) world.balancer.place(route, name, weights);
    for (const host of world.hosts.values()) {
      if (host.color === 'green') continue;
      const release = scenario.before === 'adopted' ? undefined : base.id;
      const digest = digestOf(name, 'old');
      const { port } = colors.blue;
      host.images.add(digest);
      host.add({
        service: name,
        color: 'blue',
        release,
        digest,
        port,
        status: 'running',
        restart: true,
        witnessed: true,
      });
      world.balancer.seat(colors.blue.group, host.id);
    }
    if (has(scenario, 'warm')) warmUp(world, name, colors.green);
  }
  if (scenario.before === 'released') for (const [name, value] of await history()) world.store.values.set(name, value);
  return world;
}

/** What served before the previous release, on the standby color. */
function warmUp(world: World, service: string, { port, group }: ServiceShape['colors']['green']): void {
  const digest = digestOf(service, 'older');
  world.publish(digest, 'good');
  for (const host of world.hosts.values()) {
    if (host.color === 'blue') continue;
    host.images.add(digest);
    const release = 'r-20261001-120000-0000';
    const box = { service, color: 'green', release, digest, port, restart: true, witnessed: true } as const;
    host.add({ ...box, status: 'running' });
    world.balancer.seat(group, host.id);
  }
}

let stored: Promise<ReadonlyMap<string, string>> | undefined;

/** What an earlier rollout left in Parameter Store, written by the code that writes it. */
function history(): Promise<ReadonlyMap<string, string>> {
  stored ??= write();
  return stored;
}

async function write(): Promise<ReadonlyMap<string, string>> {
  const world = new World(new Timeline(), shapeOf('ports'), 1);
  const process = new Process({ world, name: 'before', machine: 'before' });
  const scenario = {
    strategy: 'rolling',
    layout: 'ports',
    change: 'both',
    fleet: 1,
    fate: 'good',
    before: 'adopted',
  } as const;
  const { settings, state, actor } = toolboxOf(process, settingsOf({ ...scenario, seed: 1 }));
  let done = false;
  const work = async (): Promise<void> => {
    const { ttl, heartbeat } = settings.lease;
    const lease = await state.acquireLease({ actor, command: 'rollout', ttl, heartbeat, isAlive: () => undefined });
    await state.putRelease(base);
    const startedAt = base.createdAt;
    await state.writeOutcome(
      {
        schema: 1,
        generation: lease.generation,
        rollout: 'ro-20261101-120000-0001',
        kind: 'rollout',
        strategy: 'rolling',
        from: 'adopted-20261101-110000-0000',
        to: base.id,
        serving: base.id,
        outcome: 'succeeded',
        reason: 'every instance serves it',
        by: 'before',
        startedAt,
        endedAt: startedAt,
        images: {},
        excluded: [],
      },
      lease,
    );
    await lease.release();
    done = true;
  };
  const written = work();
  await world.timeline.drive(() => done, 600_000);
  await written;
  return world.store.values;
}
