import type { Color } from '../../src/domain/ids.js';
import type { Release, RunSpec } from '../../src/domain/release.js';
import type { EnvironmentSettings, Layout } from '../../src/domain/settings.js';
import type { Promised } from './auditor.js';
import { Process } from './process.js';
import { toolboxOf } from './ports.js';
import { Timeline } from './timeline.js';
import type { Fate } from './world/shape.js';
import { digestOf, fates, instanceId, shapeOf, zoneOf } from './world/shape.js';
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
}

export const changed = ({ change }: Scenario): readonly string[] =>
  change === 'both' ? ['backend', 'frontend'] : [change];

export const describeScenario = (s: Scenario): string =>
  `${s.strategy}/${s.layout}/${s.change}/${String(s.fleet)}/${s.fate}/${s.before}/${String(s.seed)}`;

export function parseScenario(text: string): Scenario {
  const [strategy, layout, change, fleet, fate, before, seed] = text.split('/');
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
    fate: among(fate, ...fates),
    before: among(before, 'adopted', 'released'),
    seed: Number(seed),
  };
}

const maxParallel = (fleet: number): number => (fleet >= 5 ? 2 : 1);

export function promisedBy({ strategy, fleet }: Scenario): Promised {
  return { strategy, maxParallel: maxParallel(fleet), allowDowntime: fleet === 1 };
}

/** The configuration of the simulated environment. Times are short and in the proportions of the defaults. */
export function settingsOf({ strategy, layout, fleet }: Scenario): EnvironmentSettings {
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
    steps: [10, 100],
    drain: 'full',
    keep: 1,
    unreachable: 'refuse',
    timing: {
      settle: 8000,
      minHealthy: 4000,
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
      const { image: _, ...run } = specOf(name, 'old');
      return {
        name,
        repository: `shop/${name}`,
        containerName: name,
        run,
        colors: { blue: color('blue'), green: color('green') },
        routes: routes.map((arn) => ({ is: 'arn', arn })),
        warm: { is: 'until-next' },
      };
    }),
    gates: { probes: [], commands: [], inconclusive: 'pass' },
    validation: { probes: [], duration: 0, monitor: 0 },
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
  for (let index = 1; index <= scenario.fleet * (two ? 2 : 1); index += 1) {
    const color = two ? (index <= scenario.fleet ? 'blue' : 'green') : undefined;
    world.addHost({ id: instanceId(index), zone: zoneOf(index), color });
  }
  for (const { name, colors, routes } of world.shape.services) {
    world.publish(digestOf(name, 'old'), 'good');
    world.publish(digestOf(name, 'new'), changed(scenario).includes(name) ? scenario.fate : 'good');
    world.publish(digestOf(name, 'newer'), 'good');
    for (const route of routes) world.balancer.place(route, name, new Map([[colors.blue.group, 100]]));
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
  }
  if (scenario.before === 'released') for (const [name, value] of await history()) world.store.values.set(name, value);
  return world;
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
