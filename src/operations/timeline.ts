import { shortened } from '../domain/text.js';
import { sentenceOf } from '../domain/observation.js';
import { isLook } from '../domain/decision.js';
import { messageOf } from '../domain/errors.js';
import type { EventBody } from '../domain/event.js';
import type { Instant, Ms, RolloutId } from '../domain/ids.js';
import type { TimelineEntry } from '../domain/record.js';
import type { Clock } from '../engine/ports.js';
import type { Lease } from '../state/index.js';
import { PictureTaker } from './picture.js';
import type { Toolbox } from './toolbox.js';

/** More than any rollout that went well has; of more than these the middle goes. */
const MOST = 400;
const LONGEST = 240;
/** An interrupt ends within 5 s. */
const LIMIT: Ms = 3000;

type Stored = Pick<Toolbox, 'state'>;

/** What happened in a rollout, in words for `history show` and as a picture for `report`: collected from its events, stored once at its end. */
export class Timeline {
  readonly #clock: Clock;
  readonly #start: Instant;
  readonly #entries: TimelineEntry[] = [];
  readonly #picture = new PictureTaker();
  #leftOut = 0;

  constructor(clock: Clock, start: Instant) {
    this.#clock = clock;
    this.#start = start;
  }

  readonly take = (event: EventBody): void => {
    const after = this.#clock.now() - this.#start;
    this.#picture.take(event, after);
    const told = entryOf(event);
    if (told === undefined) return;
    const text = shortened(told.text, LONGEST);
    this.#entries.push({ after, is: told.is, text });
    if (this.#entries.length <= MOST) return;
    this.#entries.splice(MOST / 2, 1);
    this.#leftOut += 1;
  };

  /** Never in the way of a rollout: what keeps it from being stored is a warning, and it has three seconds. */
  async store(box: Pick<Toolbox, 'state' | 'emit'>, lease: Lease, rollout: RolloutId): Promise<void> {
    const late = new AbortController();
    const stored = new AbortController();
    const limit = this.#clock.sleep(LIMIT, stored.signal).then(
      () => late.abort(new Error('the store did not answer in time')),
      () => undefined,
    );
    try {
      const parts = [this.#words(box, lease, rollout, late.signal), this.#drawing(box, lease, rollout, late.signal)];
      // Both to their ends: nothing of this may be under way when the lease is given back.
      const failed = (await Promise.allSettled(parts)).find((part) => part.status === 'rejected');
      if (failed !== undefined) throw failed.reason;
    } catch (error) {
      const why = messageOf(late.signal.aborted ? late.signal.reason : error);
      box.emit({ type: 'note', level: 'warning', text: `the timeline of ${rollout} was not stored: ${why}` });
    } finally {
      stored.abort();
      await limit;
    }
  }

  // A resumed rollout goes on where the process before it has ended.
  async #words({ state }: Stored, lease: Lease, rollout: RolloutId, signal: AbortSignal): Promise<void> {
    const before = await state.readTimeline(rollout, signal);
    const entries = [...(before?.entries ?? []), ...this.#entries];
    const leftOut = (before?.leftOut ?? 0) + this.#leftOut;
    await state.writeTimeline({ schema: 1, rollout, leftOut, entries }, lease, signal);
  }

  async #drawing({ state }: Stored, lease: Lease, rollout: RolloutId, signal: AbortSignal): Promise<void> {
    const before = await state.readPicture(rollout, signal);
    await state.writePicture({ schema: 1, rollout, ...this.#picture.picture(before) }, lease, signal);
  }
}

function entryOf(event: EventBody): Pick<TimelineEntry, 'is' | 'text'> | undefined {
  switch (event.type) {
    case 'rollout.started':
      return event.resumed ? { is: 'phase', text: `resumed by ${event.summary.by}` } : undefined;
    case 'phase.changed':
      return { is: 'phase', text: event.phase };
    case 'action.sent':
      return isLook(event.action) ? undefined : { is: 'step', text: event.text };
    case 'action.failed':
      return { is: 'failure', text: `${event.text} failed: ${event.why}` };
    case 'host.failed':
      return { is: 'failure', text: `${event.name}: ${sentenceOf(event.failure)}` };
    case 'traffic.shifted':
      return { is: 'traffic', text: `${event.service}: ${String(event.percent)}% of the traffic to ${event.color}` };
    case 'rollback.started':
      return { is: 'back', text: `goes back: ${event.reason}` };
    case 'outage.started': {
      const then = event.movesTo === undefined ? 'no color has any' : `its traffic moves to ${event.movesTo}`;
      return { is: 'failure', text: `outage: ${event.service} ${event.color} has no healthy target; ${then}` };
    }
    case 'outage.ended':
      return { is: 'note', text: `outage over: ${event.service} ${event.color}` };
    case 'hold.started':
      return { is: 'hold', text: `held: ${event.reason}` };
    case 'note':
      return { is: 'note', text: event.text };
    case 'host.done':
    case 'instance.moved':
    case 'bake.started':
    case 'probe.sampled':
    case 'view':
    case 'rollout.ended':
      return undefined;
  }
}
