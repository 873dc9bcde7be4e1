import type { Decision } from '../domain/decision.js';
import type { Instant } from '../domain/ids.js';
import type { Observation } from '../domain/observation.js';
import type { Plan } from '../domain/plan.js';
import { blueGreen } from './blue-green.js';
import { guardForeign } from './foreign.js';
import { restoreTraffic } from './outage.js';
import { retire } from './retire.js';
import { rolling } from './rolling.js';
import { holdBack } from './steering.js';

/**
 * What to do now: pure, synchronous and total. The same inputs give the same decision, whoever asks and however often.
 *
 * A way forward that takes longer than the rollout's own deadline is steered back; a way back that takes longer needs a human.
 */
export function decideNext(plan: Plan, seen: Observation, now: Instant): Decision {
  if (now >= plan.deadline) {
    const reason = 'the rollout did not end before its deadline';
    return plan.aim.to === 'new' && plan.kind === 'rollout'
      ? { is: 'abort', reason }
      : { is: 'done', outcome: 'failed', reason };
  }
  const decision = decideUnpaused(plan, seen, now);
  return restoreTraffic(plan, seen, now) ?? holdBack(plan, seen, now, guardForeign(plan, seen, now, decision));
}

function decideUnpaused(plan: Plan, seen: Observation, now: Instant): Decision {
  switch (plan.how.is) {
    case 'rolling':
      return rolling(plan, plan.how, seen, now);
    case 'blue-green':
      return blueGreen(plan, plan.how, seen, now);
    case 'retire':
      return retire(plan, seen, now);
  }
}
