import type { Color } from '../domain/ids.js';
import { otherColor } from '../domain/ids.js';
import type { OutcomeRecord, RolloutRecord } from '../domain/record.js';
import { imageTag } from '../domain/release.js';
import { isUnfinished, rollbackTarget } from '../state/index.js';
import type { LeaseView } from '../state/index.js';
import { groundOf } from './begin.js';
import { membersOf, occupantIn } from './present.js';
import type { Ground } from './begin.js';
import type { PlacedService } from './topology.js';
import { beforeChange, resolveTopology } from './topology.js';
import type { Toolbox } from './toolbox.js';

export interface StatusResult {
  readonly schemaVersion: 1;
  readonly app: string;
  readonly environment: string;
  readonly release: string;
  readonly since?: string;
  readonly by?: string;
  readonly services: readonly ServiceStatus[];
  readonly instances: readonly {
    readonly id: string;
    readonly name: string;
    readonly zone: string;
    readonly agent: string;
    readonly silent?: string;
  }[];
  readonly running?: {
    readonly rollout: string;
    readonly kind: string;
    readonly by: string;
    readonly phase: string;
    readonly aim: string;
    readonly startedAt: string;
    readonly deadline: string;
  };
  readonly lease: LeaseView;
  readonly problems: readonly string[];
  readonly next: readonly string[];
}

export interface ServiceStatus {
  readonly service: string;
  readonly image: string;
  readonly release: string;
  readonly live: Color | 'unclear';
  readonly weights: Readonly<Partial<Record<Color, number>>>;
  readonly colors: readonly {
    readonly color: Color;
    readonly port: number;
    readonly targets: readonly {
      readonly instance: string;
      readonly name: string;
      readonly state: string;
      readonly runs: string;
      readonly description?: string;
    }[];
  }[];
}

/** What runs where, since when, by whom, and what to type next. Takes no lease and no lock. */
export async function status(box: Toolbox): Promise<StatusResult> {
  const topology = await resolveTopology(box);
  const [ground, lease, unfinished] = await Promise.all([
    groundOf(box, topology, undefined),
    beforeChange(() => box.state.readLease({ isAlive: box.isAlive, signal: box.signal })),
    beforeChange(() => box.state.unfinishedRollout(box.signal)),
  ]);
  const [last] = ground.outcomes;
  const { environment } = box.settings;
  const problems = ground.findings.map(({ text }) => text);
  for (const [id, why] of ground.seen.silent) problems.push(`${id} cannot be looked at: ${why}`);
  return {
    schemaVersion: 1,
    app: box.settings.app,
    environment,
    release: ground.present.release.id,
    ...(last === undefined ? {} : { since: new Date(last.endedAt).toISOString(), by: last.by }),
    services: topology.services.map((service) => serviceStatus(box, ground, service)),
    instances: ground.seen.fleet.map(({ id, name, zone, agent }) => {
      const silent = ground.seen.silent.get(id);
      return { id, name, zone, agent, ...(silent === undefined ? {} : { silent }) };
    }),
    ...(unfinished === undefined ? {} : { running: runningOf(unfinished) }),
    lease,
    problems,
    next: nextFor(environment, lease, unfinished, ground.outcomes),
  };
}

function runningOf(record: RolloutRecord): NonNullable<StatusResult['running']> {
  return {
    rollout: record.id,
    kind: record.kind,
    by: record.by,
    phase: record.phase,
    aim: record.aim.to,
    startedAt: new Date(record.startedAt).toISOString(),
    deadline: new Date(record.deadline).toISOString(),
  };
}

function nextFor(
  environment: string,
  lease: LeaseView,
  unfinished: RolloutRecord | undefined,
  outcomes: readonly OutcomeRecord[],
): readonly string[] {
  const env = `--env ${environment}`;
  if (unfinished !== undefined && lease.is === 'free') return [`deployctl resume ${env}`, `deployctl rollback ${env}`];
  if (unfinished !== undefined) return [`deployctl abort ${env}   # steers the running rollout back`];
  const target = rollbackTarget(outcomes);
  return target.is === 'release'
    ? [`deployctl rollback ${env}   # to ${target.release}`]
    : [`deployctl rollout ${env}`];
}

function serviceStatus(box: Toolbox, ground: Ground, service: PlacedService): ServiceStatus {
  const { name } = service.settings;
  const present = ground.present.release.services[name];
  const live = ground.live.get(name);
  const colors: readonly Color[] = ['blue', 'green'];
  return {
    service: name,
    image: present === undefined ? 'nothing' : imageTag(present.spec.image),
    release: present?.release ?? 'none',
    live: live ?? 'unclear',
    weights: weightsOf(ground, service),
    colors: colors.flatMap((color) => {
      const plan = service.colors[color];
      if (plan === undefined) return [];
      const targets = membersOf(box, ground.seen.fleet, color).map((instance) => {
        const view = ground.seen.targets.get(plan.group)?.get(`${instance.id}:${plan.port}`);
        const occupant = occupantIn(ground.seen.containers.get(instance.id) ?? [], service, color);
        const runs =
          occupant === undefined
            ? ground.seen.silent.has(instance.id)
              ? 'unknown'
              : 'nothing'
            : (occupant.ours?.release ?? occupant.imageReference);
        const description = view?.description;
        return {
          instance: instance.id,
          name: instance.name,
          state: view?.state ?? 'not registered',
          runs,
          ...(description === undefined ? {} : { description }),
        };
      });
      return [{ color, port: plan.port, targets }];
    }),
  };
}

function weightsOf(ground: Ground, service: PlacedService): Partial<Record<Color, number>> {
  const [first] = service.routes;
  const route = first === undefined ? undefined : ground.seen.routes.get(first);
  if (route === undefined) return {};
  const weights: Partial<Record<Color, number>> = {};
  for (const color of ['blue', 'green'] as const) {
    const plan = service.colors[color];
    if (plan === undefined) continue;
    weights[color] = route.weights.find(({ group }) => group === plan.group)?.weight ?? 0;
  }
  const total = Object.values(weights).reduce((sum, weight) => sum + weight, 0);
  if (total === 0) return weights;
  const live = ground.live.get(service.settings.name) ?? 'blue';
  const idle = otherColor(live);
  const share = Math.round(((weights[idle] ?? 0) / total) * 100);
  return { [live]: 100 - share, ...(weights[idle] === undefined ? {} : { [idle]: share }) };
}

export interface HistoryResult {
  readonly schemaVersion: 1;
  readonly app: string;
  readonly environment: string;
  readonly outcomes: readonly OutcomeRecord[];
  readonly unfinished?: RolloutRecord;
}

/** The last rollouts, newest first, each with its reason. */
export async function history(box: Toolbox, limit: number): Promise<HistoryResult> {
  const [outcomes, records] = await beforeChange(() =>
    Promise.all([box.state.listOutcomes(limit, box.signal), box.state.listRecords(1, box.signal)]),
  );
  const unfinished = records.find(isUnfinished);
  return {
    schemaVersion: 1,
    app: box.settings.app,
    environment: box.settings.environment,
    outcomes,
    ...(unfinished === undefined ? {} : { unfinished }),
  };
}
