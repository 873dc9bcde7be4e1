import { Fingerprints } from './fingerprint.js';
import type { Ended } from './play.js';
import { Play } from './play.js';
import type { Kill, KillPhase } from './process.js';
import { killPhases } from './process.js';
import type { Scenario } from './scenario.js';
import { describeScenario, parseScenario } from './scenario.js';

/** Who comes after a death: the same operator on the same machine, at once; or another one from elsewhere, who wants the same rollout. */
export const recoveries = ['resume', 'rollback', 'another'] as const;
export type Recovery = (typeof recoveries)[number];

/**
 * One run that can be repeated from its text: `rolling/ports/backend/2/good/released/1 resume 37:lost`, and with two deaths
 * `… resume,rollback 37:lost 12:before`: who comes after the first one dies too.
 */
export interface Case {
  readonly scenario: Scenario;
  /** Who comes after the first death, after the second, and so on; the last one after all others. */
  readonly recovery: readonly [Recovery, ...Recovery[]];
  /** Where the first process dies, where the one that comes after it does, and so on. */
  readonly kills: readonly Kill[];
}

export const describeKill = ({ call, phase }: Kill): string => `${String(call)}:${phase}`;

export const describeCase = ({ scenario, recovery, kills }: Case): string =>
  [describeScenario(scenario), recovery.join(), ...kills.map(describeKill)].join(' ');

export function parseCase(text: string): Case {
  const [scenario = '', named = '', ...kills] = text.trim().split(/\s+/);
  const [first, ...others] = named.split(',').map((name) => {
    const found = recoveries.find((each) => each === name);
    if (found === undefined) throw new Error(`${name} is none of ${recoveries.join(', ')}`);
    return found;
  });
  if (first === undefined) throw new Error(`${text}: wanted SCENARIO RECOVERY KILL…`);
  return {
    scenario: parseScenario(scenario),
    recovery: [first, ...others],
    kills: kills.map((kill) => {
      const [call, phase] = kill.split(':');
      const known: KillPhase | undefined = killPhases.find((each) => each === phase);
      if (known === undefined) throw new Error(`${kill}: wanted NUMBER:PHASE, phases are ${killPhases.join(', ')}`);
      return { call: Number(call), phase: known };
    }),
  };
}

/** The one command that replays a case, with its trace. */
export const replayOf = (each: Case): string => `npm run simulate -- '${describeCase(each)}'`;

/** A point at which a process may die, and what it would leave (`Fingerprints`). */
export interface Point extends Kill {
  readonly leaves: string;
}

/** What undisturbed runs of a scenario do: points to die at, ends to be compared with, and how often each object is written. */
export interface Reference {
  readonly points: readonly Point[];
  readonly ends: ReadonlyMap<'new' | 'old', ReadonlySet<string>>;
  readonly writes: ReadonlyMap<string, number>;
}

/** One of all points that leave the same world: a dead process leaves nothing else. */
export function distinct(points: readonly Point[], seen = new Set<string>()): readonly Point[] {
  return points.filter(({ leaves }) => {
    if (seen.has(leaves)) return false;
    seen.add(leaves);
    return true;
  });
}

const rest = 20_000;

export async function referenceOf(scenario: Scenario): Promise<Reference> {
  const play = await Play.begin(scenario);
  const initial = play.signature();
  const points: Point[] = [];
  const onPoint = pointsInto(points, play);
  await play.run(play.process({ onPoint }), 'rollout');
  await play.rest(rest);
  const ends = { new: new Set([play.signature()]), old: new Set([initial]) };
  const writes = new Map(play.auditor.writes);
  const more = async (fate: Scenario['fate']): Promise<void> => {
    const other = await Play.begin({ ...scenario, fate });
    await other.run(other.process(), 'rollout');
    if (fate === 'good') {
      await other.rest(rest);
      ends.new.add(other.signature());
      await other.run(other.process(), 'rollback');
      await other.rest(rest);
      ends.old.add(other.signature());
    }
    for (const [object, count] of other.auditor.writes) writes.set(object, Math.max(writes.get(object) ?? 0, count));
  };
  // A rollout may be gone back from before it is known to be bad, and after it has ended.
  await more('good');
  await more('dies');
  return { points, ends: new Map(Object.entries(ends) as ['new' | 'old', Set<string>][]), writes };
}

