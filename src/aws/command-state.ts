import type { CommandState } from '../engine/ports.js';

/** What SSM says of one command on one instance, from GetCommandInvocation. */
export interface Invocation {
  readonly status: string | undefined;
  /** Compared without its spaces: the console writes `Delivery Timed Out`, the wire `DeliveryTimedOut`. */
  readonly details: string | undefined;
  /** -1: did not start. */
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Status details in our words (Systems Manager guide, "Understanding command statuses"). A script that ends with 137 is reported as TimedOut: the agent
 * can't tell it from its own SIGKILL, and neither can we, so it is `killed`.
 */
export function stateOf({ status, details, code, stdout, stderr }: Invocation): CommandState {
  const detail = (details ?? '').replaceAll(' ', '') || (status ?? '');
  switch (detail) {
    case 'Pending':
    case 'Delayed':
      return { is: 'pending' };
    case 'InProgress':
    case 'Cancelling':
      return { is: 'running' };
    case 'Success':
      return { is: 'finished', exitCode: code ?? 0, stdout, stderr };
    case 'Failed':
      return { is: 'finished', exitCode: code ?? -1, stdout, stderr };
    case 'DeliveryTimedOut':
    case 'Undeliverable':
    case 'Terminated':
    case 'InvalidPlatform':
    case 'AccessDenied':
    case 'RateExceeded':
    case 'NoInstancesInTag':
      return { is: 'undelivered', why: `SSM reports ${detail}` };
    case 'ExecutionTimedOut':
    case 'TimedOut':
      return { is: 'killed', why: `SSM reports ${detail}: killed at its time limit, or ended with exit code 137` };
    case 'Cancelled':
      return { is: 'killed', why: 'SSM reports Cancelled' };
    default:
      // A status that SSM has learnt since. Its Status is one of few, and says at least whether it is over.
      return byStatus(status, detail);
  }
}

/** Whether a listing's status says that nothing more will come, so that fetching the output is worth a call. */
export const isOver = (status: string | undefined): boolean =>
  status !== undefined && !['Pending', 'InProgress', 'Delayed', 'Cancelling'].includes(status);

function byStatus(status: string | undefined, detail: string): CommandState {
  return isOver(status)
    ? { is: 'killed', why: `SSM reports ${status ?? 'no status'} (${detail})` }
    : { is: status === 'Pending' || status === 'Delayed' ? 'pending' : 'running' };
}
