import type { HistoryResult } from '../operations/history.js';
import { duration, pad } from '../reporters/format.js';

/** Newest first; each rollout with its outcome, and its reason in a sentence. */
export function historyText(history: HistoryResult): string {
  const where = `${history.app}/${history.environment}`;
  const lines: string[] = [];
  if (history.unfinished !== undefined) {
    const { id, kind, by, phase } = history.unfinished;
    lines.push(`${id}  ${kind} by ${by} has not ended: ${phase}`, '  deployctl resume, or deployctl rollback', '');
  }
  if (history.outcomes.length === 0) return [...lines, `${where} has no history yet`].join('\n');
  for (const outcome of history.outcomes) {
    const when = new Date(outcome.endedAt).toISOString().slice(0, 16).replace('T', ' ');
    const images = Object.entries(outcome.images)
      .map(([service, image]) => `${service} ${image}`)
      .join(', ');
    lines.push(
      `${when}  ${pad(`${outcome.kind} ${outcome.outcome}`, 24)} ${duration(outcome.endedAt - outcome.startedAt)}, ${outcome.strategy}, by ${outcome.by}`,
      `  ${outcome.from} → ${outcome.to}; serving ${outcome.serving ?? 'no single release'}`,
      `  ${images}`,
      `  ${outcome.reason}`,
    );
    if (outcome.excluded.length > 0) lines.push(`  left out: ${outcome.excluded.join(', ')}`);
  }
  return lines.join('\n');
}
