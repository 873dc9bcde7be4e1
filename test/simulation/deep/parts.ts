import { createHash } from 'node:crypto';
import type { Case, Point, Recovery, Reference } from '../case.js';
import { describeKill, distinct, playCase, recoveries, referenceOf, replayOf } from '../case.js';
import { some } from '../deep.js';
import { contend } from '../lease-turns.js';
import { mutants } from '../mutants.js';
import { huntPlanted, soundReferences } from '../planted.js';
import { hunt } from '../hunt.js';
import type { Play } from '../play.js';
import type { Scenario } from '../scenario.js';
import { describeScenario } from '../scenario.js';
import { matrix, scenarioOf } from '../scenarios.js';
import { describeStorm, playStorm } from '../storms.js';
import type { Tally } from './tally.js';

/** A piece of the deep run that one worker does at a time; its name is a file's name. */
export interface Part {
  readonly name: string;
  readonly play: (tally: Tally) => Promise<void>;
}

const changes = ['backend', 'frontend', 'both'] as const;
const share = Number(process.env['DEPLOYCTL_TEST_SHARE'] ?? '1');
const seeds = Number(process.env['DEPLOYCTL_TEST_SEEDS'] ?? '20000');
const stormsInPart = 200;
/** One in so many is played twice: the same seed must give the same trace. */
const twice = 20;

/** Everything that the deep run plays, long parts first so that the workers end together. */
export function parts(): readonly Part[] {
  const scenarios = [...matrix([10, 5, 3, 2, 1], changes)];
  const small = scenarios.filter(({ fleet }) => fleet === 2);
  const storms = Array.from({ length: Math.ceil(seeds / stormsInPart) }, (_, index) => index * stormsInPart + 1);
  const nameOf = (scenario: Scenario): string => describeScenario(scenario).replaceAll('/', '-');
  return [
    ...mutants.map(({ what }, index): Part => ({ name: `mutant-${String(index)}`, play: mutant(what, index) })),
    { name: 'sound-code', play: sound },
    { name: 'leases', play: leases },
    { name: 'unmerged', play: unmerged },
    ...small.map((scenario): Part => ({ name: `pairs-${nameOf(scenario)}`, play: pairs(scenario) })),
    ...scenarios.map((scenario): Part => ({ name: `kills-${nameOf(scenario)}`, play: kills(scenario) })),
    ...storms.map((first): Part => ({ name: `storms-${String(first)}`, play: stormsFrom(first) })),
  ];
}

function take(tally: Tally, { auditor }: Play, replay: string): void {
  tally.add('requests', auditor.crowd.requests);
  for (const [fate, count] of Object.entries(auditor.crowd.fates)) tally.add(`requests ${fate}`, count);
  if (auditor.violations.length > 0) tally.failed(replay, auditor.violations);
}

async function attempt(tally: Tally, each: Case, reference: Reference, points?: Point[]): Promise<Play> {
  const play = await playCase(each, reference, points);
  take(tally, play, replayOf(each));
  return play;
}

/** A death at every point, and everybody who may come next. */
const kills =
  (scenario: Scenario) =>
  async (tally: Tally): Promise<void> => {
    const reference = await referenceOf(scenario);
    const firsts = distinct(reference.points);
    tally.add('kill points', reference.points.length * recoveries.length);
    const cases = firsts.flatMap((kill) =>
      recoveries.map((recovery): Case => ({ scenario, recovery: [recovery], kills: [kill] })),
    );
    for (const [index, each] of some(cases, 15).entries()) {
      const play = await attempt(tally, each, reference);
      tally.add('kill points played');
      if (index % twice === 0) await again(tally, play, () => playCase(each, reference), replayOf(each));
    }
  };

