import type { Ms } from '../domain/ids.js';

/** After a host command was sent, until it is first asked for its answer. */
export const FIRST_STEP: Ms = 250;

/** So often at this pace before it grows, while one call reads all answers: most commands take about a second. */
const QUICK_STEPS = 3;
const IN_ONE_CALL = 50;

/** What that grows to; with many commands it takes longer, because asking for 50 of them is a call. */
const LAST_STEP: Ms = 1000;
const STEP_PER_COMMAND: Ms = 4;

/** How long to wait until host commands are asked for their answers the next time: soon after they were sent, then ever longer. */
export class Pace {
  #step: Ms = FIRST_STEP;
  #taken = 0;

  /** Something was sent. */
  restart(): void {
    this.#step = FIRST_STEP;
    this.#taken = 0;
  }

  /** @param busy commands without an answer */
  next(busy: number): Ms {
    const step = this.#step;
    this.#taken += 1;
    if (this.#taken > QUICK_STEPS || busy > IN_ONE_CALL)
      this.#step = Math.min(step * 2, Math.max(LAST_STEP, busy * STEP_PER_COMMAND));
    return step;
  }
}
