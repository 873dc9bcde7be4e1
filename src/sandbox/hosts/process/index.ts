/**
 * The runtime `process`: instances as folders and containers as local processes. Needs Linux, sh, mkfifo and, for the
 * promise that nothing outlives a killed sandbox, setpriv of util-linux.
 */
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Hosts, SandboxTime } from '../../types.js';
import { buildImage } from './build.js';
import { ProcessFaults } from './faults.js';
import { Host } from './host.js';
import { Registry } from './images.js';
import { parseReference } from './reference.js';
import { StartQueue } from '../start-queue.js';

/** A reboot of a small EC2 instance takes about this long. AWS milliseconds. */
const REBOOT_MS = 20_000;

/** How many containers start at a time, all instances together. */
const STARTS = 2;

/**
 * @param deps.stateDir the sandbox's folder; instances live in `instances/ID`, the image registry in `registry`
 * @returns hosts without instances. Every method rejects for an instance that it does not know.
 */
export function createProcessHosts(deps: { readonly stateDir: string; readonly time: SandboxTime }): Promise<Hosts> {
  if (process.platform !== 'linux') {
    return Promise.reject(
      new Error(
        `runtime "process" runs on Linux only (it reads /proc and binds 127.0.0.0/8), this is ${process.platform}`,
      ),
    );
  }
  const stateDir = resolve(deps.stateDir);
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  const registry = new Registry(join(stateDir, 'registry'));
  const shared = { stateDir, time: deps.time, registry, starts: new StartQueue(STARTS) };
  const hosts = new Map<string, Host>();
  const get = (instanceId: string): Host => {
    const host = hosts.get(instanceId);
    if (host === undefined)
      throw new Error(`no host for instance ${instanceId}: known are ${[...hosts.keys()].join(', ') || 'none'}`);
    return host;
  };
  const faults = new ProcessFaults(get, registry);
  const stopping = new AbortController();
  return Promise.resolve({
    exec: async (instanceId, script, options) => get(instanceId).run(script, options),
    containers: async (instanceId) => Promise.resolve(get(instanceId).engine?.summaries() ?? []),
    serving(instanceId, port) {
      const record = hosts.get(instanceId)?.engine?.serving(port)?.record;
      return record === undefined ? undefined : { digest: record.digest, image: record.image };
    },
    async addInstance(instance) {
      if (hosts.has(instance.id)) throw new Error(`instance ${instance.id} has a host already: remove it first`);
      const host = new Host(instance, shared);
      hosts.set(instance.id, host);
      await host.powerOn();
    },
    async removeInstance(instanceId, keepDisk) {
      const host = get(instanceId);
      hosts.delete(instanceId);
      await host.powerOff();
      if (!keepDisk) host.removeDisk();
    },
    async reboot(instanceId) {
      const host = get(instanceId);
      await host.powerOff();
      await deps.time.sleep(REBOOT_MS, stopping.signal);
      // It may have been removed while it was down.
      if (hosts.get(instanceId) === host) await host.powerOn();
    },
    build: async (contextDir, reference, buildArgs) => {
      const { repository, tag, digest } = parseReference(reference);
      if (tag === undefined || digest !== undefined)
        throw new Error(`cannot build "${reference}": give it a tag, as in shop/backend:1.0.0`);
      return Promise.resolve(
        buildImage(
          { context: contextDir, scratch: stateDir, ...(buildArgs === undefined ? {} : { buildArgs }) },
          (image, rootfs) => {
            registry.push(repository, tag, image, rootfs);
            return image.digest;
          },
        ),
      );
    },
    play: (fault) => faults.play(fault),
    endFaults: () => faults.end(),
    async close() {
      stopping.abort(new Error('the sandbox is closing'));
      const all = [...hosts.values()];
      hosts.clear();
      await Promise.all(all.map((host) => host.powerOff()));
    },
  });
}
