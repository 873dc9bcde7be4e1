import { readFile, writeFile } from 'node:fs/promises';
import { DeployctlError, EXIT, messageOf } from '../domain/errors.js';

/** @param flag that named the file @throws DeployctlError `usage.file` (exit 64) */
export async function readInput(flag: string, path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw refused(`${flag} ${path} cannot be read`, 'name a file that exists and may be read', cause);
  }
}

/** Overwrites. @param flag that named the file @throws DeployctlError `usage.file` (exit 64) */
export async function writeOutput(flag: string, path: string, text: string): Promise<void> {
  try {
    await writeFile(path, text);
  } catch (cause) {
    throw refused(`${flag} ${path} cannot be written`, WRITABLE, cause);
  }
}

const WRITABLE = 'name a file in a folder that exists and may be written to';

function refused(what: string, fix: string, cause: unknown): DeployctlError {
  return new DeployctlError({
    code: 'usage.file',
    message: `${what}: ${messageOf(cause)}`,
    exitCode: EXIT.usage,
    next: [fix],
    cause,
  });
}
