import { PortError } from '../domain/errors.js';
import type { InstanceId } from '../domain/ids.js';

/** Most instances of one SendCommand (API reference, `InstanceIds`). */
const mostInstances = 50;

/** A command but for its instance. Those that are equal go to their instances together. */
export interface Script {
  readonly script: string;
  readonly comment: string;
  readonly timeout: number;
}

/** One SendCommand. @returns the command id */
export type SendAll = (
  what: Script,
  instances: readonly InstanceId[],
  signal: AbortSignal | undefined,
) => Promise<string>;

interface Waiting {
  readonly instance: InstanceId;
  readonly resolve: (sent: { readonly command: string; readonly together: number }) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Puts sends of the same script that are asked for in the same turn into one SendCommand of up to 50 instances: a fleet of 1,000 would else wait two
 * minutes for its turn at the rate that SSM grants. Each instance still has an answer of its own.
 */
export function createBatches(sendAll: SendAll) {
  const open = new Map<
    string,
    { readonly what: Script; readonly waiting: Waiting[]; readonly signal: AbortSignal | undefined }
  >();

  /** SSM refuses all when it does not take one of them (InvalidInstanceId), and nothing is sent: halves find out which. */
  const flush = async (what: Script, waiting: readonly Waiting[], signal: AbortSignal | undefined): Promise<void> => {
    try {
      const instances = waiting.map(({ instance }) => instance);
      const command = await sendAll(what, instances, signal);
      for (const each of waiting) each.resolve({ command, together: waiting.length });
    } catch (error) {
      if (waiting.length > 1 && error instanceof PortError && error.kind === 'invalid') {
        const half = Math.ceil(waiting.length / 2);
        await Promise.all([flush(what, waiting.slice(0, half), signal), flush(what, waiting.slice(half), signal)]);
        return;
      }
      for (const each of waiting) each.reject(error);
    }
  };

  const close = (key: string): void => {
    const batch = open.get(key);
    open.delete(key);
    if (batch !== undefined) void flush(batch.what, batch.waiting, batch.signal);
  };

  /** Resolves when SSM has taken it. */
  return (
    instance: InstanceId,
    what: Script,
    signal: AbortSignal | undefined,
  ): Promise<{ readonly command: string; readonly together: number }> =>
    new Promise((resolve, reject) => {
      const key = `${String(what.timeout)} ${what.comment} ${what.script}`;
      const found = open.get(key);
      // The same instance once more is another command.
      if (found !== undefined && found.signal === signal && !found.waiting.some((each) => each.instance === instance)) {
        found.waiting.push({ instance, resolve, reject });
        if (found.waiting.length === mostInstances) close(key);
        return;
      }
      close(key);
      const batch = { what, waiting: [{ instance, resolve, reject }], signal };
      open.set(key, batch);
      queueMicrotask(() => {
        if (open.get(key) === batch) close(key);
      });
    });
}
