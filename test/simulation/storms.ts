import type { Ms } from '../../src/domain/ids.js';
import type { Command, Ended } from './play.js';
import { Play } from './play.js';
import type { Scenario } from './scenario.js';
import { changed, describeScenario, parseScenario } from './scenario.js';
import type { FaultId } from './faults.js';
import { faultIds } from './faults.js';
import { Storm } from './storm.js';
import type { Box } from './world/docker.js';
import { digestOf, latestDeath } from './world/shape.js';

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
  const storm = new Storm(world, scenario.seed, auditor, only);
  auditor.readsLag = world.keepsPast;
  const next = (command: Command, turn: number): Promise<Ended> => {
    const call = storm.kill();
    const machine = `machine-${String(world.dice.between(1, 2))}`;
    const kill =
      call === undefined ? undefined : ({ call, phase: world.dice.pick(['before', 'lost', 'after']) } as const);
    return play.run(
      play.process({ machine, kill, weather: turn < 8 ? storm : undefined, time: storm.time() }),
      command,
    );
  };
  if (storm.enabled.has('F39')) auditor.crowd.long = 40;
  const stickiness = stickinessIn(play);
  const rival = storm.enabled.has('F28') || storm.enabled.has('F32') ? rivalOf(play, storm) : undefined;
  let ended = await next('rollout', 0);
  for (let turn = 1; turn <= 12 && !isOver(ended); turn += 1) {
    await play.rest(turn < 8 ? 15_000 : 120_000);
    heed(play, ended);
    const begun = [...world.store.values.keys()].some((name) => name.includes('/rollouts/'));
    ended = await next(begun ? after(ended) : 'rollout', turn);
  }
  const other = rival === undefined ? undefined : await play.finish(rival);
  if (other !== undefined) ended = lastOf(play, ended, other);
  // What the other one had begun, and could not end, somebody goes on with.
  let later = other ?? ended;
  for (let turn = 8; !isOver(later) && turn <= 12; turn += 1) {
    await play.rest(120_000);
    heed(play, later);
    later = await next(later === other ? unlessEnded(later) : after(later), turn);
    if (later.is === 'result') ended = later;
  }
  if (!isOver(later)) auditor.violated('L1', `after twelve turns: ${JSON.stringify(later)}`);
  await play.rest(Math.max(30_000, storm.end + 60_000 - world.timeline.now));
  // A way back that the world has kept from its end is a person's to end, once the world is well again.
  // So is one whose record another hand has deleted: nobody can resume it any more, and only the routes show that it was on its way.
  const isLost = later.is === 'refused' && isUnfinishedLost(play);
  let repaired = ended.exit === 11 || isLost ? await play.run(play.process(), 'rollback') : undefined;
  if (repaired !== undefined && heed(play, repaired)) repaired = await play.run(play.process(), 'rollback');
  const to = repaired === undefined || isDone(repaired) ? undefined : namedIn(repaired);
  if (to !== undefined) repaired = await play.run(play.process(), `rollback --to ${to}`);
  if (to !== undefined && repaired !== undefined && setWeights(play, repaired))
    repaired = await play.run(play.process(), `rollback --to ${to}`);
  if (repaired !== undefined) await play.rest(30_000);
  // What the other one has stored before it was refused something is what the record tells of.
  if (repaired === undefined && other?.is === 'refused' && isStoredByAnother(play, ended)) play.recordTruth();
  else play.truth(repaired ?? ended);
  const good = scenario.fate === 'good';
  // Of two operators one may have gone back: that succeeds, and what serves is the old release.
  const serves = changed(scenario).some((name) => play.reached(name).includes(digestOf(name, 'new')));
  // What serves already is found again by whoever rolls it out once more.
  const isFound = ended.is === 'result' && ended.result.from === ended.result.to;
  // Traffic that an outage, or another hand, has moved skips the steps, and with them their bakes: then the release may die after the last one.
  const moves = [...auditor.rescuedAt.values(), ...auditor.meddledAt];
  const isRushed = moves.some((at) => within(latestDeath, play.endedAt - at));
  // The one whose container ended may be the one that was taken, and what has just joined makes the whole of it larger.
  const hasJoined = [...world.hosts.values()].some(
    ({ joined, since }) => joined && within(30_000, play.endedAt - since),
  );
  const isTaken = within(30_000, play.endedAt - Math.max(auditor.lostAt, auditor.leftAt)) || hasJoined;
  // Where half of the requests go to the group of somebody else, the samples of a short bake may all be good.
  const isDiluted = scenario.fate === 'errors' && shareOfOthers(play) >= 0.4;
  // A rollback says itself which part of the traffic it has left there.
  const isBack = ended.is === 'result' && ended.result.outcome === 'rolled-back';
  if (!good && ended.exit === 0 && !isBack && serves && !isFound && !isRushed && !isTaken && !isDiluted)
    auditor.violated('I11', `a release that is ${scenario.fate} has succeeded`);
  // A load balancer that did nothing for a minute, or another hand's weights, may have kept it from being put back: then the end says so.
  const isToldOf =
    (storm.enabled.has('F43') || storm.enabled.has('F19')) &&
    ended.is === 'result' &&
    /stickiness could not be put back/.test(ended.result.reason);
  // What it was before only the record of the rollout that changed it knows.
  const isRecordLost = [...auditor.damages.keys()].some((name) => name.includes('/rollouts/'));
  if ((ended.exit === 0 || ended.exit === 10) && !isToldOf && !isRecordLost && stickinessIn(play) !== stickiness)
    auditor.violated('I12', `stickiness was ${stickiness} and is ${stickinessIn(play)}`);
  world.counted('F39', auditor.crowd.cutLong);
  world.counted(`exit ${String(ended.exit)}`);
  const excused =
    isUnadoptable(play) ||
    isColorLost(play) ||
    isRecordLost ||
    isUnadopted(play) ||
    isLastOne(play, repaired) ||
    isThere(repaired) ||
    (repaired !== undefined && isDone(repaired)) ||
    (repaired?.is === 'result' && repaired.result.reason.includes('nothing ran before'));
  if (repaired !== undefined && repaired.exit !== 0 && !excused)
    auditor.violated(
      'L1',
      `exit 11, and then a rollback gave ${JSON.stringify(repaired)}, after ${JSON.stringify(ended)}`,
    );
  return play;
}

