import { AwsError } from '../../types.js';
import { validationError } from './params.js';

interface AttributeKind {
  readonly initial: string;
  /** What a value must look like, for the check and for the message. */
  readonly values: RegExp;
  readonly range?: readonly [min: number, max: number];
}

const bool = /^(true|false)$/;
const whole = /^\d+$/;

/** Attributes of a target group of an ALB. Source: ELB API reference, TargetGroupAttribute. */
export const targetGroupAttributes: Readonly<Record<string, AttributeKind>> = {
  'deregistration_delay.timeout_seconds': { initial: '300', values: whole, range: [0, 3600] },
  'stickiness.enabled': { initial: 'false', values: bool },
  'stickiness.type': { initial: 'lb_cookie', values: /^(lb_cookie|app_cookie)$/ },
  'stickiness.lb_cookie.duration_seconds': { initial: '86400', values: whole, range: [1, 604_800] },
  'stickiness.app_cookie.cookie_name': { initial: '', values: /^.*$/ },
  'stickiness.app_cookie.duration_seconds': { initial: '86400', values: whole, range: [1, 604_800] },
  'slow_start.duration_seconds': { initial: '0', values: whole, range: [0, 900] },
  'load_balancing.algorithm.type': {
    initial: 'round_robin',
    values: /^(round_robin|least_outstanding_requests|weighted_random)$/,
  },
  'load_balancing.algorithm.anomaly_mitigation': { initial: 'off', values: /^(on|off)$/ },
  'load_balancing.cross_zone.enabled': {
    initial: 'use_load_balancer_configuration',
    values: /^(true|false|use_load_balancer_configuration)$/,
  },
  'target_group_health.dns_failover.minimum_healthy_targets.count': { initial: '1', values: /^(off|\d+)$/ },
  'target_group_health.dns_failover.minimum_healthy_targets.percentage': { initial: 'off', values: /^(off|\d+)$/ },
  'target_group_health.unhealthy_state_routing.minimum_healthy_targets.count': { initial: '1', values: whole },
  'target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage': {
    initial: 'off',
    values: /^(off|\d+)$/,
  },
};

/** Attributes of an ALB. Source: ELB API reference, LoadBalancerAttribute. */
export const loadBalancerAttributes: Readonly<Record<string, AttributeKind>> = {
  'idle_timeout.timeout_seconds': { initial: '60', values: whole, range: [1, 4000] },
  'client_keep_alive.seconds': { initial: '3600', values: whole, range: [60, 604_800] },
  'deletion_protection.enabled': { initial: 'false', values: bool },
  'load_balancing.cross_zone.enabled': { initial: 'true', values: bool },
  'routing.http2.enabled': { initial: 'true', values: bool },
  'routing.http.drop_invalid_header_fields.enabled': { initial: 'false', values: bool },
  'routing.http.desync_mitigation_mode': { initial: 'defensive', values: /^(monitor|defensive|strictest)$/ },
  'routing.http.preserve_host_header.enabled': { initial: 'false', values: bool },
  'routing.http.xff_header_processing.mode': { initial: 'append', values: /^(append|preserve|remove)$/ },
  'access_logs.s3.enabled': { initial: 'false', values: bool },
  'access_logs.s3.bucket': { initial: '', values: /^.*$/ },
  'access_logs.s3.prefix': { initial: '', values: /^.*$/ },
};

export const listenerAttributes: Readonly<Record<string, AttributeKind>> = {
  'routing.http.response.server.enabled': { initial: 'true', values: bool },
};

export function initialAttributes(kinds: Readonly<Record<string, AttributeKind>>): Map<string, string> {
  return new Map(Object.entries(kinds).map(([key, kind]) => [key, kind.initial]));
}

/** The attributes after a change. @throws AwsError for an unknown key or a value out of its range */
export function changeAttributes(
  kinds: Readonly<Record<string, AttributeKind>>,
  current: ReadonlyMap<string, string>,
  changes: readonly { readonly Key: string; readonly Value: string }[],
): Map<string, string> {
  const next = new Map(current);
  for (const { Key: key, Value: value } of changes) {
    const kind = Object.hasOwn(kinds, key) ? kinds[key] : undefined;
    if (kind === undefined) {
      throw validationError(`Attribute key '${key}' is not recognized`);
    }
    const inRange = kind.range === undefined || (Number(value) >= kind.range[0] && Number(value) <= kind.range[1]);
    if (!kind.values.test(value) || !inRange) {
      const wanted = kind.range === undefined ? String(kind.values) : `${kind.range[0]} to ${kind.range[1]}`;
      throw validationError(`'${key}' is '${value}'; it must be ${wanted}`);
    }
    next.set(key, value);
  }
  const slowStart = Number(next.get('slow_start.duration_seconds') ?? '0');
  if (slowStart > 0 && slowStart < 30) {
    throw validationError(`'slow_start.duration_seconds' is '${slowStart}'; it must be 0 or 30 to 900`);
  }
  if (slowStart > 0 && next.get('load_balancing.algorithm.type') !== 'round_robin') {
    throw new AwsError('InvalidConfigurationRequest', 'Slow start needs the round_robin algorithm');
  }
  return next;
}

export function describeAttributes(attributes: ReadonlyMap<string, string>): { Key: string; Value: string }[] {
  return [...attributes].map(([Key, Value]) => ({ Key, Value }));
}
