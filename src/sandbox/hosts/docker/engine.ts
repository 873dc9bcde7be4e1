/** The Docker engine of one machine: its containerd, its dockerd, and what of it the load balancer's log wants to know. */
import type { ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sleepReal } from '../../time.js';
import type { ContainerSummary } from '../../types.js';
import { messageOf } from '../errors.js';
import { startProcess } from '../processes.js';
import { EngineApi } from './api.js';
import type { Machine } from './machine.js';
import type { KernelNames } from './names.js';
import type { Programs } from './needs.js';
import { ServingPorts } from './serving.js';

export interface EngineOptions {
  readonly machine: Machine;
  readonly programs: Programs;
  readonly names: KernelNames;
  readonly stateDir: string;
  /** Where configuration and logs are. */
  readonly root: string;
  /** Where images and containers are: they stay over a reboot. */
  readonly data: string;
  readonly path: string;
  /** Certificate of the registry, trusted beside nothing else. */
  readonly certificate: string;
  readonly storageDriver: 'overlay2' | 'vfs';
  /** Told of what goes wrong in the background. */
  readonly onError: (error: unknown) => void;
}

const POLL_MS = 25;
const START_LIMIT_MS = 60_000;
const SOCKET = '/run/docker.sock';

/** Plugins of containerd that a Docker engine does not use, and that look for hardware, kernel modules or a CNI. */
const UNUSED = ['grpc.v1.cri', 'snapshotter.v1.devmapper', 'snapshotter.v1.btrfs', 'snapshotter.v1.zfs'];

export class Engine {
  private dockerd: ChildProcess | undefined;
  private readonly api: EngineApi;
  private readonly ports: ServingPorts;

  constructor(private readonly options: EngineOptions) {
    const socket = options.machine.outside(SOCKET);
    this.api = new EngineApi(socket);
    this.ports = new ServingPorts(new EngineApi(socket), this.api, options.onError);
  }

  /** Settles when the engine answers; it has then started the containers whose policy says so. @throws with the end of its log */
  async start(): Promise<void> {
    mkdirSync(join(this.options.root, 'log'), { recursive: true });
    this.configure();
    await this.spawn('containerd', ['--config', join(this.options.root, 'containerd.toml')]);
    await this.startDockerd();
    this.ports.follow();
  }

  async startDockerd(): Promise<void> {
    const config = ['--config-file', join(this.options.root, 'daemon.json')];
    this.dockerd = await this.spawn('dockerd', config);
    const end = performance.now() + START_LIMIT_MS;
    for (;;) {
      const failure = await this.api.ping().then(
        () => undefined,
        (error: unknown) => messageOf(error),
      );
      if (failure === undefined) return;
      const dead = this.isDown;
      if (dead || performance.now() > end)
        throw new Error(`dockerd ${dead ? 'ended' : `does not answer (${failure})`}; its log ends:\n${this.logTail()}`);
      await sleepReal(POLL_MS);
    }
  }

  /** Ends dockerd. After `KILL` its containers go on until it is started again; on `TERM` it stops them first, in its own way. */
  async killDockerd(signal: 'KILL' | 'TERM'): Promise<void> {
    const { dockerd } = this;
    if (dockerd === undefined || this.isDown) return;
    const gone = new Promise((resolve) => dockerd.once('exit', resolve));
    await this.options.machine.run(['/bin/sh', '-c', 'kill "-$1" "$(cat /run/docker.pid)"', 'sh', signal]);
    await gone;
  }

  get isDown(): boolean {
    return this.dockerd?.exitCode !== null || this.dockerd.signalCode !== null;
  }

  containers(): Promise<ContainerSummary[]> {
    return this.api.containers();
  }

  /** What the running container with this host port is, as of the engine's last event. */
  servingAt(port: number): { readonly digest: string; readonly image: string } | undefined {
    return this.ports.at(port);
  }

  /** No more questions to the engine; its processes end with the machine. */
  async close(): Promise<void> {
    await Promise.all([this.ports.close(), this.api.close()]);
  }

  private configure(): void {
    const { root, data, names, storageDriver } = this.options;
    const socket = '/run/containerd/containerd.sock';
    const disabled = UNUSED.map((name) => `"io.containerd.${name}"`).join(', ');
    writeFileSync(
      join(root, 'containerd.toml'),
      [
        'version = 2',
        `root = ${JSON.stringify(join(data, 'containerd'))}`,
        'state = "/run/containerd"',
        `disabled_plugins = [${disabled}]`,
        `[grpc]\n  address = "${socket}"\n`,
      ].join('\n'),
    );
    const daemon = {
      'data-root': join(data, 'docker'),
      'exec-root': '/run/docker',
      pidfile: '/run/docker.pid',
      hosts: [`unix://${SOCKET}`],
      containerd: socket,
      'cgroup-parent': names.cgroup,
      'exec-opts': ['native.cgroupdriver=cgroupfs'],
      'storage-driver': storageDriver,
    };
    writeFileSync(join(root, 'daemon.json'), JSON.stringify(daemon, null, 2));
  }

  private async spawn(program: 'containerd' | 'dockerd', args: readonly string[]): Promise<ChildProcess> {
    const { machine, programs, path, certificate, stateDir, root } = this.options;
    const log = openSync(join(root, 'log', `${program}.log`), 'a', 0o600);
    try {
      return await startProcess([...machine.enter('/'), programs[program], ...args], {
        cwd: '/',
        env: { PATH: path, SSL_CERT_FILE: certificate, SSL_CERT_DIR: '/nowhere', DEPLOYCTL_SANDBOX: stateDir },
        stdio: ['ignore', log, log],
      });
    } finally {
      closeSync(log);
    }
  }

  private logTail(): string {
    return readFileSync(join(this.options.root, 'log', 'dockerd.log'), 'utf8')
      .trimEnd()
      .split('\n')
      .slice(-8)
      .join('\n');
  }
}
