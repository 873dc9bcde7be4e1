import type { Html } from './html.js';
import { html } from './html.js';

/** The numbers behind a chart, folded away: a row a moment. */
export function figures(head: readonly string[], rows: readonly (readonly (string | number)[])[]): Html {
  return html`<details>
    <summary>figures</summary>
    <table class="figures">
      <thead>
        <tr>
          ${head.map((name) => html`<th>${name}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          (cells) =>
            html`<tr>
              ${cells.map((cell) => html`<td>${cell}</td>`)}
            </tr>`,
        )}
      </tbody>
    </table>
  </details>`;
}
