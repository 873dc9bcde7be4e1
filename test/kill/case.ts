import type { Dice } from '../simulation/dice.js';
import type { KillPoint } from './gate.js';
import { phases } from './gate.js';

const layouts = ['ports', 'sets'] as const;
const strategies = ['rolling', 'blue-green'] as const;
const changes = ['backend', 'both'] as const;
/** `dies`: well until it has run for some seconds. */
const fates = ['good', 'never-healthy', 'dies'] as const;
/** Who comes after a death: the same operator, who goes on or goes back; or another one on another machine, who wants the same rollout. */
const recoveries = ['resume', 'rollback', 'another'] as const;

export interface Scenario {
  readonly strategy: (typeof strategies)[number];
  readonly layout: (typeof layouts)[number];
  readonly change: (typeof changes)[number];
  readonly fate: (typeof fates)[number];
}

/** One rollout whose process is killed, and what is done about it: `rolling/ports/backend/good resume SendCommand#3:lost`. */
export interface Case {
  readonly scenario: Scenario;
  readonly recovery: (typeof recoveries)[number];
  /** Where the first process dies, where the one that comes after it does. */
  readonly kills: readonly KillPoint[];
}

export const describeScenario = ({ strategy, layout, change, fate }: Scenario): string =>
  [strategy, layout, change, fate].join('/');

export const describeCase = ({ scenario, recovery, kills }: Case): string =>
  [
    describeScenario(scenario),
    recovery,
    ...kills.map(({ operation, nth, phase }) => `${operation}#${String(nth)}:${phase}`),
  ].join(' ');

/** @throws when it is not what describeCase writes */
export function parseCase(text: string): Case {
  const [scenario = '', recovery, ...kills] = text.trim().split(/\s+/);
  const [strategy, layout, change, fate] = scenario.split('/');
  return {
    scenario: {
      strategy: among(strategies, strategy),
      layout: among(layouts, layout),
      change: among(changes, change),
      fate: among(fates, fate),
    },
    recovery: among(recoveries, recovery),
    kills: kills.map((kill) => {
      const [, operation, nth, phase] = /^(\w+)#(\d+):(\w+)$/.exec(kill) ?? [];
      if (operation === undefined) throw new Error(`${kill}: wanted OPERATION#NUMBER:PHASE`);
      return { operation, nth: Number(nth), phase: among(phases, phase) };
    }),
  };
}

function among<T extends string>(known: readonly T[], value: string | undefined): T {
  const found = known.find((each) => each === value);
  if (found === undefined) throw new Error(`${String(value)} is none of ${known.join(', ')}`);
  return found;
}

export function drawScenario(dice: Dice, layout: Scenario['layout']): Scenario {
  return {
    strategy: dice.pick(['rolling', 'blue-green']),
    layout,
    change: dice.pick(['backend', 'backend', 'both']),
    fate: dice.pick(['good', 'good', 'never-healthy', 'dies']),
  };
}

export const drawRecovery = (dice: Dice): Case['recovery'] => dice.pick(['resume', 'rollback', 'another']);

/** Three times as likely as a read. */
const changing = /^(Put|Delete|Send|Register|Deregister|Modify)/;

/**
 * A call that a run makes, given how often an undisturbed one makes each. All operations count the same, or heartbeats would be most of what is hit; early
 * calls are hit more often than late ones, which a bad release does not get to.
 */
export function drawKill(dice: Dice, counts: ReadonlyMap<string, number>): KillPoint {
  const pool = [...counts]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap((each) => (changing.test(each[0]) ? [each, each, each] : [each]));
  const [operation, most] = pool[dice.between(0, pool.length - 1)] ?? ['PutParameter', 1];
  return { operation, nth: dice.between(1, dice.between(1, most)), phase: dice.pick(phases) };
}
