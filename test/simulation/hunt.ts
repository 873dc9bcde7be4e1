import type { Reference } from './case.js';
import { describeCase, recoveries } from './case.js';
import { Dice } from './dice.js';
import { isHand } from './hands.js';
import { killPhases } from './process.js';
import type { Replay } from './replays.js';
import { replay } from './replays.js';
import type { Scenario } from './scenario.js';
import { describeScenario } from './scenario.js';
import type { FaultId } from './faults.js';
import { describeStorm } from './storms.js';
import { Stuck } from './timeline.js';

/** What found a defect: the promise that broke, and the text that replays it (`replays.ts`). */
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
  { ...base, strategy: 'rolling', layout: 'ports', fate: 'good', change: 'backend', fleet: 2 },
  { ...base, strategy: 'rolling', layout: 'ports', fate: 'good', change: 'backend', fleet: 10 },
  { ...base, strategy: 'rolling', layout: 'ports', fate: 'dies' },
  { ...base, strategy: 'rolling', layout: 'ports', fate: 'dies', change: 'backend', fleet: 2 },
  { ...base, strategy: 'rolling', layout: 'ports', fate: 'restarts' },
  { ...base, strategy: 'rolling', layout: 'ports', fate: 'balancer-only' },
  { ...base, strategy: 'rolling', layout: 'ports', fate: 'never-healthy', fleet: 2 },
  { ...base, strategy: 'blue-green', layout: 'ports', fate: 'dies' },
  { ...base, strategy: 'blue-green', layout: 'ports', fate: 'restarts', seed: 5 },
  { ...base, strategy: 'blue-green', layout: 'ports', fate: 'balancer-only' },
  { ...base, strategy: 'blue-green', layout: 'ports', fate: 'crash-loop' },
  { ...base, strategy: 'rolling', layout: 'ports', fate: 'dies', before: 'adopted' },
];

/** What only some environments have. Of a task that died nobody knows whether it has run, so these are no cases of deaths. */
const equipped: readonly Scenario[] = [
  { ...base, strategy: 'blue-green', layout: 'ports', fate: 'errors', extras: ['gates'] },
  { ...base, strategy: 'rolling', layout: 'ports', fate: 'errors', extras: ['gates'] },
  { ...base, strategy: 'blue-green', layout: 'ports', fate: 'good', extras: ['sticky', 'shared'] },
  { ...base, strategy: 'blue-green', layout: 'ports', fate: 'dies', extras: ['shared'] },
  { ...base, strategy: 'rolling', layout: 'ports', fate: 'good', extras: ['warm'] },
  { ...base, strategy: 'blue-green', layout: 'ports', fate: 'never-healthy', extras: ['warm'] },
  { ...base, strategy: 'rolling', layout: 'ports', fate: 'good', extras: ['quiet', 'task'] },
  { ...base, strategy: 'blue-green', layout: 'instances', fate: 'good', extras: ['task', 'quiet', 'cold'] },
];

/** Only to be run undisturbed: nobody can know of what ended, and began again, while no process looked. */
const watched: readonly Scenario[] = [
  { ...base, strategy: 'rolling', layout: 'ports', fate: 'hiccup' },
  { ...base, strategy: 'blue-green', layout: 'ports', fate: 'hiccup' },
];

/** A standby color is healthy when the one with the traffic is emptied. */
const emptied: readonly Scenario[] = [
  { ...base, strategy: 'blue-green', layout: 'ports', fate: 'good', extras: ['warm'] },
  { ...base, strategy: 'blue-green', layout: 'instances', fate: 'good', extras: ['warm'] },
];

/** Faults that show a defect best alone or in company. */
const weathers: readonly (readonly FaultId[])[] = [
  ['F2', 'F4'],
  ['F1', 'K1'],
  ['F8', 'F9', 'F10', 'F14', 'K1'],
  ['F28', 'F29'],
  ['F28', 'F30b', 'F3'],
  ['F31'],
  ['F16', 'F11', 'S1'],
  ['H2'],
  ['H4'],
  ['H9'],
  ['H12', 'H4'],
  ['H4', 'F21'],
  ['F43'],
  ['F35', 'H9'],
  ['K1', 'F14'],
  ['H14'],
  ['H13'],
  ['H16', 'K1'],
  ['H14', 'H2', 'H9'],
  ['H15', 'S1'],
];

