import type { TargetGroup, TargetHealthStateEnum } from '@aws-sdk/client-elastic-load-balancing-v2';
import type { InstanceId, TargetGroupArn, TargetKey } from '../domain/ids.js';
import { isArn, isInstanceId, targetKey } from '../domain/ids.js';
import type { TargetView } from '../domain/observation.js';
import type { GroupName } from '../domain/settings.js';
import type { GroupFacts, TrafficPort } from '../engine/ports.js';
import { groupLabel } from './actions.js';
import type { Calls } from './calls.js';
import { allPages, chunks } from './calls.js';
import { callLimit } from './clients.js';
import { within } from './deadline.js';
import { isNotFound, listed, portError, toPortError } from './errors.js';
import { eachOf } from './parallel.js';

const describe = 'elbv2:DescribeTargetGroups';
/** Targets of one (de)registration. The API states no limit. */
const targetsPerCall = 100;
const arnsPerCall = 20;
/** Health reads side by side while all groups of the Region are searched. */
const searchWidth = 4;

type Targets = readonly { readonly instance: InstanceId; readonly port: number }[];
export type GroupsPart = Pick<
  TrafficPort,
  'resolveGroup' | 'groups' | 'groupsHolding' | 'targets' | 'register' | 'deregister'
>;

/** Target groups and their targets. */
export function createGroups(calls: Calls): GroupsPart {
  const targets = (group: TargetGroupArn, signal?: AbortSignal) => targetHealth(calls, group, signal);

  return {
    async resolveGroup(name: GroupName, signal) {
      if (name.is === 'arn') {
        return name.arn;
      }
      const [found] = await describeGroups(calls, { Names: [name.name] }, signal).catch((error: unknown) => {
        throw isNotFound(error) ? noGroup(name.name, error) : error;
      });
      const arn = found?.TargetGroupArn;
      if (arn === undefined || !isArn(arn)) {
        throw noGroup(name.name);
      }
      return arn;
    },

    async groups(groups, signal) {
      const facts = await Promise.all(chunks(groups, arnsPerCall).map((part) => describeKnown(calls, part, signal)));
      const byArn = new Map(facts.flat().map((group) => [group.TargetGroupArn, group]));
      return eachOf(groups, searchWidth, async (arn) => {
        const group = byArn.get(arn);
        if (group === undefined) {
          throw noGroup(arn);
        }
        return factsOf(arn, group, await attributesOf(calls, arn, signal));
      });
    },

    async groupsHolding(wanted, signal) {
      const keys: ReadonlySet<TargetKey> = new Set(wanted);
      const all = (await describeGroups(calls, {}, signal)).filter((group) => group.TargetType === 'instance');
      const found = await eachOf(all, searchWidth, async ({ TargetGroupArn: arn, TargetGroupName: name }) => {
        if (arn === undefined || !isArn(arn)) {
          return [];
        }
        const held = await targets(arn, signal).catch((error: unknown) => {
          // Deleted since it was listed: it holds nothing any more.
          if (isNotFound(error)) {
            return new Map<TargetKey, TargetView>();
          }
          throw error;
        });
        return [...held.keys()]
          .filter((key) => keys.has(key))
          .map((target) => ({ group: arn, name: name ?? groupLabel(arn), target }));
      });
      return found.flat();
    },

    targets,

    register: (group, which, signal) =>
      inParts(calls, which, { operation: 'elbv2:RegisterTargets', signal }, (part, within) =>
        calls.elbv2({ operation: 'RegisterTargets', use: 'change', signal: within }, (sdk, client, options) =>
          client.send(new sdk.RegisterTargetsCommand({ TargetGroupArn: group, Targets: wire(part) }), options),
        ),
      ),

    deregister: (group, which, signal) =>
      inParts(calls, which, { operation: 'elbv2:DeregisterTargets', signal }, (part, within) =>
        calls.elbv2({ operation: 'DeregisterTargets', use: 'change', signal: within }, (sdk, client, options) =>
          client.send(new sdk.DeregisterTargetsCommand({ TargetGroupArn: group, Targets: wire(part) }), options),
        ),
      ),
  };
}

/** All parts together within the limit of one change, since the lease was checked once, before. */
async function inParts(
  { clock }: Calls,
  targets: Targets,
  { operation, signal }: { readonly operation: string; readonly signal: AbortSignal | undefined },
  send: (part: Targets, signal: AbortSignal | undefined) => Promise<unknown>,
): Promise<void> {
  const parts = chunks(targets, targetsPerCall);
  const [only] = parts;
  if (only !== undefined && parts.length === 1) {
    await send(only, signal);
    return;
  }
  try {
    await within(clock, callLimit.change, signal, async (limited) => {
      for (const part of parts) {
        await send(part, limited);
      }
    });
  } catch (error) {
    throw toPortError(error, operation, { signal });
  }
}

const wire = (targets: Targets): { Id: string; Port: number }[] =>
  targets.map(({ instance, port }) => ({ Id: instance, Port: port }));

/** DescribeTargetGroups, all pages. */
export async function describeGroups(
  calls: Calls,
  which: { readonly Names?: string[]; readonly TargetGroupArns?: string[] },
  signal: AbortSignal | undefined,
): Promise<readonly TargetGroup[]> {
  return allPages(describe, (token) =>
    calls.elbv2({ operation: 'DescribeTargetGroups', use: 'read', signal }, async (sdk, client, options) => {
      const answer = await client.send(new sdk.DescribeTargetGroupsCommand({ ...which, Marker: token }), options);
      return { items: listed(describe, 'TargetGroups', answer.TargetGroups), next: answer.NextMarker };
    }),
  );
}

