/** The agent runs five commands at a time on a node (amazon-ssm-agent, DefaultCommandWorkersLimit). */
const WORKERS_PER_INSTANCE = 5;

interface Queue {
  busy: number;
  readonly waiting: (() => void)[];
}

/** Slots of the agents: at most five commands at a time per instance, first come first served. */
export interface Workers {
  /** Takes a slot; the result gives it back. Rejects with the signal's reason when it aborts while waiting. */
  take(instanceId: string, signal: AbortSignal): Promise<() => void>;
}

export function createWorkers(): Workers {
  const queues = new Map<string, Queue>();
  return {
    async take(instanceId, signal) {
      signal.throwIfAborted();
      let queue = queues.get(instanceId);
      if (queue === undefined) {
        queue = { busy: 0, waiting: [] };
        queues.set(instanceId, queue);
      }
      if (queue.busy < WORKERS_PER_INSTANCE) {
        queue.busy += 1;
      } else {
        await turn(queue, signal);
      }
      return () => giveBack(queue);
    },
  };
}

/** Resolves when a slot was handed over (it stays counted as busy). */
function turn(queue: Queue, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const go = (): void => {
      signal.removeEventListener('abort', stop);
      resolve();
    };
    const stop = (): void => {
      queue.waiting.splice(queue.waiting.indexOf(go), 1);
      reject(signal.reason instanceof Error ? signal.reason : new Error(String(signal.reason)));
    };
    queue.waiting.push(go);
    signal.addEventListener('abort', stop, { once: true });
  });
}

function giveBack(queue: Queue): void {
  const next = queue.waiting.shift();
  if (next === undefined) {
    queue.busy -= 1;
  } else {
    next();
  }
}