function pointsInto(points: Point[], { world }: Play): (kill: Kill) => void {
  const fingerprints = new Fingerprints(world);
  return (kill) => {
    points.push({ ...kill, leaves: fingerprints.now() });
  };
}

/**
 * Plays a case and holds it to the reference. Gives the violations, and the trace to look them up in.
 * @param points gets every point at which the process that comes after the last death could die too
 */
export async function playCase(each: Case, reference: Reference, points?: Point[]): Promise<Play> {
  const play = await Play.begin(each.scenario);
  const ended = await recover(play, each, await play.run(play.process({ kill: each.kills[0] }), 'rollout'), points);
  await play.rest(rest);
  play.truth(ended);
  judge(play, each, ended, reference);
  return play;
}

/** Commands after a death, until one of them ends by itself. */
async function recover(
  play: Play,
  { recovery, kills }: Case,
  first: Ended,
  points: Point[] | undefined,
): Promise<Ended> {
  let ended = first;
  for (let turn = 1; ended.is === 'killed' && turn <= kills.length; turn += 1) {
    const who = recovery[Math.min(turn, recovery.length) - 1] ?? 'resume';
    const machine = who === 'another' ? `elsewhere-${String(turn)}` : 'laptop';
    const onPoint = turn === kills.length && points !== undefined ? pointsInto(points, play) : undefined;
    const next = (command: 'rollout' | 'resume' | 'rollback'): Promise<Ended> =>
      play.run(play.process({ machine, kill: kills[turn], onPoint }), command);
    await play.rest(500);
    if (who !== 'rollback' && isOver(play)) {
      nothingIsLeft(play, await next('resume'));
      return ended;
    }
    if (who === 'another') {
      ended = await next('rollout');
      if (isRefused(ended, 'rollout.unfinished')) ended = await next('resume');
    } else ended = await next(who);
    // It died before it had stored what it wanted.
    if (isRefused(ended, 'resume.nothing')) ended = await next('rollout');
  }
  return ended;
}

/** The outcome of the newest rollout is stored: it came to its end before its process died. */
function isOver(play: Play): boolean {
  const records = [...play.world.store.values.keys()].filter((name) => name.includes('/rollouts/')).sort();
  const newest = records.at(-1)?.split('/').at(-1);
  return newest !== undefined && play.outcome()?.rollout === newest;
}

/** Whoever resumes what has ended is told so, and changes nothing. */
function nothingIsLeft(play: Play, ended: Ended): void {
  if (ended.is !== 'killed' && !isRefused(ended, 'resume.nothing'))
    play.auditor.violated('L2', `the outcome is stored, and a resume says: ${JSON.stringify(ended)}`);
}

const isRefused = (ended: Ended, code: string): boolean => ended.is === 'refused' && ended.error.code === code;

function judge(play: Play, { scenario, recovery }: Case, ended: Ended, reference: Reference): void {
  const { auditor } = play;
  const killed = play.deaths;
  const good = scenario.fate === 'good';
  const came = Array.from({ length: killed }, (_, index) => recovery[Math.min(index, recovery.length - 1)]);
  const back = came.includes('rollback');
  // One that died before it had said that it goes back has not begun to: whoever resumes goes on to where it was going before.
  const either = back && came.some((who) => who !== 'rollback');
  if (ended.is === 'killed' && play.outcome() === undefined) auditor.violated('L1', 'nobody came to an end');
  const exits = back ? [0, 10, 12] : [good ? 0 : 10];
  if (ended.exit !== undefined && !exits.includes(ended.exit))
    auditor.violated('I11', `exit ${String(ended.exit)}, wanted ${exits.join(' or ')}: ${JSON.stringify(ended)}`);
  const end: 'old' | 'new' = back || !good ? 'old' : 'new';
  const signature = play.signature();
  const ends = either ? (['old', 'new'] as const) : [end];
  if (!ends.some((each) => reference.ends.get(each)?.has(signature) === true))
    auditor.violated('L1', `the end is not that of an undisturbed run (${end}):\n${signature}`);
  for (const [object, count] of auditor.writes) {
    const most = (reference.writes.get(object) ?? 0) + killed;
    if (count > most) auditor.violated('I10', `${object}: ${String(count)} times, wanted at most ${String(most)}`);
  }
}
