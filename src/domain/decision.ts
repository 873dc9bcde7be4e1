import type { Color, InstanceId, Instant, ReleaseId, RouteArn, ServiceName, TargetGroupArn } from './ids.js';
import type { GroupWeight } from './observation.js';

/** A change to the world, as data. Every action is a short call; long work is seen later, never awaited. */
export type Action =
  | { readonly is: 'inspect'; readonly instance: InstanceId }
  /** Watch for a while whether anybody is still connected to the container. */
  | {
      readonly is: 'quiet';
      readonly instance: InstanceId;
      readonly service: ServiceName;
      readonly color: Color;
      readonly container: string;
    }
  | { readonly is: 'pull'; readonly instance: InstanceId }
  | { readonly is: 'task'; readonly instance: InstanceId; readonly service: ServiceName }
  | {
      readonly is: 'start' | 'restore';
      readonly instance: InstanceId;
      readonly service: ServiceName;
      readonly color: Color;
      readonly release: ReleaseId;
    }
  | { readonly is: 'stop'; readonly instance: InstanceId; readonly service: ServiceName; readonly color: Color }
  | {
      readonly is: 'register' | 'deregister';
      readonly group: TargetGroupArn;
      readonly targets: readonly { readonly instance: InstanceId; readonly port: number }[];
      /** The fleet does not cover these targets. */
      readonly foreign?: true;
    }
  | {
      readonly is: 'weights';
      readonly route: RouteArn;
      /** The frame that was seen: written only if it still stands. */
      readonly frame: string;
      /** All weights of the route as they were observed: written only if they still stand. */
      readonly expected: readonly GroupWeight[];
      /**
       * The groups of the service. Groups of others are in it only where their numbers grow or shrink in the same proportion, so that small weights can carry
       * the steps of a shift.
       */
      readonly set: readonly GroupWeight[];
      readonly stickiness?: { readonly enabled: boolean; readonly seconds?: number };
    };

/** A look changes nothing: it is no step for people. */
export function isLook(action: Action): boolean {
  return action.is === 'inspect' || action.is === 'quiet';
}

/** A service in one color on one instance. */
export interface Spot {
  readonly instance: InstanceId;
  readonly service: ServiceName;
  readonly color: Color;
}

/**
 * Something that is being waited for, in words, with the time at which waiting stops making sense. `key`: `until` counts from when the wait with this
 * key began (`Observation.waiting`), so that it does not move while the wait lasts.
 */
export interface Wait {
  readonly key?: string;
  readonly what: string;
  readonly instance?: InstanceId;
  readonly service?: ServiceName;
  readonly until: Instant;
}

export type Outcome = 'succeeded' | 'rolled-back' | 'failed' | 'held' | 'interrupted';

export type Decision =
  | {
      readonly is: 'act';
      readonly actions: readonly [Action, ...Action[]];
      readonly waits: readonly Wait[];
      readonly reason: string;
      readonly bake?: string;
      /** Requests fail until it is done: nothing holds it up, no pause and no hook. */
      readonly urgent?: true;
    }
  | {
      readonly is: 'wait';
      readonly waits: readonly [Wait, ...Wait[]];
      /** Look again no later than this; the engine looks at least every `timing.poll`. */
      readonly recheckAt: Instant;
      readonly reason: string;
      /** A bake is on: the engine collects samples under this key, and starts anew when it changes. */
      readonly bake?: string;
    }
  /** The new release is bad: steer back. `unexplained`: where nothing is known yet but that it is. */
  | { readonly is: 'abort'; readonly reason: string; readonly unexplained?: readonly Spot[] }
  /** Nobody can tell what is right: change nothing, alert, wait for the world or for a person. */
  | {
      readonly is: 'hold';
      /** No later than this; absent: for `timing.hold`, which the engine counts. */
      readonly until?: Instant;
      readonly reason: string;
    }
  | { readonly is: 'done'; readonly outcome: 'succeeded' | 'rolled-back' | 'failed'; readonly reason: string };
