import { commandFlaw } from '../domain/command-size.js';
import { messageOf } from '../domain/errors.js';
import type { Fence, HostRequest } from '../domain/host.js';
import { MOST_GENERATION } from '../domain/host.js';
import type { Ms } from '../domain/ids.js';
import { UnsendableRequest } from '../engine/host-port.js';
import type { HostCommandState, HostPort } from '../engine/host-port.js';
import type { CommandState, RunnerPort } from '../engine/ports.js';
import { encodeAsk, encodeList, encodeRequest, encodeResolve } from '../host/encode.js';
import { parseResult } from '../host/result.js';
import type { Scope } from '../host/wire-container.js';

/** Longest run of a question to a container. */
const askTimeout = 30_000;

/** As long as a fence can be: what is measured must hold for all of a rollout. */
const longestFence: Fence = [MOST_GENERATION, 99_999, 999_999];

/** The instance script over SSM Run Command: requests in, parsed answers out. */
export function createHostPort(
  runner: RunnerPort,
  scope: { readonly app: string; readonly environment: string; readonly region: string },
): HostPort {
  const { app, environment, region } = scope;
  const prefix = `deployctl ${app}/${environment} `;
  /** The same object is sent to many instances. */
  const scripts = new WeakMap<
    HostRequest,
    { readonly fence: Fence | undefined; readonly timeout: Ms; readonly script: string }
  >();
  const scriptOf = (request: HostRequest, fence: Fence | undefined, timeout: Ms): string => {
    const before = scripts.get(request);
    if (before !== undefined && before.fence === fence && before.timeout === timeout) return before.script;
    const script = sendable(() =>
      encodeRequest({ app, environment, region, request, timeout, ...(fence === undefined ? {} : { fence }) }),
    );
    scripts.set(request, { fence, timeout, script });
    return script;
  };
  return {
    flaw: (request, timeout) => {
      try {
        sendable(() => encodeRequest({ app, environment, region, request, timeout, fence: longestFence }));
        return undefined;
      } catch (error) {
        if (error instanceof UnsendableRequest) return error;
        throw error;
      }
    },
    send: async ({ instance, request, fence, timeout }, signal) => {
      const script = scriptOf(request, fence, timeout);
      const comment = `${prefix}${request.phase} ${fenceText(fence)}`.slice(0, 100);
      return runner.send({ instance, script, comment, timeout }, signal);
    },
    sendResolve: async ({ instance, repository, tag, timeout }, signal) => {
      const script = sendable(() => encodeResolve({ app, environment, region, repository, tag, timeout }));
      return runner.send({ instance, script, comment: `${prefix}resolve`.slice(0, 100), timeout }, signal);
    },
    sendAsk: async ({ instance, ...asked }, signal) => {
      const script = sendable(() => encodeAsk({ app, environment, region, ...asked }));
      return runner.send({ instance, script, comment: `${prefix}ask`.slice(0, 100), timeout: askTimeout }, signal);
    },
    sendList: async ({ instance }, signal) => {
      const script = sendable(() => encodeList({ app, environment, region, timeout: askTimeout }));
      return runner.send({ instance, script, comment: `${prefix}list`.slice(0, 100), timeout: askTimeout }, signal);
    },
    poll: async (commands, signal) => {
      const states = await runner.poll(commands, signal);
      return new Map([...states].map(([id, state]) => [id, read(state, scope)]));
    },
  };
}

function read(state: CommandState, scope: Scope): HostCommandState {
  switch (state.is) {
    case 'pending':
    case 'running':
      return { is: 'pending' };
    case 'finished':
      return { is: 'replied', reply: parseResult(state, scope) };
    case 'killed':
    case 'undelivered':
      return { is: 'lost', why: state.why };
  }
}

const fenceText = (fence: Fence | undefined): string => (fence === undefined ? 'look' : fence.join('.'));

/** The script, where it can be sent. @throws UnsendableRequest whatever goes wrong: the rest of a rollout must be able to go on, or back */
function sendable(encode: () => string): string {
  let script: string;
  try {
    script = encode();
  } catch (error) {
    throw new UnsendableRequest(messageOf(error), { tooLarge: false, cause: error });
  }
  const own = /^REQUEST=.*$/m.exec(script)?.[0].length;
  const flaw = commandFlaw(script, own);
  if (flaw !== undefined) throw new UnsendableRequest(flaw, { tooLarge: true });
  return script;
}
