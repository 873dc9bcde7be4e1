/** Programs of a container that is a plain process of this machine. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';

/**
 * Finds a program as an engine would inside an image. `node` is the node that runs the sandbox; an absolute path is
 * looked up in the image's content first.
 * @returns its path, or why it cannot run
 */
export function resolveProgram(
  name: string,
  where: { readonly rootfs: string; readonly cwd: string; readonly path: string },
): { readonly path: string } | { readonly missing: 'not found' | 'not executable' } {
  if (name === 'node' || name === '/usr/local/bin/node' || name === '/usr/bin/node') return { path: process.execPath };
  const candidates = name.includes('/')
    ? isAbsolute(name)
      ? [join(where.rootfs, name), name]
      : [join(where.cwd, name)]
    : where.path.split(':').map((folder) => join(folder, name));
  const files = candidates.filter((path) => existsSync(path) && statSync(path).isFile());
  const path = files.find((file) => (statSync(file).mode & 0o111) !== 0);
  if (path !== undefined) return { path };
  return { missing: files.length > 0 ? 'not executable' : 'not found' };
}

/** Whether a process has a handler for a signal (proc_pid_status(5), SigCgt); false when it is gone. */
export function catches(pid: number, signal: number): boolean {
  const file = `/proc/${pid}/status`;
  const mask = existsSync(file) ? /^SigCgt:\s*([0-9a-f]+)$/m.exec(readFileSync(file, 'utf8'))?.[1] : undefined;
  return mask !== undefined && ((BigInt(`0x${mask}`) >> BigInt(signal - 1)) & 1n) === 1n;
}
