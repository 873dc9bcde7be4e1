import { parameterPort, toolboxOf } from '../simulation/ports.js';
import { Process } from '../simulation/process.js';
import type { Scenario } from '../simulation/scenario.js';
import { settingsOf, worldOf } from '../simulation/scenario.js';
import type { Timeline } from '../simulation/timeline.js';
import type { Delivery } from '../simulation/world/commands.js';
import { digestOf, instanceId } from '../simulation/world/shape.js';
import type { CommandFate, World } from './world.js';

const scenario: Scenario = {
  strategy: 'rolling',
  layout: 'ports',
  change: 'backend',
  fleet: 2,
  fate: 'good',
  before: 'adopted',
  seed: 1,
};
const longest = 600_000;
const deliveries: Readonly<Record<CommandFate, Delivery>> = { twice: 'twice', late: 'zombie', never: 'never' };

/** The simulator's world. Its time stands still, except while something is waited for. */
export async function openSimulated(): Promise<World> {
  const world = await worldOf(scenario);
  const { balancer, timeline, shape } = world;
  const tags = { old: 'old', new: 'new', bad: 'bad' } as const;
  world.publish(digestOf('backend', tags.bad), 'never-healthy');
  const next: Delivery[] = [];
  const process = new Process({
    world,
    name: 'contract',
    machine: 'here',
    weather: { fault: () => undefined, delivery: () => next.shift() ?? 'normal', standstill: () => 0 },
  });
  const box = toolboxOf(process, settingsOf(scenario));
  const backend = shape.services.find(({ name }) => name === 'backend');
  const [route] = backend?.routes ?? [];
  if (backend === undefined || route === undefined) throw new Error('this world has no backend with a route');
  const { blue, green } = backend.colors;
  const rest = async (duration: number): Promise<void> => {
    const end = timeline.now + duration;
    timeline.after(duration, () => undefined);
    await timeline.drive(() => timeline.now >= end, duration);
  };
  const port = balancer.routes.get(route);
  if (port === undefined) throw new Error(`${route} is not there`);
  return {
    fleet: driven(timeline, box.fleet),
    traffic: driven(timeline, box.traffic),
    hosts: driven(timeline, box.hosts),
    parameters: driven(timeline, parameterPort(process)),
    instances: [instanceId(1), instanceId(2)],
    route,
    groups: { blue: blue.group, green: green.group },
    ports: { blue: blue.port, green: green.port },
    digest: (image) => digestOf('backend', tags[image]),
    until: async (look, wanted) => {
      const end = timeline.now + longest;
      for (;;) {
        const seen = await look();
        if (wanted(seen)) return seen;
        if (timeline.now > end) throw new Error(`not as wanted: ${JSON.stringify(seen)}`);
        await rest(100);
      }
    },
    rest,
    foreignWeights: (weights) => {
      balancer.write(
        route,
        [...weights].map(([group, weight]) => ({ group, weight })),
        undefined,
      );
      return Promise.resolve();
    },
    foreignEdit: () => {
      const { frame } = port;
      port.frame = 'another hand';
      return Promise.resolve(() => {
        port.frame = frame;
        return Promise.resolve();
      });
    },
    nextCommand: (fate) => {
      next.push(deliveries[fate]);
      return Promise.resolve();
    },
    silence: (instance) => {
      const host = world.hosts.get(instance);
      if (host !== undefined) host.agent = 'offline';
      return Promise.resolve();
    },
    terminate: (instance) => {
      world.terminate(instance);
      return Promise.resolve();
    },
    close: () => Promise.resolve(),
  };
}

/** The same port, each of whose calls makes time pass until it is answered. */
function driven<T extends object>(timeline: Timeline, port: T): T {
  return new Proxy(port, {
    get(target, key) {
      const method: unknown = Reflect.get(target, key);
      if (typeof method !== 'function') return method;
      return async (...args: readonly unknown[]): Promise<unknown> => {
        const answer = Promise.resolve(Reflect.apply(method, target, args) as unknown);
        let isOver = false;
        const over = (): void => {
          isOver = true;
        };
        void answer.then(over, over);
        await timeline.drive(() => isOver, longest);
        return answer;
      };
    },
  });
}
