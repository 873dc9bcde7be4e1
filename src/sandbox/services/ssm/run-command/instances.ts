import { z } from 'zod';
import type { SandboxInstance } from '../../../types.js';
import { AwsError } from '../../../types.js';
import type { SsmDeps } from '../deps.js';
import { integer, listOf, readInput, text } from '../input.js';
import { page } from '../paging.js';
import { isManaged } from './send.js';

/** Agents ping every five minutes, so the service believes a silent one for that long (amazon-ssm-agent, health). */
const PING_AWS_MS = 300_000;

const DESCRIBE = z.object({
  Filters: listOf(z.object({ Key: text(1, 200), Values: listOf(z.string(), 1, 100) }), 0, 10).optional(),
  InstanceInformationFilterList: listOf(
    z.object({ key: text(1, 200), valueSet: listOf(z.string(), 1, 100) }),
    0,
    10,
  ).optional(),
  MaxResults: integer(5, 50).optional(),
  NextToken: z.string().optional(),
});
const CONNECTION = z.object({ Target: text(1, 400) });

/** What SSM says about managed nodes. */
export interface ManagedInstances {
  /** DescribeInstanceInformation: running instances with an agent, 10 a page unless told otherwise. */
  describe(params: Record<string, unknown>): Record<string, unknown>;
  /** GetConnectionStatus: fresher than the ping status. */
  connection(params: Record<string, unknown>): Record<string, unknown>;
  close(): void;
}

export function createManagedInstances(deps: SsmDeps): ManagedInstances {
  /** When an agent fell silent, `performance.now()` milliseconds. */
  const silentSince = new Map<string, number>();
  const unsubscribe = deps.fleet.onChange((instance, change) => {
    if (change !== 'agent') {
      return;
    }
    if (instance.agent === 'offline') {
      silentSince.set(instance.id, performance.now());
    } else {
      silentSince.delete(instance.id);
    }
  });

  const silentMs = (instance: SandboxInstance): number => {
    if (instance.agent === 'online') {
      return 0;
    }
    const since = silentSince.get(instance.id);
    return since === undefined ? Number.POSITIVE_INFINITY : performance.now() - since;
  };
  const pingStatus = (instance: SandboxInstance): string =>
    silentMs(instance) < deps.time.real(PING_AWS_MS) ? 'Online' : 'ConnectionLost';

  const information = (instance: SandboxInstance): Record<string, unknown> => {
    const silent = silentMs(instance);
    const lastPing = Number.isFinite(silent) ? Date.now() - silent : instance.launchedAt.getTime();
    return {
      InstanceId: instance.id,
      PingStatus: pingStatus(instance),
      LastPingDateTime: lastPing / 1000,
      AgentVersion: '3.3.0.0',
      IsLatestVersion: false,
      PlatformType: 'Linux',
      PlatformName: 'Ubuntu',
      PlatformVersion: '22.04',
      ResourceType: 'EC2Instance',
      IPAddress: instance.address,
      ComputerName: `ip-${instance.address.replaceAll('.', '-')}.${deps.region}.compute.internal`,
    };
  };

  const matches = (instance: SandboxInstance, key: string, values: readonly string[]): boolean => {
    if (key.startsWith('tag:')) {
      const value = instance.tags[key.slice('tag:'.length)];
      return value !== undefined && values.includes(value);
    }
    switch (key) {
      case 'InstanceIds':
        return values.includes(instance.id);
      case 'PingStatus':
        return values.includes(pingStatus(instance));
      case 'tag-key':
        return values.some((name) => Object.hasOwn(instance.tags, name));
      case 'PlatformTypes':
        return values.includes('Linux');
      case 'ResourceType':
        return values.includes('EC2Instance');
      default:
        throw new AwsError(
          'InvalidInstanceInformationFilterValue',
          `filter ${key} is not known here; use InstanceIds, PingStatus, PlatformTypes, ResourceType, tag-key or tag:NAME`,
        );
    }
  };

  return {
    describe(params) {
      const input = readInput(DESCRIBE, params);
      const filters = [
        ...(input.Filters ?? []).map(({ Key, Values }) => ({ key: Key, values: Values })),
        ...(input.InstanceInformationFilterList ?? []).map(({ key, valueSet }) => ({ key, values: valueSet })),
      ];
      if (filters.filter(({ key }) => key.startsWith('tag')).length > 1) {
        throw new AwsError('ValidationException', 'Tag filters cannot be combined: give one tag:NAME or tag-key.');
      }
      const all = deps.fleet
        .list()
        .filter((instance) => isManaged(instance) && instance.state === 'running')
        .filter((instance) => filters.every(({ key, values }) => matches(instance, key, values)));
      const { items, next } = page('DescribeInstanceInformation', all, input.MaxResults ?? 10, input.NextToken);
      return { InstanceInformationList: items.map(information), ...next };
    },
    connection(params) {
      const { Target } = readInput(CONNECTION, params);
      const instance = deps.fleet.get(Target);
      const connected = instance?.state === 'running' && instance.agent === 'online';
      return { Target, Status: connected ? 'connected' : 'notconnected' };
    },
    close: unsubscribe,
  };
}
