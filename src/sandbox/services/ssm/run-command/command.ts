/** Statuses of an invocation, as GetCommandInvocation reports them (SSM API, CommandInvocationStatus). */
export type InvocationStatus =
  'Pending' | 'InProgress' | 'Cancelling' | 'Success' | 'Cancelled' | 'TimedOut' | 'Failed';

/** One command on one instance. */
export interface Invocation {
  readonly commandId: string;
  readonly instanceId: string;
  readonly instanceName: string;
  status: InvocationStatus;
  /** The finer word without spaces: `DeliveryTimedOut`, `ExecutionTimedOut`, `Terminated`, … */
  details: string;
  /** -1 until the script has ended on the instance. */
  responseCode: number;
  /** As the agent sent it: cut, empty until the end. */
  stdout: string;
  stderr: string;
  startedAt?: Date;
  endedAt?: Date;
  /** Aborted by CancelCommand. */
  readonly cancel: AbortController;
}

export interface Target {
  readonly key: string;
  readonly values: readonly string[];
}

/** What SendCommand accepted. */
export interface Command {
  readonly id: string;
  readonly documentName: string;
  readonly documentVersion: string;
  readonly comment: string;
  readonly parameters: Readonly<Record<string, readonly string[]>>;
  readonly instanceIds: readonly string[];
  readonly targets: readonly Target[];
  readonly maxConcurrency: string;
  readonly maxErrors: string;
  /** How long the service tries to deliver, AWS seconds. */
  readonly timeoutSeconds: number;
  /** How long the script may run, AWS seconds. */
  readonly executionSeconds: number;
  readonly requestedAt: Date;
  /** Before this instant reads don't find the command yet (`performance.now()` milliseconds). */
  readonly visibleAt: number;
  readonly invocations: Invocation[];
  cancelled: boolean;
}

const FINAL: ReadonlySet<InvocationStatus> = new Set(['Success', 'Cancelled', 'TimedOut', 'Failed']);

export function isFinal(invocation: Invocation): boolean {
  return FINAL.has(invocation.status);
}

/**
 * Whether an invocation counts against MaxErrors: failures and execution time-outs do, deliveries that timed out or
 * were impossible don't (SSM API, SendCommand and CommandInvocation StatusDetails).
 */
export function countsAsError(invocation: Invocation): boolean {
  return invocation.details === 'Failed' || invocation.details === 'ExecutionTimedOut';
}

/** "3" or "10%" of `total`; a percentage is rounded down, but is at least `least`. */
export function amount(setting: string, total: number, least: number): number {
  const percent = /^(\d+)%$/.exec(setting)?.[1];
  return percent === undefined ? Number(setting) : Math.max(least, Math.floor((Number(percent) * total) / 100));
}

/** Status and StatusDetails of the whole command, derived from its invocations. */
export function commandStatus(command: Command): { readonly status: string; readonly details: string } {
  const all = command.invocations;
  if (all.length === 0) {
    return { status: 'Success', details: 'NoInstancesInTag' };
  }
  if (!all.every(isFinal)) {
    if (command.cancelled) {
      return { status: 'Cancelling', details: 'Cancelling' };
    }
    const status = all.every((one) => one.status === 'Pending') ? 'Pending' : 'InProgress';
    return { status, details: status };
  }
  const first = all[0];
  if (first !== undefined && all.every((one) => one.details === first.details)) {
    return { status: first.status, details: first.details };
  }
  if (command.cancelled) {
    return { status: 'Cancelled', details: 'Cancelled' };
  }
  if (all.filter(countsAsError).length > amount(command.maxErrors, all.length, 0)) {
    return { status: 'Failed', details: 'Failed' };
  }
  return all.every((one) => one.status === 'Success')
    ? { status: 'Success', details: 'Success' }
    : { status: 'Failed', details: 'Incomplete' };
}
