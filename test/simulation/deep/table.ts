import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { faultIds } from '../faults.js';
import { parts } from './parts.js';
import { Results } from './tally.js';

/** Before the workers: the folder where they meet. After them: what they counted, all in one table. */
export default function prepare(): () => void {
  const began = Date.now();
  const given = process.env['DEPLOYCTL_TEST_RESULTS'];
  const folder = given ?? mkdtempSync(join(tmpdir(), 'deployctl-deep-'));
  process.env['DEPLOYCTL_TEST_RESULTS'] = folder;
  return () => {
    process.stdout.write(`${tableOf(new Results(folder), Date.now() - began)}\n`);
    if (given === undefined) rmSync(folder, { recursive: true, force: true });
  };
}

function tableOf(results: Results, elapsed: number): string {
  const sum = results.sum();
  const of = (what: string): string => (sum.counts[what] ?? 0).toLocaleString('en');
  const rest = Object.entries(sum.counts).sort(([a], [b]) => (a < b ? -1 : 1));
  const beginning = (words: string): string =>
    rest
      .filter(([what]) => what.startsWith(words))
      .map(([what, count]) => `${what.slice(words.length)} ${count.toLocaleString('en')}`)
      .join(' · ');
  const fired = Object.keys(faultIds).map((id) => `${id} ${of(`fired ${id}`)}`);
  return [
    `parts             ${of('parts')} of ${String(parts().length)} in ${String(Math.round(elapsed / 1000))} s`,
    `CPU seconds       ${beginning('milliseconds of CPU, ').replace(/,(\d{3})\b/g, '')} (thousands)`,
    `kill points       ${of('kill points')}, of which ${of('kill points played')} were played: one for each world that is left`,
    `pairs of deaths   ${of('pairs')}, ${of('pairs distinct')} leave worlds of their own, ${of('pairs played')} were played`,
    `merging           ${of('merging: points played one by one')} points one by one, merged ${of('merging: worlds')}: the same ends`,
    `storms            ${of('storms')} seeds; ends: ${beginning('fired exit ')}`,
    `faults fired      ${fired.join(' · ')}`,
    `leases            ${of('orders of contenders for the lease')} orders of calls`,
    `planted defects   ${of('planted defects caught')} of ${of('planted defects')} caught`,
    `requests          ${of('requests')}: ${beginning('requests ')}`,
    `the same twice    ${of('played twice')} seeds and cases, ${of('flaky')} with another trace`,
    `violations        ${of('violations')}`,
    ...sum.failures.slice(0, 20),
    ...sum.notes,
  ].join('\n');
}
