import type { EventBody } from '../domain/event.js';
import type { EnvironmentSettings, SecretSource } from '../domain/settings.js';
import { systemClock } from '../engine/clock.js';
import type { ParameterPort, Reporter } from '../engine/ports.js';
import type { NotifierMemory } from '../operations/toolbox.js';

interface Surroundings {
  readonly settings: EnvironmentSettings;
  readonly env: NodeJS.ProcessEnv;
  readonly parameters: ParameterPort;
  readonly emit: (event: EventBody) => void;
  readonly memory: NotifierMemory;
  readonly signal: AbortSignal;
}

interface Opened {
  readonly name: string;
  readonly reporter: Reporter;
}

/** Everybody who is told of a rollout. One whose address cannot be read costs a warning. */
export async function openNotifiers(around: Surroundings): Promise<readonly Opened[]> {
  const { slack, webhooks = [] } = around.settings;
  const opened = await Promise.all([
    openDiscord(around),
    ...(slack === undefined ? [] : [openSlack(around, slack)]),
    ...webhooks.map((webhook) => openWebhook(around, webhook)),
  ]);
  return opened.filter((each) => each !== undefined);
}

async function openDiscord(around: Surroundings): Promise<Opened | undefined> {
  const { settings, memory } = around;
  if (settings.discord === undefined) return undefined;
  const url = await readOrWarn(around, 'Discord', settings.discord.webhook);
  if (url === undefined) return undefined;
  const { createDiscord, createDiscordHttp } = await import('../reporters/discord/index.js');
  const reporter = createDiscord({
    settings: settings.discord,
    url,
    http: createDiscordHttp(),
    clock: systemClock,
    remember: memory.remember,
    markSent: memory.markSent,
    alreadySent: memory.alreadySent,
    attempt: memory.attempt,
    warn: warner(around),
    ...(memory.messageId === undefined ? {} : { previousMessageId: memory.messageId }),
  });
  return { name: 'Discord', reporter };
}

async function openSlack(
  around: Surroundings,
  { webhook, mention }: NonNullable<EnvironmentSettings['slack']>,
): Promise<Opened | undefined> {
  const url = await readOrWarn(around, 'Slack', webhook);
  if (url === undefined) return undefined;
  const { createSlack, createWebhookHttp } = await import('../reporters/webhook/index.js');
  const common = { url, http: createWebhookHttp(), clock: systemClock, ...memoryOf(around) };
  const reporter = createSlack({ ...common, ...(mention === undefined ? {} : { mention }) });
  return { name: 'Slack', reporter };
}

async function openWebhook(
  around: Surroundings,
  settings: NonNullable<EnvironmentSettings['webhooks']>[number],
): Promise<Opened | undefined> {
  const name = `webhook ${settings.name}`;
  const [url, secret] = await Promise.all([
    readOrWarn(around, name, settings.url),
    readOrWarn(around, name, settings.secret),
  ]);
  if (url === undefined || secret === undefined) return undefined;
  const { createWebhook, createWebhookHttp } = await import('../reporters/webhook/index.js');
  const common = { url, http: createWebhookHttp(), clock: systemClock, ...memoryOf(around) };
  return { name, reporter: createWebhook({ ...common, name: settings.name, secret }) };
}

function memoryOf(around: Surroundings): {
  readonly attempt: number;
  readonly alreadySent: ReadonlySet<string>;
  readonly markSent: NotifierMemory['markSent'];
  readonly warn: (text: string) => void;
} {
  const { alreadySent, attempt, markSent } = around.memory;
  return { alreadySent, attempt, markSent, warn: warner(around) };
}

function warner({ emit }: Surroundings): (text: string) => void {
  return (text) => emit({ type: 'note', level: 'warning', text });
}

async function readOrWarn(around: Surroundings, name: string, source: SecretSource): Promise<string | undefined> {
  const secret = await secretOf(source, around.env, around.parameters, around.signal);
  if ('value' in secret) return secret.value;
  warner(around)(`${name}: ${secret.problem}; nothing is sent, the rollout goes on`);
  return undefined;
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
