import { messageOf } from '../../domain/errors.js';
import { marker } from '../marks.js';
import type { Ms } from '../../domain/ids.js';
import type { Clock } from '../../engine/ports.js';
import type { Call, Result } from './call.js';
import type { Message } from './embeds.js';

/** Messages of their own. How often each is sent: see `marker`. */
export type Kind = 'start' | 'success' | 'rollback' | 'outage' | 'hold' | 'end';

/** A message is drawn at the moment of sending. */
type Draw = () => Message;

export interface Delivery {
  /** Queues the message that is edited later. */
  start(draw: Draw): void;
  /** Queues a new message. They leave in order, and before any edit. */
  alert(kind: Exclude<Kind, 'start'>, draw: Draw): void;
  /** An edit of the start message: the latest wins. */
  progress(draw: Draw): void;
  /** Sends what is queued, for at most `within`, then gives up. */
  close(within: Ms): Promise<void>;
}

/** Time between two edits: a webhook may send 5 requests in 2 s, and 30 in a minute to a channel. */
const EDIT_INTERVAL: Ms = 2000;
/** A longer wait than this is not waited for; nor is more than the total, over the rollout. */
const LONGEST_WAIT: Ms = 60_000;
const TOTAL_WAIT: Ms = 180_000;
/** Tries of a message that must arrive, and the pauses after the first and the second. */
const TRIES = 3;
const PAUSES: readonly Ms[] = [1000, 3000];
/** Edits in a row that fail before it is worth a warning. */
const FAILED_EDITS = 3;
/** Someone who deletes the message again and again doesn't want it. */
const REPOSTS = 3;
/** How long a note to the record may take. */
const NOTE_LIMIT: Ms = 5000;

/**
 * Sends one thing at a time, in the background. `start` and `success` are sent at most once: marked before, and tried again only when Discord said that
 * it took nothing (429). The others are sent at least once: tried again after errors, and marked after.
 */
