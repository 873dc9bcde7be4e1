import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findPrograms } from '../hosts/docker/needs.js';
import { sleepReal } from '../time.js';
import { readAccess } from './access-file.js';
import { SandboxError } from './errors.js';
import type { RunningState } from './state-file.js';
import { prepare, readState } from './state-file.js';
import type { UpOptions } from './up-options.js';
import { upArguments } from './up-options.js';

const POLL_MS = 50;
const START_LIMIT_MS = 180_000;
const TAIL_LINES = 20;

/**
 * Starts `sandbox up` as a process of its own, without a terminal, its output in `sandbox.log`.
 * @param program how this command line itself was started: node's options and the script
 * @returns the state when the fleet serves
 * @throws MissingNeeds when the machine lacks what the runtime needs
 * @throws SandboxError (70) with the end of the log when it died before that
 */
export async function upDetached(
  options: UpOptions,
  program: readonly string[],
  signal: AbortSignal,
): Promise<RunningState> {
  const { stateDir } = options;
  // Said here, not at the end of a log.
  if (options.runtime === 'docker') await findPrograms();
  await prepare(stateDir);
  const logFile = join(stateDir, 'sandbox.log');
  const log = openSync(logFile, 'w', 0o600);
  let child: ChildProcess;
  try {
    child = spawn(process.execPath, [...program, ...upArguments(options)], {
      detached: true,
      stdio: ['ignore', log, log],
    });
  } finally {
    closeSync(log);
  }
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(`could not start: ${error.message}`));
    child.once('exit', (code, killer) =>
      resolve(killer === null ? `ended with exit code ${code}` : `was ended by ${killer}`),
    );
  });
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), START_LIMIT_MS);
  const giveUp = AbortSignal.any([signal, late.signal]);
  const outcome = await Promise.race([ended, serving(stateDir, child.pid ?? 0, giveUp)]);
  clearTimeout(timer);
  child.unref();
  if (typeof outcome === 'object') {
    return outcome;
  }
  if (outcome === undefined) {
    child.kill('SIGTERM');
    await ended;
  }
  const how = outcome ?? (signal.aborted ? 'was interrupted' : `did not serve within ${START_LIMIT_MS / 1000} s`);
  throw new SandboxError(`the sandbox in ${stateDir} ${how}. The end of ${logFile}:\n${await tail(logFile)}`, 70);
}

/** The state once the child says that it serves; undefined when `giveUp` aborts first. */
async function serving(stateDir: string, pid: number, giveUp: AbortSignal): Promise<RunningState | undefined> {
  while (!giveUp.aborted) {
    const state = await readState(stateDir);
    const access = state?.pid === pid && state.ready ? await readAccess(stateDir) : undefined;
    if (state?.endpoint !== undefined && access !== undefined) {
      return { ...state, endpoint: state.endpoint, access };
    }
    await sleepReal(POLL_MS);
  }
  return undefined;
}

async function tail(file: string): Promise<string> {
  const text = await readFile(file, 'utf8');
  return text.trimEnd().split('\n').slice(-TAIL_LINES).join('\n') || '(it is empty)';
}
