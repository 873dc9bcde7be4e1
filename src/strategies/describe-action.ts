import type { Action } from '../domain/decision.js';
import type { Plan } from '../domain/plan.js';
import { imageTag } from '../domain/release.js';

/** An action in words: `start backend 1.1.0 (green) on i-0abc`. */
export function describeAction(plan: Plan, action: Action): string {
  const groupOf = (arn: string): string => {
    for (const service of plan.services) {
      for (const color of Object.values(service.colors))
        if (color.group === arn) return `${service.service} ${color.color}`;
    }
    return arn;
  };
  switch (action.is) {
    case 'inspect':
      return `look at the containers of ${action.instance}`;
    case 'pull':
      return `pull the images on ${action.instance}`;
    case 'task':
      return `run the one-off task of ${action.service} on ${action.instance}`;
    case 'start':
    case 'restore': {
      const service = plan.services.find((each) => each.service === action.service);
      const release = [service?.to, service?.from].find((each) => each?.release === action.release);
      const tag = release === undefined ? action.release : imageTag(release.spec.image);
      return `${action.is === 'start' ? 'start' : 'bring back'} ${action.service} ${tag} (${action.color}) on ${action.instance}`;
    }
    case 'stop':
      return `stop ${action.service} (${action.color}) on ${action.instance}`;
    case 'register':
    case 'deregister': {
      const targets = action.targets.map(({ instance }) => instance).join(', ');
      return `${action.is} ${targets} ${action.is === 'register' ? 'in' : 'from'} ${groupOf(action.group)}`;
    }
    case 'weights':
      return `weights: ${action.set.map(({ group, weight }) => `${groupOf(group)} ${String(weight)}`).join(', ')}`;
  }
}
