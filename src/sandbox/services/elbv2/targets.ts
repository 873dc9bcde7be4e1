import { z } from 'zod';
import type { FleetReader } from '../../fleet.js';
import type { SandboxTime } from '../../types.js';
import { AwsError } from '../../types.js';
import type { HealthReader, Registration, TargetGroup, TargetHealth } from './model.js';
import { integer, listOf, read } from './params.js';
import type { Elbv2Store } from './store.js';
import { needGroup } from './store.js';

type Params = Record<string, unknown>;
type Answer = Record<string, unknown>;

const targetList = listOf(
  z.object({ Id: z.string(), Port: integer('Port', 1, 65_535).optional(), AvailabilityZone: z.string().optional() }),
);
const maxTargets = 1000;

/** Registration, draining and target health. */
export interface Targets {
  register(params: Params): Answer;
  deregister(params: Params): Answer;
  describeHealth(params: Params): Answer;
  /** Forgets the drain timers. */
  close(): void;
}

export interface TargetsDeps {
  readonly store: Elbv2Store;
  readonly fleet: FleetReader;
  readonly time: SandboxTime;
  readonly health: HealthReader;
}

export function createTargets({ store, fleet, time, health }: TargetsDeps): Targets {
  const drains = new Map<string, NodeJS.Timeout>();
  let registered = 0;

  const endDrain = (group: TargetGroup, id: string): void => {
    drains.delete(id);
    group.registrations = group.registrations.filter((registration) => registration.id !== id);
    store.changed({ kind: 'group', groupArn: group.arn, immediate: true });
  };

  const register = (params: Params): Answer => {
    const wanted = read(z.object({ TargetGroupArn: z.string(), Targets: targetList }), params);
    const group = needGroup(store, wanted.TargetGroupArn);
    checkInstances(
      fleet,
      wanted.Targets.map((target) => target.Id),
    );
    let next = group.registrations;
    for (const target of wanted.Targets) {
      const port = target.Port ?? group.port;
      const known = next.find((one) => one.instanceId === target.Id && one.port === port);
      if (known === undefined) {
        const id = `r${++registered}`;
        next = [...next, { id, instanceId: target.Id, port, epoch: 0, draining: false }];
      } else if (known.draining) {
        // An instance target may be registered again while it drains (ALB guide, register targets).
        clearTimeout(drains.get(known.id));
        drains.delete(known.id);
        next = next.map((one) => (one === known ? { ...one, draining: false, epoch: one.epoch + 1 } : one));
      }
    }
    if (next.length > maxTargets) {
      throw new AwsError(
        'TooManyTargets',
        `A target group may have ${maxTargets} targets; this would make ${next.length}`,
      );
    }
    if (next !== group.registrations) {
      group.registrations = next;
      store.changed({ kind: 'group', groupArn: group.arn, immediate: false });
    }
    return {};
  };

  /** A target that is not registered is no error; without a port, all ports of the instance are meant that match the group's. */
  const deregister = (params: Params): Answer => {
    const wanted = read(z.object({ TargetGroupArn: z.string(), Targets: targetList }), params);
    const group = needGroup(store, wanted.TargetGroupArn);
    const delaySeconds = Number(group.attributes.get('deregistration_delay.timeout_seconds') ?? '300');
    let next = group.registrations;
    const leaving: Registration[] = [];
    for (const target of wanted.Targets) {
      const port = target.Port ?? group.port;
      const known = next.find((one) => one.instanceId === target.Id && one.port === port);
      if (known === undefined || known.draining) {
        continue;
      }
      leaving.push(known);
      next = next.map((one) => (one === known ? { ...one, draining: true } : one));
    }
    if (leaving.length > 0) {
      group.registrations = next;
      store.changed({ kind: 'group', groupArn: group.arn, immediate: false });
      for (const { id } of leaving) {
        // The state stays `draining` for the whole delay, even when the target is idle (ALB guide, deregistration delay).
        drains.set(
          id,
          setTimeout(() => endDrain(group, id), time.real(delaySeconds * 1000)),
        );
      }
    }
    return {};
  };

  /** DescribeTargetHealth: the whole group in one answer, or the targets that were asked for, registered or not. */
  const describeHealth = (params: Params): Answer => {
    const wanted = read(z.object({ TargetGroupArn: z.string(), Targets: targetList }), params);
    const group = needGroup(store, wanted.TargetGroupArn);
    const describe = (id: string, port: number, state: TargetHealth): Answer => ({
      Target: { Id: id, Port: port },
      HealthCheckPort: group.healthCheck.port === 'traffic-port' ? String(port) : group.healthCheck.port,
      TargetHealth: { State: state.state, Reason: state.reason, Description: state.description },
    });
    if (wanted.Targets.length === 0) {
      return {
        TargetHealthDescriptions: group.registrations.map((one) =>
          describe(one.instanceId, one.port, healthOf(fleet, health, group, one)),
        ),
      };
    }
    checkInstances(
      fleet,
      wanted.Targets.map((target) => target.Id),
      false,
    );
    return {
      TargetHealthDescriptions: wanted.Targets.map((target) => {
        const port = target.Port ?? group.port;
        const known = group.registrations.find((one) => one.instanceId === target.Id && one.port === port);
        return describe(target.Id, port, known === undefined ? notRegistered : healthOf(fleet, health, group, known));
      }),
    };
  };

  return {
    register,
    deregister,
    describeHealth,
    close() {
      for (const timer of drains.values()) {
        clearTimeout(timer);
      }
      drains.clear();
    },
  };
}

const notRegistered: TargetHealth = {
  state: 'unused',
  reason: 'Target.NotRegistered',
  description: 'Target is not registered to the target group',
};

/** States and reasons. Source: ELB API reference, TargetHealth; ALB guide, target health status. */
function healthOf(
  fleet: FleetReader,
  health: HealthReader,
  group: TargetGroup,
  registration: Registration,
): TargetHealth {
  if (registration.draining) {
    return {
      state: 'draining',
      reason: 'Target.DeregistrationInProgress',
      description: 'Target deregistration is in progress',
    };
  }
  const state = fleet.get(registration.instanceId)?.state ?? 'terminated';
  if (state !== 'running') {
    return { state: 'unused', reason: 'Target.InvalidState', description: `Target is in the ${state} state` };
  }
  return (
    health.healthOf(group.arn, registration) ?? {
      state: 'unused',
      reason: 'Target.NotInUse',
      description: 'Target group is not configured to receive traffic from the load balancer',
    }
  );
}

function checkInstances(fleet: FleetReader, ids: readonly string[], mustRun = true): void {
  if (ids.length === 0) {
    throw new AwsError('ValidationError', 'At least one target must be specified');
  }
  const unknown = ids.filter((id) => fleet.get(id) === undefined);
  if (unknown.length > 0) {
    throw new AwsError('InvalidTarget', `The following targets are not valid instances: '${unknown.join("', '")}'`);
  }
  const idle = mustRun ? ids.filter((id) => fleet.get(id)?.state !== 'running') : [];
  if (idle.length > 0) {
    throw new AwsError(
      'InvalidTarget',
      `The following targets are not in a running state and cannot be registered: '${idle.join("', '")}'`,
    );
  }
}
