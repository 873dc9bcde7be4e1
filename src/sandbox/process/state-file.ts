import { readFileSync } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import type { Access } from '../access.js';
import { findOwnFolder, isTrusted, makePrivate, readOwnFile } from '../private-folder.js';
import { readAccess } from './access-file.js';
import { shellQuote } from './env.js';
import { SandboxError, systemCode } from './errors.js';

export const FILE = 'process.json';
/** Marks a folder as a sandbox's own (its content is replaced by `up`) and keeps it out of git. */
const MARKER = '.gitignore';
const MARKER_TEXT = '# The state of a local deployctl sandbox: `deployctl sandbox up` replaces it.\n*\n';
/** What is kept when a sandbox goes down: to be looked at afterwards. */
export const KEPT = new Set([MARKER, 'access.log', 'events.log', 'sandbox.log']);

const STATE = z.object({
  pid: z.number().int().positive(),
  /** Start of that process in clock ticks since boot: tells it from a later one with the same pid. Empty where unknown. */
  startTime: z.string(),
  /** Whether the fleet serves; before that the addresses below are missing. */
  ready: z.boolean(),
  endpoint: z.string().optional(),
  loadBalancerUrl: z.string().optional(),
  region: z.string(),
});

/** What `process.json` says about the process of a sandbox. */
export type SandboxState = z.output<typeof STATE>;
/** The state of a sandbox whose endpoint answers, and what its endpoint wants to see. */
export type RunningState = SandboxState & { readonly endpoint: string; readonly access: Access };

const USE = 'as --state-dir';

/** Absolute path of a state folder as a flag gave it. */
export function stateDirOf(flag: string): string {
  return resolve(flag);
}

/**
 * The state in the folder, alive or not; undefined when there is none.
 * @throws SandboxError (12) when the folder is not this user's own, or the file can't be understood
 */
export async function readState(stateDir: string): Promise<SandboxState | undefined> {
  if (!(await isTrusted(stateDir, USE))) return undefined;
  const path = join(stateDir, FILE);
  const text = await readOwnFile(path);
  if (text === undefined) return undefined;
  const parsed = STATE.safeParse(parse(text));
  if (!parsed.success) {
    throw new SandboxError(`${path} is not the state of a sandbox; if nothing runs there, remove the folder`, 12);
  }
  return parsed.data;
}

/** Whether the process that wrote the state still runs. */
export function isAlive(state: SandboxState): boolean {
  return processStart(state.pid) === state.startTime && exists(state.pid);
}

/** The running sandbox of the folder. @throws SandboxError when none runs, with what to type */
export async function runningState(stateDir: string): Promise<RunningState> {
  const state = await readState(stateDir);
  if (state === undefined || !isAlive(state)) {
    throw new SandboxError(`no sandbox runs in ${stateDir}; start one with \`deployctl sandbox up\``, 12);
  }
  const { endpoint } = state;
  if (endpoint === undefined) {
    throw new SandboxError(
      `the sandbox in ${stateDir} (pid ${state.pid}) is still starting; try again in a moment`,
      12,
    );
  }
  const access = await readAccess(stateDir);
  if (access === undefined) {
    throw new SandboxError(
      `the sandbox in ${stateDir} (pid ${state.pid}) has no keys there: another version started it; end it with ` +
        `\`deployctl sandbox down --state-dir ${shellQuote(stateDir)}\` and start it again`,
      12,
    );
  }
  return { ...state, endpoint, access };
}

/** Makes the folder a sandbox's own, and private. @throws SandboxError (12) when it is somebody else's, holds something else, or a sandbox runs in it */
export async function prepare(stateDir: string): Promise<void> {
  await findOwnFolder(stateDir, USE);
  const entries = await list(stateDir);
  if (entries.length > 0 && !(await isOurs(stateDir))) {
    throw new SandboxError(
      `${stateDir} holds something that is not a sandbox's (${entries.slice(0, 3).join(', ')}); its content would be ` +
        'replaced: give an empty or new folder as --state-dir',
      12,
    );
  }
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  // Before anything in it is believed or written.
  await makePrivate(stateDir, USE);
  const state = await readState(stateDir);
  if (state !== undefined && isAlive(state)) {
    throw new SandboxError(
      `a sandbox runs in ${stateDir} already (pid ${state.pid}); end it with ` +
        `\`deployctl sandbox down --state-dir ${stateDir}\`, or give another --state-dir`,
      12,
    );
  }
  await writeFile(join(stateDir, MARKER), MARKER_TEXT);
}

/** Takes the folder for this process, empty but for the logs. @throws SandboxError (12) as {@link prepare}, and when another process was faster */
export async function claim(stateDir: string, region: string): Promise<SandboxState> {
  await prepare(stateDir);
  await clean(stateDir);
  await rm(join(stateDir, 'access.log'), { force: true });
  const state: SandboxState = { pid: process.pid, startTime: processStart(process.pid), ready: false, region };
  try {
    const file = await open(join(stateDir, FILE), 'wx', 0o600);
    await file.writeFile(serialize(state));
    await file.close();
  } catch (error) {
    if (systemCode(error) === 'EEXIST') {
      throw new SandboxError(
        `another \`sandbox up\` took ${stateDir} at the same moment; give another --state-dir`,
        12,
      );
    }
    throw error;
  }
  return state;
}

/** Replaces the state, whole at any instant. */
export async function writeState(stateDir: string, state: SandboxState): Promise<void> {
  const path = join(stateDir, FILE);
  await writeFile(`${path}.new`, serialize(state), { mode: 0o600 });
  await rename(`${path}.new`, path);
}

/** Removes all but the logs. Does nothing to a folder that is not a sandbox's. */
export async function clean(stateDir: string): Promise<void> {
  if (!(await isOurs(stateDir))) {
    return;
  }
  const entries = await list(stateDir);
  await Promise.all(
    entries
      .filter((name) => !KEPT.has(name))
      .map((name) => rm(join(stateDir, name), { recursive: true, force: true, maxRetries: 3 })),
  );
}

/**
 * Field 22 of /proc/PID/stat (proc(5), starttime); empty where there is no such process, where it is a zombie that only
 * waits to be reaped, and where there is no /proc.
 */
export function processStart(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the command in parentheses and may hold anything.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? '' : (fields[19] ?? '');
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ESRCH') {
      return '';
    }
    throw error;
  }
}

/** Whether a process with this pid exists, whoever owns it. */
export function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCode(error) === 'EPERM';
  }
}

async function isOurs(stateDir: string): Promise<boolean> {
  try {
    return (await readFile(join(stateDir, MARKER), 'utf8')) === MARKER_TEXT;
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') {
      return false;
    }
    throw error;
  }
}

async function list(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') {
      return [];
    }
    if (systemCode(error) === 'ENOTDIR') {
      throw new SandboxError(`${folder} is a file; give a folder as --state-dir`, 12);
    }
    throw error;
  }
}

function serialize(state: SandboxState): string {
  return `${JSON.stringify(state, null, 2)}\n`;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) {
      return undefined;
    }
    throw error;
  }
}
