import { request } from 'undici';
import { messageOf } from '../../domain/errors.js';
import type { Ms } from '../../domain/ids.js';
import type { Clock } from '../../engine/ports.js';

/** How requests leave. Rejects when there is no complete answer. Redirects are not followed. */
export interface WebhookHttp {
  post(
    request: { readonly url: string; readonly body: string; readonly headers: Readonly<Record<string, string>> },
    signal: AbortSignal,
  ): Promise<{ readonly status: number; readonly retryAfter?: string }>;
}

/** Requests by undici. */
export function createWebhookHttp(): WebhookHttp {
  return {
    async post({ url, body, headers }, signal) {
      const answer = await request(url, {
        method: 'POST',
        body,
        signal,
        headers: { 'content-type': 'application/json', 'user-agent': 'deployctl', ...headers },
      });
      // The connection is free for the next message only when the answer was read.
      await answer.body.dump();
      const header = answer.headers['retry-after'];
      const retryAfter = Array.isArray(header) ? header[0] : header;
      return { status: answer.statusCode, ...(retryAfter === undefined ? {} : { retryAfter }) };
    },
  };
}

/** What is sent. Each kind goes out once: see `marker`. */
export interface Outgoing {
  readonly kind: string;
  /** The same when it comes twice. */
  readonly id: string;
  readonly body: string;
}

export interface Sender {
  /** Queues a message: they leave in order. */
  send(message: Outgoing): void;
  /** Sends what is queued, for at most `within`, then gives up. May be called again. */
  close(within: Ms): Promise<void>;
}

const TIME_LIMIT: Ms = 10_000;
const TRIES = 3;
/** Pauses after the first and the second try. */
const PAUSES: readonly Ms[] = [1000, 3000];
/** A longer `Retry-After` than this is not waited for. */
const LONGEST_WAIT: Ms = 30_000;
/** Answers after which asking again is of no use: the address is wrong, gone, or not ours to use. */
const DEAD = new Set([401, 403, 404, 410]);

/**
 * Posts messages to one address, in the background and one at a time. At least once: what was not surely taken is tried again. It never throws, never
 * blocks, and never names the address, which is a credential.
 */
export function createSender(deps: {
  /** For warnings: `Slack`, `webhook audit`. */
  readonly name: string;
  readonly url: string;
  readonly http: WebhookHttp;
  readonly clock: Clock;
  /** Headers of one attempt: a signature has a time. */
  readonly headers: (message: Outgoing) => Readonly<Record<string, string>>;
  /** Kinds that were delivered before a crash, and who remembers them. */
  readonly alreadySent: ReadonlySet<string>;
  readonly markSent: (kind: string) => void | Promise<void>;
  readonly warn: (text: string) => void;
}): Sender {
  const { name, url, http, clock } = deps;
  const stopped = new AbortController();
  const queue: Outgoing[] = [];
  const taken = new Set(deps.alreadySent);
  let working: Promise<void> | undefined;
  let warned = false;
  let dead = false;

  function warnOnce(why: string): void {
    if (warned) return;
    warned = true;
    deps.warn(`${name}: ${why}; the rollout is not affected`);
  }

  /** undefined: it was taken. */
  async function attempt(
    message: Outgoing,
  ): Promise<{ readonly why: string; readonly after?: Ms; readonly dead?: true } | undefined> {
    const limit = new AbortController();
    const stop = (): void => limit.abort();
    stopped.signal.addEventListener('abort', stop, { once: true });
    const late = clock.sleep(TIME_LIMIT, limit.signal).then(
      () => ({ why: `no answer within ${String(TIME_LIMIT / 1000)} s` }),
      () => ({ why: 'there was no time left' }),
    );
    const sent = http.post({ url, body: message.body, headers: deps.headers(message) }, limit.signal).then(
      ({ status, retryAfter }) => {
        if (status >= 200 && status <= 299) return undefined;
        const why = `the answer was ${String(status)}`;
        if (DEAD.has(status)) return { why, dead: true } as const;
        const seconds = Number(retryAfter);
        return Number.isFinite(seconds) && seconds > 0 ? { why, after: Math.ceil(seconds * 1000) } : { why };
      },
      (error: unknown) => ({ why: connectionWords(error) }),
    );
    try {
      return await Promise.race([sent, late]);
    } finally {
      stopped.signal.removeEventListener('abort', stop);
      limit.abort();
    }
  }

  async function deliver(message: Outgoing): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      const failed = await attempt(message);
      if (failed === undefined) {
        await Promise.resolve(deps.markSent(message.kind));
        return;
      }
      const pause = failed.after ?? PAUSES[tries - 1] ?? 0;
      dead ||= failed.dead === true;
      if (dead || tries >= TRIES || pause > LONGEST_WAIT || stopped.signal.aborted) {
        warnOnce(`the ${message.kind} message was not delivered: ${failed.why}`);
        return;
      }
      await clock.sleep(pause, stopped.signal);
    }
  }

  async function work(): Promise<void> {
    for (let next = queue.shift(); next !== undefined && !dead && !stopped.signal.aborted; next = queue.shift()) {
      try {
        await deliver(next);
      } catch (error) {
        warnOnce(stopped.signal.aborted ? `no time was left to send: ${next.kind}` : messageOf(error));
      }
    }
  }

  return {
    send(message) {
      if (taken.has(message.kind) || dead || stopped.signal.aborted) return;
      taken.add(message.kind);
      queue.push(message);
      working ??= work().finally(() => {
        working = undefined;
      });
    },
    async close(within) {
      const done = new AbortController();
      const limit = clock.sleep(within, done.signal).catch(() => undefined);
      await Promise.race([working, limit]);
      done.abort();
      stopped.abort();
      await working;
    },
  };
}

/** Only the code: messages of errors quote addresses. */
function connectionWords(error: unknown): string {
  const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
  return /^[A-Z_]{3,40}$/.test(code) ? `the connection failed (${code})` : 'the connection failed';
}
