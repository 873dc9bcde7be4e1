import { describe, expect, it } from 'vitest';
import type { Action } from '../../src/domain/decision.js';
import { describeAction } from '../../src/strategies/describe-action.js';
import { decideNext } from '../../src/strategies/index.js';
import { planOf, rollingHow, servicePlan } from '../_helpers/plan.js';
import { Scene } from '../_helpers/observation.js';

describe('an action in words', () => {
  const scene = new Scene(planOf(rollingHow), 2);
  const say = (action: Action): string => describeAction(scene.plan, scene.seen(), action);

  it('names instances as people do, and by id when the fleet is not known', () => {
    const start: Action = { is: 'start', instance: scene.id(1), service: 'backend', color: 'blue', release: 'r-new' };
    expect(say(start)).toBe('start backend new (blue) on web-1');
    const targets = [
      { instance: scene.id(1), port: 8080 },
      { instance: scene.id(2), port: 8080 },
    ];
    expect(say({ is: 'deregister', group: 'arn:tg/backend-blue', targets })).toBe(
      'deregister web-1, web-2 from backend blue',
    );
    const blind = { ...scene.seen(), fleet: { is: 'unknown', why: 'throttled', since: 0 } } as const;
    expect(describeAction(scene.plan, blind, start)).toBe('start backend new (blue) on i-00000001');
  });
});

describe('the end of a drain', () => {
  const service = servicePlan('backend');
  const blue = { color: 'blue', port: 8080, group: 'arn:tg/backend-blue', drain: 30_000 } as const;
  const plan = planOf(rollingHow, { services: [{ ...service, colors: { ...service.colors, blue } }] });

  /** What is waited for `seconds` after the deregistration, in seconds from then. */
  const waits = (seconds: number): readonly number[] => {
    const scene = new Scene(plan, 3);
    scene.target(scene.id(1), scene.service(), 'blue', 'draining', seconds, seconds);
    const decision = decideNext(scene.plan, scene.seen(), scene.now);
    if (decision.is !== 'wait') throw new Error(`wanted a wait, got ${decision.is}`);
    const drain = decision.waits.filter(({ instance }) => instance === scene.id(1));
    return drain.map(({ until }) => (until - scene.now) / 1000 + seconds);
  };

  it('is when the delay of its group is over, then the cap', () => {
    expect(waits(10)).toEqual([30]);
    expect(waits(31)).toEqual([plan.timing.drainCap / 1000]);
  });
});
