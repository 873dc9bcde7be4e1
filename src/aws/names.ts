import type { Listener, Rule, RuleCondition } from '@aws-sdk/client-elastic-load-balancing-v2';
import type { Arn, RouteArn } from '../domain/ids.js';
import { isArn } from '../domain/ids.js';

/** Whether a route is a listener (its default action) or a rule; undefined for any other ARN. */
export function routeKind(route: RouteArn): 'listener' | 'rule' | undefined {
  if (route.includes(':listener-rule/')) {
    return 'rule';
  }
  return route.includes(':listener/') ? 'listener' : undefined;
}

/**
 * The listener that a rule belongs to. The rule's ARN holds it:
 * `…:listener-rule/app/NAME/LB/LISTENER/RULE` → `…:listener/app/NAME/LB/LISTENER` (service authorization reference, ELBv2 resources).
 */
export function listenerOfRule(rule: RouteArn): Arn | undefined {
  const listener = rule.replace(':listener-rule/', ':listener/').replace(/\/[^/]+$/, '');
  return routeKind(rule) === 'rule' && isArn(listener) ? listener : undefined;
}

/** `HTTPS:443`. */
export const listenerLabel = (listener: Listener): string => `${listener.Protocol ?? '?'}:${listener.Port ?? '?'}`;

/** `HTTPS:443 shop.example.com/api/*`, with what else the rule asks for. */
export function ruleLabel(listener: string, rule: Rule): string {
  const conditions = rule.Conditions ?? [];
  const hosts = conditions.flatMap(hostsOf);
  const paths = conditions.flatMap(pathsOf);
  const others = conditions.map((one) => one.Field ?? '?').filter((field) => !fieldsWithAPlace.has(field));
  const place = `${hosts.join('|')}${paths.join('|')}`;
  const rest = others.length === 0 ? '' : ` (and ${others.join(', ')})`;
  return `${listener} ${place === '' ? `rule ${rule.Priority ?? '?'}` : place}${rest}`;
}

/**
 * Whether a rule asks for exactly this: a path pattern among its path patterns, a host among its hosts, and nothing else. A rule for
 * `/api/*` with a header condition does not match `/api/*`: it is meant for some of those requests only.
 */
export function ruleMatches(rule: Rule, path: string | undefined, host: string | undefined): boolean {
  const conditions = rule.Conditions ?? [];
  const asked = new Set([
    ...(path === undefined ? [] : ['path-pattern']),
    ...(host === undefined ? [] : ['host-header']),
  ]);
  const fields = new Set(conditions.map((one) => one.Field ?? '?'));
  if (asked.size === 0 || fields.size !== asked.size || [...fields].some((field) => !asked.has(field))) {
    return false;
  }
  return (
    (path === undefined || conditions.flatMap(pathsOf).includes(path)) &&
    (host === undefined || conditions.flatMap(hostsOf).some((one) => one.toLowerCase() === host.toLowerCase()))
  );
}

/** What a rule's conditions ask for. */
export function patternsOf(conditions: readonly RuleCondition[]): {
  readonly paths: readonly string[];
  readonly hosts: readonly string[];
  readonly others: boolean;
} {
  return {
    paths: conditions.flatMap(pathsOf),
    hosts: conditions.flatMap(hostsOf),
    others: conditions.some((one) => !fieldsWithAPlace.has(one.Field ?? '?')),
  };
}

const fieldsWithAPlace: ReadonlySet<string> = new Set(['path-pattern', 'host-header']);

function pathsOf(condition: RuleCondition): readonly string[] {
  return condition.Field === 'path-pattern' ? (condition.PathPatternConfig?.Values ?? condition.Values ?? []) : [];
}

function hostsOf(condition: RuleCondition): readonly string[] {
  return condition.Field === 'host-header' ? (condition.HostHeaderConfig?.Values ?? condition.Values ?? []) : [];
}
