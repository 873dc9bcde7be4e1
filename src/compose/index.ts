import { callLimit, createAws, localRates } from '../aws/index.js';
import type { RequestHandler } from '../aws/index.js';
import type { EventBody } from '../domain/event.js';
import type { EnvironmentSettings } from '../domain/settings.js';
import { systemClock, systemRandom } from '../engine/clock.js';
import type { Clock, Reporter } from '../engine/ports.js';
import { createHttp } from '../health/http.js';
import type { RunnerBox } from '../operations/run-on.js';
import { createMultiplex } from '../reporters/multiplex.js';
import { createProgress } from '../reporters/progress.js';
import { createState } from '../state/index.js';
import { isAlive, thisActor } from './actor.js';
import type { Asides } from './asides.js';
import { createGates } from './gates.js';
import { openNotifiers } from './notifiers.js';
import { createHooks } from './hooks.js';
import { createHostPort } from './host-port.js';
import { isLocal } from './local.js';

export { loadOwnFiles } from './own-files.js';

export interface Composed {
  readonly box: RunnerBox;
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
  readonly asides: Asides;
  /** Shows a note in what is drawn at the terminal now, and says whether it did: then the progress output leaves it out. */
  readonly shown?: (note: string) => boolean;
  /** Other time, other ways to AWS and another screen than those of this machine. */
  readonly instead?: {
    readonly clock: Clock;
    readonly requestHandler: RequestHandler;
    readonly progress: Reporter;
  };
}): Promise<Composed> {
  const { settings, env, signal, asides, instead } = options;
  const clock = instead?.clock ?? systemClock;
  const aws = createAws({
    region: settings.region,
    clock,
    notices: (level, text) => emit({ type: 'note', level, text }),
    ...(isLocal(env['AWS_ENDPOINT_URL']) ? { rates: localRates } : {}),
    ...(instead === undefined ? {} : { requestHandler: instead.requestHandler }),
  });
  const progress =
    instead?.progress ?? (await createProgress({ stream: process.stderr, env, clock, quiet: options.quiet }));
  const reporters: { readonly name: string; readonly reporter: Reporter }[] = [
    { name: 'the progress output', reporter: unlessShown(progress, options.shown) },
  ];
  if (options.events !== undefined) {
    const { openEventLog } = await import('./event-log.js');
    const log = openEventLog(options.events, asides.warn);
    reporters.push({ name: 'the event log', reporter: log });
  }
  const all = createMultiplex({ reporters, clock, warn: asides.warn });
  const emit = (event: EventBody): void => {
    all.report({ ...event, at: clock.now() });
  };
  const unheard = asides.listen((text) => emit({ type: 'note', level: 'warning', text }));
  const actor = thisActor(env);
  const http = createHttp();
  const { app, environment, region } = settings;
  const box: RunnerBox = {
    runner: aws.runner,
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
    gates: (gates, sampled) => createGates({ http, clock }, gates, sampled),
    hooks: createHooks(settings.hooks),
    emit,
    onAside: asides.listen,
    actor,
    isAlive: isAlive(actor),
    signal,
    changeLimit: callLimit.change,
    notifier: async (memory) => {
      const opened = await openNotifiers({ settings, env, parameters: aws.parameters, emit, memory, signal });
      reporters.push(...opened);
      return { close: async () => void (await Promise.all(opened.map(({ reporter }) => reporter.close()))) };
    },
  };
  return {
    box,
    close: async () => {
      await all.close();
      unheard();
      aws.close();
    },
  };
}

function unlessShown(reporter: Reporter, shown: ((note: string) => boolean) | undefined): Reporter {
  if (shown === undefined) return reporter;
  return {
    report(event) {
      if (event.type !== 'note' || !shown(event.text)) reporter.report(event);
    },
    close: () => reporter.close(),
  };
}
