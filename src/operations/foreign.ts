import type { ForeignTarget } from '../domain/foreign-targets.js';
import { foreignTargets, foreignText } from '../domain/foreign-targets.js';
import type { TargetGroupArn, TargetKey } from '../domain/ids.js';
import type { FleetInstance, Observation, TargetView } from '../domain/observation.js';
import type { Plan } from '../domain/plan.js';
import { foreignIn as foreignSeen, isInvolved } from '../strategies/foreign.js';
import type { Finding } from './preflight.js';
import type { Toolbox } from './toolbox.js';
import type { Topology } from './topology.js';

/**
 * Registered targets that the fleet does not cover. Those of terminated instances are left out, since AWS deregisters them by itself, and so are instances that
 * have joined the fleet since it was read.
 */
export async function foreignIn(
  box: Pick<Toolbox, 'settings' | 'fleet' | 'signal'>,
  topology: Topology,
  fleet: readonly FleetInstance[],
  targets: ReadonlyMap<TargetGroupArn, ReadonlyMap<TargetKey, TargetView>>,
): Promise<readonly ForeignTarget[]> {
  const { settings, signal } = box;
  const services = topology.services.map(({ settings: { name }, colors }) => ({ service: name, colors }));
  const compare = (members: readonly FleetInstance[]): readonly ForeignTarget[] =>
    foreignTargets(services, settings.layout, members, (group) => targets.get(group));
  const found = compare(fleet);
  if (found.length === 0) return [];
  const members = new Set(fleet.map(({ id }) => id));
  const outside = [...new Set(found.map(({ instance }) => instance))].filter((id) => !members.has(id));
  if (outside.length === 0) return found;
  const [states, later] = await Promise.all([
    box.fleet.states(outside, signal),
    box.fleet.instances(settings.fleet, settings.layout, signal),
  ]);
  return compare(later).flatMap((each): readonly ForeignTarget[] => {
    if (each.kind !== 'not-in-fleet' && each.kind !== 'stopped') return [each];
    const state = states.get(each.instance);
    if (state === undefined) return [];
    return [{ ...each, kind: state === 'stopped' ? 'stopped' : 'not-in-fleet' }];
  });
}

/** One finding per target group. @param plan absent: nothing is planned, so nothing is refused */
export function judgeForeign(
  box: Pick<Toolbox, 'settings'>,
  topology: Topology,
  foreign: readonly ForeignTarget[],
  plan?: Plan,
): readonly Finding[] {
  const { environment, region } = box.settings;
  return topology.groups.flatMap((group): readonly Finding[] => {
    const held = foreign.filter(({ color }) => color.group === group.arn);
    const [first] = held;
    if (first === undefined) return [];
    const isDue = plan?.kind === 'rollout' && plan.foreignTargets === 'deregister';
    const text = `target group ${group.name} has targets that the fleet of ${environment} does not cover, so no rollout reaches them: ${held.map(foreignText).join(', ')}`;
    const ids = held.map(({ instance, port }) => `Id=${instance},Port=${String(port)}`).join(' ');
    return [
      {
        level: plan?.kind === 'rollout' && isInvolved(plan, first) && !isDue ? 'refuse' : 'warn',
        text: isDue ? `${text}. The rollout deregisters them` : text,
        fix: `aws elbv2 deregister-targets --region ${region} --target-group-arn ${group.arn} --targets ${ids}   # or set environments.${environment}.foreign-targets: deregister`,
      },
    ];
  });
}

/** What an operation that ends leaves in its target groups beside the fleet, in a sentence. */
export function foreignLeft(plan: Plan, seen: Observation): readonly string[] {
  const left = foreignSeen(plan, seen).map((each) => `${each.service} ${each.color.color} ${foreignText(each)}`);
  if (left.length === 0) return [];
  return [
    `still registered, and not covered by the fleet: ${left.join('; ')}. What to do: deployctl doctor --env ${plan.environment}`,
  ];
}
