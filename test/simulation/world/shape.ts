import type { Color, Digest, InstanceId, Ms, RouteArn, TargetGroupArn } from '../../../src/domain/ids.js';
import type { Layout } from '../../../src/domain/settings.js';

/** What the world is made of, whoever looks at it. */
export interface Shape {
  readonly layout: Layout['is'];
  readonly services: readonly ServiceShape[];
}

export interface ServiceShape {
  readonly name: string;
  readonly colors: Readonly<Record<Color, { readonly port: number; readonly group: TargetGroupArn }>>;
  readonly routes: readonly RouteArn[];
}

/**
 * What becomes of the containers of an image. `crash-loop`: they end right after each start. `balancer-only`: well when asked on the instance, ill for the load balancer. `dies`, `restarts`: all
 * goes well until the whole of it serves; then its containers end, for good or to be started again by docker. `hiccup`: as `restarts`, but only once.
 */
export const fates = ['good', 'never-healthy', 'crash-loop', 'balancer-only', 'dies', 'restarts', 'hiccup'] as const;
/** `errors`: well in the eyes of every check, and most requests of users are answered with 500. Only gates see it. */
export const gated = ['errors'] as const;
export type Fate = (typeof fates)[number] | (typeof gated)[number];

/** Of the requests of users to a release that is `errors`. */
export const errorShare = 0.7;

export interface App {
  readonly digest: Digest;
  fate: Fate;
}

/** So long after all of it has begun to serve a release may die that does so then: the bakes of two steps. */
export const latestDeath: Ms = 12_000;

/** How long the world takes for things. Small numbers: what counts is their order and that nothing is instantaneous. */
export const takes = {
  /** Between two health checks of a target. */
  healthInterval: 5000,
  unhealthyThreshold: 2,
  healthyThreshold: 2,
  /** Shorter than what nodes and requests need: what is drained by the API may still be asked. */
  deregistrationDelay: 2000,
  /** A change reaches the nodes of the load balancer within this. */
  propagation: 3000,
  probe: 30,
  /** The longest request. */
  request: 4000,
  delivery: 300,
  report: 200,
  undelivered: 60_000,
  pull: 3000,
  create: 300,
  stop: 500,
  /** Until docker kills what does not stop. */
  kill: 4000,
  startTimeout: 6000,
  dockerRestart: 800,
} as const satisfies Record<string, Ms>;

export const instanceId = (index: number): InstanceId => `i-${String(index).padStart(8, '0')}`;

/** Two availability zones that alternate. */
export const zoneOf = (index: number): string => (index % 2 === 1 ? 'a' : 'b');

const letters: Readonly<Record<string, string>> = { older: '1', old: '2', new: '3', newer: '4' };

/** Its first letters tell tag and service apart, as people and records abbreviate it. */
export const digestOf = (service: string, tag: string): Digest =>
  `sha256:${`${letters[tag] ?? '9'}${service === 'backend' ? 'b' : 'f'}`.repeat(32)}`;

const elb = 'arn:aws:elasticloadbalancing:eu-central-1:123456789012';

/** Somebody else's, in a rule of ours. */
export const foreignGroup: TargetGroupArn = `${elb}:targetgroup/somebody-else/1`;

export function shapeOf(layout: Layout['is']): Shape {
  const service = (name: string, port: number, routes: readonly RouteArn[]): ServiceShape => ({
    name,
    colors: {
      blue: { port, group: `${elb}:targetgroup/${name}-blue/1` },
      green: { port: layout === 'ports' ? port + 1 : port, group: `${elb}:targetgroup/${name}-green/1` },
    },
    routes,
  });
  return {
    layout,
    services: [
      service('backend', 8080, [`${elb}:listener-rule/app/shop/1/1/api`, `${elb}:listener-rule/app/shop/1/1/hooks`]),
      service('frontend', 3000, [`${elb}:listener/app/shop/1/1`]),
    ],
  };
}
