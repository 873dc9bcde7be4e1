import { constants, createWriteStream, fstatSync, openSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import { DeployctlError, EXIT, messageOf } from '../domain/errors.js';
import type { Ms } from '../domain/ids.js';
import type { Reporter } from '../engine/ports.js';
import { createNdjson } from '../reporters/ndjson.js';

/** As "w" does, and a pipe that nobody reads is refused at once instead of waiting for a reader. */
const FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NONBLOCK;
/** So much is kept for a reader, or a disk, that is slow: some thousand events. */
const MOST_WAITING = 16 * 1024 * 1024;
/** So long is waited for it at the end. */
const LAST_LINES: Ms = 5000;

/**
 * Opens the file of `--events`, empty: one command, one file. What cannot be written is refused here, before any change; a disk that fills up, or a reader
 * of a pipe that goes away or stands still, later costs a warning.
 * @throws DeployctlError `usage.events` (exit 64)
 */
export function openEventLog(path: string, failed: (why: string) => void): Reporter {
  const stream = openStream(path);
  const log = createNdjson({ stream, end: true, failed });
  return {
    report: (event) => {
      log.report(event);
      if (stream.writableLength > MOST_WAITING) stream.destroy(new Error('it takes lines more slowly than they come'));
    },
    close: async () => {
      const late = setTimeout(() => stream.destroy(new Error('it did not take the last lines in time')), LAST_LINES);
      await log.close();
      clearTimeout(late);
    },
  };
}

/** A pipe gets a stream that waits for its reader in the background; a write as to a file would hold up a thread of this process, and its end. */
function openStream(path: string): Writable {
  try {
    const fd = openSync(path, FLAGS, 0o666);
    if (fstatSync(fd).isFIFO()) return new Socket({ fd, readable: false, writable: true });
    return createWriteStream(path, { fd });
  } catch (cause) {
    throw new DeployctlError({
      code: 'usage.events',
      message: `--events ${path} cannot be written: ${messageOf(cause)}`,
      exitCode: EXIT.usage,
      next: ['name a file in a folder that exists and may be written to'],
      cause,
    });
  }
}