/** Whether an instance has joined the fleet of an app whose containers were started by hand: it has none of them, and no release says how to start one. */
function isUnadoptable({ world, scenario }: Play): boolean {
  return scenario.before === 'adopted' && [...world.hosts.values()].some(({ joined, inFleet }) => joined && inFleet);
}

/** Whether a rollout was gone, and not ended, while the routes of one service still lead to two colors. */
function isUnfinishedLost({ world, auditor, scenario }: Play): boolean {
  if (![...auditor.damages.keys()].some((name) => name.includes('/rollouts/'))) return false;
  return changed(scenario).some((name) => {
    const colors = [...world.balancer.routes.values()]
      .filter(({ service }) => service === name)
      .map(({ weights }) =>
        [...weights].filter(([arn, weight]) => weight > 0 && world.balancer.groups.has(arn)).join(),
      );
    return new Set(colors).size > 1;
  });
}

/** Whether the world took every instance that had the previous release, so that there is nothing to go back to. */
function isColorLost({ world }: Play): boolean {
  const had = [...world.hosts.values()].filter(({ color, joined }) => color !== 'green' && !joined);
  return had.length > 0 && !had.some(({ alive, inFleet }) => alive && inFleet);
}

/** Whether the world has left one instance of a fleet, so that nothing can be replaced in place without a downtime, which nobody has allowed. */
function isLastOne({ world, scenario }: Play, repaired: Ended | undefined): boolean {
  const isHeld = repaired?.is === 'result' && repaired.result.reason.includes('no instance can be spared');
  const isRefused = repaired?.is === 'refused' && /leaves no instance to spare/.test(repaired.error.message);
  if (!isHeld && !isRefused) return false;
  const left = [...world.hosts.values()].filter(({ alive, inFleet }) => alive && inFleet);
  return scenario.fleet > 1 && left.length === 1;
}

/** Whether somebody stopped what they had started by hand, before a rollout could adopt it. */
function isUnadopted({ world }: Play): boolean {
  const isLeft = ({ release, adopted, status }: Box): boolean =>
    release === undefined && adopted === undefined && status === 'exited';
  return [...world.hosts.values()].some(({ inFleet, boxes }) => inFleet && boxes.some(isLeft));
}

/** Of two that came to an end, the record tells of the one that came last. */
function lastOf(play: Play, ended: Ended, other: Ended): Ended {
  if (other.is !== 'result') return ended;
  if (ended.is === 'result' && ended.result.rollout === other.result.rollout) return play.later(ended, other);
  return ended.is === 'refused' || play.outcome()?.rollout === other.result.rollout ? other : ended;
}

function isStoredByAnother(play: Play, ended: Ended): boolean {
  const stored = play.outcome();
  return ended.is === 'result' && stored !== undefined && stored.rollout !== ended.result.rollout;
}

const stickinessIn = ({ world }: Play): string =>
  [...world.balancer.routes.values()].map(({ sticky }) => `${String(sticky.enabled)} ${String(sticky.seconds)}`).join();

/** The largest share of the requests to a route of what changes that goes to groups that are not deployctl's. */
function shareOfOthers({ world, scenario }: Play): number {
  const names = changed(scenario);
  const shares = [...world.balancer.routes.values()]
    .filter(({ service }) => names.includes(service))
    .map(({ weights }) => {
      const sum = (each: readonly (readonly [string, number])[]): number =>
        each.reduce((total, [, weight]) => total + weight, 0);
      const others = [...weights].filter(([arn]) => !world.balancer.groups.has(arn));
      return sum(others) / Math.max(1, sum([...weights]));
    });
  return Math.max(0, ...shares);
}

