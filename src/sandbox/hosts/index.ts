/** The runtimes that make instances real. */
import type { Hosts, SandboxOptions } from '../types.js';
import { createDockerHosts, type DockerHostsDeps } from './docker/index.js';
import { createProcessHosts } from './process/index.js';

export { createProcessHosts };

export function createHosts(runtime: SandboxOptions['runtime'], deps: DockerHostsDeps): Promise<Hosts> {
  return runtime === 'docker' ? createDockerHosts(deps) : createProcessHosts(deps);
}
