import { callLimit, createAws, localRates } from '../aws/index.js';
import type { EventBody } from '../domain/event.js';
import type { EnvironmentSettings, SecretSource } from '../domain/settings.js';
import { systemClock, systemRandom } from '../engine/clock.js';
import type { ParameterPort, Reporter } from '../engine/ports.js';
import { createHttp } from '../health/http.js';
import type { NotifierMemory, Toolbox } from '../operations/toolbox.js';
import { createMultiplex } from '../reporters/multiplex.js';
import { createProgress } from '../reporters/progress.js';
import { createState } from '../state/index.js';
import { isAlive, thisActor } from './actor.js';
import { createGates } from './gates.js';
import { createHostPort } from './host-port.js';
import { isLocal } from './local.js';

export interface Composed {
  readonly box: Toolbox;
  /** Flushes reporters and closes connections. */
  close(): Promise<void>;
}

/** The composition root: the one place that says which implementation is behind which port. */
export async function compose(options: {
  readonly settings: EnvironmentSettings;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
  /** One line an event even at a terminal. */
  readonly quiet: boolean;
  /** File for every event as NDJSON. */
  readonly events?: string;
}): Promise<Composed> {
  const { settings, env, signal } = options;
  const clock = systemClock;
  const aws = createAws({
    region: settings.region,
    clock,
    ...(isLocal(env['AWS_ENDPOINT_URL']) ? { rates: localRates } : {}),
  });
  const progress = await createProgress({ stream: process.stderr, env, clock, quiet: options.quiet });
  const reporters: { readonly name: string; readonly reporter: Reporter }[] = [
    { name: 'the progress output', reporter: progress },
  ];
  if (options.events !== undefined) {
    const { openEventLog } = await import('./event-log.js');
    const log = await openEventLog(options.events, (text) => emit({ type: 'note', level: 'warning', text }));
    reporters.push({ name: 'the event log', reporter: log });
  }
  const all = createMultiplex({ reporters, clock });
  const emit = (event: EventBody): void => {
    all.report({ ...event, at: clock.now() });
  };
  const actor = thisActor(env);
  const http = createHttp();
  const { app, environment, region } = settings;
  const box: Toolbox = {
    settings,
    fleet: aws.fleet,
    traffic: aws.traffic,
    images: aws.images,
    identity: aws.identity,
    account: aws.account,
    hosts: createHostPort(aws.runner, { app, environment, region }),
    state: createState({ parameters: aws.parameters, clock, random: systemRandom, app, environment }),
    clock,
    random: systemRandom,
    gates: (gates) => createGates({ http, clock }, gates),
    emit,
    actor,
    isAlive: isAlive(actor),
    signal,
    changeLimit: callLimit.change,
    notifier: async (memory) => {
      const discord = await openDiscord(settings, env, aws.parameters, emit, memory, signal);
      if (discord === undefined) return { close: () => Promise.resolve() };
      reporters.push({ name: 'Discord', reporter: discord });
      return discord;
    },
  };
  return {
    box,
    close: async () => {
      await all.close();
      aws.close();
    },
  };
}

async function openDiscord(
  settings: EnvironmentSettings,
  env: NodeJS.ProcessEnv,
  parameters: ParameterPort,
  emit: (event: EventBody) => void,
  memory: NotifierMemory,
  signal: AbortSignal,
): Promise<Reporter | undefined> {
  if (settings.discord === undefined) return undefined;
  const warn = (text: string): void => emit({ type: 'note', level: 'warning', text });
  const url = await secretOf(settings.discord.webhook, env, parameters, signal);
  if ('problem' in url) {
    warn(`Discord: ${url.problem}; nothing is sent, the rollout goes on`);
    return undefined;
  }
  const { createDiscord, createDiscordHttp } = await import('../reporters/discord/index.js');
  return createDiscord({
    settings: settings.discord,
    url: url.value,
    http: createDiscordHttp(),
    clock: systemClock,
    remember: memory.remember,
    markSent: memory.markSent,
    alreadySent: memory.alreadySent,
    warn,
    ...(memory.messageId === undefined ? {} : { previousMessageId: memory.messageId }),
  });
}

async function secretOf(
  source: SecretSource,
  env: NodeJS.ProcessEnv,
  parameters: ParameterPort,
  signal: AbortSignal,
): Promise<{ readonly value: string } | { readonly problem: string }> {
  if (source.is === 'env') {
    const value = env[source.variable];
    return value === undefined || value === '' ? { problem: `the variable ${source.variable} is not set` } : { value };
  }
  try {
    return { value: await parameters.secret(source.name, signal) };
  } catch (error) {
    // A notification never decides about a rollout, whatever keeps its address from being read.
    return {
      problem: `the parameter ${source.name} cannot be read (${error instanceof Error ? error.message : 'unknown'})`,
    };
  }
}
