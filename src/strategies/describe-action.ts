import type { Action } from '../domain/decision.js';
import type { InstanceId } from '../domain/ids.js';
import { targetKey } from '../domain/ids.js';
import type { Observation } from '../domain/observation.js';
import type { Plan } from '../domain/plan.js';
import { imageTag } from '../domain/release.js';

/** An action in words: `start backend 1.1.0 (green) on shop-1`. Instances that the observation does not know go by their ids. */
export function describeAction(plan: Plan, seen: Observation, action: Action): string {
  const fleet = seen.fleet.is === 'known' ? seen.fleet.value : [];
  const nameOf = (id: InstanceId): string => fleet.find((instance) => instance.id === id)?.name ?? id;
  const groupOf = (arn: string): string => {
    for (const service of plan.services) {
      for (const color of Object.values(service.colors))
        if (color.group === arn) return `${service.service} ${color.color}`;
    }
    return arn;
  };
  switch (action.is) {
    case 'inspect':
      return `look at the containers of ${nameOf(action.instance)}`;
    case 'quiet':
      return `watch the connections of ${action.service} on ${nameOf(action.instance)}`;
    case 'pull':
      return `pull the images on ${nameOf(action.instance)}`;
    case 'task':
      return `run the one-off task of ${action.service} on ${nameOf(action.instance)}`;
    case 'start':
    case 'restore': {
      const service = plan.services.find((each) => each.service === action.service);
      const release = [service?.to, service?.from].find((each) => each?.release === action.release);
      const tag = release === undefined ? action.release : imageTag(release.spec.image);
      return `${action.is === 'start' ? 'start' : 'bring back'} ${action.service} ${tag} (${action.color}) on ${nameOf(action.instance)}`;
    }
    case 'stop':
      return `stop ${action.service} (${action.color}) on ${nameOf(action.instance)}`;
    case 'register':
    case 'deregister': {
      const isForeign = action.is === 'deregister' && action.foreign === true;
      const targets = action.targets
        .map(({ instance, port }) => (isForeign ? targetKey(instance, port) : nameOf(instance)))
        .join(', ');
      return `${action.is} ${targets} ${action.is === 'register' ? 'in' : 'from'} ${groupOf(action.group)}`;
    }
    case 'weights':
      return `weights: ${action.set.map(({ group, weight }) => `${groupOf(group)} ${String(weight)}`).join(', ')}`;
  }
}
