import type { SteerResult } from '../operations/steer.js';
import { flat } from '../reporters/clean.js';

/** What was asked of which rollout, and what to type next. */
export function steerText(result: SteerResult): string {
  const { asked, rollout, phase, driven, next } = flat(result);
  const what = { abort: 'to go back', pause: 'to pause before its next change', promote: 'to go on' }[asked];
  const heard = driven
    ? `asked ${rollout} ${what} (now: ${phase})`
    : `left a request for ${rollout} ${what}; its process is gone`;
  return [heard, '', 'Next:', ...next.map((line) => `  ${line}`)].join('\n');
}
