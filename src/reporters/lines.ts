import { messageOf } from '../domain/errors.js';
import type { View } from '../domain/event.js';
import type { Ms } from '../domain/ids.js';
import type { Clock, Reporter } from '../engine/ports.js';
import { describe, stillWaiting } from './describe.js';
import type { Sentence } from './describe.js';
import { timeOfDay } from './format.js';
import { Repeats } from './repeats.js';

export interface LinesOptions {
  /** Writes whole lines, each with its line feed. */
  readonly write: (text: string) => void;
  readonly clock: Clock;
  /** Longest silence while a rollout runs; CI systems end jobs that say nothing. Default 60 s. */
  readonly heartbeat?: Ms;
  readonly timeZone?: string;
}

/**
 * For pipes and CI logs: `19:53:12  backend  i-0abc (shop-1)  draining → swapping`, one line an event, never a colour code. What has just been
 * said is not said again; a long wait says what is waited for and until when.
 */
export function createLines(options: LinesOptions): Reporter {
  const heartbeat = options.heartbeat ?? 60_000;
  const { clock, write, timeZone } = options;
  const stopped = new AbortController();
  const repeats = new Repeats(heartbeat);
  let view: View | undefined;
  let lastPrint = clock.monotonic();
  let beating: Promise<void> | undefined;
  let running = false;
  /** What went wrong between two events: nobody would hear of it there. */
  let broken: Error | undefined;

  function print(at: number, sentence: Sentence): void {
    const head = `${timeOfDay(at, timeZone)}  `;
    const details = sentence.details.map((line) => `${' '.repeat(head.length)}${line}\n`);
    write(`${head}${sentence.text}\n${details.join('')}`);
    lastPrint = clock.monotonic();
  }

  /** Ends with the rollout, so that it never keeps a process alive that has nothing left to do. */
  async function beat(): Promise<void> {
    while (running && !stopped.signal.aborted) {
      await clock.sleep(Math.max(1, lastPrint + heartbeat - clock.monotonic()), stopped.signal);
      if (running && clock.monotonic() - lastPrint >= heartbeat) {
        print(clock.now(), stillWaiting(view, view?.waits ?? [], clock.now(), timeZone));
      }
    }
  }

  function startBeating(): void {
    running = true;
    beating ??= beat().catch((error: unknown) => {
      if (!stopped.signal.aborted) broken = error instanceof Error ? error : new Error(messageOf(error));
    });
  }

  return {
    report(event) {
      if (broken !== undefined) throw broken;
      if (event.type === 'view') {
        view = event.view;
        return;
      }
      const sentence = describe(event, timeZone);
      if (sentence === undefined) return;
      if (event.type === 'rollout.started') startBeating();
      if (event.type === 'rollout.ended') {
        running = false;
        stopped.abort();
      }
      if (!repeats.isNews(event, sentence.text, clock.monotonic())) return;
      print(event.at, sentence);
    },
    async close() {
      running = false;
      stopped.abort();
      await beating;
    },
  };
}
