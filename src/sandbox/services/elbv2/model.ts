import type { Action } from './actions.js';
import type { Condition } from './conditions.js';

/** What the load balancing control plane knows. Values inside are replaced, not changed, so a snapshot may keep them. */

export interface LoadBalancer {
  readonly arn: string;
  readonly name: string;
  readonly dnsName: string;
  readonly vpcId: string;
  readonly zones: readonly { readonly name: string; readonly subnetId: string }[];
  readonly createdAt: Date;
  attributes: ReadonlyMap<string, string>;
}

export interface Listener {
  readonly arn: string;
  readonly loadBalancerArn: string;
  readonly port: number;
  readonly protocol: 'HTTP';
  attributes: ReadonlyMap<string, string>;
}

export interface Rule {
  readonly arn: string;
  readonly listenerArn: string;
  /** Infinity is the default rule: it is matched last and has no conditions. */
  priority: number;
  conditions: readonly Condition[];
  actions: readonly Action[];
}

export interface HealthCheckSettings {
  readonly protocol: 'HTTP';
  /** A port number, or `traffic-port`. */
  readonly port: string;
  readonly path: string;
  readonly intervalSeconds: number;
  readonly timeoutSeconds: number;
  readonly healthyThreshold: number;
  readonly unhealthyThreshold: number;
  /** `200`, `200,202`, `200-299`, or a mix. */
  readonly matcher: string;
}

export interface Registration {
  /** Names this registration of instance and port; kept when a draining target is registered again. */
  readonly id: string;
  readonly instanceId: string;
  readonly port: number;
  /** Goes up when a draining target is registered again: its health starts afresh. */
  readonly epoch: number;
  readonly draining: boolean;
}

export interface TargetGroup {
  readonly arn: string;
  readonly name: string;
  readonly port: number;
  readonly protocol: 'HTTP';
  readonly vpcId: string;
  healthCheck: HealthCheckSettings;
  attributes: ReadonlyMap<string, string>;
  registrations: readonly Registration[];
}

/** A change that the data plane has to hear of. `immediate` ones skip the propagation lag. */
export type Change =
  | { readonly kind: 'listener'; readonly listenerArn: string }
  | { readonly kind: 'group'; readonly groupArn: string; readonly immediate: boolean };

/** State and reason of a target, in the words of DescribeTargetHealth. */
export interface TargetHealth {
  readonly state: 'initial' | 'healthy' | 'unhealthy' | 'unused' | 'draining';
  readonly reason?: string;
  readonly description?: string;
}

/** The health checker, as the control plane reads it. */
export interface HealthReader {
  /** Health of a registration that the checker knows, or undefined while its group is not (yet) seen in use. */
  healthOf(groupArn: string, registration: Registration): TargetHealth | undefined;
}
