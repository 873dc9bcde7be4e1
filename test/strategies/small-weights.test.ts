import { describe, expect, it } from 'vitest';
import type { Decision } from '../../src/domain/decision.js';
import type { GroupWeight } from '../../src/domain/observation.js';
import type { Plan } from '../../src/domain/plan.js';
import { redirect } from '../../src/domain/plan.js';
import { stepScale } from '../../src/strategies/amounts.js';
import { decideNext } from '../../src/strategies/index.js';
import { predict } from '../../src/strategies/predict.js';
import { allTo, giveBack, pairOf, shiftTo } from '../../src/strategies/shift.js';
import { blueGreenHow, planOf, servicePlan, timing } from '../_helpers/plan.js';
import { Scene } from '../_helpers/observation.js';

const [blue, green, other] = ['arn:tg/backend-blue', 'arn:tg/backend-green', 'arn:tg/somebody'] as const;
const route = 'arn:rule/backend';

it.each([
  [[10, 100], 1, 1, 100],
  [[10, 100], 100, 100, 1],
  [[10, 100], 7, 7, 15],
  [[10, 100], 1, 500, 1],
  [[10, 100], 3, 30, 33],
  [[100], 1, 1, 1],
  [[10, 100], 0, 5, 1],
])('steps %j on a base of %d beside %d: %d times larger', (steps, base, largest, wanted) => {
  expect(stepScale(steps, base, largest)).toBe(wanted);
});

/** A rule with the pair at `live`/`idle`, beside a group of somebody else. */
function beside(live: number, idle: number, others: number, before = { live: 1, others: 1 }): Scene {
  const weightsBefore = new Map([
    [
      route,
      [
        { group: blue, weight: before.live },
        { group: other, weight: before.others },
      ],
    ],
  ] as const);
  const plan = planOf({ ...blueGreenHow, steps: [10, 50, 100] }, { weightsBefore, services: [servicePlan('backend')] });
  const s = new Scene(plan, 2);
  for (const { id } of s.fleet) {
    s.runs(id, s.service(), 'green', s.service().to, 1);
    s.target(id, s.service(), 'green', 'healthy', 100, idle > 0 ? undefined : 100);
  }
  return s.routeHas(route, [
    { group: blue, weight: live },
    { group: green, weight: idle },
    { group: other, weight: others },
  ]);
}

const written = (decision: Decision): readonly GroupWeight[] =>
  decision.is === 'act' && decision.actions[0].is === 'weights' ? decision.actions[0].set : [];
const of = (decision: Decision): Record<string, number> =>
  Object.fromEntries(written(decision).map(({ group, weight }) => [group, weight]));
const next = (s: Scene, plan: Plan = s.plan): Decision => decideNext(plan, s.seen(), s.now);
const baked = (s: Scene, percent: number): Scene =>
  s.sees({ bake: { key: `shift/${String(percent)}`, since: s.now - timing.bake - 5000 } });

it('a pair that was split when the rollout began gets all that it had, and the share of others stays', () => {
  const before = [
    { group: blue, weight: 10 },
    { group: green, weight: 90 },
    { group: other, weight: 100 },
  ];
  const plan = planOf(blueGreenHow, {
    weightsBefore: new Map([[route, before]]),
    services: [servicePlan('backend')],
  });
  const s = new Scene(plan, 2).routeHas(route, before);
  for (const { id } of s.fleet) s.target(id, s.service(), 'green', 'unhealthy', 100);
  expect(of(next(s))).toEqual({ [blue]: 100, [green]: 0 });
});

it('a pair keeps the numbers of its shift at the end where somebody has given the others new ones meanwhile', () => {
  const s = beside(50, 50, 77);
  expect(of(next(baked(s, 50)))).toEqual({ [blue]: 0, [green]: 100 });
  expect(of(next(s, redirect(s.plan, 'bad')))).toEqual({ [blue]: 100, [green]: 0 });
});

it('a pair whose weights somebody has set to 0 beside a new weight of the others is never given 0 in all', () => {
  const s = beside(0, 0, 77);
  const pair = pairOf(s.plan, s.seen(), s.service(), route);
  if (pair === undefined) throw new Error('no pair');
  for (const action of [giveBack(s.plan, pair), shiftTo(s.plan, pair, 100), shiftTo(s.plan, pair, 10)]) {
    if (action.is !== 'weights') throw new Error('no weights');
    expect(action.set.some(({ weight }) => weight > 0)).toBe(true);
    expect(action.set.map(({ group }) => group)).not.toContain(other);
  }
});

