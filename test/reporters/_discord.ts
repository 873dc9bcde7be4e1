import type { Message } from '../../src/reporters/discord/embeds.js';
import type { DiscordAnswer, DiscordHttp } from '../../src/reporters/discord/index.js';

export const URL_SECRET = 'kOjZ-token-that-nobody-may-see';
export const WEBHOOK = `https://discord.com/api/webhooks/123456/${URL_SECRET}`;

export interface Sent {
  readonly method: 'POST' | 'PATCH';
  readonly url: string;
  readonly message: Message;
}

type Behaviour = (sent: Sent, signal: AbortSignal) => DiscordAnswer | Promise<DiscordAnswer>;

export const answer = (status: number, body: object | string = {}): DiscordAnswer => ({
  status,
  body: typeof body === 'string' ? body : JSON.stringify(body),
});
export const limited = (seconds: number): DiscordAnswer =>
  answer(429, { message: 'You are being rate limited.', retry_after: seconds, global: false });
export const hang: Behaviour = () => new Promise(() => undefined);

/** A Discord that keeps messages, and misbehaves as told: `next` for the following requests in turn, `always` for all. */
export class FakeDiscord implements DiscordHttp {
  readonly sent: Sent[] = [];
  readonly messages = new Map<string, Message>();
  next: Behaviour[] = [];
  always: Behaviour | undefined;
  #ids = 1000;

  async send(
    request: { readonly method: 'POST' | 'PATCH'; readonly url: string; readonly body: string },
    signal: AbortSignal,
  ): Promise<DiscordAnswer> {
    const message = JSON.parse(request.body) as Message;
    const sent: Sent = { method: request.method, url: request.url, message };
    this.sent.push(sent);
    const behaviour = this.next.shift() ?? this.always;
    return behaviour === undefined ? this.#keep(sent) : behaviour(sent, signal);
  }

  #keep(sent: Sent): DiscordAnswer {
    const id = sent.method === 'POST' ? String(++this.#ids) : (/messages\/(\d+)/.exec(sent.url)?.[1] ?? '');
    this.messages.set(id, sent.message);
    return answer(200, { id });
  }

  /** Titles of the messages that are there, in the order of their arrival. */
  get titles(): readonly string[] {
    return [...this.messages.values()].map((message) => message.embeds[0].title);
  }

  count(method: 'POST' | 'PATCH'): number {
    return this.sent.filter((it) => it.method === method).length;
  }
}
