import type { SteerResult } from '../operations/steer.js';

/** What was asked of which rollout, and what to type next. */
export function steerText({ asked, rollout, phase, driven, next }: SteerResult): string {
  const what = { abort: 'to go back', pause: 'to pause before its next change', promote: 'to go on' }[asked];
  const heard = driven
    ? `asked ${rollout} ${what} (now: ${phase})`
    : `left a request for ${rollout} ${what}; its process is gone`;
  return [heard, '', 'Next:', ...next.map((line) => `  ${line}`)].join('\n');
}
