import { open } from 'node:fs/promises';
import { DeployctlError, EXIT, messageOf } from '../domain/errors.js';
import type { Reporter } from '../engine/ports.js';
import { createNdjson } from '../reporters/ndjson.js';

/**
 * Opens the file of `--events`, empty: one command, one file. What cannot be written is refused here, before any change; a disk that fills up
 * later costs a warning.
 * @throws DeployctlError `usage.events` (exit 64)
 */
export async function openEventLog(path: string, failed: (why: string) => void): Promise<Reporter> {
  try {
    const file = await open(path, 'w');
    return createNdjson({ stream: file.createWriteStream(), end: true, failed });
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
