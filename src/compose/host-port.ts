import { PortError } from '../domain/errors.js';
import type { Fence, HostRequest } from '../domain/host.js';
import type { Ms } from '../domain/ids.js';
import type { HostCommandState, HostPort } from '../engine/host-port.js';
import type { CommandState, RunnerPort } from '../engine/ports.js';
import { encodeAsk, encodeList, encodeRequest, encodeResolve, HostRequestError } from '../host/encode.js';
import { parseResult } from '../host/result.js';

/** Longest run of a question to a container. */
const askTimeout = 30_000;

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
    const script = encoded(() =>
      encodeRequest({ app, environment, region, request, timeout, ...(fence === undefined ? {} : { fence }) }),
    );
    scripts.set(request, { fence, timeout, script });
    return script;
  };
  return {
    send: ({ instance, request, fence, timeout }, signal) => {
      const script = scriptOf(request, fence, timeout);
      const comment = `${prefix}${request.phase} ${fenceText(fence)}`.slice(0, 100);
      return runner.send({ instance, script, comment, timeout }, signal);
    },
    sendResolve: ({ instance, repository, tag, timeout }, signal) => {
      const script = encoded(() => encodeResolve({ app, environment, region, repository, tag, timeout }));
      return runner.send({ instance, script, comment: `${prefix}resolve`.slice(0, 100), timeout }, signal);
    },
    sendAsk: ({ instance, ...asked }, signal) => {
      const script = encoded(() => encodeAsk({ app, environment, region, ...asked }));
      return runner.send({ instance, script, comment: `${prefix}ask`.slice(0, 100), timeout: askTimeout }, signal);
    },
    sendList: ({ instance }, signal) => {
      const script = encoded(() => encodeList({ app, environment, region, timeout: askTimeout }));
      return runner.send({ instance, script, comment: `${prefix}list`.slice(0, 100), timeout: askTimeout }, signal);
    },
    poll: async (commands, signal) => {
      const states = await runner.poll(commands, signal);
      return new Map([...states].map(([id, state]) => [id, read(state)]));
    },
  };
}

function read(state: CommandState): HostCommandState {
  switch (state.is) {
    case 'pending':
    case 'running':
      return { is: 'pending' };
    case 'finished':
      return { is: 'replied', reply: parseResult(state) };
    case 'killed':
    case 'undelivered':
      return { is: 'lost', why: state.why };
  }
}

const fenceText = (fence: Fence | undefined): string => (fence === undefined ? 'look' : fence.join('.'));

/** What cannot be encoded is refused before anything is sent. */
function encoded(make: () => string): string {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof HostRequestError)) throw error;
    throw new PortError({ kind: 'invalid', operation: 'ssm:SendCommand', message: error.message, cause: error });
  }
}
