import type { ReportResult } from '../../operations/report.js';
import { duration } from '../../reporters/format.js';
import type { Html } from './html.js';
import { html } from './html.js';

/** Seconds since the start as a share of the width, in percent with two digits. */
export type Across = (seconds: number) => number;

/** One axis for all charts, so that what happened at one moment stands on one line. */
export function across(total: number): Across {
  return (seconds) => round((Math.min(Math.max(0, seconds), total) / Math.max(total, 0.1)) * 100);
}

export const round = (value: number): number => Math.round(value * 100) / 100;

export const plus = (seconds: number): string => `+${duration(seconds * 1000)}`;

const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 43_200, 86_400];

/** Four ticks at most: as many as a telephone has room for. */
export function axis(total: number, at: Across): Html {
  const step = STEPS.find((each) => total / each <= 4) ?? Math.ceil(total / 4);
  const ticks: Html[] = [];
  for (let tick = 0; tick <= total; tick += step) {
    const side = at(tick) > 90 ? 'last' : tick === 0 ? 'first' : '';
    ticks.push(html`<span class="tick ${side}" style="left:${at(tick)}%">${tick === 0 ? '0' : plus(tick)}</span>`);
  }
  return html`<div class="axis" aria-hidden="true">${ticks}</div>`;
}

/** Lines through every chart where the rollout turned: what failed, went back, or was held. */
export function marks(report: ReportResult, at: Across): Html {
  const turns = report.timeline.filter(({ is }) => is === 'failure' || is === 'back' || is === 'hold');
  return html`${turns.map(
    ({ is, afterSeconds, text }) =>
      html`<i class="mark ${is}" style="left:${at(afterSeconds)}%" title="${plus(afterSeconds)} ${text}"></i>`,
  )}`;
}
