import type { LoadSummary } from './tally.js';

/** A load's summary as lines for people. */
export function loadTable(summary: LoadSummary): string[] {
  const { p50, p90, p99, max } = summary.latencyMs;
  const rows: (readonly [string, string])[] = [
    ['requests', `${summary.requests} in ${(summary.durationMs / 1000).toFixed(1)} s (${summary.rate}/s)`],
    ['failures', `${summary.failures}, of which ${summary.broken} broken connections`],
    ['by status', counts(summary.byStatus)],
    ['by version', counts(summary.byVersion)],
    ['latency', `p50 ${p50} ms, p90 ${p90} ms, p99 ${p99} ms, max ${max} ms`],
  ];
  return [
    ...rows.map(([name, value]) => `${name.padEnd(12)}${value}`),
    ...summary.firstFailures.map(
      (one) =>
        `  ${one.time} ${one.path} ${one.error ?? String(one.status ?? '')}${one.version === undefined ? '' : ` (${one.version})`}`,
    ),
  ];
}

/** One line a second while it runs. */
export function loadLine(summary: LoadSummary): string {
  return `${(summary.durationMs / 1000).toFixed(0).padStart(4)} s  ${summary.requests} requests, ${summary.failures} failed  ${counts(summary.byVersion)}`;
}

function counts(by: Readonly<Record<string, number>>): string {
  return (
    Object.entries(by)
      .map(([name, count]) => `${name}: ${count}`)
      .join(', ') || '-'
  );
}
