import type { FleetReader } from '../fleet.js';
import type { Action } from '../services/elbv2/actions.js';
import type { Condition } from '../services/elbv2/conditions.js';
import type { HealthCheckSettings, Registration } from '../services/elbv2/model.js';
import type { Elbv2Store } from '../services/elbv2/store.js';
import { rulesOf } from '../services/elbv2/store.js';

/** What the control plane tells a balancer node about a listener, at one instant. */
export interface ListenerView {
  readonly arn: string;
  /** In the order in which they are matched, the default rule last. */
  readonly rules: readonly RuleView[];
  /** The load balancer's idle timeout, AWS seconds. */
  readonly idleTimeoutSeconds: number;
}

export interface RuleView {
  readonly arn: string;
  /** As DescribeRules tells it: a number in text, or `default`. */
  readonly priority: string;
  readonly conditions: readonly Condition[];
  readonly actions: readonly Action[];
}

export interface TargetView {
  readonly registration: Registration;
  /** `i-…:port` */
  readonly key: string;
  readonly address: string;
  readonly zone: string;
  /** Whether the instance was running. */
  readonly running: boolean;
}

/** What the control plane tells a balancer node about a target group, at one instant. */
export interface GroupView {
  readonly arn: string;
  readonly name: string;
  readonly targets: readonly TargetView[];
  readonly healthCheck: HealthCheckSettings;
  readonly attributes: ReadonlyMap<string, string>;
}

export function viewListener(store: Elbv2Store, arn: string): ListenerView | undefined {
  const listener = store.listeners.get(arn);
  if (listener === undefined) {
    return undefined;
  }
  const attributes = store.loadBalancers.get(listener.loadBalancerArn)?.attributes;
  return {
    arn,
    rules: rulesOf(store, arn).map((rule) => ({
      arn: rule.arn,
      priority: rule.priority === Number.POSITIVE_INFINITY ? 'default' : String(rule.priority),
      conditions: rule.conditions,
      actions: rule.actions,
    })),
    idleTimeoutSeconds: Number(attributes?.get('idle_timeout.timeout_seconds') ?? '60'),
  };
}

export function viewGroup(store: Elbv2Store, fleet: FleetReader, arn: string): GroupView | undefined {
  const group = store.groups.get(arn);
  if (group === undefined) {
    return undefined;
  }
  return {
    arn,
    name: group.name,
    targets: group.registrations.map((registration) => {
      const instance = fleet.get(registration.instanceId);
      return {
        registration,
        key: `${registration.instanceId}:${registration.port}`,
        address: instance?.address ?? '',
        zone: instance?.zone ?? '',
        running: instance?.state === 'running',
      };
    }),
    healthCheck: group.healthCheck,
    attributes: group.attributes,
  };
}
