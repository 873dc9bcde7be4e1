/** One instance of the process runtime: a folder as its disk, an engine, a command runner. */
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { ExecResult, SandboxInstance, SandboxTime } from '../../types.js';
import { ClientServer } from './client.js';
import { runCurl } from './curl.js';
import { runDocker } from './docker-cli/index.js';
import { runSs } from './ss.js';
import { Engine } from './engine.js';
import { CommandRunner, type ExecOptions } from '../exec.js';
import type { Registry } from './images.js';
import { killByEnvironment } from '../processes.js';
import type { StartQueue } from '../start-queue.js';

export interface HostDeps {
  readonly stateDir: string;
  readonly time: SandboxTime;
  readonly registry: Registry;
  readonly starts: StartQueue;
}

/** Path of a program of the machine. */
function machineHas(program: string): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return folders.map((folder) => join(folder, program)).find((path) => existsSync(path));
}

/** Programs that the instance has of its own; `curl` only where the machine has none, `ss` only where it has one. */
function standIns(): string[] {
  return [
    'docker',
    ...(machineHas('curl') === undefined ? ['curl'] : []),
    ...(machineHas('ss') === undefined ? [] : ['ss']),
  ];
}

export class Host {
  readonly root: string;
  /** Replaced at each power on. */
  private powered:
    { readonly engine: Engine; readonly runner: CommandRunner; readonly clients: ClientServer } | undefined;

  constructor(
    readonly instance: SandboxInstance,
    private readonly deps: HostDeps,
  ) {
    this.root = join(deps.stateDir, 'instances', instance.id);
  }

  get engine(): Engine | undefined {
    return this.powered?.engine;
  }

  /** Starts the engine, which starts the containers that were left with a restart policy. */
  async powerOn(): Promise<void> {
    if (this.powered !== undefined) return;
    const bin = join(this.root, 'bin');
    mkdirSync(join(this.root, 'run'), { recursive: true });
    const { stateDir, time, registry, starts } = this.deps;
    const engine = new Engine({ stateDir, root: this.root, address: this.instance.address, time, registry, starts });
    const clients = new ClientServer(join(this.root, 'run/docker'), (call) => {
      if (call.program === 'curl') return runCurl(call);
      if (call.program === 'ss') return runSs(call, machineHas('ss') ?? 'ss', this.instance.address);
      return runDocker(call, engine);
    });
    await clients.open(bin, standIns());
    // No HOME: the agent is a systemd service, and its commands have none.
    const runner = new CommandRunner(this.root, {
      PATH: [bin, process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin'].join(delimiter),
      DEPLOYCTL_ROOT: this.root,
      DEPLOYCTL_SANDBOX: stateDir,
    });
    this.powered = { engine, runner, clients };
    await engine.boot();
  }

  /** Everything that runs dies at once, without a signal handler. */
  async powerOff(): Promise<void> {
    const powered = this.powered;
    if (powered === undefined) return;
    this.powered = undefined;
    powered.clients.close();
    powered.runner.powerOff();
    await powered.engine.powerOff();
    const ours = [`DEPLOYCTL_ROOT=${this.root}`, `DEPLOYCTL_CONTAINER=${this.root}/`];
    await killByEnvironment((variable) => variable === ours[0] || variable.startsWith(ours[1] ?? '\0'));
  }

  /** @throws Error when the instance has no power */
  run(script: string, options: ExecOptions): Promise<ExecResult> {
    if (this.powered === undefined) {
      throw new Error(`instance ${this.instance.id} is off: start it before running a command on it`);
    }
    return this.powered.runner.run(script, options);
  }

  removeDisk(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}
