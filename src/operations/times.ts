import type { Ms } from '../domain/ids.js';
import type { Plan } from '../domain/plan.js';
import type { Finding } from './preflight.js';

const seconds = (ms: Ms): string => `${String(Math.round(ms / 1000))} s`;

/** Watching that cannot end before the deadline, at which a rollout is given up however well it goes. */
export function judgeTimes({ kind, how, timing, environment }: Plan): readonly Finding[] {
  const bakes = how.is === 'blue-green' ? how.steps.length : 1;
  const watched = timing.bake * bakes;
  if (kind !== 'rollout' || watched < timing.rolloutDeadline) return [];
  const each = bakes === 1 ? '' : ` (${String(bakes)} × ${seconds(timing.bake)})`;
  return [
    {
      level: 'refuse',
      text: `the bakes alone take ${seconds(watched)}${each}, and at timing.deadline (${seconds(timing.rolloutDeadline)}) a rollout is rolled back`,
      fix: `a shorter --bake, fewer --steps, or a longer environments.${environment}.timing.deadline`,
    },
  ];
}
