import type { Reference } from './case.js';
import { parseCase, playCase } from './case.js';
import { contend } from './lease-turns.js';
import type { Ended } from './play.js';
import { Play } from './play.js';
import type { Scenario } from './scenario.js';
import { changed, parseScenario } from './scenario.js';
import { parseStorm, playStorm } from './storms.js';
import { digestOf, instanceId } from './world/shape.js';

/** What a replay shows. */
export interface Replay {
  readonly trace: readonly string[];
  readonly violations: readonly string[];
}

/**
 * Plays what its text says: a case, `storm …`, `calm SCENARIO` (a good release is out and a bad one is not), `again SCENARIO` (a second run changes nothing), `watched SCENARIO` (a release that stumbles once in its
 * bake is seen), `foreign SCENARIO` (the only healthy target is one that the fleet does not cover), `outage SCENARIO` (the color with the
 * traffic is empty when a rollout begins, and the standby one is healthy), `unserved SCENARIO` (nobody is served when a rollback begins), `absent SCENARIO` (what the rollout does not change runs
 * nowhere), or `lease`.
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
    case 'outage':
      return shown(await playOutage(parseScenario(scenario)));
    case 'unserved':
      return shown(await playUnserved(parseScenario(scenario)));
    case 'absent':
      return shown(await playAbsent(parseScenario(scenario)));
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

/** Somebody stops the containers of the color with the traffic, before a rollout. */
async function playOutage(scenario: Scenario): Promise<Play> {
  const play = await Play.begin(scenario);
  stopAll(play);
  await play.rest(20_000);
  const ended = await play.run(play.process(), 'rollout');
  if (ended.exit !== 0) play.auditor.violated('I11', `exit ${String(ended.exit)}, wanted 0: ${JSON.stringify(ended)}`);
  await play.rest(30_000);
  play.truth(ended);
  return play;
}

/** Somebody stops everything that serves, while a release that is bad is taken back. */
async function playUnserved(scenario: Scenario): Promise<Play> {
  const play = await Play.begin(scenario);
  const process = play.process();
  let over: Ended | undefined;
  const work = play.start(process, 'rollout');
  void work.then((ended) => (over = ended));
  await play.world.timeline.drive(() => over !== undefined || process.lastView?.aim === 'old', 600_000);
  stopAll(play);
  const ended = await play.finish(work);
  if (ended.exit !== 10)
    play.auditor.violated('I11', `exit ${String(ended.exit)}, wanted 10: ${JSON.stringify(ended)}`);
  return play;
}

/** Somebody has stopped the services that a rollout does not change. */
async function playAbsent(scenario: Scenario): Promise<Play> {
  const play = await Play.begin(scenario);
  stopAll(play, (service) => !changed(scenario).includes(service));
  await play.rest(20_000);
  const ended = await play.run(play.process(), 'rollout');
  if (ended.exit !== 0) play.auditor.violated('I11', `exit ${String(ended.exit)}, wanted 0: ${JSON.stringify(ended)}`);
  return play;
}

/** The containers of every color that gets requests are stopped, for good. */
function stopAll({ world }: Play, concerns: (service: string) => boolean = () => true): void {
  for (const { service, weights } of world.balancer.routes.values()) {
    if (!concerns(service)) continue;
    for (const [arn, weight] of weights) {
      const group = world.balancer.groups.get(arn);
      if (weight === 0 || group === undefined) continue;
      for (const host of world.hosts.values()) {
        const box = host.on(group.port);
        if (box !== undefined) host.crash(box, true);
      }
    }
  }
}

/** A process that looks on all the time sees that a container ended in the bake, though docker has started it again. */
async function playWatched(scenario: Scenario): Promise<Play> {
  const play = await Play.begin(scenario);
  const { exit } = await play.run(play.process(), 'rollout');
  if (exit !== 10) play.auditor.violated('I11', `exit ${String(exit)}, and a container ended in the bake`);
  return play;
}
