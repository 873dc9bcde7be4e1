/** The disk of an instance: a file system of its own in a file, so that it can be full without the machine's being full. */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { sleepReal } from '../../time.js';
import { FaultRefused } from '../../types.js';
import type { Machine } from './machine.js';

const run = promisify(execFile);

/** What an instance of EC2 often has. The file is as large as what is written to it. */
const SIZE = '20G';
const FREE_LIMIT_MS = 10_000;
const POLL_MS = 25;

/** Folders of an instance, below its root, that lie on its disk. */
const ON_DISK = ['var/lib/deployctl', 'var/log/deployctl'];

export interface Disk {
  /** Where it is mounted inside the machine. */
  readonly folder: string;
  /** Shell lines for the machine's first process: make it, if it is new, and mount it. */
  readonly mount: string;
  /** Waits until an earlier machine has let go of it: mounted twice it would be destroyed. */
  free(): Promise<void>;
}

const quote = (path: string): string => `'${path.replaceAll("'", "'\\''")}'`;

export function diskOf(root: string): Disk {
  const image = join(root, 'disk.img');
  const folder = join(root, 'disk');
  mkdirSync(folder, { recursive: true });
  const binds = ON_DISK.map((path) => {
    const [from, to] = [quote(join(folder, path)), quote(join(root, path))];
    return `mkdir -p ${from} ${to} && mount --bind ${from} ${to}`;
  });
  const make = `truncate -s ${SIZE} ${quote(image)} && mkfs.ext4 -q -m 0 -O ^has_journal -E lazy_itable_init=1 ${quote(image)}`;
  return {
    folder,
    mount: [`[ -e ${quote(image)} ] || { ${make}; }`, `mount -o loop ${quote(image)} ${quote(folder)}`, ...binds].join(
      '\n',
    ),
    async free() {
      const end = performance.now() + FREE_LIMIT_MS;
      while ((await run('losetup', ['--associated', image])).stdout !== '') {
        if (performance.now() > end)
          throw new Error(`${image} is still mounted; see \`losetup --associated ${image}\``);
        await sleepReal(POLL_MS);
      }
    },
  };
}

/** Whether file systems in files can be mounted here: some containers have no loop devices. */
export async function canHaveDisks(stateDir: string): Promise<boolean> {
  const folder = mkdtempSync(join(stateDir, 'disk-'));
  try {
    await run('unshare', ['--mount', '/bin/sh', '-ec', diskOf(folder).mount]);
    return true;
  } catch (error) {
    // The shell says no with its exit code; anything else is not about disks.
    if (error instanceof Error && 'code' in error && typeof error.code === 'number') return false;
    throw error;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Leaves no byte free. */
export async function fillDisk(machine: Machine, folder: string | undefined): Promise<void> {
  if (folder === undefined) {
    throw new FaultRefused(
      'disk-full cannot be played here: without loop devices (mount -o loop) instances have no disk of their own',
    );
  }
  const script =
    'fallocate -l "$(df --output=avail -B1 "$1" | tail -n 1)" "$1/balloon" || :; ! dd if=/dev/zero of="$1/crumbs" bs=4k 2>/dev/null';
  await machine.run(['/bin/sh', '-c', script, 'disk-full', folder]);
}

export async function relieveDisk(machine: Machine, folder: string): Promise<void> {
  await machine.run(['/bin/rm', '-f', join(folder, 'balloon'), join(folder, 'crumbs')]);
}
