import type { Writable } from 'node:stream';
import type { DeployctlEvent } from '../domain/event.js';
import type { Reporter } from '../engine/ports.js';
import { safeJson } from './clean.js';

/** Raised when a field changes its meaning or goes; new fields and new types don't raise it. */
const NDJSON_VERSION = 1;

/** The event as a document: version, ISO time, type, and the event's own fields. */
export function eventLine({ at, type, ...fields }: DeployctlEvent): Readonly<Record<string, unknown>> {
  return { version: NDJSON_VERSION, time: new Date(at).toISOString(), type, ...fields };
}

/**
 * For machines: each event as one line, `{"version":1,"time":"2026-11-24T19:53:12.000Z","type":"traffic.shifted",…}` and then the event's own
 * fields. A `view` equal to the one before is left out.
 * @param options.end end the stream on close (a file); not for stdout and stderr
 * @param options.failed told once when the stream can't be written any more; nothing is written after that
 */
export function createNdjson(options: {
  readonly stream: Writable;
  readonly end: boolean;
  readonly failed: (why: string) => void;
}): Reporter {
  const { stream } = options;
  let broken = false;
  let closed = false;
  let lastView = '';
  stream.on('error', (error) => {
    if (!broken) options.failed(`the event log can't be written: ${error.message}`);
    broken = true;
  });
  return {
    report(event) {
      if (broken || closed) return;
      if (event.type === 'view') {
        const view = JSON.stringify(event.view);
        if (view === lastView) return;
        lastView = view;
      }
      stream.write(`${safeJson(eventLine(event))}\n`);
    },
    async close() {
      if (broken || closed) return;
      closed = true;
      if (stream.destroyed && stream.errored === null) return;
      await new Promise<void>((resolve) => {
        stream.once('error', () => resolve());
        // Why it was destroyed is told in the next turn.
        if (stream.destroyed) return;
        if (options.end) stream.end(() => resolve());
        else stream.write('', () => resolve());
      });
    },
  };
}
