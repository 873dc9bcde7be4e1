import type { Color, InstanceId, Instant, Ms, RolloutId, RouteArn, ServiceName, TargetGroupArn } from './ids.js';
import type { GroupWeight } from './observation.js';
import type { Adopts } from './host.js';
import type { Release, ServiceRelease } from './release.js';
import type { Amount, Drain, FleetSelector, ForeignPolicy, GateSettings, Layout, Timing, Warm } from './settings.js';

export interface ColorPlan {
  readonly color: Color;
  readonly port: number;
  readonly group: TargetGroupArn;
  /** The group's deregistration delay, where it was read: how long a drain takes. */
  readonly drain?: Ms;
}

export interface ServicePlan {
  readonly service: ServiceName;
  readonly containerName: string;
  readonly colors: Readonly<Partial<Record<Color, ColorPlan>>>;
  readonly routes: readonly RouteArn[];
  /** The color that had the traffic when the rollout began. */
  readonly live: Color;
  readonly from: ServiceRelease;
  readonly to: ServiceRelease;
  readonly warm: Warm;
  /** Containers of others that count as the service's own: by name on both colors, by their image's repository on the live one only. */
  readonly adopts: Required<Adopts>;
}

/** Where the loop steers. `old` is rollback: the same loop, epoch + 1. */
export type Aim =
  | { readonly to: 'new'; readonly epoch: number }
  | {
      readonly to: 'old';
      readonly epoch: number;
      readonly because: string;
      /** The person who asked for the way back; absent where the rollout was given up by itself. */
      readonly askedBy?: string;
    };

export type How =
  | {
      readonly is: 'rolling';
      readonly maxParallel: Amount;
      readonly minimumHealthy?: Amount;
      readonly allowDowntime: boolean;
    }
  | {
      readonly is: 'blue-green';
      /** Ascending percentages, last is 100. */
      readonly steps: readonly number[];
      readonly stickySeconds?: number;
    }
  /** Drain and stop the idle color. */
  | { readonly is: 'retire' };

export interface Plan {
  readonly rollout: RolloutId;
  readonly generation: number;
  /** `rollback`: a manual one: quick, no canary steps, no witness for what is warm and healthy. */
  readonly kind: 'rollout' | 'rollback' | 'retire';
  readonly app: string;
  readonly environment: string;
  readonly aim: Aim;
  readonly from: Release;
  readonly to: Release;
  /** Services that the plan may touch, in order: backend before frontend. */
  readonly services: readonly ServicePlan[];
  /** A rule, not a list of ids: late joiners are just another difference. */
  readonly scope: FleetSelector;
  readonly layout: Layout;
  readonly how: How;
  readonly pullParallel: Amount;
  readonly drain: Drain;
  readonly keep: number;
  readonly timing: Timing;
  readonly gates: GateSettings;
  /** What to do about registered targets that the fleet does not cover. */
  readonly foreignTargets: ForeignPolicy;
  /** Unreachable instances that the rollout goes on without. */
  readonly excluded: readonly InstanceId[];
  readonly startedAt: Instant;
  readonly deadline: Instant;
  /** Weights of each route before the first change: on the way back they are given back as they were. */
  readonly weightsBefore: ReadonlyMap<RouteArn, readonly GroupWeight[]>;
  /** Group stickiness of each route before the first change: a borrowed setting returns. */
  readonly stickinessBefore: ReadonlyMap<RouteArn, { readonly enabled: boolean; readonly seconds?: number }>;
  /** Predicted, for people. */
  readonly estimate?: Ms;
}

/** Re-aims a plan at the release that served before. Everything else of the plan stays. */
export function redirect(plan: Plan, because: string, askedBy?: string): Plan {
  const asked = askedBy === undefined ? {} : { askedBy };
  return { ...plan, aim: { to: 'old', epoch: plan.aim.epoch + 1, because, ...asked } };
}

/** The release of a service that the plan steers to now. */
export function wanted(plan: Plan, service: ServicePlan): ServiceRelease {
  return plan.aim.to === 'new' ? service.to : service.from;
}
