import { DeployctlError, EXIT } from '../domain/errors.js';
import type { ReleaseId } from '../domain/ids.js';
import { NO_RELEASE } from '../domain/release.js';
import type { Release } from '../domain/release.js';
import type { Past, ReleaseParts } from '../state/index.js';
import { rollbackTarget } from '../state/index.js';
import { damageText, restoreFix } from './damage.js';
import type { Ground } from './begin.js';
import { observedIds } from './observed.js';
import { isSameRelease, moveText } from './serving.js';
import { ofTarget, rebuilt } from './rebuilt.js';
import type { Toolbox } from './toolbox.js';
import { beforeChange } from './topology.js';

/** Where a bare `rollback` goes. */
export type DefaultTarget =
  | { readonly is: 'release'; readonly release: ReleaseId }
  | { readonly is: 'none'; readonly reason: string; readonly next: readonly string[] };

/** What history says of it: known before anything is looked at. */
export function targetByHistory(box: Pick<Toolbox, 'settings'>, past: Past): DefaultTarget {
  const env = `--env ${box.settings.environment}`;
  const target = rollbackTarget(past.outcomes);
  const named = (candidates: readonly ReleaseId[]): readonly string[] =>
    candidates.map((release) => `deployctl rollback ${env} --to ${release}`);
  if (past.unclear !== undefined) {
    // The change that it tells of may be a rollback already: a second one would undo a good release.
    const known = target.is === 'release' ? [target.release] : target.candidates;
    const serving = past.outcomes.flatMap((outcome) => (outcome.serving === null ? [] : [outcome.serving]));
    const reason = `${damageText(past.unclear)}. It is the newest outcome, so the last change of what serves is not known; name the release with --to`;
    return { is: 'none', reason, next: [...named([...new Set([...known, ...serving])]), restoreFix(past.unclear)] };
  }
  if (target.is === 'release') return target;
  const next = named(target.candidates);
  return { is: 'none', reason: target.reason, next: next.length > 0 ? next : [`deployctl status ${env}`] };
}

/** Why a rollback cannot go from what serves to this release. */
function notATarget(
  box: Pick<Toolbox, 'settings'>,
  to: Release,
  present: Release,
  past: Past,
): Extract<DefaultTarget, { is: 'none' }> | undefined {
  const env = `--env ${box.settings.environment}`;
  const none = (reason: string, ...next: readonly string[]): Extract<DefaultTarget, { is: 'none' }> => ({
    is: 'none',
    reason,
    next: [...next, `deployctl history ${env}   # what has served here`],
  });
  if (isSameRelease(to, present)) {
    const [newest] = past.outcomes;
    const recorded = newest?.serving ?? to.id;
    return recorded === to.id
      ? none(`release ${to.id} is what serves already`)
      : none(
          `release ${to.id} is what serves already: another hand has moved there from ${recorded}, which the record names`,
          `deployctl rollback ${env} --to ${recorded}   # back to what the record says`,
        );
  }
  const empty = Object.entries(to.services).find(([, service]) => service.release === NO_RELEASE);
  return empty === undefined
    ? undefined
    : none(`before the first rollout nothing ran for ${empty[0]}, so there is nothing to go back to`);
}

/**
 * The release that a rollback goes to, whole, or completed from its containers.
 * @param isDefault it is what the last rollout found serving
 * @throws DeployctlError `rollback.refused` (exit 12)
 */
export async function targetOf(
  box: Toolbox,
  ground: Ground,
  id: string,
  isDefault: boolean,
): Promise<{ readonly release: Release; readonly warnings: readonly string[] }> {
  const { environment } = box.settings;
  if (isDefault) refuseMoved(ground, environment, id);
  const parts = await beforeChange(() => box.state.readRelease(id, box.signal));
  const found = parts?.damage.length === 0 ? parts.release : undefined;
  const { release: present } = ground.present;
  const find = ofTarget(box, ground.seen, ground.live, { id, isDefault, present });
  const release = found ?? (await rebuilt(box, ground.topology, id, parts, find));
  if (release === undefined) {
    const [damage] = parts?.damage ?? [];
    if (damage !== undefined)
      throw refused(`release ${id} cannot be restored: ${damageText(damage)}. No container tells enough of it`, [
        restoreFix(damage),
      ]);
    const known = await rollbackable(box, ground);
    throw refused(`there is no release ${id} of ${environment}; known: ${known.slice(-10).join(', ') || 'none'}`, [
      ...known.slice(-1).map((each) => `deployctl rollback --env ${environment} --to ${each}`),
      `deployctl history --env ${environment}`,
    ]);
  }
  const not = notATarget(box, release, present, ground.past);
  if (not !== undefined) refuseRollback(not);
  const text = `release ${id} is known by its containers only: ${damagedText(parts)}. It will be stored again`;
  const why = found === undefined ? [text] : [];
  return { release, warnings: why };
}

/**
 * History says which release served before the one that it names as the present one. Where something else serves, going there may undo more than was
 * meant: a rollout whose record was deleted looks like that.
 * @throws DeployctlError `rollback.refused` (exit 12)
 */
function refuseMoved({ past, moves, recorded, present }: Ground, environment: string, id: string): void {
  if (past.unfinished !== undefined || recorded === undefined || moves.length === 0) return;
  const next = (release: ReleaseId, why: string): string =>
    `deployctl rollback --env ${environment} --to ${release}   # ${why}`;
  throw refused(
    `${moves.map(moveText).join('; ')}. So the last change of what serves is not known: say with --to which release shall serve. Nothing was changed`,
    [
      next(recorded.id, 'what the record says serves'),
      ...(id === present.release.id ? [] : [next(id, 'what served before that')]),
      `deployctl history --env ${environment}   # what has served here`,
    ],
  );
}

/** The releases that `--to` takes: those that are stored, and those that containers tell whole. */
async function rollbackable(box: Toolbox, ground: Ground): Promise<readonly ReleaseId[]> {
  const known = (await beforeChange(() => box.state.listReleases(box.signal))).releases.map((each) => each.id);
  for (const id of observedIds(ground)) {
    if (known.includes(id)) continue;
    const parts = await beforeChange(() => box.state.readRelease(id, box.signal));
    const find = ofTarget(box, ground.seen, ground.live, { id, isDefault: false, present: ground.present.release });
    if ((await rebuilt(box, ground.topology, id, parts, find)) !== undefined) known.push(id);
  }
  return known;
}

const damagedText = (parts: ReleaseParts | undefined): string =>
  parts === undefined ? 'it is not in Parameter Store any more' : parts.damage.map(damageText).join('; ');

/** @throws DeployctlError `rollback.refused` (exit 12): nothing was changed */
export function refuseRollback({ reason, next }: Extract<DefaultTarget, { is: 'none' }>): never {
  throw refused(reason, next);
}

function refused(message: string, next: readonly string[]): DeployctlError {
  return new DeployctlError({ code: 'rollback.refused', message, exitCode: EXIT.refused, next });
}
