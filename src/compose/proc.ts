import { readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

/** The start of a process, in clock ticks since boot. `absent`: /proc shows no such process. `unknown`: it could not be read. */
export type Start =
  { readonly is: 'known'; readonly at: string } | { readonly is: 'absent' } | { readonly is: 'unknown' };

/** What /proc says of processes on this machine, and how far that can be trusted (proc(5), pid_namespaces(7)). */
export class Proc {
  readonly #root: string;
  readonly #pid: number;

  /** @param root where /proc is mounted. @param pid of this process */
  constructor(root = '/proc', pid = process.pid) {
    this.#root = root;
    this.#pid = pid;
  }

  bootId(): string | undefined {
    return this.#read('sys/kernel/random/boot_id');
  }

  /**
   * The namespaces that process ids and start times belong to; undefined where this /proc is that of another PID namespace: its numbers are not those
   * that this process knows. NSpid has one number for each namespace from that of the mount down to that of the process.
   */
  namespaces(): string | undefined {
    const [, ids = ''] = /^NSpid:\s*(.+)$/m.exec(this.#read('self/status') ?? '') ?? [];
    if (ids.trim() !== String(this.#pid)) return undefined;
    try {
      return ['pid', 'time'].map((kind) => this.#namespace(kind)).join(' ');
    } catch {
      // No right to read it, or a kernel without PID namespaces: then it cannot be compared.
      return undefined;
    }
  }

  start(pid: number): Start {
    let stat: string;
    try {
      stat = readFileSync(join(this.#root, String(pid), 'stat'), 'utf8');
    } catch (error) {
      return isMissing(error) ? { is: 'absent' } : { is: 'unknown' };
    }
    // Field 22; the name in field 2 may hold spaces and parentheses.
    const at = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
    return at === undefined || !/^\d+$/.test(at) ? { is: 'unknown' } : { is: 'known', at };
  }

  /** Whether it shows the processes of everybody. With hidepid it does not, and says "no such process" of what it hides. */
  showsAll(): boolean {
    const mounts = this.#read('self/mountinfo');
    if (mounts === undefined || this.start(1).is !== 'known') return false;
    const over = mounts.split('\n').filter((line) => / - proc /.test(line) && line.split(' ')[4] === '/proc');
    return over.length > 0 && !over.some((line) => /\bhidepid=(?!0\b|off\b)/.test(line));
  }

  /** A kernel before 5.6 has no time namespaces. */
  #namespace(kind: string): string {
    try {
      return readlinkSync(join(this.#root, 'self/ns', kind));
    } catch (error) {
      if (kind === 'time' && isMissing(error)) return 'time:[none]';
      throw error;
    }
  }

  #read(path: string): string | undefined {
    try {
      return readFileSync(join(this.#root, path), 'utf8').trim();
    } catch {
      // No /proc on this system, or no right to read it: either way nothing can be told from it.
      return undefined;
    }
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH');
}
