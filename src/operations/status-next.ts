import { DeployctlError } from '../domain/errors.js';
import type { RolloutRecord } from '../domain/record.js';
import { restoreFix } from './damage.js';
import type { Ground } from './begin.js';
import { halfWay } from './half-way.js';
import type { LeaseSeen } from './lease.js';
import type { StatusWorld } from './status-world.js';
import { unfinishedNext } from './running.js';
import { isDriven } from './steer.js';
import { targetByHistory, targetOf } from './target.js';
import type { Toolbox } from './toolbox.js';

/** What to type next: only what would be accepted as things stand. */
export async function nextFor(box: Toolbox, world: StatusWorld): Promise<readonly string[]> {
  const { ground, lease, unfinished, unknown, isPastKnown, isFleetKnown } = world;
  const env = `--env ${box.settings.environment}`;
  if (unfinished !== undefined) return ofUnfinished(box.settings.environment, lease, unfinished);
  const [open] = ground.past.open;
  if (open !== undefined)
    return [`deployctl rollback ${env}   # restores what served before, from what is observed`, restoreFix(open)];
  if (unknown.size > 0 || !isPastKnown || !isFleetKnown)
    return [`deployctl doctor ${env}   # what cannot be read, and how to mend it`];
  if (ground.live.size < ground.topology.services.length) return ofSplit(box, ground, env);
  const plan = `deployctl plan ${env}       # what a rollout would do; name the images`;
  const target = targetByHistory(box, ground.past);
  if (target.is === 'none') return [plan];
  try {
    const { release } = await targetOf(box, ground, target.release, true);
    return [`deployctl rollback ${env}   # to ${release.id}`];
  } catch (error) {
    if (!(error instanceof DeployctlError) || error.code !== 'rollback.refused') throw error;
    return [...error.next.filter((line) => / --to /.test(line)), plan];
  }
}

function ofUnfinished(environment: string, lease: LeaseSeen, unfinished: RolloutRecord): readonly string[] {
  if (!isDriven(lease)) return unfinishedNext({ environment }, unfinished, lease);
  const env = `--env ${environment}`;
  const watch = `deployctl status ${env} --watch   # follows it`;
  if (unfinished.aim.to === 'old' || unfinished.kind !== 'rollout') return [watch];
  const abort = `deployctl abort ${env}            # steers it back`;
  const promote = `deployctl promote ${env}          # ends the ${unfinished.phase.includes('paused by') ? 'pause' : 'bake'} now`;
  const pause = `deployctl pause ${env}            # holds it before its next change`;
  const waits = /^(?:hold: )?paused by/.test(unfinished.phase)
    ? [promote]
    : unfinished.phase.startsWith('bake')
      ? [promote, pause]
      : [pause];
  return [watch, ...waits, abort];
}

/** Weights that no record explains: a release that has been on record and runs can be given all of the traffic. */
async function ofSplit(box: Toolbox, ground: Ground, env: string): Promise<readonly string[]> {
  const { topology, seen, past, now } = ground;
  const ids = past.outcomes.flatMap(({ serving, from }) => [...(serving === null ? [] : [serving]), from]);
  const next: string[] = [];
  for (const id of new Set(ids.slice(0, 6))) {
    const parts = await box.state.readRelease(id, box.signal);
    if (parts?.release === undefined || parts.damage.length > 0) continue;
    const found = await halfWay(box, topology, seen, { rollout: 'ro', generation: 0, now, from: parts.release, past });
    if (found.is === 'found' && found.isRunning)
      next.push(`deployctl rollback ${env} --to ${id}   # all of the traffic to it`);
  }
  return [...next, `deployctl doctor ${env}   # what is wrong, and how to mend it`];
}
