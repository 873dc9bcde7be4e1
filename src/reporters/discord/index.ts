import type { DeployctlEvent, RolloutSummary, View } from '../../domain/event.js';
import type { Instant, Ms } from '../../domain/ids.js';
import type { DiscordSettings } from '../../domain/settings.js';
import type { Clock, Reporter } from '../../engine/ports.js';
import { createCall, isMessageId } from './call.js';
import type { DiscordHttp } from './call.js';
import { createDelivery } from './delivery.js';
import type { Kind } from './delivery.js';
import { outageWords } from '../describe.js';
import { endMessage, endState, holdMessage, outageMessage, progressMessage, rollbackMessage } from './embeds.js';
import type { Picture, State } from './embeds.js';

export { createDiscordHttp } from './call.js';
export type { DiscordAnswer, DiscordHttp } from './call.js';

export interface DiscordOptions {
  readonly settings: DiscordSettings;
  /** The webhook's URL, which is its credential: it never shows in any text. */
  readonly url: string;
  readonly http: DiscordHttp;
  readonly clock: Clock;
  /** Told the id of the message that is edited, for whoever resumes the rollout. */
  readonly remember: (messageId: string) => void | Promise<void>;
  /** What `remember` was told before. */
  readonly previousMessageId?: string;
  /** The generation of the lease: an end and a hold are told once an attempt. */
  readonly attempt: number;
  /** Messages that were sent before a crash: what `markSent` was told. */
  readonly alreadySent: ReadonlySet<string>;
  /** `start` and `success` are marked before they are sent (at most once), all others after (at least once). */
  readonly markSent: (kind: string) => void | Promise<void>;
  /** Told at most once, that something could not be delivered. */
  readonly warn: (text: string) => void;
  /** How long `close` waits for the last messages; default 15 s, of which an interrupted rollout takes 2 s at most. */
  readonly closeWithin?: Ms;
}

/**
 * Tells a Discord channel, by webhook: one message a rollout that is edited as it moves; a new one, which notifies, for the success, the beginning
 * of a rollback, a hold, and an end that is not a success. It never blocks, never throws, and never fails a rollout.
 */
export function createDiscord(options: DiscordOptions): Reporter {
  const { clock, settings } = options;
  const call = createCall(options.url, options.http, clock);
  if (call === undefined) {
    options.warn(
      'Discord: the webhook URL is not an http(s) URL; nothing is sent. Check where the configuration points to',
    );
    return { report: () => undefined, close: () => Promise.resolve() };
  }
  const previous = options.previousMessageId;
  const delivery = createDelivery({
    call,
    clock,
    alreadySent: options.alreadySent,
    attempt: options.attempt,
    markSent: options.markSent,
    remember: options.remember,
    warn: options.warn,
    ...(previous !== undefined && isMessageId(previous) ? { messageId: previous } : {}),
  });

  let summary: RolloutSummary | undefined;
  let startedAt: Instant = 0;
  let phase = 'starting';
  let reason = '';
  let state: State = 'running';
  let view: View | undefined;
  let took: Ms | undefined;
  let interrupted = false;

  function picture(of: RolloutSummary): Picture {
    return {
      summary: of,
      startedAt,
      phase,
      reason,
      state,
      ...(view === undefined ? {} : { view }),
      ...(took === undefined ? {} : { took }),
    };
  }

  /** Messages are drawn when they are sent, so that the latest state goes out. */
  function redraw(of: RolloutSummary): void {
    delivery.progress(() => progressMessage(picture(of)));
  }

  function ended(event: Extract<DeployctlEvent, { type: 'rollout.ended' }>): void {
    ({ summary } = event);
    state = endState(event);
    phase = event.outcome;
    ({ reason, took } = event);
    interrupted = event.outcome === 'interrupted';
    if (!interrupted) {
      const kind: Kind = event.outcome === 'succeeded' && event.summary.kind !== 'rollback' ? 'success' : 'end';
      const message = endMessage(event, settings.mention);
      delivery.alert(kind, () => message);
    }
    redraw(event.summary);
  }

  function report(event: DeployctlEvent): void {
    if (event.type === 'rollout.started') {
      const of = event.summary;
      summary = of;
      startedAt = event.at;
      delivery.start(() => progressMessage(picture(of)));
      if (event.resumed) redraw(of);
      return;
    }
    if (event.type === 'rollout.ended') {
      ended(event);
      return;
    }
    // Before the start there is nothing to tell about: a refused rollout is the business of whoever typed it.
    const of = summary;
    if (of === undefined) return;
    switch (event.type) {
      case 'phase.changed':
        ({ phase, reason } = event);
        if (state === 'holding') state = 'running';
        break;
      case 'view':
        ({ view } = event);
        ({ phase, reason, startedAt } = event.view);
        if (event.view.aim === 'old' && of.kind !== 'rollback') state = 'rolling-back';
        else if (state === 'rolling-back') state = 'running';
        break;
      case 'rollback.started': {
        state = 'rolling-back';
        ({ reason } = event);
        const message = rollbackMessage(picture(of), event.at, event.failure, settings.mention);
        delivery.alert('rollback', () => message);
        break;
      }
      case 'outage.started': {
        const message = outageMessage(picture(of), outageWords(event), settings.mention);
        delivery.alert('outage', () => message);
        break;
      }
      case 'hold.started': {
        state = 'holding';
        ({ reason } = event);
        const message = holdMessage(picture(of), event.at, event.until, settings.mention);
        delivery.alert('hold', () => message);
        break;
      }
      case 'instance.moved':
      case 'traffic.shifted':
      case 'bake.started':
      case 'outage.ended':
        break;
      case 'note':
      case 'action.sent':
      case 'action.failed':
      case 'host.done':
      case 'host.failed':
      case 'probe.sampled':
        return;
    }
    redraw(of);
  }

  return {
    report,
    close: () => delivery.close(Math.min(options.closeWithin ?? 15_000, interrupted ? 2000 : Number.POSITIVE_INFINITY)),
  };
}
