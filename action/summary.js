// The step summary: what happened as a table and a Mermaid timeline, from the result and the events of deployctl.
import { plain } from './text.js';

/** Words of a result, for people. */
const titles = {
  succeeded: '✅ rolled out',
  'nothing-to-do': '✅ nothing to do',
  'rolled-back': '↩️ rolled back',
  failed: '🚨 needs a human',
  held: '✋ waits for a human',
  interrupted: '⏸️ interrupted',
  refused: '🚫 refused before any change',
};

/**
 * @param result the JSON document of deployctl: a result, or `{error}`
 * @param events lines of --events, parsed
 */
export function summary(command, outcome, result, events) {
  const where = result.app === undefined ? '' : ` ${text(result.app)}/${text(result.environment)}`;
  const title = outcome === 'succeeded' && command !== 'rollout' ? '✅ done' : (titles[outcome] ?? outcome);
  const parts = [`### ${title}: ${text(command)}${where}`, ''];
  if (result.error !== undefined) parts.push(quoted(result.error.message), '');
  else if (result.reason !== undefined) parts.push(text(result.reason), '');
  if ((result.services ?? []).length > 0) {
    parts.push('| service | from | to | color |', '| --- | --- | --- | --- |');
    for (const { service, from, to, color } of result.services) {
      parts.push(`| ${[service, from, to, color ?? ''].map(text).join(' | ')} |`);
    }
    parts.push('');
  }
  const facts = [
    ['rollout', result.rollout],
    ['strategy', result.strategy],
    ['serves now', result.serving],
    ['took', result.durationSeconds === undefined ? undefined : `${result.durationSeconds} s`],
    ['left out', (result.excluded ?? []).join(', ')],
  ].filter(([, value]) => value !== undefined && value !== null && value !== '');
  if (facts.length > 0)
    parts.push('| | |', '| --- | --- |', ...facts.map(([key, value]) => `| ${key} | ${text(String(value))} |`), '');
  parts.push(...timeline(events));
  const next = result.error?.next ?? result.next ?? [];
  if (next.length > 0) parts.push('Next:', '', fenced(next.join('\n')), '');
  return `${parts.join('\n')}\n`;
}

/** A Gantt chart of the phases, with weights and failures as milestones. */
function timeline(events) {
  const marks = events.filter(({ type }) =>
    ['phase.changed', 'traffic.shifted', 'rollback.started', 'host.failed'].includes(type),
  );
  const end = events.at(-1);
  if (marks.length === 0 || end === undefined) return [];
  const lines = ['```mermaid', 'gantt', '  dateFormat x', '  axisFormat %H:%M:%S', '  section rollout'];
  const phases = marks.filter(({ type }) => type === 'phase.changed');
  phases.forEach((phase, index) => {
    const [from, until] = [at(phase), at(phases[index + 1] ?? end)];
    lines.push(`  ${label(phase.phase)} :${from}, ${Math.max(until, from + 1)}`);
  });
  const points = marks.filter(({ type }) => type !== 'phase.changed');
  if (points.length > 0) lines.push('  section moments');
  for (const event of points) {
    const kind = event.type === 'traffic.shifted' ? '' : 'crit, ';
    lines.push(`  ${label(momentOf(event))} :${kind}milestone, ${at(event)}, 0ms`);
  }
  return [...lines, '```', ''];
}

function momentOf(event) {
  if (event.type === 'traffic.shifted') return `${event.service} ${event.percent}% ${event.color}`;
  if (event.type === 'rollback.started') return `goes back - ${event.reason}`;
  return `${event.name} failed - ${event.failure?.message ?? ''}`;
}

const at = (event) => Date.parse(event.time);

/**
 * What Mermaid would take for its own syntax is left out, a percent sign too where it is none; what is long is cut. The dot in front: a label that begins
 * with one of its words (`section`, `click`, `title`, a date) would be a line of that kind.
 */
const label = (value) =>
  `· ${String(value)
    .replace(/[^A-Za-z0-9 %._/-]+|(?<!\d)%|%(?! )/g, ' ')
    .trim()
    .slice(0, 60)}`.trim();

/** In a table or a paragraph: no markup, no HTML, no line ends. */
const text = (value) =>
  plain(value)
    .replace(/[\\`*_{}[\]<>|#~@!&]/g, (char) => `&#${char.codePointAt(0)};`)
    .replace(/\s+/g, ' ');

/** A fence that is longer than any in the text. */
function fenced(text) {
  const value = plain(text);
  const longest = Math.max(2, ...[...value.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}text\n${value}\n${fence}`;
}
const quoted = (value) => fenced(value);
