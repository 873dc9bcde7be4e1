import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { kernelNames, removeLeftovers } from '../hosts/docker/names.js';
import { killByEnvironment } from '../hosts/processes.js';
import { sleepReal } from '../time.js';
import { readAccess } from './access-file.js';
import { askToShutDown } from './control.js';
import { SandboxError, systemCode } from './errors.js';
import type { SandboxState } from './state-file.js';
import { clean, isAlive, readState } from './state-file.js';
import { watchdogEnds } from './watchdog.js';

const run = promisify(execFile);

const GRACE_MS = 15_000;
const POLL_MS = 25;

/** How a sandbox ended: it was not there, it closed itself, or it had to be killed. */
export type Ending = 'none' | 'closed' | 'killed';

/** Ends the sandbox of a folder and all that it started. Does nothing when there is none. */
export async function takeDown(stateDir: string): Promise<Ending> {
  const state = await readState(stateDir);
  if (state === undefined) {
    return 'none';
  }
  const ending = isAlive(state) ? await end(state, stateDir) : 'none';
  await watchdogEnds(stateDir);
  await sweep(stateDir);
  return ending;
}

/** Ends and removes what a dead sandbox left, and empties its folder but for the logs. */
export async function sweep(stateDir: string): Promise<void> {
  await killByEnvironment((variable) => variable === `DEPLOYCTL_SANDBOX=${stateDir}`);
  await run('/bin/sh', ['-c', removeLeftovers(kernelNames(stateDir))]);
  await clean(stateDir);
}

async function end(state: SandboxState, stateDir: string): Promise<Ending> {
  if (!(await asked(state, stateDir))) {
    signal(state.pid, 'SIGTERM');
  }
  if (await gone(state, GRACE_MS)) {
    return 'closed';
  }
  signal(state.pid, 'SIGKILL');
  if (await gone(state, GRACE_MS)) {
    return 'killed';
  }
  throw new SandboxError(
    `the sandbox's process ${state.pid} does not end, not even by SIGKILL; look at \`ps ${state.pid}\``,
    70,
  );
}

/** Whether it said that it will end. Else it is starting, stuck, going down already, or of another version: the wait decides, after a SIGTERM. */
async function asked({ endpoint }: SandboxState, stateDir: string): Promise<boolean> {
  try {
    const access = await readAccess(stateDir);
    if (endpoint === undefined || access === undefined) return false;
    await askToShutDown({ endpoint, access });
    return true;
  } catch (error) {
    if (!(error instanceof SandboxError)) throw error;
    return false;
  }
}

async function gone(state: SandboxState, withinMs: number): Promise<boolean> {
  const deadline = performance.now() + withinMs;
  while (isAlive(state)) {
    if (performance.now() > deadline) {
      return false;
    }
    await sleepReal(POLL_MS);
  }
  return true;
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (systemCode(error) !== 'ESRCH') {
      throw error;
    }
  }
}
