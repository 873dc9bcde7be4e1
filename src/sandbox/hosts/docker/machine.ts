/**
 * One machine of a docker sandbox: a network, a mount and a process namespace on the sandbox's bridge. Its first process
 * dies with the sandbox (PR_SET_PDEATHSIG), and the kernel then ends everything in it and unmounts its mounts: nothing
 * has to be cleaned up after a crash but the bridge and the cgroups.
 */
import { execFile, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { openPipes, signalProcess, startProcess } from '../processes.js';
import type { Programs } from './needs.js';
import { linkName, type KernelNames } from './names.js';

const run = promisify(execFile);

/**
 * The first process: gives the machine a /run and an /etc/hosts of its own, says so, and reaps what is orphaned. Its network
 * is set up from outside.
 */
const INIT = `
set -e
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/lock
mount --bind "$1" /etc/hosts
ip link set lo up
eval "$2"
echo ready
exec >/dev/null 2>&1
set +e
while :; do sleep 3600; done
`;

export interface MachineOptions {
  readonly programs: Programs;
  readonly names: KernelNames;
  readonly stateDir: string;
  /** Where a short-lived pipe may be made. */
  readonly folder: string;
  /** e.g. 10.77.12.10, in the bridge's /24. */
  readonly address: string;
  /** Becomes /etc/hosts. */
  readonly hostsFile: string;
  /** Port of the registry on the bridge, which answers as port 443 there. */
  readonly registryPort?: number;
  /** Shell lines that mount the machine's disk, if it has one. */
  readonly mount?: string;
  /** Where standard programs are found inside. */
  readonly path: string;
}

export class Machine {
  private constructor(
    private readonly child: ChildProcess,
    private readonly options: MachineOptions,
  ) {}

  /** Makes the namespaces, joins the bridge. @throws Error with the words of what failed; nothing is left then */
  static async start(options: MachineOptions): Promise<Machine> {
    const { programs, hostsFile, folder } = options;
    const [out] = await openPipes(folder, 1);
    if (out === undefined) throw new Error('no pipe for the machine');
    const namespaces = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
    const child = await startProcess(
      [programs.unshare, ...namespaces, '--', '/bin/sh', '-c', INIT, 'instance-init', hostsFile, options.mount ?? ''],
      { cwd: '/', env: { PATH: options.path, DEPLOYCTL_SANDBOX: options.stateDir }, stdio: ['ignore', out.fd, out.fd] },
    );
    out.handOver();
    const said = await new Promise<string>((resolve) => {
      let text = '';
      out.stream.setEncoding('utf8').on('data', (more: string) => {
        text += more;
        if (/^ready$/m.test(text)) resolve('ready');
      });
      out.stream.once('close', () => resolve(text));
    });
    out.stream.destroy();
    const machine = new Machine(child, options);
    try {
      if (said !== 'ready') throw new Error(`no namespaces for ${options.address}: ${said.trim() || 'unshare ended'}`);
      await machine.join();
      return machine;
    } catch (error) {
      await machine.kill();
      throw error;
    }
  }

  private get pid(): number {
    return this.child.pid ?? 0;
  }

  /** A path of the machine as seen from outside: what is mounted in it only is there. */
  outside(path: string): string {
    return `/proc/${this.pid}/root${path}`;
  }

  /** Pulls the network plug, or puts it in again. */
  async plug(state: 'up' | 'down'): Promise<void> {
    const { programs, names, address } = this.options;
    await run(programs.ip, ['link', 'set', linkName(names, address), state]);
  }

  /** The words to put before a program so that it runs in here. */
  enter(cwd: string): string[] {
    const proc = `/proc/${this.pid}/ns`;
    return [
      this.options.programs.nsenter,
      `--net=${proc}/net`,
      `--mount=${proc}/mnt`,
      // The process that made the namespaces stays outside of the one for processes; only its children are in it.
      `--pid=${proc}/pid_for_children`,
      '--',
      '/bin/sh',
      '-c',
      'cd "$1" && unset OLDPWD && shift && exec "$@"',
      'enter',
      cwd,
    ];
  }

  /** Runs a program in here to its end. @throws Error with its output when it fails */
  async run(argv: readonly string[], env: Record<string, string> = {}): Promise<string> {
    const [file = '', ...args] = [...this.enter('/'), ...argv];
    const own = { PATH: this.options.path, DEPLOYCTL_SANDBOX: this.options.stateDir };
    const { stdout } = await run(file, args, { env: { ...own, ...env }, maxBuffer: 64 * 1024 * 1024 });
    return stdout;
  }

  /**
   * Ends everything in here at once, as a loss of power does. The first process of a process namespace is gone only when all
   * the others are (pid_namespaces(7)), and `unshare` waits for it.
   */
  async kill(): Promise<void> {
    const { programs, names, address } = this.options;
    if (this.child.exitCode === null && this.child.signalCode === null) {
      const gone = new Promise((resolve) => this.child.once('exit', resolve));
      const first = Number(readFileSync(`/proc/${this.pid}/task/${this.pid}/children`, 'utf8').trim());
      if (first > 0) signalProcess(first, 'SIGKILL');
      else this.child.kill('SIGKILL');
      await gone;
    }
    const link = linkName(names, address);
    await run('/bin/sh', [
      '-c',
      '[ ! -e "/sys/class/net/$2" ] || "$1" link delete "$2" || [ ! -e "/sys/class/net/$2" ]',
      'sh',
      programs.ip,
      link,
    ]);
  }

  /**
   * A port of the bridge that is isolated: it reaches the bridge's own address, where load balancer and registry are, and no
   * other instance. The hardware address follows from the IP address, so that a rebooted instance is found at once.
   */
  private async join(): Promise<void> {
    const { programs, names, address, registryPort } = this.options;
    const link = linkName(names, address);
    const { ip, iptables } = programs;
    await run(ip, ['link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(this.pid)]);
    await run(ip, ['link', 'set', link, 'master', names.bridge, 'up']);
    await run(ip, ['link', 'set', link, 'type', 'bridge_slave', 'isolated', 'on']);
    const octets = address.split('.').map(Number);
    const mac = ['02', '77', ...octets.map((octet) => octet.toString(16).padStart(2, '0'))].join(':');
    await this.run([ip, 'link', 'set', 'eth0', 'address', mac]);
    await this.run([ip, 'address', 'add', `${address}/24`, 'dev', 'eth0']);
    await this.run([ip, 'link', 'set', 'eth0', 'up']);
    if (registryPort === undefined) return;
    const bridge = [...octets.slice(0, 3), 1].join('.');
    const rule = ['-d', bridge, '-p', 'tcp', '--dport', '443', '-j', 'DNAT', '--to-destination'];
    await this.run([iptables, '-w', '-t', 'nat', '-A', 'OUTPUT', ...rule, `${bridge}:${registryPort}`]);
  }
}
