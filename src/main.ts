import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { handle, run } from '@oclif/core';
import { guardOutputs, reportUnwritten } from './compose/outputs.js';

/**
 * What bin/run.js starts. Not oclif's own `execute`: ten seconds after the end that throws where a reader has not taken everything yet.
 * @param options.dir URL of the program
 */
export async function execute({ dir }: { readonly dir: string }): Promise<void> {
  guardOutputs();
  try {
    await run(process.argv.slice(2), fileURLToPath(dir));
    // A write that failed is told after the promises of this turn.
    await setImmediate();
    reportUnwritten();
  } catch (error) {
    await handle(error instanceof Error ? error : new Error(String(error)));
  }
}
