import type { Fleet } from '../../fleet.js';
import type { SandboxNetwork } from '../../network.js';
import type { Hosts, InstanceState, SandboxInstance, SandboxTime } from '../../types.js';
import type { Place } from './place.js';
import { hexId } from './place.js';

/** Starts, stops and ends instances, in the fleet's books and on their hosts. */
export interface Lifecycle {
  /** Adds `pending` instances, which are `running` once their hosts are up. `ready` settles when all of them are. */
  launch(wanted: readonly LaunchSpec[]): {
    readonly instances: readonly SandboxInstance[];
    readonly ready: Promise<void>;
  };
  /** Each changes the state at once to the passing one and resolves when the lasting one is reached. */
  terminate(id: string, speed?: Speed): Promise<void>;
  stop(id: string, speed?: Speed): Promise<void>;
  start(id: string, speed?: Speed): Promise<void>;
  reboot(id: string): Promise<void>;
}

/** `natural`: the passing state lasts as long as in AWS (scaled). `at-once`: as a fault, without it. */
export type Speed = 'natural' | 'at-once';

export interface LaunchSpec {
  readonly zone: string;
  readonly tags: Record<string, string>;
}

export interface LifecycleDeps {
  readonly fleet: Fleet;
  readonly hosts: Hosts;
  readonly network: SandboxNetwork;
  readonly time: SandboxTime;
  readonly place: Place;
  readonly signal: AbortSignal;
}

/** How long pending, stopping and shutting-down last, AWS ms. Not documented; seconds to a minute is common. */
const passingMs = 15_000;

export function createLifecycle(deps: LifecycleDeps): Lifecycle {
  const { fleet, hosts, time } = deps;
  let launched = 0;
  /** Instances with a host. */
  const powered = new Set<string>();

  const powerOn = async (instance: SandboxInstance): Promise<void> => {
    powered.add(instance.id);
    await hosts.addInstance(instance);
  };

  const powerOff = async (id: string, keepDisk: boolean): Promise<void> => {
    agent(id, 'offline');
    if (powered.delete(id)) {
      await hosts.removeInstance(id, keepDisk);
    }
  };

  const pass = async (
    id: string,
    passing: InstanceState,
    lasting: InstanceState,
    speed: Speed,
    work: () => Promise<void>,
  ) => {
    fleet.setState(id, passing);
    await work();
    if (speed === 'natural') {
      await time.sleep(passingMs, deps.signal);
    }
    // Someone may have asked for another state meanwhile (a terminate during a stop): the later wish stands.
    if (fleet.get(id)?.state === passing) {
      fleet.setState(id, lasting);
    }
  };

  const agent = (id: string, state: 'online' | 'offline'): void => {
    if (fleet.get(id)?.agent !== 'absent') {
      fleet.setAgent(id, state);
    }
  };

  const wake = (id: string): void => {
    if (fleet.get(id)?.state === 'running') {
      agent(id, 'online');
    }
  };

  const boot = async (instance: SandboxInstance): Promise<void> => {
    await powerOn(instance);
    // It may have been terminated while it booted.
    if (instance.state === 'pending') {
      fleet.setState(instance.id, 'running');
      fleet.setAgent(instance.id, 'online');
    }
  };

  return {
    launch(wanted) {
      const instances = wanted.map((spec) => {
        launched += 1;
        const instance: SandboxInstance = {
          id: hexId('i-', `${deps.place.accountId}/${deps.place.region}/instance-${launched}`),
          zone: spec.zone,
          address: deps.network.nextAddress(),
          launchedAt: new Date(),
          state: 'pending',
          tags: spec.tags,
          agent: 'offline',
        };
        fleet.add(instance);
        return instance;
      });
      return { instances, ready: Promise.all(instances.map(boot)).then(() => undefined) };
    },
    terminate: (id, speed = 'natural') => pass(id, 'shutting-down', 'terminated', speed, () => powerOff(id, false)),
    stop: (id, speed = 'natural') => pass(id, 'stopping', 'stopped', speed, () => powerOff(id, true)),
    async start(id, speed = 'natural') {
      const instance = fleet.get(id);
      await pass(id, 'pending', 'running', speed, async () => {
        if (instance !== undefined) {
          await powerOn(instance);
        }
      });
      wake(id);
    },
    async reboot(id) {
      agent(id, 'offline');
      await hosts.reboot(id);
      wake(id);
    },
  };
}
