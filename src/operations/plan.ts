import type { Color, InstanceId, Instant, Ms, RolloutId, RouteArn } from '../domain/ids.js';
import type { How, Plan, ServicePlan } from '../domain/plan.js';
import type { Release } from '../domain/release.js';
import { NO_RELEASE } from '../domain/release.js';
import type { RolloutRecord } from '../domain/record.js';
import type { Amount, EnvironmentSettings } from '../domain/settings.js';
import type { Survey } from './survey.js';
import { adoptsOf } from './topology.js';
import type { Topology } from './topology.js';

/** What flags change of the configured strategy. */
export interface HowOptions {
  readonly strategy?: 'rolling' | 'blue-green';
  readonly maxParallel?: Amount;
  readonly steps?: readonly number[];
  readonly bake?: Ms;
  readonly skipValidation?: boolean;
}

export function howOf(settings: EnvironmentSettings, options: HowOptions): How {
  const strategy = options.strategy ?? settings.strategy;
  if (strategy === 'rolling') {
    return {
      is: 'rolling',
      maxParallel: options.maxParallel ?? settings.maxParallel,
      allowDowntime: settings.allowDowntime,
      ...(settings.minimumHealthy === undefined ? {} : { minimumHealthy: settings.minimumHealthy }),
    };
  }
  return {
    is: 'blue-green',
    steps: options.steps ?? settings.steps,
    ...(settings.stickySeconds === undefined ? {} : { stickySeconds: settings.stickySeconds }),
  };
}

/** The services of a plan that moves `from` → `to`; those that neither release has are left out. */
export function servicePlans(
  topology: Topology,
  { live, adopts }: Pick<RolloutRecord, 'live' | 'adopts'>,
  from: Release,
  to: Release,
): readonly ServicePlan[] {
  return topology.services.flatMap((service): readonly ServicePlan[] => {
    const { name, containerName, warm } = service.settings;
    const after = to.services[name] ?? from.services[name];
    const before = from.services[name] ?? after;
    // A service that runs nowhere, and for which no image is named, is none of this rollout's business.
    if (before === undefined || after === undefined || after.release === NO_RELEASE) return [];
    const { colors, routes } = service;
    return [
      {
        service: name,
        containerName,
        colors,
        routes,
        live: live[name] ?? 'blue',
        from: before,
        to: after,
        warm,
        adopts: adopts?.[name] ?? adoptsOf(service.settings),
      },
    ];
  });
}

/** A plan from the record that was, or is about to be, stored: a rollout and its resume are the same plan. */
export function planOf(
  settings: EnvironmentSettings,
  topology: Topology,
  record: RolloutRecord,
  from: Release,
  to: Release,
): Plan {
  const fast = record.skipValidation === true || record.kind === 'rollback';
  const { timing, gates } = record.asked ?? settings;
  return {
    rollout: record.id,
    generation: record.generation,
    kind: record.kind,
    app: settings.app,
    environment: settings.environment,
    aim: record.aim,
    from,
    to,
    services: servicePlans(topology, record, from, to),
    scope: settings.fleet,
    layout: settings.layout,
    how: record.how,
    pullParallel: settings.pullParallel,
    drain: settings.drain,
    keep: settings.keep,
    timing: fast ? { ...timing, bake: 0 } : timing,
    gates: fast ? { probes: [], commands: [], inconclusive: 'pass' } : gates,
    foreignTargets: settings.foreignTargets,
    excluded: record.excluded,
    startedAt: record.startedAt,
    deadline: record.deadline,
    weightsBefore: byRoute(record.weightsBefore),
    stickinessBefore: byRoute(record.stickinessBefore),
  };
}

function byRoute<T>(record: Readonly<Record<RouteArn, T>>): ReadonlyMap<RouteArn, T> {
  const entries: [RouteArn, T][] = [];
  for (const [route, value] of Object.entries<T>(record)) {
    if (route.startsWith('arn:')) entries.push([`arn:${route.slice(4)}`, value]);
  }
  return new Map(entries);
}

/** The record of a rollout that is about to begin: intent, and how the world was. */
export function newRecord(intent: {
  readonly id: RolloutId;
  readonly kind: RolloutRecord['kind'];
  readonly generation: number;
  readonly by: string;
  readonly now: Instant;
  readonly deadline: Instant;
  readonly from: Release;
  readonly to: Release;
  readonly how: How;
  readonly live: Readonly<Record<string, Color>>;
  readonly seen: Survey;
  readonly excluded: readonly InstanceId[];
  readonly skipValidation: boolean;
  /** Instead of `timing.bake`. */
  readonly bake?: Ms;
  readonly settings: EnvironmentSettings;
}): RolloutRecord {
  const { seen, settings } = intent;
  return {
    schema: 1,
    id: intent.id,
    kind: intent.kind,
    generation: intent.generation,
    by: intent.by,
    startedAt: intent.now,
    deadline: intent.deadline,
    from: intent.from.id,
    to: intent.to.id,
    how: intent.how,
    aim: { to: 'new', epoch: 0 },
    live: intent.live,
    weightsBefore: Object.fromEntries([...seen.routes].map(([arn, route]) => [arn, route.weights])),
    stickinessBefore: Object.fromEntries([...seen.routes].map(([arn, route]) => [arn, route.stickiness])),
    excluded: intent.excluded,
    adopts: Object.fromEntries(settings.services.map((service) => [service.name, adoptsOf(service)])),
    asked: { timing: { ...settings.timing, bake: intent.bake ?? settings.timing.bake }, gates: settings.gates },
    phase: 'starting',
    notified: [],
    ...(intent.skipValidation ? { skipValidation: true } : {}),
  };
}
