import type { Decision } from '../../src/domain/decision.js';

/** `deregister 1+3, start 2, weights 90/10`: what is done, with the numbers of the instances; else the kind of the decision. */
export function said(decision: Decision): string {
  if (decision.is !== 'act') return decision.is;
  const number = (id: string): string => String(Number(id.slice(2)));
  return decision.actions
    .map((action) => {
      if ('targets' in action)
        return `${action.is} ${action.targets.map(({ instance }) => number(instance)).join('+')}`;
      if ('instance' in action) return `${action.is} ${number(action.instance)}`;
      return `weights ${action.set.map(({ weight }) => String(weight)).join('/')}`;
    })
    .join(', ');
}
