import type { InstanceId, ServiceName, TargetGroupArn, TargetKey } from './ids.js';
import type { FleetInstance, ObservedTarget } from './observation.js';
import { isRegistered } from './observation.js';
import type { ColorPlan } from './plan.js';
import type { Layout } from './settings.js';

/**
 * Why the fleet does not cover a target. `stopped`: its instance does not run, and serves what it has when it is started again; `other-set`: it belongs to the
 * set of instances of the other color.
 */
export type ForeignKind = 'not-in-fleet' | 'stopped' | 'other-port' | 'other-set';

/** A registered target of a managed group that no rollout reaches: whatever runs there gets a share of the requests. */
export interface ForeignTarget {
  readonly service: ServiceName;
  readonly color: ColorPlan;
  readonly instance: InstanceId;
  readonly port: number;
  readonly kind: ForeignKind;
}

/** A service and its target groups. */
export interface Managed {
  readonly service: ServiceName;
  readonly colors: Readonly<Partial<Record<ColorPlan['color'], ColorPlan>>>;
}

type Target = Pick<ObservedTarget, 'state' | 'reason'>;

/**
 * Compares the targets of each managed group with fleet × port. Targets that drain have left already.
 * @param targetsOf the targets of a group; undefined where they could not be read: nothing is said of those
 */
export function foreignTargets(
  services: readonly Managed[],
  layout: Layout,
  fleet: readonly FleetInstance[],
  targetsOf: (group: TargetGroupArn) => ReadonlyMap<TargetKey, Target> | undefined,
): readonly ForeignTarget[] {
  const members = new Map(fleet.map((instance) => [instance.id, instance]));
  return services.flatMap(({ service, colors }) =>
    Object.values(colors).flatMap((color) =>
      [...(targetsOf(color.group) ?? [])].flatMap(([key, target]): readonly ForeignTarget[] => {
        if (!isRegistered(target)) return [];
        const [instance, port] = partsOf(key);
        const kind = kindOf(layout, color, members.get(instance), port, target);
        return kind === undefined ? [] : [{ service, color, instance, port, kind }];
      }),
    ),
  );
}

function kindOf(
  layout: Layout,
  color: ColorPlan,
  member: FleetInstance | undefined,
  port: number,
  target: Target,
): ForeignKind | undefined {
  // ELB API reference, TargetHealth: "The target is in the stopped or terminated state".
  if (member === undefined) return target.reason === 'Target.InvalidState' ? 'stopped' : 'not-in-fleet';
  if (layout.is === 'instances' && member.color !== color.color) return 'other-set';
  return port === color.port ? undefined : 'other-port';
}

function partsOf(key: TargetKey): readonly [InstanceId, number] {
  const colon = key.lastIndexOf(':');
  return [`i-${key.slice(2, colon)}`, Number(key.slice(colon + 1))];
}

/** `i-0123:8081 (its instance is stopped …)` */
export function foreignText({ instance, port, kind, color }: ForeignTarget): string {
  return `${instance}:${String(port)} (${whyText(kind, color)})`;
}

function whyText(kind: ForeignKind, { color, port }: ColorPlan): string {
  switch (kind) {
    case 'not-in-fleet':
      return 'not an instance of the fleet';
    case 'stopped':
      return 'stopped: it serves its old release when it is started again';
    case 'other-port':
      return `another port than ${String(port)}`;
    case 'other-set':
      return `not an instance of the ${color} set`;
  }
}
