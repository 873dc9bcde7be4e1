import type { Filter, Instance } from '@aws-sdk/client-ec2';
import type { InstanceId } from '../domain/ids.js';
import { isInstanceId } from '../domain/ids.js';
import type { FleetInstance } from '../domain/observation.js';
import type { FleetSelector, Layout } from '../domain/settings.js';
import type { FleetPort, InstanceState } from '../engine/ports.js';
import type { Calls } from './calls.js';
import { allPages, chunks } from './calls.js';
import { listed } from './errors.js';
import { eachOf } from './parallel.js';

/** Values that one EC2 filter takes (EC2 API reference, "Filter": 200). */
const idsPerFilter = 200;
const ec2PageSize = 1000;
/** Largest page of DescribeInstanceInformation (the default is 10), so each chunk fits one. */
const agentsPerCall = 50;

type Agent = FleetInstance['agent'];

/** EC2 instances and what SSM says of their agents. */
export function createFleet(calls: Calls): FleetPort {
  return {
    async instances(selector, layout, signal) {
      const found = new Map<InstanceId, Instance>();
      for (const filters of filtersOf(selector)) {
        for (const instance of await describeInstances(calls, filters, signal)) {
          if (instance.InstanceId !== undefined && isInstanceId(instance.InstanceId)) {
            found.set(instance.InstanceId, instance);
          }
        }
      }
      const ids = [...found.keys()].sort();
      const agents = await agentsOf(calls, ids, signal);
      return ids.flatMap((id) => {
        const instance = found.get(id);
        return instance === undefined ? [] : [view(id, instance, agents.get(id) ?? 'unmanaged', layout)];
      });
    },

    async states(instances, signal) {
      const states = new Map<InstanceId, InstanceState>();
      for (const part of chunks(instances, idsPerFilter)) {
        const filters = [
          { Name: 'instance-state-name', Values: ['pending', 'running', 'stopping', 'stopped'] },
          { Name: 'instance-id', Values: [...part] },
        ];
        for (const { InstanceId: id, State: state } of await describeInstances(calls, filters, signal)) {
          if (id !== undefined && isInstanceId(id)) states.set(id, state?.Name === 'running' ? 'running' : 'stopped');
        }
      }
      return states;
    },
  };
}

/**
 * Filters, never the `InstanceIds` argument: with it one unknown id fails the whole call. Instances that were terminated stay listed for an hour, so
 * the state is always part of the question.
 */
function filtersOf(selector: FleetSelector): readonly Filter[][] {
  const running: Filter = { Name: 'instance-state-name', Values: ['running'] };
  if (selector.is === 'ids') {
    return chunks(selector.ids, idsPerFilter).map((ids) => [running, { Name: 'instance-id', Values: [...ids] }]);
  }
  const tags = Object.entries(selector.tags).map(([key, value]): Filter => ({ Name: `tag:${key}`, Values: [value] }));
  return [[running, ...tags]];
}

/** DescribeInstances, all pages. */
export async function describeInstances(
  calls: Calls,
  filters: Filter[],
  signal: AbortSignal | undefined,
): Promise<readonly Instance[]> {
  const operation = 'DescribeInstances';
  return allPages(`ec2:${operation}`, (token) =>
    calls.ec2({ operation, use: 'read', signal }, async (sdk, client, options) => {
      const input = { Filters: filters, MaxResults: ec2PageSize, NextToken: token };
      const answer = await client.send(new sdk.DescribeInstancesCommand(input), options);
      const reservations = listed(`ec2:${operation}`, 'Reservations', answer.Reservations);
      return { items: reservations.flatMap(({ Instances: some }) => some ?? []), next: answer.NextToken };
    }),
  );
}

/** An agent reports every 5 minutes, so `online` may be stale by as much (agent source, health ping). An instance without an entry is not managed. */
async function agentsOf(
  calls: Calls,
  ids: readonly InstanceId[],
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<string, Agent>> {
  const operation = 'DescribeInstanceInformation';
  const parts = await eachOf(chunks(ids, agentsPerCall), 2, (part) =>
    allPages(`ssm:${operation}`, (token) =>
      calls.ssm({ operation, use: 'read', signal }, async (sdk, client, options) => {
        const input = {
          Filters: [{ Key: 'InstanceIds', Values: [...part] }],
          MaxResults: agentsPerCall,
          NextToken: token,
        };
        const answer = await client.send(new sdk.DescribeInstanceInformationCommand(input), options);
        return {
          items: listed(`ssm:${operation}`, 'InstanceInformationList', answer.InstanceInformationList),
          next: answer.NextToken,
        };
      }),
    ),
  );
  return new Map(
    parts
      .flat()
      .map((one): [string, Agent] => [one.InstanceId ?? '', one.PingStatus === 'Online' ? 'online' : 'offline']),
  );
}

function view(id: InstanceId, instance: Instance, agent: Agent, layout: Layout): FleetInstance {
  const tag = (key: string): string | undefined => instance.Tags?.find((one) => one.Key === key)?.Value;
  const name = tag('Name');
  const color = colorOf(layout, tag);
  return {
    id,
    name: name === undefined || name === '' ? id : name,
    zone: instance.Placement?.AvailabilityZone ?? 'unknown',
    address: instance.PrivateIpAddress ?? '',
    ...(color === undefined ? {} : { color }),
    agent,
  };
}

function colorOf(layout: Layout, tag: (key: string) => string | undefined): FleetInstance['color'] {
  if (layout.is !== 'instances') {
    return undefined;
  }
  const value = tag(layout.tag);
  return (['blue', 'green'] as const).find((color) => layout.values[color] === value);
}
