import type { PlanResult } from '../operations/rollout.js';
import { flat, inLine } from '../reporters/clean.js';
import { duration, pad, width, wrap } from '../reporters/format.js';

/** Widest text of a step where nothing limits the line. */
const LONGEST = 58;
const WHEN = 9;

/**
 * Every step with its predicted time and the capacity that is left after it, and what to type to do it.
 * @param columns of the terminal; absent in a pipe, where nothing is broken into lines
 */
export function planText(made: PlanResult, rollout: string, columns?: number): string {
  const plan = flat(made);
  const head = `plan for ${plan.app}/${plan.environment}: ${plan.strategy}`;
  const moves = plan.services.map(({ service, from, to }) => `  ${service}: ${from} → ${to}`);
  const warnings = plan.findings.map(({ text, fix }) => `  ! ${text}\n    ${fix}`);
  if (!plan.somethingToDo)
    return [head, ...warnings, 'nothing to do: the release is live everywhere already'].join('\n');
  const steps = plan.steps.map(({ after, text, capacity }) => {
    const left = Object.entries(capacity)
      .map(([service, healthy]) => `${service} ${healthy}`)
      .join(' ');
    return { when: `+${duration(after)}`, text, left };
  });
  const title = 'healthy with traffic';
  const rest = Math.max(title.length, ...steps.map(({ left }) => width(left)));
  const room = columns === undefined ? LONGEST : Math.max(20, Math.min(LONGEST, columns - 2 - WHEN - 2 - rest));
  const row = (when: string, text: string, left: string): readonly string[] => {
    const [first = '', ...more] = columns === undefined ? [text] : wrap(text, room);
    const filled = first + ' '.repeat(Math.max(0, room - width(first)));
    return [`  ${pad(when, WHEN)} ${filled} ${left}`.trimEnd(), ...more.map((line) => `  ${pad('', WHEN)} ${line}`)];
  };
  return [
    head,
    ...moves,
    ...warnings,
    '',
    ...row('when', 'step', title),
    ...steps.flatMap(({ when, text, left }) => row(when, text, left)),
    '',
    `about ${duration(plan.estimateSeconds * 1000)} when everything goes well; nothing was changed`,
    '',
    'Next:',
    `  ${inLine(rollout)}`,
  ].join('\n');
}
