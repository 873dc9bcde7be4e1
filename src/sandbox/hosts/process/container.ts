/** One container of the stand-in engine: its record, and the process that runs it. */
import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { EventEmitter } from 'node:events';
import { join } from 'node:path';
import type { SandboxTime } from '../../types.js';
import { ContainerLog } from './container-log.js';
import { processEnvironment, signalNumber, type ContainerRecord } from './container-record.js';
import { DaemonError, errnoOf, messageOf } from '../errors.js';
import { writeAtomically } from './images.js';
import { catches, resolveProgram } from './programs.js';
import { exitCodeOf, killGroup, openPipes, signalProcess, startProcess } from '../processes.js';
import { Lock, type StartQueue } from '../start-queue.js';

export interface ContainerDeps {
  readonly time: SandboxTime;
  readonly starts: StartQueue;
  readonly stateDir: string;
  /** The instance's address: without namespaces it is where the container has to listen. */
  readonly address: string;
  /** @throws DaemonError when a host port is taken */
  readonly claimPorts: (container: Container) => Promise<void>;
  readonly releasePorts: (container: Container) => void;
  readonly removed: (container: Container) => void;
}

/** Docker's restart delays: 100 ms, doubled up to 1 min, from the start again after 10 s up (docs, restart policies). */
const RESTART = { firstMs: 100, maxMs: 60_000, resetAfterMs: 10_000 } as const;

export class Container {
  readonly log: ContainerLog;
  readonly rootfs: string;
  private readonly events = new EventEmitter().setMaxListeners(0);
  /** Times of its memory kills, which outlive the state of the start that they ended. */
  readonly memoryKills: number[] = [];
  private readonly lock = new Lock();
  private child: ChildProcess | undefined;
  private memoryWatch: NodeJS.Timeout | undefined;
  private restartTimer: NodeJS.Timeout | undefined;
  private restartDelay = 0;
  private startedMs = 0;
  private powerLost = false;

  constructor(
    readonly record: ContainerRecord,
    private readonly folder: string,
    private readonly deps: ContainerDeps,
  ) {
    this.log = new ContainerLog(join(folder, `${record.id}-json.log`));
    this.rootfs = join(folder, 'rootfs');
  }

  static load(folder: string, deps: ContainerDeps): Container | undefined {
    const file = join(folder, 'config.v2.json');
    // A folder without a record: the sandbox died between the two writes, so the container was never answered for.
    if (!existsSync(file)) return undefined;
    return new Container(JSON.parse(readFileSync(file, 'utf8')) as ContainerRecord, folder, deps);
  }

  get running(): boolean {
    return this.child !== undefined;
  }

  get pid(): number {
    return this.child?.pid ?? 0;
  }

  get cwd(): string {
    return join(this.rootfs, this.record.config.workingDir);
  }

  environment(): Record<string, string> {
    return processEnvironment(this.record, {
      HOST: this.deps.address,
      DEPLOYCTL_SANDBOX: this.deps.stateDir,
      DEPLOYCTL_CONTAINER: this.folder,
    });
  }

  save(): void {
    mkdirSync(this.folder, { recursive: true });
    writeAtomically(join(this.folder, 'config.v2.json'), JSON.stringify(this.record));
  }

  private changed(): void {
    // After a loss of power the disk is not this object's any more.
    if (!this.powerLost) this.save();
    this.events.emit('state');
  }

  /** Starts it; does nothing when it runs. @throws DaemonError when a port is taken or the program cannot start */
  start(): Promise<void> {
    return this.lock.run(async () => {
      if (this.running) return;
      clearTimeout(this.restartTimer);
      this.record.manuallyStopped = false;
      this.record.restartCount = 0;
      this.restartDelay = 0;
      await this.launch();
    });
  }

  private command(): [string, ...string[]] {
    const { entrypoint, cmd } = this.record.config;
    const [name, ...args] = [...(entrypoint ?? []), ...(cmd ?? [])];
    if (name === undefined || name === '') throw new DaemonError('no command specified');
    const found = resolveProgram(name, { rootfs: this.rootfs, cwd: this.cwd, path: this.environment()['PATH'] ?? '' });
    if ('missing' in found) {
      const runc =
        'failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: exec:';
      throw found.missing === 'not found'
        ? new DaemonError(`${runc} "${name}": executable file not found in $PATH: unknown`, 127)
        : new DaemonError(`${runc} "${name}": permission denied: unknown`, 126);
    }
    // Absolute paths mean the image's content; without a file system of its own the process needs the real path.
    const local = (arg: string): string =>
      arg.startsWith('/') && existsSync(join(this.rootfs, arg)) ? join(this.rootfs, arg) : arg;
    return [found.path, ...args.map(local)];
  }

