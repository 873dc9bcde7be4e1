import { z } from 'zod';
import type { FleetReader } from '../../fleet.js';
import type { InstanceState, SandboxInstance } from '../../types.js';
import { AwsError } from '../../types.js';
import type { Filter } from './params.js';
import { filters, flag, listOf, page, passes, read } from './params.js';
import type { Place } from './place.js';
import { hexId } from './place.js';

const stateCodes: Readonly<Record<InstanceState, number>> = {
  pending: 0,
  running: 16,
  'shutting-down': 32,
  terminated: 48,
  stopping: 64,
  stopped: 80,
};

export function stateOf(state: InstanceState): { code: number; name: string } {
  return { code: stateCodes[state], name: state };
}

/** Looks instances up by id. @throws AwsError InvalidInstanceID.Malformed / .NotFound: one bad id fails the whole call */
export function instancesById(fleet: FleetReader, ids: readonly string[]): SandboxInstance[] {
  for (const id of ids) {
    if (!/^i-([0-9a-f]{8}|[0-9a-f]{17})$/.test(id)) {
      throw new AwsError('InvalidInstanceID.Malformed', `Invalid id: "${id}"`);
    }
  }
  const found = ids.map((id) => fleet.get(id));
  const missing = ids.filter((_id, index) => found[index] === undefined);
  if (missing.length > 0) {
    throw new AwsError(
      'InvalidInstanceID.NotFound',
      missing.length === 1
        ? `The instance ID '${missing.join()}' does not exist`
        : `The instance IDs '${missing.join(', ')}' do not exist`,
    );
  }
  return found.filter((instance) => instance !== undefined);
}

export function tagSet(tags: Readonly<Record<string, string>>): { key: string; value: string }[] {
  return Object.entries(tags).map(([key, value]) => ({ key, value }));
}

function filterValues(instance: SandboxInstance, place: Place): (name: string) => readonly string[] | undefined {
  return (name) => {
    if (name.startsWith('tag:')) {
      const value = instance.tags[name.slice('tag:'.length)];
      return value === undefined ? [] : [value];
    }
    switch (name) {
      case 'instance-id':
        return [instance.id];
      case 'instance-state-name':
        return [instance.state];
      case 'instance-state-code':
        return [String(stateCodes[instance.state])];
      case 'tag-key':
        return Object.keys(instance.tags);
      case 'availability-zone':
        return [instance.zone];
      case 'vpc-id':
        return [place.vpcId];
      case 'subnet-id':
        return [subnetOf(instance, place)];
      case 'private-ip-address':
        return [instance.address];
      default:
        return undefined;
    }
  };
}

function subnetOf(instance: SandboxInstance, place: Place): string {
  return place.zones.find((zone) => zone.name === instance.zone)?.subnetId ?? '';
}

/** The order of answers is EC2's own: it follows neither launch nor id, so that no caller relies on it. */
function shuffled(instances: readonly SandboxInstance[]): SandboxInstance[] {
  const rank = (instance: SandboxInstance): string => hexId('', instance.id);
  return [...instances].sort((left, right) => (rank(left) < rank(right) ? -1 : 1));
}

export function describeInstance(instance: SandboxInstance, place: Place): Record<string, unknown> {
  const gone = instance.state === 'terminated';
  const dns = `ip-${instance.address.replaceAll('.', '-')}.${place.region}.compute.internal`;
  return {
    instanceId: instance.id,
    imageId: hexId('ami-', 'sandbox'),
    instanceState: stateOf(instance.state),
    privateDnsName: gone ? '' : dns,
    instanceType: 't3.small',
    launchTime: instance.launchedAt,
    placement: { availabilityZone: instance.zone, groupName: '', tenancy: 'default' },
    monitoring: { state: 'disabled' },
    ...(gone ? {} : { subnetId: subnetOf(instance, place), vpcId: place.vpcId, privateIpAddress: instance.address }),
    architecture: 'x86_64',
    rootDeviceType: 'ebs',
    tagSet: tagSet(instance.tags),
  };
}

const selection = z.object({
  InstanceId: listOf(z.string()),
  Filter: filters,
  MaxResults: z.coerce.number().int().min(5).max(1000).optional(),
  NextToken: z.string().optional(),
});

interface Selection {
  readonly InstanceId: readonly string[];
  readonly Filter: readonly Filter[];
  readonly MaxResults?: number | undefined;
  readonly NextToken?: string | undefined;
}

function select(fleet: FleetReader, place: Place, wanted: Selection) {
  if (wanted.InstanceId.length > 0 && wanted.MaxResults !== undefined) {
    throw new AwsError(
      'InvalidParameterCombination',
      'The parameter instancesSet cannot be used with the parameter maxResults',
    );
  }
  const candidates = wanted.InstanceId.length > 0 ? instancesById(fleet, wanted.InstanceId) : fleet.list();
  const matching = candidates.filter((instance) => passes(wanted.Filter, filterValues(instance, place)));
  return page(shuffled(matching), wanted.MaxResults, wanted.NextToken);
}

/** DescribeInstances: one reservation an instance. Source: EC2 API reference, DescribeInstances. */
export function describeInstances(fleet: FleetReader, place: Place, params: Record<string, unknown>) {
  const { items, nextToken } = select(fleet, place, read(selection, params));
  return {
    reservationSet: items.map((instance) => ({
      reservationId: hexId('r-', instance.id),
      ownerId: place.accountId,
      groupSet: [],
      instancesSet: [describeInstance(instance, place)],
    })),
    nextToken,
  };
}

/** DescribeInstanceStatus: running instances only, unless all are asked for. */
export function describeInstanceStatus(fleet: FleetReader, place: Place, params: Record<string, unknown>) {
  const wanted = read(selection.extend({ IncludeAllInstances: flag.default(false) }), params);
  const { items, nextToken } = select(fleet, place, wanted);
  const health = { status: 'ok', details: [{ name: 'reachability', status: 'passed' }] };
  return {
    instanceStatusSet: items
      .filter((instance) => wanted.IncludeAllInstances || instance.state === 'running')
      .map((instance) => ({
        instanceId: instance.id,
        availabilityZone: instance.zone,
        instanceState: stateOf(instance.state),
        systemStatus: instance.state === 'running' ? health : { status: 'not-applicable' },
        instanceStatus: instance.state === 'running' ? health : { status: 'not-applicable' },
      })),
    nextToken,
  };
}