/** Somebody on another machine who tries to resume, or to go back, while the first one is at work, and takes over when it is silent for too long. */
function rivalOf(play: Play, storm: Storm): Promise<Ended> {
  const { world } = play;
  return new Promise((resolve) => {
    world.timeline.after(world.dice.between(1000, 100_000), () => {
      const back = storm.enabled.has('F32') && (!storm.enabled.has('F28') || world.dice.chance(0.5));
      world.counted(back ? 'F32' : 'F28');
      const process = play.process({ machine: 'rival', weather: storm, time: storm.time() });
      resolve(play.start(process, back ? 'rollback' : 'resume', 'new', 200_000));
    });
  });
}

/**
 * What only a person can decide, who then decides for the release that served: somebody else moved the weights, nobody knows whether a task has run, or the release
 * that was to be rolled out, or the record, cannot be read any more.
 */
function isBlockedForGood(ended: Ended): boolean {
  if (ended.is === 'refused') return /^release\.|^state\.damaged$/.test(ended.error.code);
  if (ended.is !== 'result' || ended.exit !== 14) return false;
  return /another hand changed them|one-off task|no instance can be spared/.test(ended.result.reason);
}

const within = (limit: Ms, age: Ms): boolean => age >= 0 && age < limit;

/** What a person types after a command that did not bring the rollout to its end. */
function after(ended: Ended): Command {
  const named = isDone(ended) ? undefined : namedIn(ended);
  return named === undefined ? unlessEnded(ended) : `rollback --to ${named}`;
}

/** Whether a rollback is refused since somebody has rolled back already: nobody wants to go further. */
const isDone = (ended: Ended): boolean => ended.is === 'refused' && / rolled back already/.test(ended.error.message);

/** The same, where another process may have ended the rollout since: a release is named only after a look at what there is now. */
const unlessEnded = (ended: Ended): Command => (isBlockedForGood(ended) ? 'rollback' : 'resume');

/** The first release that a refused rollback suggests. */
function namedIn(ended: Ended): string | undefined {
  if (ended.is !== 'refused' || ended.error.code !== 'rollback.refused') return undefined;
  return /rollback --env sim --to (\S+)/.exec(ended.error.next.join('\n'))?.[1];
}

/** Whether nothing is to be undone: what a rollback would go to serves. */
const isThere = (ended: Ended | undefined): boolean =>
  ended?.is === 'refused' && /serves (?:everywhere )?already/.test(ended.error.message);

/** What a refusal says that only a person can do: a record of which nothing is to be undone is removed, a release that no container tells is restored. */
function heed({ world, auditor }: Play, ended: Ended): boolean {
  if (ended.is !== 'refused') return false;
  const advice = ended.error.next.join('\n');
  // Where a rollback needs less, it comes first.
  if (ended.error.code !== 'rollback.refused' && advice.includes('deployctl rollback')) return false;
  if (/No container tells enough/.test(ended.error.message)) {
    const [, name = ''] = /get-parameter-history --name (\S+)/.exec(advice) ?? [];
    if (world.store.restore(name)) {
      world.note(`somebody restores ${name}`);
      return true;
    }
  }
  const [, name] = /delete-parameter --name (\S+)(?: +# gives it up)?/.exec(advice) ?? [];
  const isAdvice = ['rollback.refused', 'release.damaged', 'release.missing'].includes(ended.error.code);
  if (!isAdvice || name === undefined) return false;
  world.note(`somebody deletes ${name}`);
  auditor.damaged(name);
  world.store.remove([name]);
  return true;
}

/** Sets the weights of a service whose routes disagree, as a refusal says. */
function setWeights({ world, auditor }: Play, ended: Ended): boolean {
  if (ended.is !== 'refused' || ended.error.code !== 'preflight.refused') return false;
  const [, service] = /else set one color of (\S+) to 100 and the other to 0/.exec(ended.error.next.join('\n')) ?? [];
  const shape = world.shape.services.find((each) => each.name === service);
  const there = shape?.routes.flatMap((route) => world.balancer.routes.get(route) ?? []) ?? [];
  if (shape === undefined || there.length === 0) return false;
  for (const { arn, weights } of there) {
    auditor.meddled(arn);
    world.balancer.writtenByHand(
      arn,
      new Map([...weights, [shape.colors.blue.group, 100], [shape.colors.green.group, 0]]),
    );
  }
  return true;
}

/** Succeeded, rolled back, failed; or nothing is left to resume. */
function isOver(ended: Ended): boolean {
  if (ended.is === 'refused') return ended.error.code === 'resume.nothing';
  return ended.is === 'result' && [0, 10, 11].includes(ended.exit);
}
