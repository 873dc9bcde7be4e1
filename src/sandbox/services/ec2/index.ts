import { z } from 'zod';
import type { Fleet } from '../../fleet.js';
import type { Service } from '../../server.js';
import type { InstanceState, SandboxInstance } from '../../types.js';
import { AwsError } from '../../types.js';
import { describeInstance, describeInstances, describeInstanceStatus, instancesById, stateOf } from './instances.js';
import type { Lifecycle } from './lifecycle.js';
import { listOf, read, tags } from './params.js';
import type { Place } from './place.js';
import { hexId } from './place.js';
import { createTags, describeTags } from './tags.js';

export interface Ec2Deps {
  readonly fleet: Fleet;
  readonly place: Place;
  readonly lifecycle: Lifecycle;
  /** Told of what goes wrong after a call was answered (a host that does not start). */
  readonly onError: (error: unknown) => void;
}

type Handler = (params: Record<string, unknown>) => Record<string, unknown>;

/** The EC2 calls that a deployment tool and its operator need. Unknown ones answer InvalidAction. */
export function createEc2(deps: Ec2Deps): Service {
  const { fleet, place, lifecycle } = deps;

  /** A state change of several instances: refused as a whole when one of them is in the wrong state. */
  const change = (
    params: Record<string, unknown>,
    allowed: readonly InstanceState[],
    act: (id: string) => Promise<void>,
  ): { instancesSet: unknown[] } => {
    const { InstanceId: ids } = read(
      z.object({ InstanceId: listOf(z.string()).pipe(z.array(z.string()).min(1)) }),
      params,
    );
    const instances = instancesById(fleet, ids);
    const wrong = instances.find((instance) => !allowed.includes(instance.state));
    if (wrong !== undefined) {
      throw new AwsError(
        'IncorrectInstanceState',
        `The instance '${wrong.id}' is '${wrong.state}'; this call needs ${allowed.join(' or ')}`,
      );
    }
    const before = instances.map((instance) => instance.state);
    for (const id of ids) {
      act(id).catch(deps.onError);
    }
    return {
      instancesSet: instances.map((instance, index) => ({
        instanceId: instance.id,
        currentState: stateOf(instance.state),
        previousState: stateOf(before[index] ?? instance.state),
      })),
    };
  };

  const runInstances: Handler = (params) => {
    const wanted = read(
      z.object({
        MinCount: z.coerce.number().int().min(1).default(1),
        MaxCount: z.coerce.number().int().min(1).max(50),
        SubnetId: z.string().optional(),
        Placement: z.object({ AvailabilityZone: z.string().optional() }).optional(),
        TagSpecification: listOf(z.object({ ResourceType: z.string(), Tag: tags })),
      }),
      params,
    );
    const zone = zoneOf(place, wanted.SubnetId, wanted.Placement?.AvailabilityZone);
    const instanceTags = wanted.TagSpecification.filter((spec) => spec.ResourceType === 'instance').flatMap((spec) =>
      spec.Tag.map((tag): [string, string] => [tag.Key, tag.Value]),
    );
    const specs = Array.from({ length: wanted.MaxCount }, (_item, index) => ({
      zone: zone ?? place.zones[(fleet.list().length + index) % place.zones.length]?.name ?? '',
      tags: Object.fromEntries(instanceTags),
    }));
    const { instances, ready } = lifecycle.launch(specs);
    ready.catch(deps.onError);
    return {
      reservationId: hexId('r-', instances.map((instance) => instance.id).join()),
      ownerId: place.accountId,
      groupSet: [],
      instancesSet: instances.map((instance: SandboxInstance) => describeInstance(instance, place)),
    };
  };

  const handlers: Readonly<Record<string, Handler>> = {
    DescribeInstances: (params) => describeInstances(fleet, place, params),
    DescribeInstanceStatus: (params) => describeInstanceStatus(fleet, place, params),
    DescribeTags: (params) => describeTags(fleet, params),
    CreateTags: (params) => createTags(fleet, params),
    RunInstances: runInstances,
    TerminateInstances: (params) =>
      change(params, ['pending', 'running', 'stopping', 'stopped', 'shutting-down', 'terminated'], (id) =>
        ['shutting-down', 'terminated'].includes(fleet.get(id)?.state ?? '')
          ? Promise.resolve()
          : lifecycle.terminate(id),
      ),
    StopInstances: (params) =>
      change(params, ['running', 'stopping', 'stopped'], (id) =>
        fleet.get(id)?.state === 'running' ? lifecycle.stop(id) : Promise.resolve(),
      ),
    StartInstances: (params) =>
      change(params, ['stopped', 'pending', 'running'], (id) =>
        fleet.get(id)?.state === 'stopped' ? lifecycle.start(id) : Promise.resolve(),
      ),
    RebootInstances: (params) => {
      change(params, ['running'], (id) => lifecycle.reboot(id));
      return { return: true };
    },
    DescribeAvailabilityZones: () => ({
      availabilityZoneInfo: place.zones.map((zone) => ({
        zoneName: zone.name,
        zoneId: zone.id,
        zoneState: 'available',
        regionName: place.region,
        zoneType: 'availability-zone',
        optInStatus: 'opt-in-not-required',
        groupName: place.region,
        messageSet: [],
      })),
    }),
    DescribeVpcs: () => ({
      vpcSet: [
        {
          vpcId: place.vpcId,
          state: 'available',
          cidrBlock: place.cidr,
          ownerId: place.accountId,
          isDefault: true,
          tagSet: [],
        },
      ],
    }),
    DescribeSubnets: () => ({
      subnetSet: place.zones.map((zone) => ({
        subnetId: zone.subnetId,
        vpcId: place.vpcId,
        state: 'available',
        cidrBlock: zone.cidr,
        availabilityZone: zone.name,
        availabilityZoneId: zone.id,
        ownerId: place.accountId,
        tagSet: [],
      })),
    }),
  };

  return async ({ operation, params }) => {
    const handler = Object.hasOwn(handlers, operation) ? handlers[operation] : undefined;
    if (handler === undefined) {
      throw new AwsError('InvalidAction', `The action ${operation} is not valid for this web service.`);
    }
    return Promise.resolve(handler(params));
  };
}

/** STS, as far as a client asks who it is. */
export function createSts(place: Place): Service {
  return async ({ operation }) => {
    if (operation !== 'GetCallerIdentity') {
      throw new AwsError('InvalidAction', `Could not find operation ${operation} for version 2011-06-15`);
    }
    return Promise.resolve({
      Arn: `arn:aws:iam::${place.accountId}:user/sandbox`,
      UserId: 'AIDASANDBOXSANDBOX00',
      Account: place.accountId,
    });
  };
}

function zoneOf(place: Place, subnetId: string | undefined, zoneName: string | undefined): string | undefined {
  if (subnetId !== undefined) {
    const zone = place.zones.find((one) => one.subnetId === subnetId);
    if (zone === undefined) {
      throw new AwsError('InvalidSubnetID.NotFound', `The subnet ID '${subnetId}' does not exist`);
    }
    return zone.name;
  }
  if (zoneName !== undefined && !place.zones.some((one) => one.name === zoneName)) {
    throw new AwsError('InvalidParameterValue', `Invalid availability zone: [${zoneName}]`);
  }
  return zoneName;
}