  private async launch(): Promise<void> {
    const { state } = this.record;
    try {
      await this.deps.claimPorts(this);
      const argv = this.command();
      const leave = await this.deps.starts.enter();
      setTimeout(leave, 300).unref();
      if (this.powerLost) throw new DaemonError('the engine is shutting down');
      const [out, err] = await openPipes(this.folder, 2);
      if (out === undefined || err === undefined) throw new DaemonError('no pipes for the container');
      try {
        this.child = await startProcess(argv, {
          cwd: this.cwd,
          env: this.environment(),
          stdio: ['ignore', out.fd, err.fd],
        });
      } catch (error) {
        out.stream.destroy();
        err.stream.destroy();
        leave();
        throw new DaemonError(
          `failed to create task for container: ${messageOf(error)}`,
          errnoOf(error) === 'EACCES' ? 126 : 127,
        );
      } finally {
        out.handOver();
        err.handOver();
      }
      for (const [name, pipe] of [
        ['stdout', out],
        ['stderr', err],
      ] as const) {
        pipe.stream.setEncoding('utf8');
        pipe.stream.on('data', (text: string) => {
          // The first words mean that it has booted: the next may start.
          leave();
          this.log.write(name, text);
        });
      }
      const streams = Promise.all([out, err].map(({ stream }) => new Promise((done) => stream.once('close', done))));
      this.child.once('exit', (code, signal) => {
        leave();
        if (this.pid > 0) killGroup(this.pid);
        // Output of the dead process may still be in the pipe, and a child that left the group may hold it open.
        const cap = setTimeout(() => {
          out.stream.destroy();
          err.stream.destroy();
        }, 500);
        void streams.then(() => {
          clearTimeout(cap);
          this.exited(exitCodeOf(code, signal));
        });
      });
    } catch (error) {
      this.deps.releasePorts(this);
      Object.assign(state, { error: messageOf(error), exitCode: error instanceof DaemonError ? error.exitCode : 128 });
      if (error instanceof DaemonError && error.exitCode === 125) state.exitCode = 128;
      this.changed();
      throw error;
    }
    if (this.powerLost && this.child.pid !== undefined) killGroup(this.child.pid);
    this.startedMs = performance.now();
    Object.assign(state, {
      status: 'running',
      exitCode: 0,
      oomKilled: false,
      error: '',
      startedAt: new Date().toISOString(),
    });
    this.watchMemory();
    this.changed();
  }

  /** There are no cgroups here: a process above `--memory` is killed as the kernel would, within half a second. */
  private watchMemory(): void {
    const { memory } = this.record;
    if (memory <= 0) return;
    const child = this.child;
    this.memoryWatch = setInterval(() => {
      if (child === undefined || child !== this.child || child.pid === undefined) return;
      const statm = `/proc/${child.pid}/statm`;
      const pages = existsSync(statm) ? Number(readFileSync(statm, 'utf8').split(' ')[1]) : 0;
      if (pages * 4096 <= memory) return;
      this.runOutOfMemory();
    }, 500).unref();
  }

  /** The first process dies as the kernel's memory killer would end it. False when there is none. */
  runOutOfMemory(): boolean {
    if (this.running) {
      this.record.state.oomKilled = true;
      this.memoryKills.push(Date.now());
    }
    return this.running && killGroup(this.pid);
  }

  private exited(exitCode: number): void {
    const { record } = this;
    clearInterval(this.memoryWatch);
    this.child = undefined;
    this.deps.releasePorts(this);
    this.log.flush();
    if (this.powerLost) return;
    Object.assign(record.state, { exitCode, finishedAt: new Date().toISOString() });
    if (this.wantsRestart(exitCode)) this.planRestart();
    else record.state.status = 'exited';
    this.changed();
    this.events.emit('exit', exitCode);
    if (record.autoRemove && record.state.status === 'exited') this.discard();
  }

  private wantsRestart(exitCode: number): boolean {
    const { restart, manuallyStopped, restartCount } = this.record;
    if (manuallyStopped) return false;
    if (restart.name === 'on-failure') return exitCode !== 0 && (restart.max === 0 || restartCount < restart.max);
    return restart.name !== 'no';
  }

  private planRestart(): void {
    if (performance.now() - this.startedMs >= RESTART.resetAfterMs) this.restartDelay = 0;
    this.restartDelay = this.restartDelay === 0 ? RESTART.firstMs : Math.min(this.restartDelay * 2, RESTART.maxMs);
    this.record.restartCount += 1;
    this.record.state.status = 'restarting';
    this.restartTimer = setTimeout(() => {
      void this.lock.run(async () => {
        if (this.running || this.record.state.status !== 'restarting') return;
        await this.launch().catch(() => {
          // The reason is in the state, where `docker inspect` shows it; Docker gives up in the same way.
          this.record.state.status = 'exited';
          this.changed();
        });
      });
    }, this.restartDelay);
  }

