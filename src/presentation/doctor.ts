import type { DoctorResult, Level } from '../operations/doctor/index.js';
import { flat } from '../reporters/clean.js';
import { duration } from '../reporters/format.js';

const WORDS: Readonly<Record<Level, string>> = { ok: 'OK  ', warn: 'WARN', fail: 'FAIL', skip: 'SKIP' };

/** A tree: areas, their checks, and under each problem what to do about it. */
export function doctorText(found: DoctorResult): string {
  const result = flat(found);
  const lines = [`doctor: ${result.app}/${result.environment}, ${result.strategy} in ${result.region}`];
  for (const { area, checks } of result.areas) {
    lines.push('', area);
    for (const { level, text, fix } of checks) {
      lines.push(`  ${WORDS[level]}  ${text}`);
      if (fix !== undefined) lines.push(`        → ${fix}`);
    }
  }
  const { fail, warn, ok, skip } = result.counts;
  const estimate = result.estimateSeconds;
  if (estimate !== undefined) lines.push('', `a rollout of all services takes about ${duration(estimate * 1000)}`);
  lines.push('', `${fail} failed, ${warn} to think about, ${ok} fine, ${skip} not looked at; nothing was changed`);
  lines.push('', 'Next:', ...result.next.map((line) => `  ${line}`));
  return lines.join('\n');
}
