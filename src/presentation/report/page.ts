import type { ReportResult } from '../../operations/report.js';
import { duration } from '../../reporters/format.js';
import type { Html } from './html.js';
import { Html as Ready, html } from './html.js';
import { lanes } from './lanes.js';
import { probes } from './probes.js';
import { across, plus } from './scale.js';
import { style } from './style.js';
import { weights } from './weights.js';

/**
 * One rollout as one page of HTML that asks for nothing else: no script, no font, no image; its own policy forbids them. Everything that came from
 * outside is escaped.
 */
export function reportPage(report: ReportResult): string {
  const at = across(report.seconds);
  const where = `${report.app}/${report.environment}`;
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'" />
        <meta name="color-scheme" content="light dark" />
        <title>${where} ${report.kind} ${report.outcome}, ${report.rollout}</title>
        <style>
          ${new Ready(style)}
        </style>
      </head>
      <body>
        <header>
          <h1>${where}: ${report.kind} ${moves(report)}</h1>
          <p>
            <span class="badge ${report.outcome}">${report.outcome}</span> <span class="id">${report.rollout}</span>
          </p>
          ${report.reason === '' ? html`` : html`<p class="reason ${report.outcome}">${report.reason}</p>`}
          ${facts(report)} ${dashes(report)}
        </header>
        <main>
          ${weights(report, at)} ${lanes(report, at)} ${probes(report, at)} ${missing(report)} ${timeline(report)}
        </main>
        <footer>
          Times are since the start, ${report.startedAt.slice(0, 19).replace('T', ' ')} UTC. Written by
          <code>deployctl report</code>; the same in words: <code>deployctl history show ${report.rollout}</code>
        </footer>
      </body>
    </html> `;
  return page.text;
}

const moves = ({ services }: ReportResult): string =>
  services.map(({ service, from, to }) => `${service} ${from} → ${to}`).join(', ');

function facts(report: ReportResult): Html {
  const { startedAt, endedAt } = report;
  const took = endedAt === undefined ? 'has not ended' : duration(Date.parse(endedAt) - Date.parse(startedAt));
  const rows: readonly (readonly [string, string])[] = [
    ['started', `${startedAt.slice(0, 19).replace('T', ' ')} UTC`],
    ['took', took],
    ['by', report.by],
    ['strategy', report.strategy],
    ['releases', `${report.from} → ${report.to}`],
    ...(endedAt === undefined ? [] : [['serving afterwards', report.serving ?? 'no single release'] as const]),
    ...(report.excluded.length === 0 ? [] : [['left out', report.excluded.join(', ')] as const]),
  ];
  return html`<dl>
    ${rows.map(
      ([name, value]) =>
        html`<dt>${name}</dt>
          <dd>${value}</dd>`,
    )}
  </dl>`;
}

/** What the dashed lines through the charts are. */
function dashes({ timeline: entries }: ReportResult): Html {
  const words = { failure: 'something failed', back: 'it went back', hold: 'it was held' } as const;
  const turns = (['failure', 'back', 'hold'] as const).filter((turn) => entries.some(({ is }) => is === turn));
  if (turns.length === 0) return html``;
  return html`<p class="legend">
    Dashed lines: ${turns.map((turn) => html`<span class="dash ${turn}"></span>${words[turn]} `)}
  </p>`;
}

function missing({ missing: sentences }: ReportResult): Html {
  if (sentences.length === 0) return html``;
  return html`<section class="missing">
    <h2>What is not drawn</h2>
    <ul>
      ${sentences.map((text) => html`<li>${text}</li>`)}
    </ul>
  </section>`;
}

function timeline({ timeline: entries, leftOut, phase }: ReportResult): Html {
  if (entries.length === 0) {
    return html`<section>
      <h2>Timeline</h2>
      <p>No timeline was stored; the last phase was: ${phase}</p>
    </section>`;
  }
  const rows = entries.map(
    ({ afterSeconds, at, is, text }) =>
      html`<tr class="${is}">
        <td title="${at}">${plus(afterSeconds)}</td>
        <td>${text}</td>
      </tr>`,
  );
  if (leftOut > 0) {
    const gap = html`<tr class="gap">
      <td></td>
      <td>… ${leftOut} entries are left out here</td>
    </tr>`;
    rows.splice(Math.ceil(rows.length / 2), 0, gap);
  }
  return html`<section>
    <h2>Timeline</h2>
    <table class="timeline">
      <tbody>
        ${rows}
      </tbody>
    </table>
  </section>`;
}
