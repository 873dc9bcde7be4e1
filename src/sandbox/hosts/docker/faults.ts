/** Faults of machines, engines and the registry, played on the real things. */
import type { ChildProcess } from 'node:child_process';
import { FaultRefused, type HostFault } from '../../types.js';
import { messageOf } from '../errors.js';
import { releasePort, takePort } from '../port-taker.js';
import { parseReference } from '../process/reference.js';
import { fillDisk, relieveDisk } from './disk.js';
import type { Instance } from './instance.js';
import type { Front } from './registry.js';
import type { Workshop } from './workshop.js';

/**
 * Has the kernel kill the first process of a container for want of memory: its cgroup gets the memory that it uses now as its
 * limit, and company that wants as much again, while the process is made the kernel's first choice. The limit goes with the cgroup.
 */
const OOM_KILL = `
set -e
pid=$(docker inspect --type container --format '{{.State.Pid}}' "$1")
[ "$pid" -gt 0 ] || { echo "container $1 does not run" >&2; exit 1; }
if [ -e /sys/fs/cgroup/memory/memory.limit_in_bytes ]; then
  group=/sys/fs/cgroup/memory$(sed -n 's/^[0-9]*:memory://p' "/proc/$pid/cgroup") limit=memory.limit_in_bytes usage=memory.usage_in_bytes
else
  group=/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$pid/cgroup") limit=memory.max usage=memory.current
fi
echo 1000 >"/proc/$pid/oom_score_adj"
used=$(cat "$group/$usage")
echo "$((used + 1048576))" >"$group/$limit"
sh -c 'echo $$ >"$1/cgroup.procs" && head -c "$2" /dev/zero | tail -c "$2" >/dev/null' company "$group" "$used" || :
for wait in 1 2 3 4 5 6 7 8 9 10; do
  [ -e "/proc/$pid" ] || exit 0
  sleep 0.2
done
echo "the kernel did not kill process $pid of container $1" >&2
exit 1
`;

export class DockerFaults {
  private readonly ports = new Set<ChildProcess>();
  private readonly cut = new Set<Instance>();
  private readonly full = new Set<Instance>();
  private readonly killed = new Set<Instance>();

  constructor(
    private readonly get: (instanceId: string) => Instance,
    private readonly front: Front,
    private readonly workshop: Workshop,
  ) {}

  async play(fault: HostFault): Promise<void> {
    switch (fault.kind) {
      case 'registry-down':
        return this.front.misbehave({ down: true });
      case 'registry-denied':
        return this.front.misbehave({ denied: true });
      case 'registry-slow':
        return this.front.misbehave({ slowMs: fault.ms });
      case 'image-gone':
        return this.forget(fault.image, fault.instance);
      case 'port-taken': {
        const instance = this.get(fault.instance);
        const { machine, root, env } = instance.on();
        this.ports.add(await takePort(fault.port, { enter: machine.enter('/'), host: '::', folder: root, env }));
        return;
      }
      case 'oom-kill':
        await this.inside(fault.instance, ['/bin/sh', '-c', OOM_KILL, 'oom-kill', fault.container]);
        return;
      case 'docker-kill':
        await this.get(fault.instance).on().engine.killDockerd('KILL');
        this.killed.add(this.get(fault.instance));
        return;
      case 'docker-restart': {
        const { engine } = this.get(fault.instance).on();
        await engine.killDockerd('TERM');
        return engine.startDockerd();
      }
      case 'network-cut':
        await this.get(fault.instance).on().machine.plug('down');
        this.cut.add(this.get(fault.instance));
        return;
      case 'disk-full':
        await fillDisk(this.get(fault.instance).on().machine, this.get(fault.instance).on().disk);
        this.full.add(this.get(fault.instance));
        return;
    }
  }

  async end(): Promise<void> {
    await this.front.behave();
    for (const child of this.ports) await releasePort(child);
    // An instance that was rebooted or ended meanwhile has neither of these any more.
    for (const instance of this.cut) await instance.ifOn(({ machine }) => machine.plug('up'));
    for (const instance of this.killed) {
      await instance.ifOn(({ engine }) => (engine.isDown ? engine.startDockerd() : Promise.resolve()));
    }
    for (const instance of this.full) {
      await instance.ifOn(({ machine, disk }) => (disk === undefined ? Promise.resolve() : relieveDisk(machine, disk)));
    }
    this.full.clear();
    this.ports.clear();
    this.cut.clear();
    this.killed.clear();
  }

  private async forget(image: string, instanceId: string | undefined): Promise<void> {
    if (instanceId !== undefined) {
      // With --force a missing image is no error.
      const remove = 'docker image inspect "$1" >/dev/null && docker rmi --force "$1"';
      await this.inside(instanceId, ['/bin/sh', '-c', remove, 'image-gone', image]);
      return;
    }
    const { repository, tag } = parseReference(image);
    if (tag === undefined || !(await this.workshop.forget(repository, tag)))
      throw new FaultRefused(`the registry has no ${image}; give it as repository:tag`);
  }

  private async inside(instanceId: string, argv: readonly string[]): Promise<void> {
    const { machine, env } = this.get(instanceId).on();
    await machine.run(argv, env).catch((error: unknown) => {
      const stderr = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : '';
      throw new FaultRefused(stderr === '' ? messageOf(error) : stderr);
    });
  }
}
