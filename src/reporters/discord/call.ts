import { request } from 'undici';
import type { Ms } from '../../domain/ids.js';
import type { Clock } from '../../engine/ports.js';
import type { Message } from './embeds.js';

/** How requests leave. Rejects when there is no complete answer. Redirects are not followed. */
export interface DiscordHttp {
  send(
    request: { readonly method: 'POST' | 'PATCH'; readonly url: string; readonly body: string },
    signal: AbortSignal,
  ): Promise<DiscordAnswer>;
}

export interface DiscordAnswer {
  readonly status: number;
  readonly body: string;
  /** The `Retry-After` header, in seconds. */
  readonly retryAfter?: string;
}

/** Requests by undici. */
export function createDiscordHttp(): DiscordHttp {
  return {
    async send({ method, url, body }, signal) {
      const answer = await request(url, {
        method,
        body,
        signal,
        headers: { 'content-type': 'application/json', 'user-agent': 'deployctl' },
      });
      const header = answer.headers['retry-after'];
      const retryAfter = Array.isArray(header) ? header[0] : header;
      return {
        status: answer.statusCode,
        body: (await answer.body.text()).slice(0, 64 * 1024),
        ...(retryAfter === undefined ? {} : { retryAfter }),
      };
    },
  };
}

/** What became of a call. `why` never holds the URL, which is the credential. */
export type Result =
  | { readonly is: 'sent'; readonly id?: string }
  /** Nothing happened; again after this time. */
  | { readonly is: 'limited'; readonly retryAfter: Ms }
  /** The message can't be edited any more: it was deleted, or is older than an hour and was edited often. */
  | { readonly is: 'needs-new-message'; readonly why: string }
  /** The webhook is gone or refuses us: going on asking would get this address banned. */
  | { readonly is: 'dead'; readonly why: string }
  /** It may or may not have been taken. */
  | { readonly is: 'unsure'; readonly why: string }
  | { readonly is: 'refused'; readonly why: string };

/** JSON error codes (Discord API docs, "Opcodes and Status Codes"). */
const UNKNOWN_MESSAGE = 10008;
const TOO_MANY_EDITS_OF_OLD_MESSAGE = 30046;

const TIME_LIMIT: Ms = 10_000;

export interface Call {
  (messageId: string | undefined, message: Message, signal: AbortSignal): Promise<Result>;
}

/**
 * A new message (no id: POST with `?wait=true`, without which a message that was not saved gives no error) or an edit (PATCH). A `thread_id` of the URL stays.
 * @returns undefined when the URL is no URL of a webhook
 */
export function createCall(url: string, http: DiscordHttp, clock: Clock): Call | undefined {
  if (!URL.canParse(url)) return undefined;
  const hook = new URL(url);
  if (hook.protocol !== 'https:' && hook.protocol !== 'http:') return undefined;

  function address(messageId: string | undefined): string {
    const to = new URL(hook);
    const thread = hook.searchParams.get('thread_id');
    to.search = '';
    if (thread !== null) to.searchParams.set('thread_id', thread);
    if (messageId === undefined) to.searchParams.set('wait', 'true');
    else to.pathname = `${hook.pathname.replace(/\/$/, '')}/messages/${messageId}`;
    return to.href;
  }

  return async (messageId, message, signal) => {
    const ended = new AbortController();
    const stop = (): void => ended.abort();
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    try {
      const limit = clock.sleep(TIME_LIMIT, ended.signal).then(
        () => 'late' as const,
        () => 'stopped' as const,
      );
      const sent = http
        .send(
          {
            method: messageId === undefined ? 'POST' : 'PATCH',
            url: address(messageId),
            body: JSON.stringify(message),
          },
          ended.signal,
        )
        .then(judge, (error: unknown): Result => ({ is: 'unsure', why: connectionWords(error) }));
      const first = await Promise.race([sent, limit]);
      if (first === 'late') return { is: 'unsure', why: `Discord did not answer within ${TIME_LIMIT / 1000} s` };
      return first === 'stopped' ? { is: 'unsure', why: 'there was no time left to wait for Discord' } : first;
    } finally {
      signal.removeEventListener('abort', stop);
      stop();
    }
  };
}

function judge({ status, body, retryAfter }: DiscordAnswer): Result {
  const json = parse(body);
  const code = typeof json['code'] === 'number' ? json['code'] : undefined;
  const said = `Discord answered ${status}${code === undefined ? '' : ` (code ${code})`}`;
  if (status >= 200 && status <= 299) {
    const id = json['id'];
    return typeof id === 'string' && isMessageId(id) ? { is: 'sent', id } : { is: 'sent' };
  }
  if (code === UNKNOWN_MESSAGE || code === TOO_MANY_EDITS_OF_OLD_MESSAGE) return { is: 'needs-new-message', why: said };
  if (status === 429) return { is: 'limited', retryAfter: waitOf(json['retry_after'] ?? retryAfter) };
  if (status === 401 || status === 403 || status === 404) {
    return { is: 'dead', why: `${said}: the webhook is gone or not ours to use; make a new one and store its URL` };
  }
  if (status >= 500) return { is: 'unsure', why: said };
  return { is: 'refused', why: said };
}

/** Seconds, with a fraction, in the body and the header alike. */
function waitOf(value: unknown): Ms {
  const seconds = typeof value === 'number' || typeof value === 'string' ? Number(value) : Number.NaN;
  return Number.isFinite(seconds) && seconds >= 0 ? Math.ceil(seconds * 1000) : 1000;
}

/** Ids are snowflakes: digits. Anything else must not become part of a URL. */
export const isMessageId = (id: string): boolean => /^\d{1,25}$/.test(id);

function parse(body: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value)) : {};
  } catch {
    // Answers of proxies in between are not JSON, and the status says enough.
    return {};
  }
}

function connectionWords(error: unknown): string {
  const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
  return /^[A-Z_]{3,40}$/.test(code)
    ? `the connection to Discord failed (${code})`
    : 'the connection to Discord failed';
}