export function createDelivery(deps: {
  readonly call: Call;
  readonly clock: Clock;
  readonly attempt: number;
  readonly alreadySent: ReadonlySet<string>;
  readonly markSent: (kind: string) => void | Promise<void>;
  readonly remember: (messageId: string) => void | Promise<void>;
  readonly warn: (text: string) => void;
  readonly messageId?: string;
}): Delivery {
  const { clock } = deps;
  const stopped = new AbortController();
  const markOf = marker(deps.attempt);
  const queue: { readonly kind: Kind; readonly mark: string; readonly draw: Draw }[] = [];
  const taken = new Set<string>(deps.alreadySent);
  let edit: Draw | undefined;
  let messageId = deps.messageId;
  let lastEdit = Number.NEGATIVE_INFINITY;
  let lastText = '';
  let failedEdits = 0;
  let reposts = 0;
  let waited: Ms = 0;
  let dead = false;
  let warned = false;
  let closing = false;
  let current: Kind | undefined;
  let working: Promise<void> | undefined;
  let nap = new AbortController();

  function warnOnce(why: string): void {
    if (warned) return;
    warned = true;
    deps.warn(`Discord: ${why}; the rollout is not affected`);
  }

  function die(why: string): void {
    dead = true;
    warnOnce(why);
  }

  /** Tells the record. A record that can't be written costs a repeated message after a crash, no more. */
  async function note(tell: () => void | Promise<void>): Promise<void> {
    const done = new AbortController();
    const limit = clock.sleep(NOTE_LIMIT, done.signal).catch(() => undefined);
    const told = Promise.resolve()
      .then(tell)
      .catch((error: unknown) => warnOnce(`what was sent could not be recorded: ${messageOf(error)}`));
    await Promise.race([told, limit]);
    done.abort();
  }

  /** @returns whether the time was waited out */
  async function pause(duration: Ms, signal: AbortSignal = stopped.signal): Promise<boolean> {
    return clock.sleep(duration, signal).then(
      () => true,
      () => false,
    );
  }

  /** Waits as Discord asks, within reason. */
  async function waitOut(asked: Ms): Promise<boolean> {
    if (asked > LONGEST_WAIT || waited + asked > TOTAL_WAIT) return false;
    waited += asked;
    return pause(asked);
  }

  async function deliver(kind: Kind, mark: string, draw: Draw): Promise<void> {
    const once = kind === 'start' || kind === 'success';
    if (once) await note(() => deps.markSent(mark));
    const result = await attempt(draw, once);
    if (result.is !== 'sent') {
      failed(`the ${kind} message was not delivered`, result);
      return;
    }
    if (kind === 'start') await adopt(result.id);
    else if (!once) await note(() => deps.markSent(mark));
  }

  async function attempt(draw: Draw, once: boolean): Promise<Result> {
    for (let tries = 1; ;) {
      const result = await deps.call(undefined, draw(), stopped.signal);
      if (result.is === 'limited') {
        if (!(await waitOut(result.retryAfter))) return result;
        continue;
      }
      if (result.is !== 'unsure' || once || tries >= TRIES) return result;
      if (!(await pause(PAUSES[tries - 1] ?? 0))) return result;
      tries += 1;
    }
  }

  async function adopt(id: string | undefined): Promise<void> {
    messageId = id;
    lastEdit = clock.monotonic();
    if (id !== undefined) await note(() => deps.remember(id));
  }

  async function sendEdit(draw: Draw, id: string): Promise<void> {
    const message = draw();
    const text = JSON.stringify(message);
    if (text === lastText) return;
    lastEdit = clock.monotonic();
    const result = await deps.call(id, message, stopped.signal);
    if (result.is === 'sent') {
      lastText = text;
      failedEdits = 0;
      return;
    }
    if (result.is === 'needs-new-message') {
      await repost(draw, result);
      return;
    }
    // The latest state goes out later unless a newer one has come meanwhile.
    edit ??= draw;
    if (result.is === 'limited') {
      if (await waitOut(result.retryAfter)) return;
      // No more edits; alerts are still tried.
      messageId = undefined;
      failed('the progress message is given up', result);
      return;
    }
    failedEdits += 1;
    if (result.is === 'refused') edit = undefined;
    if (result.is === 'dead' || failedEdits >= FAILED_EDITS) failed('the progress message could not be edited', result);
    if (failedEdits >= FAILED_EDITS) edit = undefined;
  }

  async function repost(draw: Draw, why: Result): Promise<void> {
    reposts += 1;
    messageId = undefined;
    if (reposts > REPOSTS) {
      failed('the progress message is given up', why);
      return;
    }
    const result = await attempt(draw, true);
    if (result.is === 'sent') await adopt(result.id);
    else failed('the progress message could not be posted again', result);
  }

  function failed(what: string, result: Result): void {
    const why = 'why' in result ? result.why : 'Discord asks to wait for too long';
    if (result.is === 'dead') die(`${what}: ${why}`);
    else warnOnce(`${what}: ${why}`);
  }

  async function work(): Promise<void> {
    while (!dead && !stopped.signal.aborted) {
      const next = queue.shift();
      if (next !== undefined) {
        current = next.kind;
        await deliver(next.kind, next.mark, next.draw);
        current = undefined;
        continue;
      }
      if (edit === undefined || messageId === undefined) break;
      const due = lastEdit + EDIT_INTERVAL - clock.monotonic();
      if (due > 0 && !(closing && failedEdits === 0)) {
        nap = new AbortController();
        await pause(due, nap.signal);
        continue;
      }
      const draw = edit;
      edit = undefined;
      await sendEdit(draw, messageId);
    }
  }

  function wake(): void {
    nap.abort();
    if (dead || stopped.signal.aborted) return;
    working ??= work()
      .catch((error: unknown) => die(`the notifier failed: ${messageOf(error)}`))
      .finally(() => {
        working = undefined;
        // Something may have been queued after the last look.
        if (queue.length > 0 || (edit !== undefined && messageId !== undefined)) wake();
      });
  }

  async function drained(): Promise<void> {
    while (working !== undefined) await working;
  }

  function enqueue(kind: Kind, draw: Draw): void {
    const mark = markOf(kind);
    if (taken.has(mark)) return;
    taken.add(mark);
    queue.push({ kind, mark, draw });
    wake();
  }

  return {
    start: (draw) => enqueue('start', draw),
    alert: (kind, draw) => enqueue(kind, draw),
    progress(draw) {
      edit = draw;
      if (working === undefined && messageId !== undefined) wake();
    },
    async close(within) {
      closing = true;
      if (edit !== undefined) wake();
      const done = new AbortController();
      const limit = clock.sleep(within, done.signal).catch(() => undefined);
      await Promise.race([drained(), limit]);
      done.abort();
      const left = [...(current === undefined ? [] : [current]), ...queue.map((it) => it.kind)];
      stopped.abort();
      nap.abort();
      if (left.length > 0 && !dead) warnOnce(`no time was left to send: ${left.join(', ')}`);
    },
  };
}