/** Two deaths, one after the other: whoever comes after the first dies too, at every point that leaves a world of its own. */
const pairs =
  (scenario: Scenario) =>
  async (tally: Tally): Promise<void> => {
    const reference = await referenceOf(scenario);
    const worlds = new Map<Recovery, Set<string>>(recoveries.map((recovery) => [recovery, new Set()]));
    const cases: Case[] = [];
    for (const first of distinct(reference.points)) {
      for (const recovery of recoveries) {
        const points: Point[] = [];
        await attempt(tally, { scenario, recovery: [recovery], kills: [first] }, reference, points);
        tally.add('pairs', points.length);
        // Of one that goes back and one that goes on, each may come after the other; where two services change only who is the same comes again.
        const next = scenario.change === 'backend' ? recoveries : [recovery];
        for (const then of next) {
          if (then !== recovery) tally.add('pairs', points.length);
          for (const second of distinct(points, worlds.get(then)))
            cases.push({ scenario, recovery: [recovery, then], kills: [first, second] });
        }
      }
    }
    tally.add('pairs distinct', cases.length);
    for (const each of some(cases, 15)) {
      await attempt(tally, each, reference);
      tally.add('pairs played');
    }
  };

/** The merging is held to a run without it: points that leave the same world must have the same end. */
async function unmerged(tally: Tally): Promise<void> {
  const [scenario] = matrix([2], ['backend']);
  if (scenario === undefined) return;
  const reference = await referenceOf(scenario);
  tally.add('merging: worlds', distinct(reference.points).length * recoveries.length);
  for (const recovery of recoveries) {
    const ends = new Map<string, string>();
    for (const point of some(reference.points, 30)) {
      const play = await attempt(tally, { scenario, recovery: [recovery], kills: [point] }, reference);
      tally.add('merging: points played one by one');
      const end = `${play.outcome()?.outcome ?? 'none'}\n${play.signature()}`;
      const before = ends.get(point.leaves) ?? end;
      ends.set(point.leaves, before);
      if (before !== end)
        tally.failed(replayOf({ scenario, recovery: [recovery], kills: [point] }), [
          `merged with another point and ends otherwise: ${describeKill(point)}`,
        ]);
    }
  }
}

/** Whether it has the same trace once more. */
async function again(tally: Tally, play: Play, repeat: () => Promise<Play>, replay: string): Promise<void> {
  tally.add('played twice');
  const hash = ({ world }: Play): string => createHash('sha256').update(world.trace.join('\n')).digest('hex');
  if (hash(await repeat()) === hash(play)) return;
  tally.add('flaky');
  tally.failed(replay, ['the same seed has another trace']);
}

const stormsFrom =
  (first: number) =>
  async (tally: Tally): Promise<void> => {
    for (let seed = first; seed < Math.min(first + stormsInPart, seeds + 1); seed += 1) {
      const each = { scenario: scenarioOf(seed) };
      const replay = `npm run simulate -- '${describeStorm(each)}'`;
      const play = await playStorm(each);
      take(tally, play, replay);
      tally.add('storms');
      for (const [what, count] of play.world.counts) tally.add(`fired ${what}`, count);
      if (seed % twice === 0) await again(tally, play, () => playStorm(each), replay);
    }
  };

async function leases(tally: Tally): Promise<void> {
  const orders = Math.ceil(10_000 * share);
  const broken = await contend(orders);
  tally.add('orders of contenders for the lease', 2 * orders);
  if (broken !== undefined) tally.failed('npx vitest run --project simulation test/simulation/lease.test.ts', [broken]);
}

/** What finds the defects finds nothing in the code without them. */
async function sound(tally: Tally): Promise<void> {
  const find = await hunt(await soundReferences());
  if (find !== undefined) tally.failed(`npm run simulate -- '${find.where}'`, [find.by]);
}

const mutant =
  (what: string, index: number) =>
  async (tally: Tally): Promise<void> => {
    tally.add('planted defects');
    const find = await huntPlanted(index);
    if (find === undefined) {
      tally.failed(`planted defect ${String(index)}: ${what}`, ['nothing finds it']);
      return;
    }
    tally.add('planted defects caught');
    tally.notes.push(`${what}\n    ${find.by}\n    npm run simulate -- 'mutant ${String(index)} ${find.where}'`);
  };
