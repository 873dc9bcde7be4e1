import type { ServiceStatus, StatusResult } from '../operations/inquire.js';
import { bar, pad } from '../reporters/format.js';
import { leaseText } from './lease.js';

/** One screen: what runs where, since when, by whom, and what to type next. */
export function statusText(status: StatusResult): string {
  const since = status.since === undefined ? '' : `, since ${status.since.slice(0, 16).replace('T', ' ')} UTC`;
  const by = status.by === undefined ? '' : ` by ${status.by}`;
  const lines = [`${status.app}/${status.environment}: ${status.release}${since}${by}`];
  if (status.running !== undefined) {
    const { kind, rollout, phase, by: who, aim } = status.running;
    lines.push(`${kind} ${rollout} by ${who} has not ended${aim === 'old' ? ', it goes back' : ''}: ${phase}`);
  }
  lines.push(`lock: ${leaseText(status.lease, Date.now())}`, '');
  for (const service of status.services) lines.push(...serviceLines(service), '');
  if (status.problems.length > 0) lines.push(...status.problems.map((problem) => `! ${problem}`), '');
  if (status.next.length > 0) lines.push('Next:', ...status.next.map((line) => `  ${line}`));
  return lines.join('\n').trimEnd();
}

function serviceLines(service: ServiceStatus): readonly string[] {
  const lines = [`${service.service} ${service.image}, live on ${service.live}`];
  for (const { color, port, targets } of service.colors) {
    const weight = service.weights[color];
    const share = weight === undefined ? '' : ` ${bar(weight / 100, 10)} ${String(weight)}%`;
    lines.push(`  ${color} :${String(port)}${share}`);
    if (targets.every(({ state, runs }) => state === 'not registered' && runs === 'nothing')) {
      lines.push('    nothing runs');
      continue;
    }
    for (const { name, state, runs, description } of targets) {
      lines.push(
        `    ${pad(name, 14)} ${pad(state, 14)} ${runs}${description === undefined ? '' : `  (${description})`}`,
      );
    }
  }
  return lines;
}
