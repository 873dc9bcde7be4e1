import { DeployctlError, EXIT } from '../domain/errors.js';
import type { RolloutRecord } from '../domain/record.js';
import type { LeaseSeen } from './lease.js';
import { isDriven } from './steer.js';
import type { Toolbox } from './toolbox.js';

/** An unfinished rollout in words: `rollout ro-… by anna is running (phase: bake)`. */
export function unfinishedText({ kind, id, by, phase }: RolloutRecord, lease: LeaseSeen): string {
  return `${kind} ${id} by ${by} ${isDriven(lease) ? 'is running' : 'has not ended'} (phase: ${phase})`;
}

/** What to type while a rollout is unfinished. While a process drives it nothing is changed beside it. */
export function unfinishedNext(
  { environment }: Pick<Toolbox['settings'], 'environment'>,
  { kind }: RolloutRecord,
  lease: LeaseSeen,
): readonly string[] {
  const env = `--env ${environment}`;
  if (isDriven(lease)) return [`deployctl status ${env} --watch   # follows it to its end`];
  // A retirement has no release of its own to undo.
  if (kind === 'retire') return [`deployctl resume ${env}   # continues it`];
  return [`deployctl resume ${env}     # continues it`, `deployctl rollback ${env}   # undoes it`];
}

/**
 * Why nothing new begins, and nothing new is planned, beside an unfinished rollout: its weights and containers are explained by its record only. While it
 * runs the exit code is 13, as of a rollout that finds the lock held; afterwards 12.
 */
export function unfinishedError(box: Toolbox, record: RolloutRecord, lease: LeaseSeen): DeployctlError {
  const { app, environment } = box.settings;
  const driven = isDriven(lease);
  const text = unfinishedText(record, lease).replace(` by `, ` of ${app}/${environment} by `);
  return new DeployctlError({
    code: driven ? 'rollout.running' : 'rollout.unfinished',
    message: `${text}. Nothing was changed`,
    exitCode: driven ? EXIT.leaseHeld : EXIT.refused,
    next: unfinishedNext(box.settings, record, lease),
  });
}