/** Rejects with `not-found` naming the group: the service only says "one or more". */
export async function describeKnown(
  calls: Calls,
  arns: readonly TargetGroupArn[],
  signal: AbortSignal | undefined,
): Promise<readonly TargetGroup[]> {
  if (arns.length === 0) {
    return [];
  }
  try {
    return await describeGroups(calls, { TargetGroupArns: [...arns] }, signal);
  } catch (error) {
    const [only] = arns;
    if (!isNotFound(error) || only === undefined) {
      throw error;
    }
    if (arns.length === 1) {
      throw noGroup(only, error);
    }
    const single = await eachOf(arns, searchWidth, (arn) => describeKnown(calls, [arn], signal));
    return single.flat();
  }
}

/** One DescribeTargetHealth; it has no pages. Targets that are not instances are left out. */
async function targetHealth(
  calls: Calls,
  group: TargetGroupArn,
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<TargetKey, TargetView>> {
  const answer = await calls
    .elbv2({ operation: 'DescribeTargetHealth', use: 'read', signal }, (sdk, client, options) =>
      client.send(new sdk.DescribeTargetHealthCommand({ TargetGroupArn: group }), options),
    )
    .catch((error: unknown) => {
      throw isNotFound(error) ? noGroup(group, error) : error;
    });
  const all = listed('elbv2:DescribeTargetHealth', 'TargetHealthDescriptions', answer.TargetHealthDescriptions);
  const views = new Map<TargetKey, TargetView>();
  for (const { Target: target, TargetHealth: health } of all) {
    const { Id: id, Port: port } = target ?? {};
    if (id !== undefined && isInstanceId(id) && port !== undefined) {
      views.set(targetKey(id, port), {
        state: stateOf(health?.State),
        ...(health?.Reason === undefined ? {} : { reason: health.Reason }),
        ...(health?.Description === undefined ? {} : { description: health.Description }),
      });
    }
  }
  return views;
}

/** A state that we do not know is `unavailable`: not healthy, and not proof of anything else. */
function stateOf(state: TargetHealthStateEnum | undefined): TargetView['state'] {
  switch (state) {
    case 'initial':
    case 'healthy':
    case 'unhealthy':
    case 'unused':
    case 'draining':
      return state;
    case 'unhealthy.draining':
      return 'draining';
    default:
      return 'unavailable';
  }
}

async function attributesOf(
  calls: Calls,
  group: TargetGroupArn,
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<string, string>> {
  const operation = 'DescribeTargetGroupAttributes';
  const answer = await calls
    .elbv2({ operation, use: 'read', signal }, (sdk, client, options) =>
      client.send(new sdk.DescribeTargetGroupAttributesCommand({ TargetGroupArn: group }), options),
    )
    .catch((error: unknown) => {
      throw isNotFound(error) ? noGroup(group, error) : error;
    });
  return new Map(
    listed(`elbv2:${operation}`, 'Attributes', answer.Attributes).map(({ Key: key, Value: value }) => [
      key ?? '',
      value ?? '',
    ]),
  );
}

/** Defaults are those of the ELB guide ("Health checks for target groups", "Target group attributes"); AWS reports all of them. */
function factsOf(arn: TargetGroupArn, group: TargetGroup, attributes: ReadonlyMap<string, string>): GroupFacts {
  const routing = 'target_group_health.unhealthy_state_routing.minimum_healthy_targets';
  const share = attributes.get(`${routing}.percentage`) ?? 'off';
  const seconds = (key: string, fallback: number): number => Number(attributes.get(key) ?? fallback) * 1000;
  return {
    arn,
    name: group.TargetGroupName ?? groupLabel(arn),
    targetType: group.TargetType ?? 'unknown',
    port: group.Port ?? 0,
    loadBalancers: group.LoadBalancerArns ?? [],
    healthPath: group.HealthCheckPath ?? '/',
    healthInterval: (group.HealthCheckIntervalSeconds ?? 30) * 1000,
    healthTimeout: (group.HealthCheckTimeoutSeconds ?? 5) * 1000,
    healthyThreshold: group.HealthyThresholdCount ?? 5,
    unhealthyThreshold: group.UnhealthyThresholdCount ?? 2,
    deregistrationDelay: seconds('deregistration_delay.timeout_seconds', 300),
    groupStickiness: attributes.get('stickiness.enabled') === 'true',
    slowStart: seconds('slow_start.duration_seconds', 0),
    // `use_load_balancer_configuration` is on: an ALB's own setting cannot be turned off.
    crossZone: attributes.get('load_balancing.cross_zone.enabled') !== 'false',
    failOpenBelow: {
      count: Number(attributes.get(`${routing}.count`) ?? 1),
      ...(/^\d+$/.test(share) ? { percent: Number(share) } : {}),
    },
  };
}

function noGroup(name: string, cause?: unknown): Error {
  const label = groupLabel(name);
  return portError(
    'not-found',
    describe,
    `there is no target group ${label === name ? name : `${label} (${name})`} in this region`,
    {
      serviceCode: 'TargetGroupNotFound',
      cause,
    },
  );
}
