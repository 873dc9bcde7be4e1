import type { Instant } from '../domain/ids.js';
import { targetKey } from '../domain/ids.js';
import type { ObservedHost, ObservedTarget, Observation } from '../domain/observation.js';
import type { Plan } from '../domain/plan.js';
import type { Durations, Prediction } from '../strategies/predict.js';
import { predict } from '../strategies/predict.js';
import type { Survey } from './survey.js';
import type { Topology } from './topology.js';

/** What the survey saw, in the form that strategies decide on. */
export function observationOf(plan: Plan, seen: Survey, now: Instant): Observation {
  const known = <T>(value: T): { is: 'known'; value: T; at: Instant } => ({ is: 'known', value, at: now });
  const weightOf = (arn: string, group: string): number =>
    [...seen.routes.values()].find((route) => route.route === arn)?.weights.find((entry) => entry.group === group)
      ?.weight ?? 0;
  const targets = new Map(
    plan.services.flatMap((service) =>
      Object.values(service.colors).map(({ group, port }) => {
        const weighted = service.routes.length === 0 || service.routes.some((arn) => weightOf(arn, group) > 0);
        const entries = seen.fleet.map(({ id }) => {
          const view = seen.targets.get(group)?.get(targetKey(id, port));
          const out = view === undefined || view.state === 'draining';
          const target: ObservedTarget = {
            ...(view ?? {}),
            state: view?.state ?? 'absent',
            since: now,
            ...(weighted && !out ? {} : { unroutedSince: now }),
          };
          return [targetKey(id, port), target] as const;
        });
        return [group, known(new Map(entries))] as const;
      }),
    ),
  );
  const hosts = new Map(
    seen.fleet.map(({ id }): [typeof id, ObservedHost] => {
      const containers = seen.containers.get(id);
      return [
        id,
        {
          containers:
            containers === undefined
              ? { is: 'unknown', why: seen.silent.get(id) ?? 'not read', since: now }
              : known(containers),
          op: { is: 'idle' },
          verified: new Map(),
          connections: new Map(),
          failures: new Map(),
          pulled: new Set(),
        },
      ];
    }),
  );
  return {
    fleet: known(seen.fleet),
    routes: new Map([...seen.routes].map(([arn, route]) => [arn, known({ ...route, since: new Map() })])),
    targets,
    hosts,
    probes: [],
    commands: [],
    tasks: new Map(),
    steering: [],
    waiting: new Map(),
    refused: new Map(),
  };
}

/** Guesses where the world does not say: a pull of a fresh image, and a start with its health passes. */
const guessedPull = 20_000;

export function forecast(plan: Plan, topology: Topology, seen: Survey, now: Instant): Prediction {
  const passes = Math.max(
    ...plan.services.map(
      ({ to }) => to.spec.health.passes * to.spec.health.interval + Math.min(to.spec.stopTimeout, 2000),
    ),
    0,
  );
  const durations: Durations = {
    drain: new Map(topology.groups.map((group) => [group.arn, group.deregistrationDelay])),
    firstCheck: new Map(topology.groups.map((group) => [group.arn, group.healthInterval])),
    pull: guessedPull,
    start: passes + 3000,
    hostCommand: 1500,
  };
  return predict(plan, observationOf(plan, seen, now), now, durations);
}
