import type { Reference } from './case.js';
import { parseCase, playCase } from './case.js';
import { contend } from './lease-turns.js';
import { Play } from './play.js';
import type { Scenario } from './scenario.js';
import { parseScenario } from './scenario.js';
import { parseStorm, playStorm } from './storms.js';
import { digestOf, instanceId } from './world/shape.js';

/** What a replay shows. */
export interface Replay {
  readonly trace: readonly string[];
  readonly violations: readonly string[];
}

/**
 * Plays what its text says: a case, `storm …`, `calm SCENARIO` (a good release is out and a bad one is not), `again SCENARIO` (a second run changes nothing), `watched SCENARIO` (a release that stumbles once in its
 * bake is seen), `foreign SCENARIO` (the only healthy target is one that the fleet does not cover), or `lease`.
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
    case 'foreign':
      return shown(await playForeign(parseScenario(scenario)));
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

/** An instance outside of the fleet is the only one that serves a service, until what the fleet runs is well again. */
async function playForeign(scenario: Scenario): Promise<Play> {
  const play = await Play.begin(scenario);
  const { world } = play;
  const [group] = world.balancer.groups.values();
  if (group === undefined) return play;
  const { service, port } = group;
  const host = world.addHost({ id: instanceId(world.hosts.size + 1), zone: 'a', outside: true });
  const box = { service, color: group.color, port, digest: digestOf(service, 'old'), release: undefined } as const;
  host.add({ ...box, status: 'running', restart: true, witnessed: true });
  world.balancer.register(group.arn, [{ instance: host.id, port }]);
  await play.rest(20_000);
  for (const member of [...world.hosts.values()].filter(({ inFleet }) => inFleet)) {
    const running = member.on(port);
    if (running !== undefined) member.crash(running, true);
  }
  await play.rest(20_000);
  await play.run(play.process(), 'rollout');
  return play;
}

/** A process that looks on all the time sees that a container ended in the bake, though docker has started it again. */
async function playWatched(scenario: Scenario): Promise<Play> {
  const play = await Play.begin(scenario);
  const { exit } = await play.run(play.process(), 'rollout');
  if (exit !== 10) play.auditor.violated('I11', `exit ${String(exit)}, and a container ended in the bake`);
  return play;
}
