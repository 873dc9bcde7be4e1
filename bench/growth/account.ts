import type { ECRClient } from '@aws-sdk/client-ecr';
import { createCalls } from '../../src/aws/calls.js';
import type { Clients, Loaded, Use } from '../../src/aws/clients.js';
import { createFleet } from '../../src/aws/fleet.js';
import { createImages } from '../../src/aws/images.js';
import { createLimiter } from '../../src/aws/limiter.js';
import { createParameters } from '../../src/aws/parameters.js';
import { createRunner } from '../../src/aws/runner.js';
import * as ec2 from '../../src/aws/sdk/ec2.js';
import * as ecr from '../../src/aws/sdk/ecr.js';
import * as elbv2 from '../../src/aws/sdk/elbv2.js';
import * as ssm from '../../src/aws/sdk/ssm.js';
import { createTraffic } from '../../src/aws/traffic.js';
import type { Ms } from '../../src/domain/ids.js';
import type { CommandState, RunnerPort } from '../../src/engine/ports.js';
import type { HostCommandState, HostPort, HostReply } from '../../src/engine/host-port.js';
import type { Toolbox } from '../../src/operations/toolbox.js';
import { createState } from '../../src/state/index.js';
import { toolboxOf } from '../../test/simulation/ports.js';
import type { EnvironmentSettings } from '../../src/domain/settings.js';
import type { Process } from '../../test/simulation/process.js';
import { Quotas } from './quotas.js';
import type { Sent } from './service.js';
import { failure, Service } from './service.js';

/** From the send to the effect, and from a change to its answer. */
const latency = { request: 20, answer: 15 } as const;
/** The adapters of src/aws, with their rates, over clients that ask the simulated account. */
export function openAccount(
  process: Process,
  settings: EnvironmentSettings,
): { readonly box: Toolbox; readonly quotas: Quotas } {
  const { timeline } = process.world;
  const quotas = new Quotas(() => timeline.now);
  const service = new Service(process.world);
  const pass = (duration: Ms): Promise<void> =>
    new Promise((resolve) => {
      timeline.after(duration, resolve);
    });

  const client = (use: Use) => ({
    destroy: () => undefined,
    async send(command: {
      readonly input: Readonly<Record<string, unknown>>;
      readonly constructor: { readonly name: string };
    }) {
      const operation = command.constructor.name.replace(/Command(?:\$\d+)?$/, '');
      await pass(latency.request);
      if (!quotas.take(operation)) throw failure('ThrottlingException', 'Rate exceeded');
      const answer = service.answer(operation, command.input);
      if (use === 'change') await pass(latency.answer);
      return answer;
    },
  });
  /** Only what the adapters use of a client is there. */
  const open =
    <Sdk, Client>(sdk: Sdk) =>
    (use: Use): Promise<Loaded<Sdk, Client>> =>
      Promise.resolve({
        sdk,
        client: client(use) as Client,
        endpoint: () => undefined,
        credentials: () => Promise.resolve(),
      });
  const clients: Clients = {
    ec2: open(ec2),
    elbv2: open(elbv2),
    ssm: open(ssm),
    ecr: () => open<typeof ecr, ECRClient>(ecr)('read'),
    close: () => undefined,
  };
  const calls = createCalls(clients, createLimiter(process.clock), process.clock, {
    region: settings.region,
  });
  const { app, environment } = settings;
  const { clock } = process;
  const random = { hex: (length: number): string => process.random.hex(length) };
  return {
    quotas,
    box: {
      ...toolboxOf(process, settings),
      fleet: createFleet(calls),
      traffic: createTraffic(calls),
      images: createImages(calls),
      hosts: hostsOver(createRunner(calls)),
      state: createState({ parameters: createParameters(calls), clock, random, app, environment }),
    },
  };
}

/** Requests travel as they are: what the script's text costs is not part of this. */
function hostsOver(runner: RunnerPort): HostPort {
  const scripts = new WeakMap<object, string>();
  return {
    send: ({ instance, request, fence, timeout }, signal) => {
      const sent: Sent = { request, timeout, ...(fence === undefined ? {} : { fence }) };
      const script = scripts.get(request) ?? JSON.stringify(sent);
      scripts.set(request, script);
      return runner.send({ instance, script, comment: request.phase, timeout }, signal);
    },
    poll: async (commands, signal) =>
      new Map([...(await runner.poll(commands, signal))].map(([id, state]) => [id, replyOf(state)])),
    sendResolve: unasked,
    sendAsk: unasked,
    sendList: unasked,
    flaw: () => undefined,
  };
}

const unasked = (): Promise<never> => Promise.reject(new Error('this world has a registry with an API'));

function replyOf(state: CommandState): HostCommandState {
  if (state.is === 'finished') return { is: 'replied', reply: JSON.parse(state.stdout) as HostReply };
  return 'why' in state ? { is: 'lost', why: state.why } : { is: 'pending' };
}
