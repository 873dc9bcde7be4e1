/**
 * The runtime `docker`: every instance is a set of namespaces on a bridge, with a Docker engine of its own, and pulls its
 * images from a real registry. Needs Linux, root, and the programs of needs.ts.
 */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { Hosts, SandboxTime } from '../../types.js';
import { StartQueue } from '../start-queue.js';
import { canHaveDisks } from './disk.js';
import { DockerFaults } from './faults.js';
import { Instance, type InstanceDeps } from './instance.js';
import { Machine } from './machine.js';
import { kernelNames, removeLeftovers } from './names.js';
import { findPrograms } from './needs.js';
import { startFront, type Front } from './registry.js';
import { Workshop } from './workshop.js';

const run = promisify(execFile);

/** A reboot of a small EC2 instance takes about this long. AWS milliseconds. */
const REBOOT_MS = 20_000;

/** How many engines start at a time: they want all of a small machine. */
const STARTS = 2;

export interface DockerHostsDeps {
  readonly stateDir: string;
  readonly time: SandboxTime;
  /** The first three numbers of the bridge's /24. */
  readonly prefix: string;
  readonly region: string;
  readonly accountId: string;
  readonly onError: (error: unknown) => void;
}

/**
 * @returns hosts without instances. Every method rejects for an instance that it does not know.
 * @throws MissingNeeds when the machine lacks something
 */
export async function createDockerHosts(deps: DockerHostsDeps): Promise<Hosts> {
  const programs = await findPrograms();
  const stateDir = resolve(deps.stateDir);
  const names = kernelNames(stateDir);
  const bridge = `${deps.prefix}.1`;
  const ecr = `${deps.accountId}.dkr.ecr.${deps.region}.amazonaws.com`;
  const folder = join(stateDir, 'registry');
  mkdirSync(folder, { recursive: true, mode: 0o700 });

  const undo: (() => Promise<unknown>)[] = [() => run('/bin/sh', ['-c', removeLeftovers(names)])];
  const close = async (): Promise<void> => {
    for (const step of undo.reverse()) await step();
  };
  try {
    // What a sandbox of this folder left that died together with its watchdog.
    await run('/bin/sh', ['-c', removeLeftovers(names)]);
    await run(programs.ip, ['link', 'add', names.bridge, 'type', 'bridge']);
    await run(programs.ip, ['address', 'add', `${bridge}/24`, 'dev', names.bridge]);
    await run(programs.ip, ['link', 'set', names.bridge, 'up']);
    const front = await startFront({ programs, folder: join(folder, 'tls'), bridge, ecr });
    undo.push(() => front.close());
    const hostsFile = join(stateDir, 'etc-hosts');
    writeFileSync(hostsFile, `127.0.0.1 localhost\n${bridge} ${front.names.join(' ')}\n`);

    const disks = await canHaveDisks(stateDir);
    const plainDriver = await storageDriver(stateDir);
    const shared: InstanceDeps = {
      programs,
      names,
      stateDir,
      hostsFile,
      registryPort: front.port,
      certificate: front.certificate,
      disks,
      // A disk is ext4, whatever the state folder lies on.
      storageDriver: disks ? 'overlay2' : plainDriver,
      onError: deps.onError,
    };
    const workshopAddress = `${deps.prefix}.2`;
    const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
    const machine = await Machine.start({ ...shared, folder, address: workshopAddress, path });
    undo.push(() => machine.kill());
    const workshop = new Workshop({
      ...shared,
      storageDriver: plainDriver,
      machine,
      front,
      root: folder,
      path,
    });
    undo.push(() => workshop.close());
    await workshop.start();
    return hostsOf(deps.time, shared, workshop, front, close);
  } catch (error) {
    await close();
    throw error;
  }
}

function hostsOf(
  time: SandboxTime,
  shared: InstanceDeps,
  workshop: Workshop,
  front: Front,
  closeAll: () => Promise<void>,
): Hosts {
  const instances = new Map<string, Instance>();
  const get = (instanceId: string): Instance => {
    const instance = instances.get(instanceId);
    if (instance === undefined)
      throw new Error(`no host for instance ${instanceId}: known are ${[...instances.keys()].join(', ') || 'none'}`);
    return instance;
  };
  const faults = new DockerFaults(get, front, workshop);
  const starts = new StartQueue(STARTS);
  const powerOn = async (instance: Instance): Promise<void> => {
    const leave = await starts.enter();
    try {
      await instance.powerOn();
    } finally {
      leave();
    }
  };
  const stopping = new AbortController();
  return {
    exec: async (instanceId, script, options) => get(instanceId).run(script, options),
    containers: async (instanceId) => (await get(instanceId).engine?.containers()) ?? [],
    serving: (instanceId, port) => instances.get(instanceId)?.engine?.servingAt(port),
    async addInstance(instance) {
      if (instances.has(instance.id)) throw new Error(`instance ${instance.id} has a host already: remove it first`);
      const added = new Instance(instance, shared);
      instances.set(instance.id, added);
      await powerOn(added);
    },
    async removeInstance(instanceId, keepDisk) {
      const instance = get(instanceId);
      instances.delete(instanceId);
      await instance.powerOff();
      if (!keepDisk) instance.removeDisk();
    },
    async reboot(instanceId) {
      const instance = get(instanceId);
      await instance.powerOff();
      await time.sleep(REBOOT_MS, stopping.signal);
      // It may have been removed while it was down.
      if (instances.get(instanceId) === instance) await powerOn(instance);
    },
    build: (context, reference, args) =>
      workshop.build({ context, reference, ...(args === undefined ? {} : { args }) }),
    provide: (images) => workshop.provide(images),
    play: (fault) => faults.play(fault),
    endFaults: () => faults.end(),
    async close() {
      stopping.abort(new Error('the sandbox is closing'));
      const all = [...instances.values()];
      instances.clear();
      await Promise.all(all.map((instance) => instance.powerOff()));
      await closeAll();
    },
  };
}

/** overlay2 where the file system of the state folder can carry it; an overlay cannot lie on an overlay. */
async function storageDriver(stateDir: string): Promise<'overlay2' | 'vfs'> {
  const folder = mkdtempSync(join(stateDir, 'overlay-'));
  const script = `
mkdir "$1/lower" "$1/upper" "$1/work" "$1/merged" &&
mount -t overlay overlay -o "lowerdir=$1/lower,upperdir=$1/upper,workdir=$1/work" "$1/merged"`;
  try {
    await run('unshare', ['--mount', '/bin/sh', '-c', script, 'sh', folder]);
    return 'overlay2';
  } catch (error) {
    if (error instanceof Error && 'code' in error && typeof error.code === 'number') return 'vfs';
    throw error;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
