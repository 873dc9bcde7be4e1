import type { DeployctlEvent } from '../domain/event.js';
import type { Ms } from '../domain/ids.js';

/** After this the same words are worth a line again: what fails for long is not forgotten. */
const FRESH_AFTER: Ms = 60_000;

/** What has just been said is not said again: a call that is refused at every poll is one line a minute. */
export class Repeats {
  readonly #freshAfter: Ms;
  readonly #said = new Map<string, { readonly text: string; readonly at: Ms }>();

  /** @param freshAfter 60 s when left out */
  constructor(freshAfter: Ms = FRESH_AFTER) {
    this.#freshAfter = freshAfter;
  }

  /** Whether the words of this event add anything to those of the one before of its subject. @param now of a clock that does not go back */
  isNews(event: DeployctlEvent, text: string, now: Ms): boolean {
    const subject = subjectOf(event);
    if (subject === undefined) return true;
    const before = this.#said.get(subject);
    if (before?.text === text && now - before.at < this.#freshAfter) return false;
    this.#said.set(subject, { text, at: now });
    return true;
  }
}

/** Events of one subject follow each other; when two in a row say the same, the second adds nothing. undefined: always worth a line. */
function subjectOf(event: DeployctlEvent): string | undefined {
  switch (event.type) {
    case 'phase.changed':
    case 'hold.started':
      return event.type;
    case 'note':
      return `${event.type} ${event.text}`;
    case 'action.sent':
    case 'action.failed':
      return `${event.type} ${JSON.stringify(event.action)}`;
    case 'instance.moved':
      return `${event.type} ${event.line.instance} ${event.line.service} ${event.line.color}`;
    case 'bake.started':
    case 'rollout.started':
    case 'host.done':
    case 'host.failed':
    case 'traffic.shifted':
    case 'rollback.started':
    case 'outage.started':
    case 'outage.ended':
    case 'rollout.ended':
    case 'probe.sampled':
    case 'view':
      return undefined;
  }
}
