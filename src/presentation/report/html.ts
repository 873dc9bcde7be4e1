import { oneLine } from '../../reporters/clean.js';

/** Text that is HTML already: only the tag below makes it. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export type Value = string | number | Html | readonly Html[];

/** HTML with everything in between escaped, as text and as the value of a quoted attribute. Controls and marks that turn the reading direction go. */
export function html(parts: TemplateStringsArray, ...values: readonly Value[]): Html {
  return new Html(parts.reduce((text, part, index) => text + rendered(values[index - 1] ?? '') + part));
}

function rendered(value: Value): string {
  if (typeof value === 'number') return String(value);
  if (typeof value === 'string') return escaped(oneLine(value));
  if (value instanceof Html) return value.text;
  return value.map(({ text }) => text).join('\n');
}

const NAMES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (char) => NAMES[char] ?? char);
}
