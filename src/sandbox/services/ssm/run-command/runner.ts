import type { ExecResult, SandboxInstance } from '../../../types.js';
import { sleepReal } from '../../../time.js';
import type { SsmDeps } from '../deps.js';
import type { Command, Invocation } from './command.js';
import { amount, countsAsError, isFinal } from './command.js';
import type { ShellScript } from './document.js';
import { resolveReferences } from './document.js';
import type { Verdict } from './output.js';
import { failed, judge, wantsReboot } from './output.js';
import { createWorkers } from './workers.js';

/** Delivery takes 200 to 500 ms of AWS time, the report of an end 100 to 300. */
const DELIVERY_AWS_MS = [200, 500] as const;
const REPORT_AWS_MS = [100, 300] as const;
/** Longer timers fire at once in Node. */
const MAX_TIMER_MS = 2_147_483_647;

/** Value of a String or StringList parameter for `{{ssm:NAME}}`, or why there is none. */
export type ParameterValue = (name: string) => { readonly value: string } | { readonly problem: string };

export interface Runner {
  /** Starts delivering a command; its invocations change as it goes on. */
  start(command: Command, script: ShellScript): void;
  close(): void;
}

/** Delivers commands to instances, runs them there and reports their end: the service and the agents in one. */
export function createRunner(deps: SsmDeps, valueOf: ParameterValue): Runner {
  const { time, fleet, hosts, faults } = deps;
  const workers = createWorkers();
  const closing = new AbortController();

  /** Sends to `MaxConcurrency` instances at a time and stops sending when more than `MaxErrors` have failed. */
  async function dispatch(command: Command, script: ShellScript): Promise<void> {
    const all = command.invocations;
    const lanes = Math.min(all.length, amount(command.maxConcurrency, all.length, 1));
    const most = amount(command.maxErrors, all.length, 0);
    let next = 0;
    const lane = async (): Promise<void> => {
      for (let one = all[next++]; one !== undefined; one = all[next++]) {
        if (isFinal(one)) {
          continue;
        }
        if (all.filter(countsAsError).length > most) {
          finish(one, { status: 'Cancelled', details: 'Terminated' });
        } else {
          await run(command, script, one);
        }
      }
    };
    await Promise.all(Array.from({ length: lanes }, lane));
  }

  async function run(command: Command, script: ShellScript, invocation: Invocation): Promise<void> {
    const id = invocation.instanceId;
    const hits = (fault: { readonly instance?: string }): boolean =>
      fault.instance === undefined || fault.instance === id;
    const late = faults.take('ssm-late', hits);
    if (late !== undefined) {
      finish(invocation, { status: 'TimedOut', details: 'DeliveryTimedOut' });
      again(command, script, invocation, late.ms);
      return;
    }
    const lost = faults.take('ssm-lost', hits) !== undefined;
    const duplicate = lost ? undefined : faults.take('ssm-duplicate', hits);
    const release = await deliver(command, invocation, lost);
    if (release === undefined) {
      return;
    }
    try {
      await execute(command, script, invocation);
    } finally {
      release();
    }
    if (duplicate !== undefined) {
      again(command, script, invocation, duplicate.ms);
    }
  }

  /** Waits until an agent takes the command. Gives the agent's slot, or undefined when it came to nothing. */
  async function deliver(command: Command, invocation: Invocation, lost: boolean): Promise<(() => void) | undefined> {
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(), until(command, command.timeoutSeconds));
    const signal = AbortSignal.any([deadline.signal, invocation.cancel.signal, closing.signal]);
    try {
      await time.sleep(between(DELIVERY_AWS_MS), signal);
      await (lost ? never(signal) : reachable(invocation.instanceId, signal));
      return await workers.take(invocation.instanceId, signal);
    } catch (error) {
      if (!signal.aborted) {
        throw error;
      }
      if (invocation.cancel.signal.aborted) {
        finish(invocation, { status: 'Cancelled', details: 'Cancelled' });
      } else {
        const gone = fleet.get(invocation.instanceId)?.state === 'terminated';
        finish(invocation, { status: 'TimedOut', details: gone ? 'Undeliverable' : 'DeliveryTimedOut' });
      }
      return undefined;
    } finally {
      clearTimeout(timer);
    }
  }

  async function execute(command: Command, script: ShellScript, invocation: Invocation): Promise<void> {
    const id = invocation.instanceId;
    invocation.status = 'InProgress';
    invocation.details = 'InProgress';
    invocation.startedAt = new Date();
    // What nobody reports any more ends when the service itself gives up: delivery and execution time-out together.
    const expiry = new AbortController();
    const timer = setTimeout(
      () => expiry.abort(),
      until(command, command.timeoutSeconds) + executionMs(script.executionSeconds),
    );
    const signal = AbortSignal.any([expiry.signal, closing.signal]);
    let interrupted = false;
    const unsubscribe = fleet.onChange((instance) => {
      interrupted ||= instance.id === id && instance.state !== 'running';
    });
    deps.events?.write(`${id} begins ${command.comment}`);
    const run = onInstance(command, script, invocation)
      .finally(() => deps.events?.write(`${id} ends ${command.comment}`))
      .catch((error: unknown) => failed(1, '', `the sandbox could not run the command on ${id}: ${String(error)}`));
    try {
      const verdict = await Promise.race([run, never(signal)]);
      // An instance that went away in the meantime has nobody left to report.
      await (interrupted ? never(signal) : reachable(id, signal));
      await time.sleep(between(REPORT_AWS_MS), signal);
      finish(invocation, verdict);
    } catch (error) {
      if (!signal.aborted) {
        throw error;
      }
      finish(invocation, { status: 'TimedOut', details: 'ExecutionTimedOut' });
    } finally {
      clearTimeout(timer);
      unsubscribe();
    }
  }

  /** Runs the script on the instance, again after each reboot that it asks for. */
  async function onInstance(command: Command, script: ShellScript, invocation: Invocation): Promise<Verdict> {
    const lines = resolveReferences(`${script.commands.join('\n')}\n`, valueOf);
    const directory = resolveReferences(script.workingDirectory, valueOf);
    if ('problem' in lines) {
      return failed(1, '', lines.problem);
    }
    if ('problem' in directory) {
      return failed(1, '', directory.problem);
    }
    for (;;) {
      const result: ExecResult = await hosts.exec(invocation.instanceId, lines.value, {
        ...(directory.value === '' ? {} : { workingDirectory: directory.value }),
        timeoutMs: executionMs(script.executionSeconds),
        env: environment(command, invocation),
        signal: AbortSignal.any([invocation.cancel.signal, closing.signal]),
      });
      if (!wantsReboot(result)) {
        return judge(result);
      }
      await hosts.reboot(invocation.instanceId);
    }
  }

  /** Runs a command that was reported already once more, `ms` real milliseconds from now; nobody hears of its end. */
  function again(command: Command, script: ShellScript, invocation: Invocation, ms: number): void {
    const background = async (): Promise<void> => {
      await sleepReal(ms, closing.signal);
      await reachable(invocation.instanceId, closing.signal);
      await onInstance(command, script, invocation);
    };
    background().catch((error: unknown) => {
      if (!closing.signal.aborted) {
        process.emitWarning(`command ${command.id} could not run again on ${invocation.instanceId}: ${String(error)}`);
      }
    });
  }

  /** Resolves once the instance runs and its agent is online. */
  async function reachable(id: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (isReachable(fleet.get(id))) {
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const unsubscribe = fleet.onChange((instance) => {
        if (instance.id === id && isReachable(instance)) {
          unsubscribe();
          signal.removeEventListener('abort', stop);
          resolve();
        }
      });
      const stop = (): void => {
        unsubscribe();
        reject(reasonOf(signal));
      };
      signal.addEventListener('abort', stop, { once: true });
    });
  }

  function environment(command: Command, invocation: Invocation): Record<string, string> {
    return {
      SSM_COMMAND_ID: command.id,
      AWS_SSM_INSTANCE_ID: invocation.instanceId,
      AWS_SSM_REGION_NAME: deps.region,
      AWS_SSM_PLATFORM_NAME: 'Ubuntu',
      AWS_SSM_PLATFORM_VERSION: '22.04',
    };
  }

  // Not scaled: a script's work is as slow as ever, however fast the sandbox's clock runs.
  const executionMs = (seconds: number): number => Math.min(MAX_TIMER_MS, seconds * 1000);
  /** Real milliseconds from now until `seconds` of AWS time after the command was sent. */
  const until = (command: Command, seconds: number): number =>
    Math.min(MAX_TIMER_MS, Math.max(0, command.requestedAt.getTime() + time.real(seconds * 1000) - Date.now()));

  return {
    start(command, script) {
      dispatch(command, script).catch((error: unknown) => {
        process.emitWarning(`command ${command.id} stopped being delivered: ${String(error)}`);
      });
    },
    close: () => closing.abort(new Error('the sandbox is closing')),
  };
}

/** Writes an invocation's end. The first end stands. */
export function finish(
  invocation: Invocation,
  end: Pick<Verdict, 'status' | 'details'> & Partial<Pick<Verdict, 'responseCode' | 'stdout' | 'stderr'>>,
): void {
  if (isFinal(invocation)) {
    return;
  }
  invocation.status = end.status;
  invocation.details = end.details;
  invocation.responseCode = end.responseCode ?? -1;
  invocation.stdout = end.stdout ?? '';
  invocation.stderr = end.stderr ?? '';
  if (invocation.startedAt !== undefined) {
    invocation.endedAt = new Date();
  }
}

function isReachable(instance: SandboxInstance | undefined): boolean {
  return instance?.state === 'running' && instance.agent === 'online';
}

function never(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) {
      reject(reasonOf(signal));
      return;
    }
    signal.addEventListener('abort', () => reject(reasonOf(signal)), { once: true });
  });
}

function reasonOf(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Error(String(signal.reason));
}

function between([low, high]: readonly [number, number]): number {
  return low + Math.random() * (high - low);
}
