import { describe, expect, it } from 'vitest';
import type { Action } from '../../src/domain/decision.js';
import { evidenceOf, Progress } from '../../src/engine/progress.js';
import { planOf, rollingHow } from '../_helpers/plan.js';
import { Scene } from '../_helpers/observation.js';

const scene = (): Scene => new Scene(planOf(rollingHow), 2);
const weights = (s: Scene, live: number): Action => ({
  is: 'weights',
  route: 'arn:rule/backend',
  frame: 'frame',
  expected: [],
  set: [{ group: s.service().colors.blue?.group ?? 'arn:none', weight: live }],
});
const register = (s: Scene): Action => ({
  is: 'register',
  group: s.service().colors.blue?.group ?? 'arn:none',
  targets: [{ instance: s.id(1), port: 8080 }],
});

/** Sends the action as soon as it may be, as often as it may, while nothing changes. @returns when it was sent, and when it was given up */
function sendAll(action: Action, s: Scene): { readonly sent: readonly number[]; readonly stuck: number } {
  const progress = new Progress(5000);
  const sent: number[] = [];
  for (let now = 0; now <= 600_000; now += 500) {
    progress.observe(s.seen(), now);
    const verdict = progress.judge(action, now);
    if (verdict.is === 'stuck') return { sent, stuck: now };
    if (verdict.is === 'later') continue;
    sent.push(now);
    progress.accepted(action, evidenceOf(action, s.seen()), now);
  }
  return { sent, stuck: Infinity };
}

describe('a change that has no effect', () => {
  it.each([
    ['weights', (s: Scene) => weights(s, 50)],
    ['register', register],
    ['stop', (s: Scene): Action => ({ is: 'stop', instance: s.id(1), service: 'backend', color: 'green' })],
  ] as const)('%s: is sent again after pauses that double, and given up after three times', (_, action) => {
    const s = scene();
    expect(sendAll(action(s), s)).toEqual({ sent: [0, 5000, 15_000], stuck: 35_000 });
  });

  it('is not taken for one that has had one when its object cannot be read in between', () => {
    const s = scene();
    const action = weights(s, 50);
    const progress = new Progress(5000);
    progress.accepted(action, evidenceOf(action, s.seen()), 0);
    progress.observe(scene().unreadable('arn:rule/backend').seen(), 1000);
    progress.observe(s.seen(), 2000);
    expect(progress.judge(action, 2000)).toEqual({ is: 'later', at: 5000 });
  });

  it('is sent once more some time later where it would end an outage', () => {
    const s = scene();
    const action = weights(s, 50);
    const progress = new Progress(5000);
    for (const at of [0, 5000, 15_000]) progress.accepted(action, evidenceOf(action, s.seen()), at);
    expect(progress.judge(action, 35_000)).toEqual({ is: 'stuck', times: 3 });
    expect(progress.judge(action, 35_000, true)).toEqual({ is: 'send' });
  });

  it('a look is no change', () => {
    const s = scene();
    expect(sendAll({ is: 'inspect', instance: s.id(1) }, s).stuck).toBe(Infinity);
  });
});

describe('a change that has had an effect', () => {
  it('may be sent again at once, as often as it is needed', () => {
    const s = scene();
    const progress = new Progress(5000);
    for (let now = 0; now < 50_000; now += 1000) {
      progress.observe(s.seen(), now);
      const action = weights(s, now % 2000 === 0 ? 50 : 100);
      expect(progress.judge(action, now)).toEqual({ is: 'send' });
      progress.accepted(action, evidenceOf(action, s.seen()), now);
      s.weights(s.service(), now % 2000 === 0 ? 50 : 100, now % 2000 === 0 ? 50 : 0);
    }
  });

  it('another wish for the same object is judged on its own', () => {
    const s = scene();
    const progress = new Progress(5000);
    progress.accepted(weights(s, 90), evidenceOf(weights(s, 90), s.seen()), 0);
    expect(progress.judge(weights(s, 90), 1)).toMatchObject({ is: 'later' });
    expect(progress.judge(weights(s, 50), 1)).toEqual({ is: 'send' });
  });

  it('a registration counts as one only when readings can show it', () => {
    const s = scene();
    const progress = new Progress(5000);
    s.target(s.id(1), s.service(), 'blue', 'absent');
    progress.accepted(register(s), evidenceOf(register(s), s.seen()), 0);
    // The observer takes it for granted for a while.
    s.target(s.id(1), s.service(), 'blue', 'initial', 0);
    progress.observe(s.seen(), 5000);
    s.target(s.id(1), s.service(), 'blue', 'absent');
    progress.observe(s.seen(), 11_000);
    expect(progress.judge(register(s), 11_000)).toEqual({ is: 'send' });
    progress.accepted(register(s), evidenceOf(register(s), s.seen()), 11_000);
    expect(progress.judge(register(s), 20_000), 'it was not forgotten').toEqual({ is: 'later', at: 21_000 });
  });
});
