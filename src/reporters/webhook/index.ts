import { createHmac } from 'node:crypto';
import type { DeployctlEvent } from '../../domain/event.js';
import type { Ms } from '../../domain/ids.js';
import type { Clock, Reporter } from '../../engine/ports.js';
import { safeJson } from '../clean.js';
import { marker } from '../marks.js';
import { eventLine } from '../ndjson.js';
import { createSender } from './sender.js';
import type { Outgoing, WebhookHttp } from './sender.js';
import { slackBody } from './slack.js';

export { createWebhookHttp } from './sender.js';

interface Options {
  /** The address, which is its credential: it never shows in any text. */
  readonly url: string;
  readonly http: WebhookHttp;
  readonly clock: Clock;
  /** The generation of the lease: an end and a hold are told once an attempt. */
  readonly attempt: number;
  readonly alreadySent: ReadonlySet<string>;
  readonly markSent: (kind: string) => void | Promise<void>;
  /** Told at most once, that something could not be delivered. */
  readonly warn: (text: string) => void;
  /** How long `close` waits for the last messages; default 15 s, of which an interrupted rollout takes 2 s at most. */
  readonly closeWithin?: Ms;
}

/** Events that are worth a message of their own. How often each kind goes out: see `marker`. */
function kindOf(event: DeployctlEvent): string | undefined {
  switch (event.type) {
    case 'rollout.started':
      return 'start';
    case 'rollback.started':
      return 'rollback';
    case 'hold.started':
      return 'hold';
    case 'outage.started':
      return 'outage';
    case 'rollout.ended':
      return event.outcome === 'interrupted' ? undefined : 'end';
    case 'note':
    case 'outage.ended':
    case 'phase.changed':
    case 'action.sent':
    case 'action.failed':
    case 'host.done':
    case 'host.failed':
    case 'instance.moved':
    case 'traffic.shifted':
    case 'bake.started':
    case 'probe.sampled':
    case 'view':
      return undefined;
  }
}

/** Tells a Slack channel, by incoming webhook: start, beginning of a rollback, hold, and end. Never blocks, throws or fails a rollout. */
export function createSlack(options: Options & { readonly mention?: string }): Reporter {
  return reporter('Slack', 'slack', options, () => ({}), slackBody(options.mention));
}

/**
 * Posts the same four events as JSON, in the form of the event log's lines, signed:
 * `X-Deployctl-Signature: t=<unix seconds>,v1=<hex HMAC-SHA256 of "<t>.<body>">`. `X-Deployctl-Delivery` is the same when a message comes twice.
 */
export function createWebhook(options: Options & { readonly name: string; readonly secret: string }): Reporter {
  const { name, secret, clock } = options;
  const headers = ({ body, id }: Outgoing): Readonly<Record<string, string>> => {
    const time = String(Math.floor(clock.now() / 1000));
    const mark = createHmac('sha256', secret).update(`${time}.${body}`).digest('hex');
    return { 'x-deployctl-signature': `t=${time},v1=${mark}`, 'x-deployctl-delivery': id };
  };
  return reporter(`webhook ${name}`, `webhook-${name}`, options, headers, (event, rollout) =>
    safeJson({ rollout, ...eventLine(event) }),
  );
}

function reporter(
  name: string,
  key: string,
  options: Options,
  headers: (message: Outgoing) => Readonly<Record<string, string>>,
  bodyOf: (event: DeployctlEvent, rollout: string) => string,
): Reporter {
  const { url, warn } = options;
  if (!URL.canParse(url) || !['http:', 'https:'].includes(new URL(url).protocol)) {
    warn(`${name}: the URL is not an http(s) URL; nothing is sent. Check where the configuration points to`);
    return { report: () => undefined, close: () => Promise.resolve() };
  }
  const sender = createSender({ ...options, name, headers });
  const markOf = marker(options.attempt);
  let rollout: string | undefined;
  let interrupted = false;
  return {
    report(event) {
      if (event.type === 'rollout.started' || event.type === 'rollout.ended') rollout = event.summary.rollout;
      if (event.type === 'rollout.ended') interrupted = event.outcome === 'interrupted';
      const kind = kindOf(event);
      // Before the start there is nothing to tell about: a refused rollout is the business of whoever typed it.
      if (kind === undefined || rollout === undefined) return;
      const mark = markOf(kind);
      sender.send({ kind: `${key}.${mark}`, id: `${rollout}/${mark}`, body: bodyOf(event, rollout) });
    },
    close: () => sender.close(Math.min(options.closeWithin ?? 15_000, interrupted ? 2000 : Number.POSITIVE_INFINITY)),
  };
}
