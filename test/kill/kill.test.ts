import { expect, it } from 'vitest';
import { Dice } from '../simulation/dice.js';
import type { Case, Scenario } from './case.js';
import { describeCase, describeScenario, drawKill, drawRecovery, drawScenario, parseCase } from './case.js';
import type { Ground } from './ground.js';
import { openGround } from './ground.js';
import type { Played } from './play.js';
import { playCase } from './play.js';

/*
 * The built command line, killed with SIGKILL at external calls drawn at random, on sandboxes under load: `npm run test:kill`. How often:
 * DEPLOYCTL_TEST_KILLS; drawn from DEPLOYCTL_TEST_SEED, which is told. One case again: DEPLOYCTL_TEST_KILL='…', as a failure prints it.
 */
const wanted = process.env['DEPLOYCTL_TEST_KILL'];
const most = Number(process.env['DEPLOYCTL_TEST_KILLS'] ?? '100');
const seed = Number(process.env['DEPLOYCTL_TEST_SEED'] ?? Math.floor(Math.random() * 1_000_000));

interface Figures {
  deaths: number;
  stalls: number;
  cases: number;
  requests: number;
  lost: number;
  excused: number;
  readonly took: Map<Case['recovery'], number[]>;
  readonly failures: string[];
}

const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** Sandboxes side by side. */
const lanes: readonly Scenario['layout'][] = ['ports', 'sets', 'ports'];

/** One sandbox, on which cases are played until all kills together are enough. */
async function lane(layout: Scenario['layout'], number: number, figures: Figures): Promise<void> {
  const dice = new Dice(seed * lanes.length + number);
  const counts = new Map<string, ReadonlyMap<string, number>>();
  let ground: Ground | undefined;
  const play = async (each: Case): Promise<Played> => {
    ground ??= await openGround(layout);
    const played = await playCase(ground, each);
    if (played.faults.length > 0) {
      await ground.shop.dispose();
      ground = undefined;
    }
    note(figures, each, played);
    return played;
  };
  try {
    while (figures.deaths < most) {
      const scenario = drawScenario(dice, layout);
      // How often it calls what is learnt from a rollout that nobody disturbs. A kill that is not reached is no kill.
      const plain: Scenario = { ...scenario, change: 'backend', fate: 'good' };
      const name = describeScenario(plain);
      const known = counts.get(name) ?? (await play({ scenario: plain, recovery: 'resume', kills: [] })).counts;
      counts.set(name, known);
      const recovery = drawRecovery(dice);
      const kills = Array.from({ length: dice.chance(0.2) ? 2 : 1 }, () => drawKill(dice, known));
      await play({ scenario, recovery, kills });
    }
  } finally {
    await ground?.shop.dispose();
  }
}

function note(figures: Figures, each: Case, played: Played): void {
  figures.cases += 1;
  figures.deaths += played.deaths;
  figures.stalls += played.stalls;
  figures.requests += played.requests;
  figures.lost += played.lost;
  figures.excused += played.excused;
  if (played.took !== undefined)
    figures.took.set(each.recovery, [...(figures.took.get(each.recovery) ?? []), played.took]);
  const end = played.took === undefined ? 'not killed' : `ended after ${(played.took / 1000).toFixed(1)} s`;
  say(
    `${String(figures.deaths).padStart(4)} kills  ${describeCase(each)}: ${end}${played.faults.length > 0 ? ', FAILED' : ''}`,
  );
  if (played.faults.length === 0) return;
  const failure = `DEPLOYCTL_TEST_KILL='${describeCase(each)}' npm run test:kill\n  ${played.faults.join('\n  ')}`;
  figures.failures.push(failure);
  say(`${failure}\n${played.transcript}`);
}

function percentile(sorted: readonly number[], share: number): string {
  return ((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0) / 1000).toFixed(1);
}

function tell({ took, ...figures }: Figures): void {
  say(
    `${String(figures.deaths)} kills in ${String(figures.cases)} rollouts, ${String(figures.failures.length)} unclean ends, told ${String(figures.stalls)} times to go on (exit 14)`,
  );
  say(
    `${String(figures.requests)} requests, ${String(figures.lost)} lost to deployctl, ${String(figures.excused)} failed by a release that died`,
  );
  for (const [name, times] of [...took, ['all', [...took.values()].flat()] as const]) {
    const sorted = [...times].sort((a, b) => a - b);
    say(
      `restart to end, ${name.padEnd(9)} p50 ${percentile(sorted, 0.5)} s, p95 ${percentile(sorted, 0.95)} s (${String(sorted.length)})`,
    );
  }
}

const begin = (): Figures => ({
  deaths: 0,
  stalls: 0,
  cases: 0,
  requests: 0,
  lost: 0,
  excused: 0,
  took: new Map(),
  failures: [],
});

it.runIf(wanted === undefined)(
  'a kill at any external call: whoever comes next ends it, and no request is lost',
  async () => {
    const figures = begin();
    say(`DEPLOYCTL_TEST_SEED=${String(seed)} DEPLOYCTL_TEST_KILLS=${String(most)} npm run test:kill`);
    const ends = await Promise.allSettled(lanes.map((layout, number) => lane(layout, number, figures)));
    tell(figures);
    expect(ends.filter(({ status }) => status === 'rejected')).toEqual([]);
    expect(figures.failures, figures.failures.join('\n\n')).toEqual([]);
    expect(figures.lost).toBe(0);
  },
);

it.runIf(wanted !== undefined)('the wanted case', async () => {
  const each = parseCase(wanted ?? '');
  const ground = await openGround(each.scenario.layout);
  try {
    const played = await playCase(ground, each);
    say(played.transcript);
    expect(played.faults).toEqual([]);
  } finally {
    await ground.shop.dispose();
  }
});
