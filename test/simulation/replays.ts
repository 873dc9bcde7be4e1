import type { Reference } from './case.js';
import { parseCase, playCase } from './case.js';
import { contend } from './lease-turns.js';
import { Play } from './play.js';
import type { Scenario } from './scenario.js';
import { parseScenario } from './scenario.js';
import { parseStorm, playStorm } from './storms.js';

/** What a replay shows. */
export interface Replay {
  readonly trace: readonly string[];
  readonly violations: readonly string[];
}

/**
 * Plays what its text says: a case, `storm …`, `calm SCENARIO` (a good release is out and a bad one is not), `again SCENARIO` (a second run changes nothing), `watched SCENARIO` (a release that stumbles once in its
 * bake is seen), or `lease`.
 * @param referenceOf undisturbed runs of the sound code
 */
export async function replay(text: string, referenceOf: (scenario: Scenario) => Promise<Reference>): Promise<Replay> {
  const [kind = '', scenario = ''] = text.split(' ');
  switch (kind) {
    case 'storm':
      return shown(await playStorm(parseStorm(text)));
    case 'again':
      return shown(await playAgain(parseScenario(scenario)));
    case 'calm':
      return shown(await playCalm(parseScenario(scenario)));
    case 'watched':
      return shown(await playWatched(parseScenario(scenario)));
    case 'lease': {
      const broken = await contend(300);
      return { trace: [], violations: broken === undefined ? [] : [broken] };
    }
    default: {
      const each = parseCase(text);
      return shown(await playCase(each, await referenceOf(each.scenario)));
    }
  }
}

const shown = ({ world, auditor }: Play): Replay => ({ trace: world.trace, violations: auditor.violations });

/** Running it again changes nothing. */
async function playAgain(scenario: Scenario): Promise<Play> {
  const play = await Play.begin(scenario);
  await play.run(play.process(), 'rollout');
  await play.rest(20_000);
  const [writes, stored] = [JSON.stringify([...play.auditor.writes]), play.outcome()?.generation];
  await play.run(play.process(), 'rollout');
  if (JSON.stringify([...play.auditor.writes]) !== writes || play.outcome()?.generation !== stored)
    play.auditor.violated('L2', 'a second run of the same rollout has changed something');
  return play;
}

/** Nothing goes wrong but the release. */
async function playCalm(scenario: Scenario): Promise<Play> {
  const play = await Play.begin(scenario);
  const ended = await play.run(play.process(), 'rollout');
  await play.rest(30_000);
  play.truth(ended);
  const wanted = scenario.fate === 'good' ? 0 : 10;
  if (ended.exit !== wanted)
    play.auditor.violated('I11', `exit ${String(ended.exit)}, wanted ${String(wanted)}: ${JSON.stringify(ended)}`);
  const stickiness = [...play.world.balancer.routes.values()].filter(({ sticky }) => sticky.enabled).length;
  if (stickiness > 0) play.auditor.violated('I12', `${String(stickiness)} routes are sticky, and were not before`);
  return play;
}

/** A process that looks on all the time sees that a container ended in the bake, though docker has started it again. */
async function playWatched(scenario: Scenario): Promise<Play> {
  const play = await Play.begin(scenario);
  const { exit } = await play.run(play.process(), 'rollout');
  if (exit !== 10) play.auditor.violated('I11', `exit ${String(exit)}, and a container ended in the bake`);
  return play;
}
