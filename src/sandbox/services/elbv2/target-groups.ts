import { z } from 'zod';
import { AwsError } from '../../types.js';
import { forwardOf } from './actions.js';
import { changeAttributes, describeAttributes, initialAttributes, targetGroupAttributes } from './attributes.js';
import type { HealthCheckSettings, TargetGroup } from './model.js';
import { integer, keyValues, listOf, page, paging, read, validationError } from './params.js';
import { stickinessConflict } from './rules.js';
import type { Elbv2Store } from './store.js';
import { arnOf, loadBalancersOf, needGroup, needLoadBalancer } from './store.js';

type Params = Record<string, unknown>;
type Answer = Record<string, unknown>;

const healthCheckFields = {
  HealthCheckProtocol: z.enum(['HTTP'], { error: 'HealthCheckProtocol must be HTTP in this sandbox' }).optional(),
  HealthCheckPort: z
    .string()
    .regex(/^(traffic-port|\d{1,5})$/, 'HealthCheckPort must be a port or traffic-port')
    .optional(),
  HealthCheckPath: z.string().regex(/^\//, 'HealthCheckPath must begin with /').max(1024).optional(),
  HealthCheckEnabled: z.enum(['true'], { error: 'Health checks must be enabled for instance targets' }).optional(),
  HealthCheckIntervalSeconds: integer('HealthCheckIntervalSeconds', 5, 300).optional(),
  HealthCheckTimeoutSeconds: integer('HealthCheckTimeoutSeconds', 2, 120).optional(),
  HealthyThresholdCount: integer('HealthyThresholdCount', 2, 10).optional(),
  UnhealthyThresholdCount: integer('UnhealthyThresholdCount', 2, 10).optional(),
  Matcher: z
    .object({
      HttpCode: z
        .string()
        .regex(/^[2-4]\d\d(-[2-4]\d\d)?(,[2-4]\d\d(-[2-4]\d\d)?)*$/, 'HttpCode must be within 200-499'),
    })
    .optional(),
};

const healthCheckSchema = z.object(healthCheckFields);

/** Source: ALB guide, health checks for target groups (settings and their ranges). */
const defaultHealthCheck: HealthCheckSettings = {
  protocol: 'HTTP',
  port: 'traffic-port',
  path: '/',
  intervalSeconds: 30,
  timeoutSeconds: 5,
  healthyThreshold: 5,
  unhealthyThreshold: 2,
  matcher: '200',
};

function mergeHealthCheck(base: HealthCheckSettings, wanted: z.output<typeof healthCheckSchema>): HealthCheckSettings {
  const merged: HealthCheckSettings = {
    protocol: 'HTTP',
    port: wanted.HealthCheckPort ?? base.port,
    path: wanted.HealthCheckPath ?? base.path,
    intervalSeconds: wanted.HealthCheckIntervalSeconds ?? base.intervalSeconds,
    timeoutSeconds: wanted.HealthCheckTimeoutSeconds ?? base.timeoutSeconds,
    healthyThreshold: wanted.HealthyThresholdCount ?? base.healthyThreshold,
    unhealthyThreshold: wanted.UnhealthyThresholdCount ?? base.unhealthyThreshold,
    matcher: wanted.Matcher?.HttpCode ?? base.matcher,
  };
  if (merged.timeoutSeconds >= merged.intervalSeconds) {
    throw validationError(
      `Health check timeout '${merged.timeoutSeconds}' must be smaller than the interval '${merged.intervalSeconds}'`,
    );
  }
  return merged;
}

function describeGroup(store: Elbv2Store, group: TargetGroup): Answer {
  const check = group.healthCheck;
  return {
    TargetGroupArn: group.arn,
    TargetGroupName: group.name,
    Protocol: group.protocol,
    Port: group.port,
    VpcId: group.vpcId,
    HealthCheckProtocol: check.protocol,
    HealthCheckPort: check.port,
    HealthCheckEnabled: true,
    HealthCheckIntervalSeconds: check.intervalSeconds,
    HealthCheckTimeoutSeconds: check.timeoutSeconds,
    HealthyThresholdCount: check.healthyThreshold,
    UnhealthyThresholdCount: check.unhealthyThreshold,
    HealthCheckPath: check.path,
    Matcher: { HttpCode: check.matcher },
    LoadBalancerArns: loadBalancersOf(store, group.arn),
    TargetType: 'instance',
    ProtocolVersion: 'HTTP1',
    IpAddressType: 'ipv4',
  };
}

export function describeTargetGroups(store: Elbv2Store, params: Params): Answer {
  const wanted = read(
    z.object({
      LoadBalancerArn: z.string().optional(),
      TargetGroupArns: listOf(z.string()),
      Names: listOf(z.string()),
      ...paging,
    }),
    params,
  );
  const all = [...store.groups.values()];
  const { LoadBalancerArn: loadBalancerArn } = wanted;
  let groups = all;
  if (loadBalancerArn !== undefined) {
    needLoadBalancer(store, loadBalancerArn);
    groups = all.filter((group) => loadBalancersOf(store, group.arn).includes(loadBalancerArn));
  } else if (wanted.TargetGroupArns.length > 0) {
    groups = wanted.TargetGroupArns.map((arn) => needGroup(store, arn));
  } else if (wanted.Names.length > 0) {
    groups = all.filter((group) => wanted.Names.includes(group.name));
    const missing = wanted.Names.filter((name) => !groups.some((group) => group.name === name));
    if (missing.length > 0) {
      throw new AwsError('TargetGroupNotFound', `One or more target groups not found: ${missing.join(', ')}`);
    }
  }
  const { items, NextMarker } = page(groups, wanted);
  return { TargetGroups: items.map((group) => describeGroup(store, group)), NextMarker };
}

const createSchema = healthCheckSchema.extend({
  Name: z.string().regex(/^(?!-)[A-Za-z0-9-]{1,32}(?<!-)$/, 'a name has 1 to 32 letters, digits and inner hyphens'),
  Protocol: z.enum(['HTTP'], { error: 'Protocol must be HTTP in this sandbox' }),
  Port: integer('Port', 1, 65_535),
  VpcId: z.string(),
  TargetType: z.enum(['instance'], { error: 'TargetType must be instance in this sandbox' }).default('instance'),
  Tags: keyValues,
});

/** CreateTargetGroup. The same name with the same settings answers the existing group (ELB API reference). */
export function createTargetGroup(store: Elbv2Store, params: Params): Answer {
  const wanted = read(createSchema, params);
  const healthCheck = mergeHealthCheck(defaultHealthCheck, wanted);
  const existing = [...store.groups.values()].find((group) => group.name === wanted.Name);
  if (existing !== undefined) {
    const same =
      existing.port === wanted.Port &&
      existing.vpcId === wanted.VpcId &&
      JSON.stringify(existing.healthCheck) === JSON.stringify(healthCheck);
    if (!same) {
      throw new AwsError(
        'DuplicateTargetGroupName',
        `A target group with the same name '${wanted.Name}' exists, but with different settings`,
      );
    }
    return { TargetGroups: [describeGroup(store, existing)] };
  }
  const group: TargetGroup = {
    arn: arnOf(store, `targetgroup/${wanted.Name}/${store.newId(wanted.Name)}`),
    name: wanted.Name,
    port: wanted.Port,
    protocol: 'HTTP',
    vpcId: wanted.VpcId,
    healthCheck,
    attributes: initialAttributes(targetGroupAttributes),
    registrations: [],
  };
  store.groups.set(group.arn, group);
  store.tags.set(group.arn, new Map(wanted.Tags.map((tag) => [tag.Key, tag.Value])));
  store.changed({ kind: 'group', groupArn: group.arn, immediate: true });
  return { TargetGroups: [describeGroup(store, group)] };
}

export function modifyTargetGroup(store: Elbv2Store, params: Params): Answer {
  const wanted = read(healthCheckSchema.extend({ TargetGroupArn: z.string() }), params);
  const group = needGroup(store, wanted.TargetGroupArn);
  group.healthCheck = mergeHealthCheck(group.healthCheck, wanted);
  store.changed({ kind: 'group', groupArn: group.arn, immediate: false });
  return { TargetGroups: [describeGroup(store, group)] };
}

export function deleteTargetGroup(store: Elbv2Store, params: Params): Answer {
  const { TargetGroupArn: arn } = read(z.object({ TargetGroupArn: z.string() }), params);
  if (loadBalancersOf(store, arn).length > 0) {
    throw new AwsError('ResourceInUse', `Target group '${arn}' is currently in use by a listener or a rule`);
  }
  store.groups.delete(arn);
  store.tags.delete(arn);
  store.changed({ kind: 'group', groupArn: arn, immediate: false });
  return {};
}

export function describeTargetGroupAttributes(store: Elbv2Store, params: Params): Answer {
  const { TargetGroupArn: arn } = read(z.object({ TargetGroupArn: z.string() }), params);
  return { Attributes: describeAttributes(needGroup(store, arn).attributes) };
}

export function modifyTargetGroupAttributes(store: Elbv2Store, params: Params): Answer {
  const wanted = read(z.object({ TargetGroupArn: z.string(), Attributes: keyValues }), params);
  const group = needGroup(store, wanted.TargetGroupArn);
  const next = changeAttributes(targetGroupAttributes, group.attributes, wanted.Attributes);
  if (next.get('stickiness.enabled') === 'true' && sharesRuleWithoutStickiness(store, group.arn)) {
    throw stickinessConflict([group.arn]);
  }
  group.attributes = next;
  store.changed({ kind: 'group', groupArn: group.arn, immediate: false });
  return { Attributes: describeAttributes(next) };
}

function sharesRuleWithoutStickiness(store: Elbv2Store, groupArn: string): boolean {
  return [...store.rules.values()].some((rule) => {
    const forward = forwardOf(rule.actions);
    return (
      forward !== undefined &&
      forward.groups.length > 1 &&
      !forward.stickiness.enabled &&
      forward.groups.some((group) => group.arn === groupArn)
    );
  });
}
