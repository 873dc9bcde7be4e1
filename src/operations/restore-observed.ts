import { DeployctlError, EXIT } from '../domain/errors.js';
import type { RolloutId } from '../domain/ids.js';
import type { Release } from '../domain/release.js';
import type { Lease, Past } from '../state/index.js';
import { currentRelease } from '../state/index.js';
import type { Ground } from './begin.js';
import { damageText, restoreFix } from './damage.js';
import type { Fences, OperationResult } from './drive.js';
import type { HalfWay } from './half-way.js';
import { halfWay } from './half-way.js';
import { planOf } from './plan.js';
import { stamp } from './present.js';
import { rebuilt } from './rebuilt.js';
import { undo } from './resume.js';
import type { RollbackRequest } from './rollback.js';
import { isSameRelease } from './serving.js';
import type { Survey } from './survey.js';
import { survey } from './survey.js';
import { refuseRollback, targetByHistory } from './target.js';
import type { Toolbox } from './toolbox.js';
import type { Topology } from './topology.js';
import { beforeChange } from './topology.js';

/** A rollout that may stand half-way, and whose record cannot be read. */
export interface LostRollout {
  readonly rollout: RolloutId;
  /** Why its record is of no use. */
  readonly why: string;
  readonly fix: string;
}

/** The rollout whose record is damaged, or gone although its way back had failed. */
export function lostRollout({ open, outcomes: [newest], records }: Past): LostRollout | undefined {
  const [damage] = open;
  if (damage !== undefined) return { rollout: damage.rollout, why: damageText(damage), fix: restoreFix(damage) };
  if (newest?.kind !== 'rollout' || newest.outcome !== 'failed') return undefined;
  const { rollout } = newest;
  if (records.some(({ id }) => id === rollout)) return undefined;
  return {
    rollout,
    why: `the record of ${rollout}, whose way back failed, cannot be read`,
    fix: `deployctl history show ${rollout}`,
  };
}

/** Weights between two colors that no record explains: its record was deleted, or another hand has set them. */
export function unexplained(box: Toolbox, ground: Ground): LostRollout {
  const id = `ro-${stamp(ground.now)}-${box.random.hex(4)}`;
  const [first] = ground.findings.filter(({ level }) => level === 'refuse');
  const why = first?.text ?? 'no record explains the weights';
  return { rollout: id, why, fix: first?.fix ?? `deployctl status --env ${box.settings.environment}` };
}

/**
 * The release that served before it, by history; before the first outcome, what deployctl found when it began.
 * @throws DeployctlError `rollback.refused` where that does not tell
 */
export async function baseOf(box: Toolbox, past: Past, lost: LostRollout): Promise<string> {
  const current = currentRelease(past.outcomes);
  if (past.unclear === undefined && current.is === 'known') return current.release;
  if (past.unclear === undefined && current.is === 'unclear') return current.outcome.from;
  if (past.unclear === undefined && current.is === 'none') {
    const found = await foundAtFirst(box);
    if (found !== undefined) return found;
    const reason = `${lost.why}. No rollout has ended here yet, so the release that served before ${lost.rollout} is not known; name it with --to`;
    return refuseRollback({ is: 'none', reason, next: [lost.fix] });
  }
  const target = targetByHistory(box, past);
  if (target.is === 'none') return refuseRollback(target);
  return target.release;
}

/** What served when deployctl came: it is stored as a release before anything is changed. undefined: there are several that differ, or one cannot be read. */
async function foundAtFirst(box: Toolbox): Promise<string | undefined> {
  const { releases, unreadable } = await beforeChange(() => box.state.listReleases(box.signal));
  const [newest, ...older] = releases.filter(({ adopted }) => adopted);
  if (newest === undefined || unreadable.some(({ id }) => id.startsWith('adopted-'))) return undefined;
  return older.every((each) => isSameRelease(each, newest)) ? newest.id : undefined;
}

