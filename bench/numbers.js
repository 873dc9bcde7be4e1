/** The middle one. Of an even number the higher of the two. */
export const median = (values) => quantile(values, 0.5);

/** The value below which a share of them lies: 0.95 of 20 values is the 20th. */
export function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  const found = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  if (found === undefined) throw new Error('no values');
  return found;
}

/** A table of Markdown: the first column to the left, the others to the right. */
export function table(head, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map((_, index) => (index === 0 ? '---' : '---:'))), ...rows.map(line)].join('\n');
}