it.each([
  [0, 100, 2],
  [100, 0, 2],
  [30, 0, 2],
])(
  'a pair that somebody has set to %d/%d beside an unchanged %d keeps its sum when all of it moves',
  (live, idle, others) => {
    const s = beside(live, idle, others, { live: 2, others: 2 });
    const pair = pairOf(s.plan, s.seen(), s.service(), route);
    if (pair === undefined) throw new Error('no pair');
    const sum = live + idle;
    const moves = [
      [allTo(s.plan, pair, 'blue'), { [blue]: sum, [green]: 0 }],
      [allTo(s.plan, pair, 'green'), { [blue]: 0, [green]: sum }],
      [giveBack(s.plan, pair), { [blue]: sum, [green]: 0 }],
      [shiftTo(s.plan, pair, 100), { [blue]: 0, [green]: sum }],
    ] as const;
    for (const [action, wanted] of moves) {
      if (action.is !== 'weights') throw new Error('no weights');
      expect(Object.fromEntries(action.set.map(({ group, weight }) => [group, weight]))).toEqual(wanted);
    }
  },
);

describe('a pair of weight 1 beside a group of somebody else', () => {
  it.each([
    [100, 0, 1],
    [7, 0, 1],
    [1, 0, 100],
  ])(
    'is left alone where another hand has made it %d/%d beside %d, since its share is another',
    (live, idle, others) => {
      expect(next(beside(live, idle, others))).toMatchObject({
        is: 'hold',
        reason: expect.stringContaining('another hand changed them') as string,
      });
    },
  );

  it('goes on where another hand has changed the weight of the other group alone', () => {
    expect(next(beside(1, 0, 3))).toMatchObject({ is: 'act' });
    expect(of(next(beside(1, 0, 3)))).toEqual({ [blue]: 90, [green]: 10, [other]: 300 });
    expect(of(next(baked(beside(90, 10, 300), 10)))).toEqual({ [blue]: 50, [green]: 50 });
    expect(of(next(baked(beside(50, 50, 300), 50)))).toEqual({ [blue]: 0, [green]: 100 });
  });

  it('which may be too large to grow: then the steps that make no difference are skipped', () => {
    expect(of(next(beside(1, 0, 99)))).toEqual({ [blue]: 0, [green]: 1 });
    expect(of(next(beside(100, 0, 99, { live: 100, others: 1 })))).toEqual({ [blue]: 90, [green]: 10 });
  });

  it('and where somebody has added another group since the rollout began', () => {
    const added = 'arn:tg/added';
    const rule = (live: number, idle: number, others: number): Scene =>
      beside(live, idle, others).routeHas(route, [
        { group: blue, weight: live },
        { group: green, weight: idle },
        { group: other, weight: others },
        { group: added, weight: others * 2 },
      ]);
    expect(of(next(rule(1, 0, 1)))).toEqual({ [blue]: 90, [green]: 10, [other]: 100, [added]: 200 });
    expect(of(next(baked(rule(50, 50, 100), 50)))).toEqual({ [blue]: 0, [green]: 100 });
  });

  it('the numbers of the route grow so that a step of 10% can be told, and the share of the other group stays', () => {
    expect(of(next(beside(1, 0, 1)))).toEqual({ [blue]: 90, [green]: 10, [other]: 100 });
  });

  it('further steps change the pair only, and the last one brings the old numbers back', () => {
    expect(of(next(baked(beside(90, 10, 100), 10)))).toEqual({ [blue]: 50, [green]: 50 });
    expect(of(next(baked(beside(50, 50, 100), 50)))).toEqual({ [blue]: 0, [green]: 1, [other]: 1 });
  });

  it('a rollback brings the old numbers back', () => {
    const s = beside(50, 50, 100);
    expect(of(next(s, redirect(s.plan, 'bad')))).toEqual({ [blue]: 1, [green]: 0, [other]: 1 });
  });

  it('every write says what all of the route was expected to be', () => {
    expect(next(beside(1, 0, 1))).toMatchObject({
      actions: [{ expected: [{ weight: 1 }, { weight: 0 }, { group: other, weight: 1 }] }],
    });
  });
});

describe('numbers that cannot grow', () => {
  it('steps that make no difference are skipped', () => {
    expect(of(next(beside(1, 0, 900, { live: 1, others: 900 })))).toEqual({ [blue]: 0, [green]: 1 });
    const two = beside(2, 0, 900, { live: 2, others: 900 });
    expect(of(next(two))).toEqual({ [blue]: 1, [green]: 1 });
    const half = baked(beside(1, 1, 900, { live: 2, others: 900 }), 50);
    expect(of(next(half)), '10% and 50% are the same').toEqual({ [blue]: 0, [green]: 2 });
  });

  it('a plan comes to its end', () => {
    const s = beside(1, 0, 900, { live: 1, others: 900 });
    const durations = { drain: new Map(), firstCheck: new Map(), pull: 1000, start: 1000, hostCommand: 1000 };
    const { end, steps } = predict(s.plan, s.seen(), s.now, durations);
    expect(end).toMatchObject({ is: 'done', outcome: 'succeeded' });
    expect(steps.filter(({ text }) => text.startsWith('weights'))).toHaveLength(1);
  });
});
