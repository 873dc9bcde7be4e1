/** Folders and files that nobody else on the machine may read, write, or put in our way. */
import type { Stats } from 'node:fs';
import { constants } from 'node:fs';
import { lstat, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { shellQuote } from './process/env.js';
import { SandboxError, systemCode } from './process/errors.js';

const OTHERS = 0o077;
const OTHERS_WRITE = 0o022;

/**
 * Whether there is such a folder, and it is this user's own.
 * @param use what the folder is for the reader of a refusal: `as --state-dir`
 * @throws SandboxError (12) for a symbolic link, a file, or a folder of somebody else
 */
export async function findOwnFolder(folder: string, use: string): Promise<Stats | undefined> {
  const found = await statsOf(folder);
  if (found === undefined) return undefined;
  if (found.isSymbolicLink()) {
    throw new SandboxError(
      `${folder} is a symbolic link, which could be pointed elsewhere; give the folder itself ${use}`,
      12,
    );
  }
  if (!found.isDirectory()) throw new SandboxError(`${folder} is a file; give a folder ${use}`, 12);
  const user = process.geteuid?.();
  if (user !== undefined && found.uid !== user) {
    throw new SandboxError(
      `${folder} belongs to user ${found.uid}, and this is user ${user}: its owner could replace what is in it; give a folder of your own ${use}`,
      12,
    );
  }
  return found;
}

/**
 * Takes everybody else's rights to a folder of our own away. What others may have put into it before is refused, not removed: it is not ours to delete.
 * @throws SandboxError (12) as {@link findOwnFolder}, and when the folder holds something of somebody else or its mode cannot be changed
 */
export async function makePrivate(folder: string, use: string): Promise<void> {
  const before = await findOwnFolder(folder, use);
  if (before === undefined || (before.mode & OTHERS) === 0) return;
  const handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    const { dev, ino } = await handle.stat();
    if (dev !== before.dev || ino !== before.ino) {
      throw new SandboxError(`${folder} was replaced while it was looked at; give another folder ${use}`, 12);
    }
    await handle.chmod(0o700);
    const { mode } = await handle.stat();
    if ((mode & OTHERS) !== 0) {
      throw new SandboxError(
        `${folder} has mode ${octal(mode)} and keeps it, so others could read the keys in it; give a folder on a file system with Unix permissions ${use}`,
        12,
      );
    }
  } finally {
    await handle.close();
  }
  if ((before.mode & OTHERS_WRITE) === 0) return;
  for (const name of await readdir(folder)) {
    const entry = await statsOf(join(folder, name));
    const isLink = entry?.isSymbolicLink() === true || (entry?.isFile() === true && entry.nlink > 1);
    if (entry !== undefined && (entry.uid !== before.uid || isLink)) {
      throw new SandboxError(
        `others could write to ${folder}, and ${name} in it is ${isLink ? 'a link' : `a file of user ${entry.uid}`}; look at it and remove it, or give another folder ${use}`,
        12,
      );
    }
  }
}

/**
 * Whether what a folder says can be believed: it is our own, and others cannot write to it.
 * @returns false when there is no such folder
 * @throws SandboxError (12) as {@link findOwnFolder}, and for a folder that others can write to
 */
export async function isTrusted(folder: string, use: string): Promise<boolean> {
  const found = await findOwnFolder(folder, use);
  if (found === undefined) return false;
  if ((found.mode & OTHERS_WRITE) !== 0) {
    throw new SandboxError(
      `${folder} has mode ${octal(found.mode)}: others can write to it, so what it says cannot be believed; look at what is in it, then \`chmod 700 ${shellQuote(folder)}\``,
      12,
    );
  }
  return true;
}

/** The text of a file of this user; undefined when there is none. @throws SandboxError (12) for a link, or a file of somebody else */
export async function readOwnFile(path: string): Promise<string | undefined> {
  let handle;
  try {
    handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return undefined;
    if (systemCode(error) === 'ELOOP') throw new SandboxError(`${path} is a symbolic link; remove it`, 12);
    throw error;
  }
  try {
    const { uid } = await handle.stat();
    if (uid !== (process.geteuid?.() ?? uid)) {
      throw new SandboxError(`${path} is a file of user ${uid}, so what it says cannot be believed; remove it`, 12);
    }
    return await handle.readFile('utf8');
  } finally {
    await handle.close();
  }
}

async function statsOf(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}

function octal(mode: number): string {
  return (mode & 0o7777).toString(8).padStart(4, '0');
}
