import type { PlanResult } from '../operations/rollout.js';
import { duration, pad, truncate } from '../reporters/format.js';

const columns = 100;

/** Every step with its predicted time and the capacity that is left after it. */
export function planText(plan: PlanResult): string {
  const head = `plan for ${plan.app}/${plan.environment}: ${plan.strategy}`;
  const moves = plan.services.map(({ service, from, to }) => `  ${service}: ${from} → ${to}`);
  const warnings = plan.findings.map(({ text, fix }) => `  ! ${text}\n    ${fix}`);
  if (!plan.somethingToDo)
    return [head, ...warnings, 'nothing to do: the release is live everywhere already'].join('\n');
  const steps = plan.steps.map(({ after, text, capacity }) => {
    const left = Object.entries(capacity)
      .map(([service, healthy]) => `${service} ${healthy}`)
      .join(' ');
    return truncate(`  ${pad(`+${duration(after)}`, 9)} ${pad(text, 58)} ${left}`, columns).trimEnd();
  });
  return [
    head,
    ...moves,
    ...warnings,
    '',
    `  ${pad('when', 9)} ${pad('step', 58)} healthy with traffic`,
    ...steps,
    '',
    `about ${duration(plan.estimateSeconds * 1000)} when everything goes well; nothing was changed`,
  ].join('\n');
}
