import type { HistoryResult, HistoryShowResult } from '../operations/history.js';
import { flat, oneLine } from '../reporters/clean.js';
import { duration, pad } from '../reporters/format.js';

/** Newest first; each rollout with its outcome, and its reason in a sentence. */
export function historyText(found: HistoryResult): string {
  const history = flat(found);
  const where = `${history.app}/${history.environment}`;
  const lines: string[] = [];
  if (history.unfinished !== undefined) {
    const { id, kind, by, phase } = history.unfinished;
    lines.push(
      `${id}  ${kind} by ${by} has not ended: ${oneLine(phase)}`,
      `  deployctl resume --env ${history.environment}     # goes on with it`,
      `  deployctl rollback --env ${history.environment}   # undoes it`,
      '',
    );
  }
  for (const { name, why } of history.damaged) lines.push(`! the parameter ${name} cannot be read: ${oneLine(why)}`);
  if (history.damaged.length > 0) lines.push('');
  if (history.outcomes.length === 0)
    return [...lines, `${where} has no history yet`, '', 'Next:', `  deployctl plan --env ${history.environment}`].join(
      '\n',
    );
  for (const outcome of history.outcomes) {
    const when = new Date(outcome.endedAt).toISOString().slice(0, 16).replace('T', ' ');
    const images = Object.entries(outcome.images)
      .map(([service, image]) => `${service} ${image}`)
      .join(', ');
    lines.push(
      `${when}  ${pad(`${outcome.kind} ${outcome.outcome}`, 24)} ${duration(outcome.endedAt - outcome.startedAt)}, ${outcome.strategy}, by ${outcome.by}`,
      `  ${outcome.rollout}  ${outcome.from} → ${outcome.to}; serving ${outcome.serving ?? 'no single release'}`,
      `  ${images}`,
      `  ${outcome.reason}`,
    );
    if (outcome.excluded.length > 0) lines.push(`  left out: ${outcome.excluded.join(', ')}`);
  }
  const newest = history.outcomes.find(({ kind }) => kind !== 'adopted');
  if (newest !== undefined) {
    const show = `deployctl history show ${newest.rollout} --env ${history.environment}`;
    lines.push('', 'Next:', `  ${show}   # its timeline`);
  }
  return lines.join('\n');
}

/** The timeline of one rollout: who, what, why, and each step with the time since its beginning. */
export function historyShowText(found: HistoryShowResult): string {
  const shown = flat(found);
  const { kind, rollout, app, environment, strategy, by, outcome, startedAt, endedAt } = shown;
  const took = endedAt === undefined ? '' : `, took ${duration(Date.parse(endedAt) - Date.parse(startedAt))}`;
  const lines = [
    `${kind} ${rollout} of ${app}/${environment}: ${outcome}`,
    `  ${startedAt.slice(0, 19).replace('T', ' ')} UTC${took}, ${strategy}, by ${oneLine(by)}`,
    `  ${shown.from} → ${shown.to}`,
    ...shown.services.map(({ service, from, to }) => `  ${service}: ${from} → ${to}`),
    ...(endedAt === undefined ? [] : [`  serving afterwards: ${shown.serving ?? 'no single release'}`]),
    ...(shown.reason === '' ? [] : [`  ${oneLine(shown.reason)}`]),
    ...(shown.excluded.length === 0 ? [] : [`  left out: ${shown.excluded.join(', ')}`]),
    ...shown.damaged.map(({ name, why }) => `  ! the parameter ${name} cannot be read: ${oneLine(why)}`),
    '',
  ];
  if (shown.timeline.length === 0)
    return [...lines, `no timeline was stored; the last phase was: ${oneLine(shown.phase)}`].join('\n');
  const steps = shown.timeline.map(({ afterSeconds, is, text }) => {
    const mark = is === 'phase' ? '' : is === 'failure' || is === 'back' || is === 'hold' ? '! ' : '  ';
    return `  ${pad(`+${duration(afterSeconds * 1000)}`, 9)} ${mark}${oneLine(text)}`;
  });
  if (shown.leftOut > 0) {
    const gap = `  ${pad('', 9)} … ${String(shown.leftOut)} entries are left out here`;
    steps.splice(Math.ceil(steps.length / 2), 0, gap);
  }
  return [...lines, ...steps].join('\n');
}
