import { AsyncLocalStorage } from 'node:async_hooks';

/*
 * The SDK repeats reads by itself, and says nothing of the attempts. A call that runs out of time in the midst of them has a reason all the same: what its
 * last attempt was answered.
 */

interface Attempts {
  last?: unknown;
}

const current = new AsyncLocalStorage<Attempts>();

/** As much of a client's middleware stack as this needs. */
export interface Watched {
  readonly middlewareStack: { add(middleware: unknown, options: unknown): void };
}

/** Runs a call; `attempts.last` is then what its last failed attempt threw. */
export function withAttempts<T>(attempts: Attempts, run: () => Promise<T>): Promise<T> {
  return current.run(attempts, run);
}

const watched = new WeakSet<Watched>();

/** Lets the client's calls note their attempts. */
export function watchAttempts(client: Watched): void {
  if (watched.has(client)) return;
  watched.add(client);
  const middleware =
    <Args, Output>(next: (args: Args) => Promise<Output>) =>
    async (args: Args): Promise<Output> => {
      try {
        return await next(args);
      } catch (error) {
        const attempts = current.getStore();
        if (attempts !== undefined) attempts.last = error;
        throw error;
      }
    };
  // Inside of what repeats, which has a high priority in the same step.
  client.middlewareStack.add(middleware, { step: 'finalizeRequest', priority: 'low', name: 'deployctlAttempts' });
}
