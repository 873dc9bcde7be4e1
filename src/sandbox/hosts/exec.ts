/** Runs commands on an instance as the SSM agent does. Sources: amazon-ssm-agent, runscript.go, executers_unix.go. */
import { randomUUID } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import type { ExecResult } from '../types.js';
import { errnoOf, messageOf } from './errors.js';
import { exitCodeOf, killGroup, openPipes, shellQuote, startProcess } from './processes.js';
import { StartQueue } from './start-queue.js';

export interface ExecOptions {
  readonly workingDirectory?: string;
  readonly timeoutMs: number;
  readonly env?: Record<string, string>;
  readonly signal?: AbortSignal;
}

/** The agent's CommandWorkersLimit. */
const WORKERS = 5;

/** How long output is waited for after SIGKILL, when a process that left the group holds the pipe. Real milliseconds. */
const AFTER_KILL_MS = 2000;

/** The words to put before a command so that it runs inside the instance, in the folder `cwd` of it. */
export type Enter = (cwd: string) => readonly string[];

export class CommandRunner {
  private readonly workers = new StartQueue(WORKERS);
  private readonly running = new Set<() => void>();
  private off = false;

  /** @param enter absent: the instance's processes are plain ones of this machine */
  constructor(
    private readonly root: string,
    private readonly baseEnv: Record<string, string>,
    private readonly enter: Enter = () => [],
  ) {}

  /** Waits for a free worker, then runs; the timeout counts from the start of the script. */
  async run(script: string, options: ExecOptions): Promise<ExecResult> {
    const cancelled: ExecResult = {
      exitCode: 137,
      signal: null,
      stdout: '',
      stderr: '',
      timedOut: false,
      cancelled: true,
    };
    const leave = await this.workers.enter();
    try {
      return this.off || options.signal?.aborted === true ? cancelled : await this.execute(script, options);
    } catch (error) {
      // The instance went off, and its disk with it, while the command was being started.
      if (this.off) return cancelled;
      throw error;
    } finally {
      leave();
    }
  }

  /** SIGKILL to all that runs; what waits or comes later is answered as cancelled. */
  powerOff(): void {
    this.off = true;
    for (const kill of this.running) kill();
  }

  private async execute(script: string, options: ExecOptions): Promise<ExecResult> {
    const command = randomUUID();
    const top = join(this.root, 'var/lib/amazon/ssm', command);
    const folder = join(top, 'document/orchestration', command, 'awsrunShellScript/0.awsrunShellScript');
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const file = join(folder, '_script.sh');
    writeFileSync(file, script.endsWith('\n') ? script : `${script}\n`, { mode: 0o700 });
    try {
      // The agent's unit has WorkingDirectory=/usr/bin; a relative folder is looked up beside the script.
      const wanted = options.workingDirectory ?? '';
      const cwd = wanted === '' ? '/usr/bin' : isAbsolute(wanted) ? wanted : join(folder, wanted);
      return await this.spawn(file, cwd, folder, options);
    } finally {
      rmSync(top, { recursive: true, force: true });
    }
  }

  private async spawn(file: string, cwd: string, folder: string, options: ExecOptions): Promise<ExecResult> {
    const [out, err] = await openPipes(folder, 2);
    if (out === undefined || err === undefined) throw new Error('no pipes for the command');
    const chunks: { out: Buffer[]; err: Buffer[] } = { out: [], err: [] };
    out.stream.on('data', (data: Buffer) => chunks.out.push(data));
    err.stream.on('data', (data: Buffer) => chunks.err.push(data));
    const closed = Promise.all(
      [out, err].map(
        ({ stream }) =>
          new Promise<void>((done) =>
            stream.once('close', () => {
              done();
            }),
          ),
      ),
    );
    const result = (exitCode: number, signal: NodeJS.Signals | null, how?: 'timeout' | 'cancel'): ExecResult => ({
      exitCode,
      signal,
      stdout: Buffer.concat(chunks.out).toString('utf8'),
      stderr: Buffer.concat(chunks.err).toString('utf8'),
      timedOut: how === 'timeout',
      cancelled: how === 'cancel',
    });
    const env = { ...this.baseEnv, ...options.env };
    let child;
    try {
      const argv = [...this.enter(cwd), '/bin/sh', '-c', shellQuote(file)];
      child = await startProcess(argv, { cwd, env, stdio: ['ignore', out.fd, err.fd] });
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT' && errnoOf(error) !== 'ENOTDIR' && errnoOf(error) !== 'EACCES') throw error;
      out.stream.destroy();
      err.stream.destroy();
      return { ...result(1, null), stderr: `chdir ${cwd}: ${messageOf(error)}\n` };
    } finally {
      out.handOver();
      err.handOver();
    }
    const pid = child.pid ?? 0;
    let ended: 'timeout' | 'cancel' | undefined;
    const kill = (how: 'timeout' | 'cancel'): void => {
      ended ??= how;
      if (pid > 0) killGroup(pid);
      setTimeout(() => {
        out.stream.destroy();
        err.stream.destroy();
      }, AFTER_KILL_MS).unref();
    };
    const cancel = (): void => {
      kill('cancel');
    };
    const timer = setTimeout(
      () => {
        kill('timeout');
      },
      Math.min(options.timeoutMs, 2 ** 31 - 1),
    );
    options.signal?.addEventListener('abort', cancel, { once: true });
    this.running.add(cancel);
    if (this.off || options.signal?.aborted === true) cancel();
    const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve) => {
      if (child.exitCode !== null || child.signalCode !== null) resolve([child.exitCode, child.signalCode]);
      else
        child.once('exit', (...end) => {
          resolve(end);
        });
    });
    await closed;
    clearTimeout(timer);
    options.signal?.removeEventListener('abort', cancel);
    this.running.delete(cancel);
    return result(exitCodeOf(code, signal), signal, ended);
  }
}