export interface Restoring {
  readonly topology: Topology;
  readonly past: Past;
  readonly lost: LostRollout;
  /** The release that shall serve again. */
  readonly base: string;
  /** Where it was looked at already. */
  readonly seen?: Survey;
}

/**
 * Restores a release that served before a rollout whose record cannot be read, from what is observed. Its record is made anew, in the place of what cannot
 * be read, which stays among the earlier versions of the parameter.
 * @returns undefined where a release was named that the rollout did not come from: that one has to be reached in another way
 */
export async function restoreObserved(
  box: Toolbox,
  lease: Lease,
  fences: Fences,
  { topology, past, lost, base, seen: looked }: Restoring,
  request: RollbackRequest,
): Promise<OperationResult | undefined> {
  const seen = looked ?? (await survey(box, topology, fences.next));
  const from = await releaseOf(box, topology, base);
  if (from === undefined) return undefined;
  const asked = { rollout: lost.rollout, generation: lease.generation, now: box.clock.now(), from, past };
  const found = await halfWay(box, topology, seen, asked);
  const isNamed = request.to !== undefined;
  if (found.is !== 'found') {
    if (isNamed) return undefined;
    throw nothingToUndo(box, lost, from, found);
  }
  if (isNamed && !found.isRunning) return undefined;
  const { record, to } = found;
  // Where nothing but that release runs, it may still be out of the load balancer.
  if (!isNamed && to.id !== from.id && servedBefore(past, to)) throw ambiguous(box, lost, from, to);
  const plan = planOf(box.settings, topology, record, from, to);
  const warnings = [`${lost.why}. ${from.id} is restored from what is observed, and a record of it is made anew`];
  for (const text of warnings) box.emit({ type: 'note', level: 'warning', text });
  return undo(box, lease, fences, { plan, record, seen, warnings }, async (summary, said) => {
    const isWanted = await request.confirm(summary, said);
    if (isWanted && to.id !== from.id) await store(box, to);
    return isWanted;
  });
}

const servedBefore = ({ outcomes }: Past, { id }: Release): boolean =>
  outcomes.some((outcome) => outcome.from === id || outcome.serving === id);

function nothingToUndo(
  box: Toolbox,
  lost: LostRollout,
  from: Release,
  found: Exclude<HalfWay, { is: 'found' }>,
): DeployctlError {
  const text =
    found.is === 'nothing'
      ? `release ${from.id} serves everywhere already, and nothing else gets traffic: of ${lost.rollout} there is nothing to undo. ${lost.why}`
      : `${found.service}: no instance has release ${from.id}, which served before ${lost.rollout}, where traffic could go to it. ${lost.why}`;
  return refused(text, [lost.fix, `deployctl status --env ${box.settings.environment}   # what runs where`]);
}

/** What runs beside the release served before it: this may have been a rollback, and undoing that would bring a bad release back. */
function ambiguous(box: Toolbox, lost: LostRollout, from: Release, to: Release): DeployctlError {
  const env = `--env ${box.settings.environment}`;
  return refused(
    `${from.id} and ${to.id} run side by side, and both have served before, so ${lost.rollout} may have been a rollback. ${lost.why}. Nothing was changed; say which release shall serve with --to`,
    [from, to].map(({ id }) => `deployctl rollback ${env} --to ${id}`),
  );
}

/** What was found is a release like any other from then on: history names it. */
function store(box: Toolbox, release: Release): Promise<void> {
  return beforeChange(() => box.state.putRelease(release, box.signal));
}

async function releaseOf(box: Toolbox, topology: Topology, id: string): Promise<Release | undefined> {
  const parts = await beforeChange(() => box.state.readRelease(id, box.signal));
  if (parts?.damage.length === 0) return parts.release;
  return rebuilt(box, topology, id, parts, () => []);
}

function refused(message: string, next: readonly string[]): DeployctlError {
  return new DeployctlError({ code: 'rollback.refused', message, exitCode: EXIT.refused, next });
}
