import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Access } from '../access.js';
import { readOwnFile } from '../private-folder.js';
import { SandboxError } from './errors.js';

const FILE = 'access.json';
const key = z.object({ id: z.string().min(1), secret: z.string().min(1) });
const ACCESS = z.object({ client: key, root: key, control: z.string().min(1) });

/** Stores the keys of a sandbox in its folder, which is private and has none yet. */
export async function writeAccess(stateDir: string, access: Access): Promise<void> {
  const file = await open(join(stateDir, FILE), 'wx', 0o600);
  try {
    await file.writeFile(`${JSON.stringify(access, null, 2)}\n`);
  } finally {
    await file.close();
  }
}

/** The keys of the sandbox in a folder that is private; undefined when there are none. @throws SandboxError (12) when they can't be understood */
export async function readAccess(stateDir: string): Promise<Access | undefined> {
  const path = join(stateDir, FILE);
  const text = await readOwnFile(path);
  if (text === undefined) return undefined;
  try {
    return ACCESS.parse(JSON.parse(text));
  } catch (error) {
    if (!(error instanceof SyntaxError) && !(error instanceof z.ZodError)) throw error;
    // Without the cause: it would quote what the file holds.
    throw new SandboxError(`${path} does not hold the keys of a sandbox; end the sandbox and start it again`, 12);
  }
}
