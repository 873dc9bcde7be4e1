import { messageOf } from '../domain/errors.js';
import type { DeployctlEvent } from '../domain/event.js';
import type { Ms } from '../domain/ids.js';
import type { Clock, Reporter } from '../engine/ports.js';

export interface NamedReporter {
  /** For the warning when it fails: `Discord`, `the event log`. */
  readonly name: string;
  readonly reporter: Reporter;
}

/**
 * One reporter that is many. One that throws is muted, and the others carry a warning about it once: no reporter fails a rollout, or another reporter.
 * @param options.warn told of the warning in their place, and brings it to the others
 * @param options.closeWithin how long `close` waits for the slowest; default 20 s
 */
export function createMultiplex(options: {
  readonly reporters: readonly NamedReporter[];
  readonly clock: Clock;
  readonly warn?: (text: string) => void;
  readonly closeWithin?: Ms;
}): Reporter {
  const { clock, closeWithin = 20_000 } = options;
  const muted = new Set<NamedReporter>();

  function mute(broken: NamedReporter, error: unknown, at: number): void {
    if (muted.has(broken)) return;
    muted.add(broken);
    const text = `${broken.name} says nothing more, the rollout goes on: ${messageOf(error)}`;
    if (options.warn === undefined) send({ at, type: 'note', level: 'warning', text });
    else options.warn(text);
  }

  function send(event: DeployctlEvent): void {
    for (const each of options.reporters) {
      if (muted.has(each)) continue;
      try {
        each.reporter.report(event);
      } catch (error) {
        mute(each, error, event.at);
      }
    }
  }

  return {
    report: send,
    async close() {
      const enough = new AbortController();
      const all = Promise.all(
        options.reporters.map(async (each) => {
          try {
            await each.reporter.close();
          } catch (error) {
            mute(each, error, clock.now());
          }
        }),
      );
      const limit = clock.sleep(closeWithin, enough.signal).catch(() => undefined);
      await Promise.race([all, limit]);
      enough.abort();
    },
  };
}
