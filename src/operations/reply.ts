import type { InstanceId, Ms } from '../domain/ids.js';
import type { HostPort, HostReply } from '../engine/host-port.js';
import type { Clock } from '../engine/ports.js';
import type { Toolbox } from './toolbox.js';
import { Waiting } from './waiting.js';

/** Waits for the answer of a command on an instance; undefined when it was lost, or did not come in time. */
export async function replyOf(
  tools: {
    readonly hosts: HostPort;
    readonly clock: Clock;
    readonly signal: AbortSignal;
    readonly emit: Toolbox['emit'];
  },
  command: { readonly id: string; readonly instance: InstanceId },
  times: { readonly poll: Ms; readonly limit: Ms },
): Promise<HostReply | undefined> {
  const waiting = new Waiting(tools);
  const deadline = tools.clock.now() + times.limit;
  while (tools.clock.now() < deadline) {
    const state = (await tools.hosts.poll([command], tools.signal)).get(command.id);
    if (state?.is === 'replied') return state.reply;
    if (state?.is === 'lost') return undefined;
    waiting.tell(() => `the answer of ${command.instance}`);
    await tools.clock.sleep(Math.min(times.poll, 1000), tools.signal);
  }
  return undefined;
}
