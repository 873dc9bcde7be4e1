import type { FleetReader } from '../fleet.js';
import type { Elbv2Store } from '../services/elbv2/store.js';
import type { SandboxTime } from '../types.js';
import type { GroupView, ListenerView } from './views.js';
import { viewGroup, viewListener } from './views.js';

/** A part of the data plane that follows the control plane: a balancer node, or the health checker. */
export interface Follower {
  setListener(view: ListenerView): void;
  setGroup(view: GroupView): void;
  removeGroup(arn: string): void;
}

export interface PropagationDeps {
  readonly store: Elbv2Store;
  readonly fleet: FleetReader;
  readonly time: SandboxTime;
  readonly followers: readonly Follower[];
  /** Longest lag of a change, AWS ms; each follower hears of each change after 40 to 100 % of it. */
  readonly lagMs: () => number;
  /** 0 to 1; for tests. */
  readonly random?: () => number;
}

interface Pending {
  readonly dueAt: number;
  readonly apply: () => void;
}

/**
 * Carries changes of the control plane to the data plane, late: each change to each follower on its own, as the nodes
 * of a load balancer learn of it one by one. Changes of one listener or group never overtake each other at a follower.
 */
export interface Propagation {
  /** Hands the present state to all followers without delay. */
  syncAll(): void;
  close(): void;
}

export function createPropagation(deps: PropagationDeps): Propagation {
  const { store, fleet, time, followers } = deps;
  const random = deps.random ?? Math.random;
  const queues = followers.map(() => new Map<string, Pending[]>());
  const timers = new Set<NodeJS.Timeout>();
  const leastShare = 0.4;

  const flush = (queue: Pending[], until: number): void => {
    while (queue[0] !== undefined && queue[0].dueAt <= until) {
      queue.shift()?.apply();
    }
  };

  const publish = (key: string, immediate: boolean, apply: (follower: Follower) => void): void => {
    followers.forEach((follower, index) => {
      const lag = immediate ? 0 : time.real(deps.lagMs() * (leastShare + (1 - leastShare) * random()));
      const queue = queues[index]?.get(key) ?? [];
      queues[index]?.set(key, queue);
      const now = performance.now();
      const dueAt = Math.max(now + lag, queue.at(-1)?.dueAt ?? 0);
      queue.push({
        dueAt,
        apply: () => {
          apply(follower);
        },
      });
      if (dueAt <= now) {
        flush(queue, dueAt);
        return;
      }
      const timer = setTimeout(() => {
        timers.delete(timer);
        flush(queue, dueAt);
      }, dueAt - now);
      timers.add(timer);
    });
  };

  const publishListener = (arn: string, immediate: boolean): void => {
    const view = viewListener(store, arn);
    if (view !== undefined) {
      publish(arn, immediate, (follower) => {
        follower.setListener(view);
      });
    }
  };

  const publishGroup = (arn: string, immediate: boolean): void => {
    const view = viewGroup(store, fleet, arn);
    publish(arn, immediate, (follower) => {
      if (view === undefined) {
        follower.removeGroup(arn);
      } else {
        follower.setGroup(view);
      }
    });
  };

  store.onChange((change) => {
    if (change.kind === 'listener') {
      publishListener(change.listenerArn, false);
    } else {
      publishGroup(change.groupArn, change.immediate);
    }
  });

  const stopWatching = fleet.onChange((instance, what) => {
    if (what !== 'state') {
      return;
    }
    for (const group of store.groups.values()) {
      if (group.registrations.some((registration) => registration.instanceId === instance.id)) {
        publishGroup(group.arn, false);
      }
    }
  });

  return {
    syncAll() {
      for (const arn of store.groups.keys()) {
        publishGroup(arn, true);
      }
      for (const arn of store.listeners.keys()) {
        publishListener(arn, true);
      }
    },
    close() {
      stopWatching();
      for (const timer of timers) {
        clearTimeout(timer);
      }
      timers.clear();
    },
  };
}