/** Weathers that show something only where an environment has what it is about. */
const aimed: readonly (readonly [Scenario, readonly FaultId[]])[] = [
  [{ ...base, strategy: 'rolling', layout: 'ports', fate: 'good', extras: ['quiet'] }, ['F39']],
  [
    { ...base, strategy: 'rolling', layout: 'ports', fate: 'good', change: 'backend', fleet: 2, extras: ['task'] },
    ['K1', 'F3', 'H15'],
  ],
  [{ ...base, strategy: 'blue-green', layout: 'instances', fate: 'good', extras: ['task'] }, ['K1', 'F3', 'F14']],
];

/** Looks for a broken promise, the cheap ways first: undisturbed runs, deaths, storms, leases. `references` are those of the sound code. */
export async function hunt(references: readonly Reference[]): Promise<Find | undefined> {
  let runs = 0;
  for (const where of places(references)) {
    runs += 1;
    const { violations } = await replayed(where, references);
    if (violations[0] !== undefined) return { by: violations[0].slice(0, 300), where, runs };
  }
  return undefined;
}

/** What does not come to its end breaks a promise, wherever it is stuck. */
async function replayed(where: string, references: readonly Reference[]): Promise<Pick<Replay, 'violations'>> {
  try {
    return await replay(where, (scenario) => Promise.resolve(referenceIn(references, scenario)));
  } catch (error) {
    if (!(error instanceof Stuck)) throw error;
    return { violations: [`L3: ${error.message}`] };
  }
}

function referenceIn(references: readonly Reference[], scenario: Scenario): Reference {
  const wanted = describeScenario(scenario);
  const found = references[hunted.findIndex((each) => describeScenario(each) === wanted)];
  if (found === undefined) throw new Error(`${wanted} is not hunted in`);
  return found;
}

function* places(references: readonly Reference[]): Generator<string> {
  for (const scenario of hunted) {
    yield describeCase({ scenario, recovery: ['resume'], kills: [] });
    if (scenario.fate === 'good') yield `again ${describeScenario(scenario)}`;
  }
  for (const scenario of equipped) yield `calm ${describeScenario(scenario)}`;
  for (const scenario of watched) yield `watched ${describeScenario(scenario)}`;
  for (const scenario of hunted.slice(0, 2)) yield `foreign ${describeScenario(scenario)}`;
  for (const scenario of emptied) yield `outage ${describeScenario(scenario)}`;
  for (const scenario of hunted.filter(({ fate }) => fate !== 'good')) yield `unserved ${describeScenario(scenario)}`;
  for (const strategy of ['rolling', 'blue-green'] as const)
    yield `absent ${describeScenario({ ...base, strategy, layout: 'ports', fate: 'good', change: 'backend', before: 'adopted' })}`;
  for (const [scenario, only] of aimed)
    for (let seed = 1; seed <= 12; seed += 1) yield describeStorm({ scenario: { ...scenario, seed }, only });
  const dice = new Dice(11);
  for (let round = 0; round < 8; round += 1) {
    for (const [index, scenario] of hunted.entries()) {
      const points = references[index]?.points ?? [];
      const point = points[dice.between(0, points.length - 1)];
      const recovery = recoveries[round % recoveries.length] ?? 'resume';
      const phase = killPhases[dice.between(0, 2)] ?? 'lost';
      if (point !== undefined)
        yield describeCase({ scenario, recovery: [recovery], kills: [{ call: point.call, phase }] });
    }
  }
  for (const only of weathers) {
    // Of what another hand may do, little is at the right place and time to show a defect.
    const seeds = only.some(isHand) ? 30 : 12;
    for (let seed = 1; seed <= seeds; seed += 1) {
      const all = [...hunted, ...equipped];
      const scenario = all[dice.between(0, all.length - 1)];
      if (scenario !== undefined) yield describeStorm({ scenario: { ...scenario, seed }, only });
    }
  }
  yield 'lease';
}
