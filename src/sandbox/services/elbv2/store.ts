import { createHash } from 'node:crypto';
import { AwsError } from '../../types.js';
import { forwardOf } from './actions.js';
import type { Change, Listener, LoadBalancer, Rule, TargetGroup } from './model.js';

/** Everything that the ELBv2 calls read and write, and who is told of changes. */
export interface Elbv2Store {
  readonly region: string;
  readonly accountId: string;
  readonly loadBalancers: Map<string, LoadBalancer>;
  readonly listeners: Map<string, Listener>;
  readonly rules: Map<string, Rule>;
  readonly groups: Map<string, TargetGroup>;
  /** Tags by ARN. */
  readonly tags: Map<string, ReadonlyMap<string, string>>;
  /** An id of 16 hex digits, the same in every sandbox for the same sequence of calls. */
  newId(seed: string): string;
  changed(change: Change): void;
  onChange(listener: (change: Change) => void): void;
}

export function createStore(region: string, accountId: string): Elbv2Store {
  const listeners: ((change: Change) => void)[] = [];
  let ids = 0;
  return {
    region,
    accountId,
    loadBalancers: new Map(),
    listeners: new Map(),
    rules: new Map(),
    groups: new Map(),
    tags: new Map(),
    newId: (seed) => createHash('sha256').update(`${accountId}/${region}/${seed}/${++ids}`).digest('hex').slice(0, 16),
    changed(change) {
      for (const listener of listeners) {
        listener(change);
      }
    },
    onChange(listener) {
      listeners.push(listener);
    },
  };
}

/** An ARN of Elastic Load Balancing. */
export function arnOf(store: Elbv2Store, resource: string): string {
  return `arn:aws:elasticloadbalancing:${store.region}:${store.accountId}:${resource}`;
}

/** What comes after `kind/` in an ARN, for the ARNs that are built upon it. */
export function tailOf(arn: string, kind: string): string {
  const resource = arn.split(':').slice(5).join(':');
  return resource.startsWith(`${kind}/`) ? resource.slice(kind.length + 1) : resource;
}

export function needLoadBalancer(store: Elbv2Store, arn: string): LoadBalancer {
  return need(store.loadBalancers.get(arn), 'LoadBalancerNotFound', `Load balancers '[${arn}]' not found`);
}

export function needListener(store: Elbv2Store, arn: string): Listener {
  return need(store.listeners.get(arn), 'ListenerNotFound', `One or more listeners not found: ${arn}`);
}

export function needRule(store: Elbv2Store, arn: string): Rule {
  return need(store.rules.get(arn), 'RuleNotFound', `One or more rules not found: ${arn}`);
}

export function needGroup(store: Elbv2Store, arn: string): TargetGroup {
  return need(store.groups.get(arn), 'TargetGroupNotFound', `One or more target groups not found: ${arn}`);
}

function need<T>(value: T | undefined, code: string, message: string): T {
  if (value === undefined) {
    throw new AwsError(code, message);
  }
  return value;
}

/** The rules of a listener in the order in which they are matched, the default rule last. */
export function rulesOf(store: Elbv2Store, listenerArn: string): Rule[] {
  return [...store.rules.values()]
    .filter((rule) => rule.listenerArn === listenerArn)
    .sort((left, right) => left.priority - right.priority);
}

export function defaultRuleOf(store: Elbv2Store, listenerArn: string): Rule {
  const rule = rulesOf(store, listenerArn).at(-1);
  if (rule === undefined) {
    throw new AwsError('InternalFailure', `listener ${listenerArn} has no default rule`, 500);
  }
  return rule;
}

/** Load balancers with a rule that forwards to a group, whatever its weight. */
export function loadBalancersOf(store: Elbv2Store, groupArn: string): string[] {
  const arns = [...store.rules.values()]
    .filter((rule) => forwardOf(rule.actions)?.groups.some((group) => group.arn === groupArn) === true)
    .map((rule) => needListener(store, rule.listenerArn).loadBalancerArn);
  return [...new Set(arns)];
}
