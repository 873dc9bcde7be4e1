/** One instance of the docker runtime: a folder as its disk, and while it has power a machine with an engine. */
import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecResult, SandboxInstance } from '../../types.js';
import { CommandRunner, type ExecOptions } from '../exec.js';
import { diskOf } from './disk.js';
import { Engine, type EngineOptions } from './engine.js';
import { Machine, type MachineOptions } from './machine.js';

export type InstanceDeps = Omit<MachineOptions, 'folder' | 'address' | 'path'> &
  Omit<EngineOptions, 'machine' | 'root' | 'data' | 'path'> & {
    /** Whether instances have a disk of their own. */
    readonly disks: boolean;
  };

/** Where system programs are found on any Linux. */
const STANDARD_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** What an instance has while it has power. */
interface Powered {
  readonly root: string;
  /** Where its disk is mounted, if it has one of its own. */
  readonly disk: string | undefined;
  readonly machine: Machine;
  readonly engine: Engine;
  readonly runner: CommandRunner;
  /** Environment of its commands. */
  readonly env: Record<string, string>;
}

export class Instance {
  readonly root: string;
  private powered: Powered | undefined;

  constructor(
    readonly instance: SandboxInstance,
    private readonly deps: InstanceDeps,
  ) {
    this.root = join(deps.stateDir, 'instances', instance.id);
  }

  get engine(): Engine | undefined {
    return this.powered?.engine;
  }

  async powerOn(): Promise<void> {
    if (this.powered !== undefined) return;
    const { deps, root } = this;
    const bin = join(root, 'bin');
    mkdirSync(bin, { recursive: true });
    // The engine's own client, whatever else the machine's PATH has.
    rmSync(join(bin, 'docker'), { force: true });
    symlinkSync(deps.programs.docker, join(bin, 'docker'));
    const path = `${bin}:${STANDARD_PATH}`;
    const disk = deps.disks ? diskOf(root) : undefined;
    await disk?.free();
    const mount = disk === undefined ? {} : { mount: disk.mount };
    const machine = await Machine.start({ ...deps, ...mount, folder: root, address: this.instance.address, path });
    const engine = new Engine({ ...deps, machine, root, data: disk?.folder ?? root, path });
    // No HOME: the agent is a systemd service, and its commands have none. The script falls back to root's, where the
    // machine's owner may have logins of his own: they are none of the sandbox's business.
    const env = {
      PATH: path,
      DEPLOYCTL_ROOT: root,
      DEPLOYCTL_SANDBOX: deps.stateDir,
      DOCKER_CONFIG: join(root, 'root/.docker'),
    };
    const runner = new CommandRunner(root, env, (cwd) => machine.enter(cwd));
    this.powered = { root, disk: disk?.folder, machine, engine, runner, env };
    try {
      await engine.start();
    } catch (error) {
      await this.powerOff();
      throw error;
    }
  }

  /** Everything that runs dies at once, without a signal handler. */
  async powerOff(): Promise<void> {
    const powered = this.powered;
    if (powered === undefined) return;
    this.powered = undefined;
    powered.runner.powerOff();
    await powered.engine.close();
    await powered.machine.kill();
  }

  /** @throws Error when the instance has no power */
  on(): Powered {
    if (this.powered === undefined) {
      throw new Error(`instance ${this.instance.id} is off: start it before running a command on it`);
    }
    return this.powered;
  }

  async ifOn(work: (powered: Powered) => Promise<void>): Promise<void> {
    if (this.powered !== undefined) await work(this.powered);
  }

  /** @throws Error when the instance has no power */
  run(script: string, options: ExecOptions): Promise<ExecResult> {
    return this.on().runner.run(script, options);
  }

  removeDisk(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}
