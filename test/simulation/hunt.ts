import type { Case, Reference } from './case.js';
import { describeCase, playCase, recoveries } from './case.js';
import { Dice } from './dice.js';
import { contend } from './lease-turns.js';
import { Play } from './play.js';
import { killPhases } from './process.js';
import type { Scenario } from './scenario.js';
import { describeScenario } from './scenario.js';
import type { FaultId } from './storm.js';
import { describeStorm, playStorm } from './storms.js';

/** What found a defect, and in which case. */
export interface Find {
  readonly by: string;
  readonly where: string;
  readonly runs: number;
}

const base = { change: 'both', fleet: 3, before: 'released', seed: 3 } as const;
export const hunted: readonly Scenario[] = [
  { ...base, strategy: 'rolling', layout: 'ports', fate: 'good' },
  { ...base, strategy: 'blue-green', layout: 'ports', fate: 'good' },
  { ...base, strategy: 'blue-green', layout: 'instances', fate: 'good' },
  { ...base, strategy: 'rolling', layout: 'ports', fate: 'dies' },
  { ...base, strategy: 'rolling', layout: 'ports', fate: 'restarts' },
  { ...base, strategy: 'rolling', layout: 'ports', fate: 'balancer-only' },
  { ...base, strategy: 'rolling', layout: 'ports', fate: 'never-healthy', fleet: 2 },
  { ...base, strategy: 'blue-green', layout: 'ports', fate: 'dies' },
  { ...base, strategy: 'blue-green', layout: 'ports', fate: 'restarts', seed: 5 },
  { ...base, strategy: 'blue-green', layout: 'ports', fate: 'balancer-only' },
  { ...base, strategy: 'blue-green', layout: 'ports', fate: 'crash-loop' },
];

/** Only to be run undisturbed: nobody can know of what ended, and began again, while no process looked. */
const alone: readonly Scenario[] = [
  { ...base, strategy: 'rolling', layout: 'ports', fate: 'hiccup' },
  { ...base, strategy: 'blue-green', layout: 'ports', fate: 'hiccup' },
];

/** Looks for a broken promise, the cheap ways first: undisturbed runs, deaths, storms, leases. `references` are those of the sound code. */
export async function hunt(references: readonly Reference[]): Promise<Find | undefined> {
  let runs = 0;
  const found = (violations: readonly string[], where: string): Find | undefined => {
    runs += 1;
    return violations[0] === undefined ? undefined : { by: violations[0].slice(0, 300), where, runs };
  };
  const attempt = async (each: Case, reference: Reference): Promise<Find | undefined> => {
    const { auditor } = await playCase(each, reference);
    return found(auditor.violations, describeCase(each));
  };
  for (const [index, scenario] of hunted.entries()) {
    const reference = references[index];
    if (reference === undefined) continue;
    const find =
      (await attempt({ scenario, recovery: ['resume'], kills: [] }, reference)) ??
      found(await again(scenario), 'again');
    if (find !== undefined) return find;
  }
  for (const scenario of alone) {
    const play = await Play.begin(scenario);
    const { exit } = await play.run(play.process(), 'rollout');
    const missed = exit === 10 ? [] : [`I11: exit ${String(exit)}, and a container ended in the bake`];
    const find = found([...play.auditor.violations, ...missed], describeScenario(scenario));
    if (find !== undefined) return find;
  }
  const dice = new Dice(11);
  for (let round = 0; round < 8; round += 1) {
    for (const [index, scenario] of hunted.entries()) {
      const reference = references[index];
      const points = reference?.points ?? [];
      const point = points[dice.between(0, points.length - 1)];
      if (reference === undefined || point === undefined) continue;
      const recovery = recoveries[round % recoveries.length] ?? 'resume';
      const phase = killPhases[dice.between(0, 2)] ?? 'lost';
      const find = await attempt({ scenario, recovery: [recovery], kills: [{ call: point.call, phase }] }, reference);
      if (find !== undefined) return find;
    }
  }
  for (const only of storms) {
    for (let seed = 1; seed <= 12; seed += 1) {
      const scenario = hunted[dice.between(0, hunted.length - 1)];
      if (scenario === undefined) continue;
      const each = { scenario: { ...scenario, seed }, only };
      const { auditor } = await playStorm(each);
      const find = found(auditor.violations, describeStorm(each));
      if (find !== undefined) return find;
    }
  }
  const lease = await contend(300);
  return lease === undefined ? undefined : { by: lease, where: 'lease', runs };
}

const storms: readonly (readonly FaultId[])[] = [
  ['F2', 'F4'],
  ['F1', 'K1'],
  ['F8', 'F9', 'F10', 'F14', 'K1'],
  ['F28', 'F29'],
  ['F31'],
  ['F16', 'F11', 'S1'],
];

/** Running it again changes nothing. */
async function again(scenario: Scenario): Promise<readonly string[]> {
  if (scenario.fate !== 'good') return [];
  const play = await Play.begin(scenario);
  await play.run(play.process(), 'rollout');
  await play.rest(20_000);
  const [writes, stored] = [JSON.stringify([...play.auditor.writes]), play.outcome()?.generation];
  await play.run(play.process(), 'rollout');
  const same = JSON.stringify([...play.auditor.writes]) === writes && play.outcome()?.generation === stored;
  return same ? [] : ['L2: a second run of the same rollout has changed something'];
}
