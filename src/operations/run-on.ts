import { DeployctlError, EXIT, fixFor, PortError } from '../domain/errors.js';
import type { Ms } from '../domain/ids.js';
import type { FleetInstance } from '../domain/observation.js';
import type { RunnerPort } from '../engine/ports.js';
import type { Toolbox } from './toolbox.js';
import { refusedBy } from './topology.js';
import { Waiting } from './waiting.js';

/** A toolbox that can also run scripts of its own on instances. */
export type RunnerBox = Toolbox & { readonly runner: RunnerPort };

/** Bytes of standard output, of the 24,000 characters that SSM hands on (GetCommandInvocation, StandardOutputContent). */
export const MOST_OUT = 23_000;
/** Of 8,000 (StandardErrorContent). */
export const MOST_ERR = 7500;

/**
 * Runs a script on an instance and waits for its end.
 * @param timeout of the script; its delivery has a minute of its own
 * @throws DeployctlError `aws.…` (12) when the command was not sent, `containers.lost` (14) when it may have run and no result came back
 */
export async function runOn(
  box: RunnerBox,
  instance: FleetInstance,
  what: string,
  script: string,
  timeout: Ms,
): Promise<{ readonly stdout: string; readonly stderr: string }> {
  const { app, environment } = box.settings;
  const comment = `deployctl ${app}/${environment} ${what}`.slice(0, 100);
  const id = await sent(box, instance, { instance: instance.id, script, comment, timeout });
  const waiting = new Waiting(box);
  const end = box.clock.monotonic() + timeout + 60_000;
  while (box.clock.monotonic() < end) {
    const state = (await read(box, instance, id)).get(id);
    if (state?.is === 'finished') return state;
    if (state?.is === 'killed' || state?.is === 'undelivered') throw lost(instance, state.why);
    waiting.tell(() => `the answer of ${instance.name}`);
    await box.clock.sleep(Math.min(box.settings.timing.poll, 500), box.signal);
  }
  throw lost(instance, `no answer within ${String(Math.round(timeout / 1000))} s`);
}

/** A command whose send was refused has not run; whether one has whose answer was lost is not known. */
async function sent(
  box: RunnerBox,
  instance: FleetInstance,
  command: Parameters<RunnerPort['send']>[0],
): Promise<string> {
  try {
    return await box.runner.send(command, box.signal);
  } catch (error) {
    if (!(error instanceof PortError) || error.kind === 'aborted') throw error;
    throw error.mayHaveTakenEffect ? lost(instance, error.message, error) : refusedBy(error);
  }
}

async function read(box: RunnerBox, instance: FleetInstance, id: string): ReturnType<RunnerPort['poll']> {
  try {
    return await box.runner.poll([{ id, instance: instance.id }], box.signal);
  } catch (error) {
    if (!(error instanceof PortError) || error.kind === 'aborted') throw error;
    throw lost(instance, error.message, error);
  }
}

/** @throws DeployctlError `usage.value` (64) */
export function checked(text: string, pattern: RegExp): string {
  if (pattern.test(text)) return text;
  throw new DeployctlError({
    code: 'usage.value',
    message: `${JSON.stringify(text)} cannot be sent to an instance; wanted something like 10m, 2026-11-24T19:53:12Z, or a container id`,
    exitCode: EXIT.usage,
  });
}

export function lost({ name, id }: FleetInstance, why: string, cause?: PortError): DeployctlError {
  return new DeployctlError({
    code: 'containers.lost',
    message: `the command on ${name} (${id}) gave no result: ${why}`,
    exitCode: EXIT.inProgress,
    next: [...(cause === undefined ? [] : [fixFor(cause)]), 'the same command again', 'deployctl status'],
    cause: cause ?? new Error(why),
  });
}
