/** Faults of machines, engines and the registry, as far as they can be played without a machine. */
import type { ChildProcess } from 'node:child_process';
import { FaultRefused, type HostFault } from '../../types.js';
import { releasePort, takePort } from '../port-taker.js';
import { shellQuote } from '../processes.js';
import type { Host } from './host.js';
import type { Registry } from './images.js';
import { parseReference } from './reference.js';

export class ProcessFaults {
  private readonly ports = new Set<ChildProcess>();

  constructor(
    private readonly get: (instanceId: string) => Host,
    private readonly registry: Registry,
  ) {}

  async play(fault: HostFault): Promise<void> {
    switch (fault.kind) {
      case 'registry-down':
        this.registry.misbehave({ down: true });
        return;
      case 'registry-denied':
        this.registry.misbehave({ denied: true });
        return;
      case 'registry-slow':
        this.registry.misbehave({ slowMs: fault.ms });
        return;
      case 'image-gone':
        return this.forget(fault.image, fault.instance);
      case 'port-taken': {
        const { root, instance } = this.get(fault.instance);
        const env = { PATH: process.env['PATH'] ?? '', DEPLOYCTL_ROOT: root };
        this.ports.add(await takePort(fault.port, { enter: [], host: instance.address, folder: root, env }));
        return;
      }
      case 'oom-kill': {
        const container = this.get(fault.instance).engine?.find(fault.container);
        if (container === undefined) throw new FaultRefused(`No such container: ${fault.container}`);
        if (!container.runOutOfMemory()) throw new FaultRefused(`container ${fault.container} does not run`);
        return;
      }
      case 'docker-kill':
      case 'docker-restart':
      case 'disk-full':
      case 'network-cut':
        throw new FaultRefused(
          `runtime process cannot play ${fault.kind}: its instances share this machine's disk and network and have no engine ` +
            'of their own; use `sandbox up --runtime docker`',
        );
    }
  }

  async end(): Promise<void> {
    this.registry.behave();
    for (const child of this.ports) await releasePort(child);
    this.ports.clear();
  }

  private async forget(image: string, instanceId: string | undefined): Promise<void> {
    const { repository, tag } = parseReference(image);
    if (instanceId === undefined) {
      if (tag === undefined || !this.registry.forget(repository, tag))
        throw new FaultRefused(`the registry has no ${image}; give it as repository:tag`);
      return;
    }
    const name = shellQuote(image);
    const script = `docker image inspect ${name} >/dev/null && docker rmi --force ${name}`;
    const removed = await this.get(instanceId).run(script, { timeoutMs: 30_000 });
    if (removed.exitCode !== 0) throw new FaultRefused(removed.stderr.trim());
  }
}
