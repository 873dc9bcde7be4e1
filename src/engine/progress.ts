import type { Action } from '../domain/decision.js';
import { isLook } from '../domain/decision.js';
import type { PortError } from '../domain/errors.js';
import type { Instant, Ms } from '../domain/ids.js';
import { targetKey } from '../domain/ids.js';
import type { Observation } from '../domain/observation.js';
import { STALE_FOR } from './expectations.js';

/** So often may a change be accepted without an effect before that counts as its failure. */
const MOST_WITHOUT_EFFECT = 3;

/** After so long the writes that would end an outage are tried again, when they have had no effect. */
export const OUTAGE_AGAIN: Ms = 20_000;

/** What to do about a change that was decided: send it, wait because it was sent a moment ago and its effect does not show, or give it up. */
export type Verdict =
  | { readonly is: 'send' }
  | { readonly is: 'later'; readonly at: Instant }
  | { readonly is: 'stuck'; readonly times: number };

/** Whether AWS has said no to the request itself, so that sending it again gets the same answer. */
export function isRefusal({ kind }: PortError): boolean {
  return kind === 'invalid' || kind === 'not-found' || kind === 'already-exists';
}

interface Sent {
  readonly action: Action;
  /** What was observed of its object before it was sent. */
  readonly before: string;
  readonly times: number;
  readonly at: Instant;
  readonly next: Instant;
}

/**
 * Finds changes that are decided again and again because nothing comes of them. A change that was accepted, and whose object looks afterwards as it did before, is
 * sent again after a pause that doubles, and given up after three times. Looks change nothing and are not counted.
 */
export class Progress {
  readonly #poll: Ms;
  readonly #sent = new Map<string, Sent>();

  constructor(poll: Ms) {
    this.#poll = poll;
  }

  /** Forgets the changes that have had an effect: their objects have changed since. */
  observe(seen: Observation, now: Instant): void {
    for (const [key, { action, before, at }] of this.#sent) {
      // The observer takes our own registrations for granted until readings can show them.
      if ('targets' in action && now - at < STALE_FOR) continue;
      const evidence = evidenceOf(action, seen);
      // What cannot be read has not changed.
      if (evidence !== 'unknown' && evidence !== before) this.#sent.delete(key);
    }
  }

  /** @param urgent it would end an outage: what had no effect some time ago may have one now */
  judge(action: Action, now: Instant, urgent = false): Verdict {
    const sent = this.#sent.get(keyOf(action));
    if (sent === undefined || isLook(action)) return { is: 'send' };
    if (now < sent.next) return { is: 'later', at: sent.next };
    if (sent.times < MOST_WITHOUT_EFFECT || (urgent && now - sent.at >= OUTAGE_AGAIN)) return { is: 'send' };
    return { is: 'stuck', times: sent.times };
  }

  /** The change was accepted. @param before what `evidenceOf` said of it before it was sent */
  accepted(action: Action, before: string, now: Instant): void {
    if (isLook(action)) return;
    const key = keyOf(action);
    const times = (this.#sent.get(key)?.times ?? 0) + 1;
    const next = now + this.#poll * 2 ** (times - 1);
    this.#sent.set(key, { action, before, times, at: now, next });
  }

  /** One that is given up for a while only: once that is over it is sent once more, and then judged again. */
  rest(action: Action, until: Instant): void {
    const sent = this.#sent.get(keyOf(action));
    if (sent !== undefined) this.#sent.set(keyOf(action), { ...sent, times: MOST_WITHOUT_EFFECT - 1, next: until });
  }

  clear(): void {
    this.#sent.clear();
  }
}

/** The same for the same wish, whatever was seen before it. */
function keyOf(action: Action): string {
  if (action.is !== 'weights') return JSON.stringify(action);
  return JSON.stringify([action.is, action.route, action.set, action.stickiness]);
}

/** What an action is to change, as it was observed. Commands that run are no change yet. Taken before it is sent: sending changes what this process expects. */
export function evidenceOf(action: Action, seen: Observation): string {
  switch (action.is) {
    case 'weights': {
      const route = seen.routes.get(action.route);
      if (route?.is !== 'known') return 'unknown';
      const { weights, stickiness, frame } = route.value;
      return JSON.stringify([weights, stickiness, frame]);
    }
    case 'register':
    case 'deregister': {
      const targets = seen.targets.get(action.group);
      if (targets?.is !== 'known') return 'unknown';
      const states = action.targets.map(({ instance, port }) => {
        const { state, reason } = targets.value.get(targetKey(instance, port)) ?? {};
        return [state, reason];
      });
      return JSON.stringify(states);
    }
    case 'inspect':
    case 'quiet':
      return '';
    case 'pull':
    case 'task':
    case 'start':
    case 'restore':
    case 'stop': {
      const host = seen.hosts.get(action.instance);
      if (host === undefined) return 'unknown';
      const { containers, verified, failures, pulled, pullFailure } = host;
      const running =
        containers.is === 'known'
          ? containers.value.map((each) => [each.id, each.running, each.restarting, each.startedAt, each.restartCount])
          : 'unknown';
      const marks = [...verified].map(([slot, { containerId, startedAt, restartCount }]) => [
        slot,
        containerId,
        startedAt,
        restartCount,
      ]);
      const task = action.is === 'task' ? seen.tasks.get(action.service)?.is : undefined;
      return JSON.stringify([running, marks, [...failures.keys()], [...pulled], pullFailure?.at, task]);
    }
  }
}
