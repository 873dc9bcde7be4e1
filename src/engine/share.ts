import type { Action } from '../domain/decision.js';
import type { Color, ServiceName } from '../domain/ids.js';
import { otherColor } from '../domain/ids.js';
import type { Plan } from '../domain/plan.js';

/** What a write of weights gives the standby color of its service, in percent. undefined: the route is of no service of the plan. */
export function shareOf(
  plan: Plan,
  action: Extract<Action, { is: 'weights' }>,
): { readonly service: ServiceName; readonly color: Color; readonly percent: number } | undefined {
  const service = plan.services.find((each) => each.routes.includes(action.route));
  if (service === undefined) return undefined;
  const color = otherColor(service.live);
  const total = action.set.reduce((sum, entry) => sum + entry.weight, 0);
  const weight = action.set.find((entry) => entry.group === service.colors[color]?.group)?.weight ?? 0;
  return { service: service.service, color, percent: total === 0 ? 0 : Math.round((weight / total) * 100) };
}
