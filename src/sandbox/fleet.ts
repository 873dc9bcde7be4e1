import type { InstanceState, SandboxInstance } from './types.js';

/** What changed about an instance. */
export type FleetChange = 'added' | 'state' | 'agent' | 'tags';

export type FleetListener = (instance: SandboxInstance, change: FleetChange) => void;

/** The instances of one sandbox, read side. Terminated instances stay listed, as EC2 keeps them for about an hour. */
export interface FleetReader {
  get(id: string): SandboxInstance | undefined;
  /** All instances in the order in which they were added. */
  list(): readonly SandboxInstance[];
  /** Calls `listener` after each change. Returns the function that ends it. */
  onChange(listener: FleetListener): () => void;
}

/** The instances of one sandbox. Changes go through here so that listeners hear of them. */
export interface Fleet extends FleetReader {
  add(instance: SandboxInstance): void;
  setState(id: string, state: InstanceState): void;
  setAgent(id: string, agent: SandboxInstance['agent']): void;
  setTags(id: string, tags: Record<string, string>): void;
}

/** An empty fleet, kept in memory. */
export function createFleet(): Fleet {
  const instances = new Map<string, SandboxInstance>();
  const listeners = new Set<FleetListener>();
  const change = (id: string, what: FleetChange, apply: (instance: SandboxInstance) => void): void => {
    const instance = instances.get(id);
    if (instance === undefined) {
      throw new Error(`no instance ${id} in this sandbox; it has ${[...instances.keys()].join(', ') || 'none'}`);
    }
    apply(instance);
    for (const listener of [...listeners]) {
      listener(instance, what);
    }
  };
  return {
    get: (id) => instances.get(id),
    list: () => [...instances.values()],
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    add(instance) {
      instances.set(instance.id, instance);
      change(instance.id, 'added', () => undefined);
    },
    setState(id, state) {
      change(id, 'state', (instance) => {
        instance.state = state;
      });
    },
    setAgent(id, agent) {
      change(id, 'agent', (instance) => {
        instance.agent = agent;
      });
    },
    setTags(id, tags) {
      change(id, 'tags', (instance) => {
        instance.tags = tags;
      });
    },
  };
}
