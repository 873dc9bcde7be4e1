import type { Ended } from './play.js';
import { Play } from './play.js';
import type { Scenario } from './scenario.js';
import { describeScenario, parseScenario } from './scenario.js';
import type { FaultId } from './storm.js';
import { faultIds, Storm } from './storm.js';

/** A rollout in bad weather: the scenario's seed decides what goes wrong, and when. `only`: these faults, whatever the seed says. */
export interface StormCase {
  readonly scenario: Scenario;
  readonly only?: readonly FaultId[];
}

export const describeStorm = ({ scenario, only }: StormCase): string =>
  ['storm', describeScenario(scenario), ...(only ?? [])].join(' ');

export function parseStorm(text: string): StormCase {
  const [, scenario = '', ...faults] = text.trim().split(/\s+/);
  const only = faults.map((fault) => {
    const known = (Object.keys(faultIds) as FaultId[]).find((id) => id === fault);
    if (known === undefined) throw new Error(`${fault} is none of ${Object.keys(faultIds).join(', ')}`);
    return known;
  });
  return { scenario: parseScenario(scenario), ...(only.length === 0 ? {} : { only }) };
}

/** Plays it to its end: whoever comes after a death, a hold or a lost right resumes, and at last the weather is calm. */
export async function playStorm({ scenario, only }: StormCase): Promise<Play> {
  const play = await Play.begin(scenario);
  const { world, auditor } = play;
  const storm = new Storm(
    world,
    scenario.seed,
    () => {
      auditor.lost();
    },
    only,
  );
  auditor.readsLag = world.keepsPast;
  const next = (command: 'rollout' | 'resume', turn: number): Promise<Ended> => {
    const call = storm.kill();
    const machine = `machine-${String(world.dice.between(1, 2))}`;
    const kill =
      call === undefined ? undefined : ({ call, phase: world.dice.pick(['before', 'lost', 'after']) } as const);
    return play.run(
      play.process({ machine, kill, weather: turn < 8 ? storm : undefined, time: storm.time() }),
      command,
    );
  };
  const rival = storm.enabled.has('F28') ? rivalOf(play, storm) : undefined;
  let ended = await next('rollout', 0);
  for (let turn = 1; turn <= 12 && !isOver(ended); turn += 1) {
    await play.rest(turn < 8 ? 15_000 : 120_000);
    const begun = [...world.store.values.keys()].some((name) => name.includes('/rollouts/'));
    ended = await next(begun ? 'resume' : 'rollout', turn);
  }
  const other = rival === undefined ? undefined : await play.finish(rival);
  if (ended.is === 'refused' && other?.is === 'result') ended = other;
  if (!isOver(ended)) auditor.violated('L1', `after twelve turns: ${JSON.stringify(ended)}`);
  await play.rest(Math.max(0, storm.end + 60_000 - world.timeline.now));
  // A way back that the world has kept from its end is a person's to end, once the world is well again.
  const repaired = ended.exit === 11 ? await play.run(play.process(), 'rollback') : undefined;
  play.truth(repaired ?? ended);
  const good = scenario.fate === 'good';
  if (!good && ended.exit === 0) auditor.violated('I11', `a release that is ${scenario.fate} has succeeded`);
  world.counted(`exit ${String(ended.exit)}`);
  // A joiner cannot get what somebody started by hand elsewhere.
  const excused = scenario.before === 'adopted' && storm.enabled.has('F23');
  if (repaired !== undefined && repaired.exit !== 0 && !excused)
    auditor.violated(
      'L1',
      `exit 11, and then a rollback gave ${JSON.stringify(repaired)}, after ${JSON.stringify(ended)}`,
    );
  return play;
}

/** Somebody on another machine who tries to resume while the first one is at work, and takes over when it is silent for too long. */
function rivalOf(play: Play, storm: Storm): Promise<Ended> {
  const { world } = play;
  return new Promise((resolve) => {
    world.timeline.after(world.dice.between(1000, 100_000), () => {
      world.counted('F28');
      resolve(
        play.start(play.process({ machine: 'rival', weather: storm, time: storm.time() }), 'resume', 'new', 200_000),
      );
    });
  });
}

/** Succeeded, rolled back, failed; or nothing is left to resume. */
function isOver(ended: Ended): boolean {
  if (ended.is === 'refused') return ended.error.code === 'resume.nothing';
  return ended.is === 'result' && [0, 10, 11].includes(ended.exit);
}
