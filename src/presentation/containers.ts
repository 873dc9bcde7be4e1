import { upTo } from '../domain/text.js';
import type { ContainerLog } from '../operations/containers.js';
import type { ExecResult, Stopped } from '../operations/exec.js';
import { flat, logLines, oneLine } from '../reporters/clean.js';

const MORE = 'the beginning is missing: SSM hands on 24,000 characters; ask for less with --since or --tail';

/** `shop-1  2026-11-24T19:53:12.123  text`: lines of all instances in the order of their times. What a container prints is made harmless. */
export function logsText(found: readonly ContainerLog[]): string {
  // Not the texts: those of a container have the cleaning of a log.
  const logs = found.map(({ lines, ...log }) => ({ ...flat(log), lines }));
  const notes = logs.filter(({ truncated }) => truncated).map(({ name }) => `! ${oneLine(name)}: ${MORE}`);
  const lines = logs
    .flatMap(({ name, lines: own }) => own.map((line) => ({ name, ...line })))
    .sort((a, b) => (a.time ?? '').localeCompare(b.time ?? ''))
    .map(({ name, time, text }) => {
      const when = time === undefined ? '' : `${upTo(oneLine(time), 23).replace(/Z$/, '')}  `;
      return `${oneLine(name)}  ${when}${logLines(text, 1, 2000)[0] ?? ''}`;
    });
  return [...notes, ...lines].join('\n');
}

/** `shop-2 (i-0…): no result, it may have run: …`, and where it has not run. */
export function stoppedText({ name, instance, why, mayHaveRun, notRunOn }: Stopped): string {
  const end = mayHaveRun ? 'no result, it may have run' : 'it did not run';
  const left = notRunOn.length === 0 ? '' : `\nit did not run on ${notRunOn.map(oneLine).join(', ')} either`;
  return `${oneLine(name)} (${oneLine(instance)}): ${end}: ${oneLine(why)}${left}`;
}

/** The output of each instance below its name and exit code. */
export function execText({ results }: ExecResult): string {
  return results
    .map(({ name, instance, exitCode, stdout, stderr, truncated }) =>
      [
        `${oneLine(name)} (${oneLine(instance)}): exit ${String(exitCode)}`,
        ...(truncated
          ? [`! the beginning of the output is missing: SSM hands on 24,000 characters, 8,000 of the errors`]
          : []),
        ...logLines(stdout, Infinity, 4000).map((line) => `  ${line}`),
        ...logLines(stderr, Infinity, 4000).map((line) => `  ! ${line}`),
      ].join('\n'),
    )
    .join('\n');
}