  /**
   * Stop signal, then SIGKILL after the timeout (docs, `docker stop`). The timeout is scaled like AWS's durations, but
   * never below one real second, as a process needs real time to finish.
   * @param seconds as given with `-t`; absent: the container's own, else 10
   */
  stop(seconds?: number, signal?: string): Promise<void> {
    return this.lock.run(async () => {
      const { record } = this;
      record.manuallyStopped = true;
      if (this.cancelRestart() || !this.running) return;
      const limit = seconds ?? record.stopTimeout ?? 10;
      const ms = Math.min(limit * 1000, Math.max(1000, this.deps.time.real(limit * 1000)));
      const gone = this.nextExit();
      this.deliver(signalNumber(signal ?? record.config.stopSignal ?? 'TERM'));
      const kill =
        limit < 0
          ? undefined
          : setTimeout(() => {
              if (this.running) killGroup(this.pid);
            }, ms);
      await gone;
      clearTimeout(kill);
    });
  }

  /**
   * Signals the first process. In a container it is PID 1, for which the kernel drops every signal that it has no handler
   * for (pid_namespaces(7)); `--init` puts a process in front that passes signals on.
   */
  private deliver(number: number): void {
    const hasInit = this.record.recorded['init']?.at(-1) === 'true';
    if (hasInit || catches(this.pid, number)) signalProcess(this.pid, number);
  }

  /** True when it waited for a restart and now does not. */
  private cancelRestart(): boolean {
    clearTimeout(this.restartTimer);
    if (this.record.state.status !== 'restarting') return false;
    this.record.state.status = 'exited';
    this.changed();
    return true;
  }

  /** @throws DaemonError when it does not run */
  async kill(signal: string): Promise<void> {
    const number = signalNumber(signal);
    if (!this.running)
      throw new DaemonError(`cannot kill container: ${this.record.name}: container ${this.record.id} is not running`);
    const ends = number === 9 || number === signalNumber(this.record.config.stopSignal ?? 'TERM');
    if (ends) this.record.manuallyStopped = true;
    const gone = number === 9 ? this.nextExit() : Promise.resolve(0);
    if (number === 9) killGroup(this.pid);
    else this.deliver(number);
    await gone;
  }

  /** Resolves with the exit code of the run at hand. */
  private nextExit(): Promise<number> {
    return new Promise((resolve) => this.events.once('exit', resolve));
  }

  /** Resolves with the exit code once it does not run; at once when it does not. */
  async wait(): Promise<number> {
    while (this.running || this.record.state.status === 'restarting') {
      await new Promise<void>((resolve) =>
        this.events.once('state', () => {
          resolve();
        }),
      );
    }
    return this.record.state.exitCode;
  }

  update(change: Partial<Pick<ContainerRecord, 'restart' | 'memory' | 'nanoCpus'>>): void {
    Object.assign(this.record, change);
    if (change.restart?.name === 'no') this.cancelRestart();
    this.changed();
  }

  /** Calls `listener` when the process ends; returns what forgets it. */
  onExit(listener: () => void): () => void {
    this.events.once('exit', listener);
    return () => this.events.off('exit', listener);
  }

  /** @throws DaemonError when it runs and `force` is off */
  async remove(force: boolean): Promise<void> {
    if (this.record.state.status !== 'exited' && this.record.state.status !== 'created') {
      if (!force) {
        throw new DaemonError(
          `cannot remove container "${this.record.name}": container is ${this.record.state.status}: stop the container before removing or force remove`,
        );
      }
      this.record.manuallyStopped = true;
      this.cancelRestart();
      if (this.running) await this.kill('KILL');
    }
    this.discard();
  }

  private discard(): void {
    this.log.close();
    this.deps.removed(this);
    rmSync(this.folder, { recursive: true, force: true });
    this.events.emit('state');
  }

  /** The instance lost its power: the process dies with no signal handler, the record stays as it was. */
  async powerOff(): Promise<void> {
    clearTimeout(this.restartTimer);
    clearInterval(this.memoryWatch);
    this.powerLost = true;
    const child = this.child;
    if (child?.pid !== undefined && child.exitCode === null && child.signalCode === null) {
      const gone = new Promise<void>((resolve) =>
        child.once('exit', () => {
          resolve();
        }),
      );
      killGroup(child.pid);
      await gone;
    }
    this.log.close();
  }

  /**
   * The engine starts on an instance that had lost its power. What ran is seen as exited with 255; `always` comes back even
   * when stopped by hand, `unless-stopped` and a failed `on-failure` do not (docs, restart policies).
   */
  async boot(): Promise<void> {
    const { record } = this;
    if (record.state.status === 'running' || record.state.status === 'restarting') {
      Object.assign(record.state, { status: 'exited', exitCode: 255, finishedAt: new Date().toISOString() });
      this.changed();
      if (record.autoRemove) {
        this.discard();
        return;
      }
    }
    const always = record.restart.name === 'always' && record.state.status !== 'created';
    if (record.state.status !== 'exited' || (!always && !this.wantsRestart(record.state.exitCode))) return;
    await this.lock.run(() => this.launch());
  }
}
