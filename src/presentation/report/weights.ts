import type { ReportResult } from '../../operations/report.js';
import { percent } from '../../reporters/format.js';
import { figures } from './figures.js';
import type { Html } from './html.js';
import { html } from './html.js';
import type { Across } from './scale.js';
import { axis, marks, plus } from './scale.js';

type Entry = ReportResult['weights'][number];

/** Who had how much of the traffic: for each service its two colors on top of each other, blue below. */
export function weights(report: ReportResult, at: Across): Html {
  const services = [...new Set(report.weights.map(({ service }) => service))];
  if (services.length === 0) return html``;
  return html`<section>
    <h2>Traffic</h2>
    ${services.some((service) => moves(report, service)) ? legend : html``}
    ${services.map((service) => chart(report, service, at))}
  </section>`;
}

const legend = html`<p class="legend">
  <span class="item"><span class="key blue"></span>blue</span
  ><span class="item"><span class="key green"></span>green</span>
</p>`;

const of = (report: ReportResult, service: string): readonly Entry[] =>
  report.weights.filter((entry) => entry.service === service);

/** Whether weights changed: a rolling rollout takes instances out and moves none. */
const moves = (report: ReportResult, service: string): boolean => new Set(of(report, service).map(shares)).size > 1;

function chart(report: ReportResult, service: string, at: Across): Html {
  const entries = of(report, service);
  if (!moves(report, service)) {
    return html`<h3>${service}</h3>
      <p>${entries.slice(0, 1).map(shares).join('')} from the first to the last moment</p>`;
  }
  const rows = entries.map((entry) => [plus(entry.afterSeconds), shares(entry)]);
  return html`<h3>${service}</h3>
    <div class="plot tall">
      <svg
        viewBox="0 0 100 100"
        preserveAspectRatio="none"
        role="img"
        aria-label="${service}: ${entries.map(shares).join(', then ')}"
      >
        ${entries.map((entry, index) => step(entry, entries[index + 1]?.afterSeconds ?? report.seconds, at))}</svg
      ><span class="y top">100%</span><span class="y bottom">0</span>${marks(report, at)}
    </div>
    ${axis(report.seconds, at)} ${figures(['from', 'share'], rows)}`;
}

function step({ afterSeconds, percents }: Entry, until: number, at: Across): Html {
  const [left, width] = [at(afterSeconds), at(until) - at(afterSeconds)];
  const blue = percents.blue ?? 0;
  const green = percents.green ?? 0;
  return html`<rect class="blue" x="${left}" y="${100 - blue}" width="${width}" height="${blue}" /><rect
      class="green"
      x="${left}"
      y="${100 - blue - green}"
      width="${width}"
      height="${green}"
    />`;
}

function shares({ percents }: Entry): string {
  return (['blue', 'green'] as const)
    .flatMap((color) => (percents[color] === undefined ? [] : [`${color} ${percent(percents[color])}`]))
    .join(', ');
}
