import { messageOf } from '../domain/errors.js';
import type { EventBody } from '../domain/event.js';
import type { Instant, Ms } from '../domain/ids.js';
import type { Observation } from '../domain/observation.js';
import type { Plan } from '../domain/plan.js';
import type { Unread } from './observer.js';
import type { Clock } from './ports.js';

/** Reads that fail every other time are one trouble, not a line each time. */
const calmFor: Ms = 15_000;

interface Open {
  readonly since: Instant;
  last: Instant;
}

/** What goes wrong for a while without being a failure of the release: told once when it begins and once when it is over. */
export class Troubles {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #emit: (event: EventBody) => void;
  readonly #open = new Map<string, Open>();

  constructor(clock: Pick<Clock, 'now'>, emit: (event: EventBody) => void) {
    this.#clock = clock;
    this.#emit = emit;
  }

  /** @param text the whole sentence, told when the trouble begins and not again while it lasts */
  began(key: string, text: string): void {
    const now = this.#clock.now();
    const open = this.#open.get(key);
    if (open !== undefined) {
      open.last = now;
      return;
    }
    this.#open.set(key, { since: now, last: now });
    this.#emit({ type: 'note', level: 'warning', text });
  }

  /**
   * @param text told when the trouble was on; how long it lasted is added
   * @param calm how long it must have been well; 15 s when left out
   */
  over(key: string, text: string, calm: Ms = calmFor): void {
    const now = this.#clock.now();
    const open = this.#open.get(key);
    if (open === undefined || now - open.last < calm) return;
    this.#open.delete(key);
    const lasted = `after ${String(Math.max(1, Math.round((now - open.since) / 1000)))} s`;
    this.#emit({ type: 'note', level: 'info', text: `${text}, ${lasted}` });
  }

  /**
   * What of the world could not be read in this round, and when all of it can be read again. A read that is refused is told at once, whatever
   * else is wrong already: somebody has to do something about it.
   */
  looked(plan: Plan, seen: Observation, { commands, steering, refusals }: Unread): void {
    const unread = unreadIn(plan, seen, commands, steering);
    for (const key of [...this.#open.keys()].filter((each) => each.startsWith(refused))) {
      const operation = key.slice(refused.length);
      if (!refusals.some((each) => each.operation === operation)) this.over(key, `${operation} is allowed again`);
    }
    for (const refusal of refusals) {
      const text = `${unread?.what ?? 'what it answers'} cannot be read: ${messageOf(refusal)}. ${consequence}`;
      this.began(`${refused}${refusal.operation}`, text);
    }
    if (unread === undefined) this.over('reads', 'everything can be read again');
    else if (refusals.length === 0) this.began('reads', `${unread.what} cannot be read: ${unread.why}. ${consequence}`);
  }
}

const refused = 'refused ';
const consequence = 'Until then nothing is concluded from it, and what depends on it waits';

/** Everything whose last reading failed, with the first reason. */
function unreadIn(
  plan: Plan,
  seen: Observation,
  commands: string | undefined,
  steering: string | undefined,
): { readonly what: string; readonly why: string } | undefined {
  const found: { readonly what: string; readonly why: string }[] = [];
  if (seen.fleet.is === 'unknown') found.push({ what: 'the fleet', why: seen.fleet.why });
  for (const service of plan.services) {
    for (const { color, group } of Object.values(service.colors)) {
      const targets = seen.targets.get(group);
      if (targets?.is === 'unknown')
        found.push({ what: `the health of ${service.service} ${color}`, why: targets.why });
    }
    for (const route of service.routes) {
      const view = seen.routes.get(route);
      const what = `the weights of ${service.service}`;
      if (view?.is === 'unknown' && !found.some((each) => each.what === what)) found.push({ what, why: view.why });
    }
  }
  if (commands !== undefined) found.push({ what: 'what became of the commands', why: commands });
  if (steering !== undefined) found.push({ what: 'requests to abort, pause or promote', why: steering });
  const [first] = found;
  if (first === undefined) return undefined;
  const shown = found.slice(0, 3).map(({ what }) => what);
  const more = found.length > shown.length ? ` and ${String(found.length - shown.length)} more` : '';
  return { what: `${shown.join(', ')}${more}`, why: first.why };
}
