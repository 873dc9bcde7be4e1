import type { Ended } from './play.js';
import { Play } from './play.js';
import type { Kill, KillPhase } from './process.js';
import { killPhases } from './process.js';
import type { Scenario } from './scenario.js';
import { describeScenario, parseScenario } from './scenario.js';

/** Who comes after a death: the same operator on the same machine, at once; or another one from elsewhere, who wants the same rollout. */
export const recoveries = ['resume', 'rollback', 'another'] as const;
export type Recovery = (typeof recoveries)[number];

/** One run that can be repeated from its text: `rolling/ports/backend/2/good/released/1 resume 37:lost 12:before`. */
export interface Case {
  readonly scenario: Scenario;
  readonly recovery: Recovery;
  /** Where the first process dies, where the one that comes after it does, and so on. */
  readonly kills: readonly Kill[];
}

export const describeCase = ({ scenario, recovery, kills }: Case): string =>
  [describeScenario(scenario), recovery, ...kills.map(({ call, phase }) => `${String(call)}:${phase}`)].join(' ');

export function parseCase(text: string): Case {
  const [scenario = '', recovery, ...kills] = text.trim().split(/\s+/);
  const found = recoveries.find((each) => each === recovery);
  if (found === undefined) throw new Error(`${String(recovery)} is none of ${recoveries.join(', ')}`);
  return {
    scenario: parseScenario(scenario),
    recovery: found,
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

/** What undisturbed runs of a scenario do: calls to be killed at, ends to be compared with, and how often each object is written. */
export interface Reference {
  /** One entry a call: what may tell kill points apart. */
  readonly points: readonly { readonly call: number; readonly key: string; readonly use: 'read' | 'change' }[];
  readonly ends: ReadonlyMap<'new' | 'old', ReadonlySet<string>>;
  readonly writes: ReadonlyMap<string, number>;
}

const rest = 20_000;

export async function referenceOf(scenario: Scenario): Promise<Reference> {
  const play = await Play.begin(scenario);
  const initial = play.signature();
  const process = play.process();
  await play.run(process, 'rollout');
  await play.rest(rest);
  const ends = { new: new Set([play.signature()]), old: new Set([initial]) };
  let changes = 0;
  const points = process.calls.map(({ number, use, version }) => {
    const key = `${String(version)}/${String(changes)}`;
    if (use === 'change') changes += 1;
    return { call: number, key, use };
  });
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

/** Plays a case and holds it to the reference. Gives the violations, and the trace to look them up in. */
export async function playCase(each: Case, reference: Reference): Promise<Play> {
  const play = await Play.begin(each.scenario);
  const ended = await recover(play, each, await play.run(play.process({ kill: each.kills[0] }), 'rollout'));
  await play.rest(rest);
  play.truth(ended);
  judge(play, each, ended, reference);
  return play;
}

/** Commands after a death, until one of them ends by itself. An outcome that is stored already is the end, unless somebody wants to go back. */
async function recover(play: Play, { scenario, recovery, kills }: Case, first: Ended): Promise<Ended> {
  let ended = first;
  const before = scenario.before === 'released' ? 1 : 0;
  const isOver = (): boolean => recovery !== 'rollback' && (play.outcome()?.generation ?? 0) > before;
  for (let turn = 1; ended.is === 'killed' && turn <= kills.length; turn += 1) {
    const machine = recovery === 'another' ? `elsewhere-${String(turn)}` : 'laptop';
    const next = (command: 'rollout' | 'resume' | 'rollback'): Promise<Ended> =>
      play.run(play.process({ machine, kill: kills[turn] }), command);
    await play.rest(500);
    if (isOver()) return ended;
    if (recovery === 'another') {
      ended = await next('rollout');
      if (isRefused(ended, 'rollout.unfinished')) ended = await next('resume');
    } else ended = await next(recovery);
    // It died before it had stored what it wanted.
    if (isRefused(ended, 'resume.nothing')) ended = await next('rollout');
  }
  return ended;
}

const isRefused = (ended: Ended, code: string): boolean => ended.is === 'refused' && ended.error.code === code;

function judge(play: Play, { scenario, recovery }: Case, ended: Ended, reference: Reference): void {
  const { auditor } = play;
  const killed = play.deaths;
  const good = scenario.fate === 'good';
  const back = recovery === 'rollback' && killed > 0;
  if (ended.is === 'killed' && play.outcome() === undefined) auditor.violated('L1', 'nobody came to an end');
  const exits = back ? [0, 10, 12] : [good ? 0 : 10];
  if (ended.exit !== undefined && !exits.includes(ended.exit))
    auditor.violated('I11', `exit ${String(ended.exit)}, wanted ${exits.join(' or ')}: ${JSON.stringify(ended)}`);
  const end = back || !good ? 'old' : 'new';
  const signature = play.signature();
  if (reference.ends.get(end)?.has(signature) !== true)
    auditor.violated('L1', `the end is not that of an undisturbed run (${end}):\n${signature}`);
  for (const [object, count] of auditor.writes) {
    const most = (reference.writes.get(object) ?? 0) + killed;
    if (count > most) auditor.violated('I10', `${object}: ${String(count)} times, wanted at most ${String(most)}`);
  }
}
