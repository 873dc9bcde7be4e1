import type { Ms, RouteArn, TargetGroupArn } from '../domain/ids.js';
import type { Plan } from '../domain/plan.js';
import { STALE_FOR } from './expectations.js';

/** What the observer watches: everything that the plan may touch, and nothing else. */
export interface Scope {
  readonly plan: Plan;
  /** Each color's group, its host port, and the routes that may send it requests. */
  readonly groups: readonly {
    readonly group: TargetGroupArn;
    readonly port: number;
    readonly routes: readonly RouteArn[];
    /** For how long at least a target of it drains; unknown: as long as a reading may be old. */
    readonly drain: Ms;
  }[];
  readonly routes: readonly RouteArn[];
}

export function scopeOf(plan: Plan): Scope {
  return {
    plan,
    groups: plan.services.flatMap((service) =>
      Object.values(service.colors).map(({ group, port, drain = STALE_FOR }) => ({
        group,
        port,
        routes: service.routes,
        drain,
      })),
    ),
    routes: [...new Set(plan.services.flatMap((service) => service.routes))],
  };
}
