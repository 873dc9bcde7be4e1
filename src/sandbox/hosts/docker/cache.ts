/**
 * Images that a sandbox has built, kept for the next one under a name that follows from everything they are made of. Each is
 * a whole storage folder of the registry.
 */
import { execFile } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';
import { makePrivate } from '../../private-folder.js';
import type { ImageBuild } from '../../types.js';

const run = promisify(execFile);

/** Raised when images are built in another way from the same content. */
const FORMAT = '1';

/** How many sets of images are kept; each takes about 40 MB. */
const KEPT = 3;

/** Of the folder, in a refusal. */
const USE = 'by XDG_CACHE_HOME, or remove this one';

function root(): string {
  const base = process.env['XDG_CACHE_HOME'] ?? '';
  return join(base === '' ? join(homedir(), '.cache') : base, 'deployctl', 'sandbox-images');
}

/** @param base what the base image is made of */
export function cacheKey(base: string, builds: readonly ImageBuild[]): string {
  const hash = createHash('sha256').update(`${FORMAT}\0${base}`);
  for (const { context, reference, args } of builds) {
    hash.update(`\0${reference}\0${JSON.stringify(args ?? {})}`);
    const files = readdirSync(context, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .sort();
    for (const file of files) {
      hash
        .update(`\0${relative(context, file)}\0${(statSync(file).mode & 0o777).toString(8)}\0`)
        .update(readFileSync(file));
    }
  }
  return hash.digest('hex');
}

/** Fills an empty storage folder. @returns whether the images were there */
export async function takeFromCache(key: string, storage: string): Promise<boolean> {
  const folder = join(root(), key);
  // Its names are known to everybody, and what is in it runs as root.
  await makePrivate(root(), USE);
  if (!existsSync(folder)) return false;
  await copy(folder, storage);
  markUsed(folder);
  return true;
}

/** Keeps a storage folder, whole or not at all, and forgets the sets that were used longest ago. */
export async function putInCache(key: string, storage: string): Promise<void> {
  const folder = join(root(), key);
  const temporary = `${folder}.${randomUUID()}`;
  mkdirSync(root(), { recursive: true, mode: 0o700 });
  await makePrivate(root(), USE);
  try {
    await copy(storage, temporary);
    markUsed(temporary);
    if (!existsSync(folder)) renameSync(temporary, folder);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
  const sets = readdirSync(root())
    .filter((name) => /^[0-9a-f]{64}$/.test(name))
    .map((name) => ({ name, used: statSync(join(root(), name)).mtimeMs }))
    .sort((a, b) => b.used - a.used);
  for (const { name } of sets.slice(KEPT)) rmSync(join(root(), name), { recursive: true, force: true });
}

/** The time of a set is that of its last use, not the one that it was copied with. */
function markUsed(folder: string): void {
  const now = new Date();
  utimesSync(folder, now, now);
}

async function copy(from: string, to: string): Promise<void> {
  mkdirSync(to, { recursive: true, mode: 0o700 });
  await run('cp', ['-a', '--reflink=auto', `${from}/.`, to]);
}
