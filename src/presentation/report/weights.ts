import type { ReportResult } from '../../operations/report.js';
import { percent } from '../../reporters/format.js';
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
    <p class="legend"><span class="key blue"></span>blue <span class="key green"></span>green</p>
    ${services.map((service) => chart(report, service, at))}
  </section>`;
}

function chart(report: ReportResult, service: string, at: Across): Html {
  const entries = report.weights.filter((entry) => entry.service === service);
  const figures = entries.map(
    (entry) =>
      html`<tr>
        <td>${plus(entry.afterSeconds)}</td>
        <td>${shares(entry)}</td>
      </tr>`,
  );
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
    ${axis(report.seconds, at)}
    <details>
      <summary>figures</summary>
      <table class="figures">
        <thead>
          <tr>
            <th>from</th>
            <th>share</th>
          </tr>
        </thead>
        <tbody>
          ${figures}
        </tbody>
      </table>
    </details>`;
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
