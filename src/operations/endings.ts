import { DeployctlError, EXIT, messageOf } from '../domain/errors.js';
import type { Plan } from '../domain/plan.js';
import type { LoopResult } from '../engine/loop.js';
import type { Lease } from '../state/index.js';

/** An end that could not be stored is open for everybody else, whatever was reached. */
export function lostReason(lease: Lease, { reason, outcome, leaseLost }: LoopResult): string {
  return leaseLost === true
    ? reason
    : `${messageOf(lease.lost.reason)}. The end (${outcome}: ${reason}) could not be recorded`;
}

export function afterLoss({ environment, kind }: Plan): readonly string[] {
  const env = `--env ${environment}`;
  return [
    `deployctl status ${env}     # who holds the lease now, and what serves`,
    `deployctl resume ${env}     # once nobody holds it: continues`,
    // Of a retirement there is nothing to roll back: it would undo the release that serves.
    ...(kind === 'retire' ? [] : [`deployctl rollback ${env}   # or rolls back`]),
  ];
}

/** What ends a rollout in its midst is no refusal, even where it would have been one before the first change. */
export function midway(error: unknown, kind: Plan['kind'], next: readonly string[]): unknown {
  if (!(error instanceof DeployctlError)) return error;
  if (error.exitCode !== EXIT.refused && error.exitCode !== EXIT.leaseHeld) return error;
  return new DeployctlError({
    code: error.code,
    message: `${error.message.replace(/\. Nothing was changed$/, '')}. The ${kind} has begun, and stands half-way`,
    exitCode: EXIT.inProgress,
    next: [...error.next, ...next],
    cause: error,
  });
}
