import { DeployctlError, EXIT } from '../domain/errors.js';
import type { Ms } from '../domain/ids.js';
import type { Steer } from '../domain/observation.js';
import type { RolloutRecord } from '../domain/record.js';
import type { LeaseSeen } from './lease.js';
import { readLease } from './lease.js';
import type { Toolbox } from './toolbox.js';
import { beforeChange } from './topology.js';

export interface SteerResult {
  readonly schemaVersion: 1;
  readonly rollout: string;
  readonly asked: Steer['is'];
  /** What the rollout was doing when it was asked. */
  readonly phase: string;
  /** Whether a process drives the rollout, which picks the request up within a tick. */
  readonly driven: boolean;
  readonly next: readonly string[];
}

export interface SteerOptions {
  readonly reason?: string;
  /** How long a pause may last. */
  readonly for?: Ms;
}

/** Whether some process drives a rollout, as far as the lock tells: a holder that is surely or probably dead does not. */
export function isDriven(lease: LeaseSeen): boolean {
  // Of a lock that cannot be read nobody knows that its holder is gone.
  if (lease.is === 'unknown') return true;
  return lease.is === 'held' && lease.looks !== 'dead' && lease.looks !== 'stale';
}

/**
 * Leaves a request for the rollout that runs, from any terminal and without the lock; its process picks it up within a tick. `abort` steers it back,
 * `pause` holds it before its next change, `promote` ends a pause or a bake early.
 * @throws DeployctlError `abort.nothing`, `pause.nothing`, `promote.nothing`, … (exit 12)
 */
export async function steer(box: Toolbox, is: Steer['is'], options: SteerOptions): Promise<SteerResult> {
  const { environment } = box.settings;
  const [record, lease] = await Promise.all([
    beforeChange(() => box.state.unfinishedRollout(box.signal)),
    readLease(box),
  ]);
  if (record === undefined) {
    throw refused(`${is}.nothing`, `no rollout of ${environment} is running, so there is nothing to ${is}`, [
      `deployctl status --env ${environment}`,
    ]);
  }
  const driven = isDriven(lease);
  if (is !== 'abort') refuseUseless(box, is, record, driven, options);
  const { reason, for: lasts } = options;
  const request = {
    is,
    by: box.actor.name,
    ...(reason === undefined ? {} : { reason }),
    ...(lasts === undefined ? {} : { for: lasts }),
  };
  await beforeChange(() => box.state.requestSteer(record.id, request, box.signal));
  return {
    schemaVersion: 1,
    rollout: record.id,
    asked: is,
    phase: record.phase,
    driven,
    next: nextFor(environment, is, driven),
  };
}

/** A pause that nobody hears, or that cannot mean anything, is refused rather than left lying about. */
function refuseUseless(
  box: Toolbox,
  is: 'pause' | 'promote',
  record: RolloutRecord,
  driven: boolean,
  options: SteerOptions,
): void {
  const env = `--env ${box.settings.environment}`;
  if (record.aim.to === 'old' || record.kind !== 'rollout') {
    const what = record.aim.to === 'old' ? 'is on its way back' : `is a ${record.kind}`;
    throw refused(`${is}.way-back`, `${record.id} ${what}, and a way back is not held up: there is nothing to ${is}`, [
      `deployctl status ${env}`,
    ]);
  }
  if (!driven) {
    throw refused(
      `${is}.not-driven`,
      `the process of ${record.id} is gone, so nobody would hear the request to ${is}`,
      [`deployctl resume ${env}     # goes on with it`, `deployctl rollback ${env}   # undoes it`],
    );
  }
  const left = record.deadline - box.clock.now();
  if (is === 'pause' && options.for !== undefined && options.for > left) {
    const minutes = Math.max(1, Math.floor(left / 60_000));
    throw refused(
      'pause.too-long',
      `a pause of ${String(Math.ceil(options.for / 60_000))} minutes would outlast the deadline of ${record.id}, at which it is rolled back: ${String(minutes)} minutes are left (timing.deadline)`,
      [`deployctl pause ${env} --for ${String(minutes)}m`],
    );
  }
}

function nextFor(environment: string, is: Steer['is'], driven: boolean): readonly string[] {
  const env = `--env ${environment}`;
  if (!driven) {
    return [
      `deployctl rollback ${env}   # undoes it now: its process is gone, nobody hears the request`,
      `deployctl resume ${env}     # drives it on, and hears the request first`,
    ];
  }
  const watch = `deployctl status ${env} --watch`;
  if (is !== 'pause') return [watch];
  return [`deployctl promote ${env}   # goes on`, `deployctl abort ${env}     # goes back`, watch];
}

function refused(code: string, message: string, next: readonly string[]): DeployctlError {
  return new DeployctlError({ code, message, exitCode: EXIT.refused, next });
}
