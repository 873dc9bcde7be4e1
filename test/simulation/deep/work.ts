import { parts } from './parts.js';
import { Results, Tally } from './tally.js';

/** Where the workers of this run meet (`table.ts` makes it). */
export function resultsFolder(): string {
  const folder = process.env['DEPLOYCTL_TEST_RESULTS'];
  if (folder === undefined) throw new Error('DEPLOYCTL_TEST_RESULTS is not set: start it with npm run test:deep');
  return folder;
}

/** Takes part after part until none is left. Gives what is broken in those that it took. */
export async function work(): Promise<readonly string[]> {
  Error.stackTraceLimit = 0;
  const results = new Results(resultsFolder());
  const only = process.env['DEPLOYCTL_TEST_PARTS'];
  const failures: string[] = [];
  for (const { name, play } of parts()) {
    if (only !== undefined && !new RegExp(only).test(name)) continue;
    if (!results.take(name)) continue;
    const tally = new Tally();
    const before = process.cpuUsage();
    try {
      await play(tally);
    } catch (error) {
      // The other parts are still worth playing, and the table says what became of this one.
      tally.failed(`DEPLOYCTL_TEST_PARTS='^${name}$' npm run test:deep`, [String(error)]);
    }
    const { user, system } = process.cpuUsage(before);
    tally.add('milliseconds of CPU', Math.round((user + system) / 1000));
    tally.add(`milliseconds of CPU, ${name.split('-')[0] ?? ''}`, Math.round((user + system) / 1000));
    results.put(name, tally);
    failures.push(...tally.failures);
  }
  return failures;
}
