/** What a docker sandbox is called in the kernel. All names follow from its state folder, so that leftovers are found. */
import { createHash } from 'node:crypto';

export interface KernelNames {
  /** The bridge, and the start of every interface's name; with the number of an address it is 15 characters, the kernel's limit. */
  readonly bridge: string;
  /** Parent of all containers' cgroups. */
  readonly cgroup: string;
}

export function kernelNames(stateDir: string): KernelNames {
  const tag = createHash('sha256').update(stateDir).digest('hex').slice(0, 8);
  return { bridge: `dctl${tag}`, cgroup: `/deployctl-${tag}` };
}

/** Interface of the instance with this address on the bridge. */
export function linkName(names: KernelNames, address: string): string {
  return names.bridge + (address.split('.')[3] ?? '').padStart(3, '0');
}

/**
 * Shell lines that remove what outlives the processes of a docker sandbox: interfaces and cgroups, which the kernel gives up a
 * moment after the last process. They do nothing where there are none, and fail when something is left after five seconds.
 */
export function removeLeftovers({ bridge, cgroup }: KernelNames): string {
  return `
left=1 round=0
while [ "$left" = 1 ] && [ "$round" -lt 25 ]; do
  [ "$round" = 0 ] || sleep 0.2
  left=0 round=$((round + 1))
  for link in /sys/class/net/${bridge}*; do
    [ ! -e "$link" ] || ip link delete "\${link##*/}" 2>/dev/null || [ ! -e "$link" ] || left=1
  done
  for group in /sys/fs/cgroup${cgroup} /sys/fs/cgroup/*${cgroup}; do
    [ ! -d "$group" ] || find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || [ ! -d "$group" ] || left=1
  done
done
[ "$left" = 0 ]
`;
}
