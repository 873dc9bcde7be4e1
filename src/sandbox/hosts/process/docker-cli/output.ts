/** How Docker's client prints lists, times and sizes. */
import { compileTemplate } from '../go-template.js';
import { encodeJson, formatValue } from '../go-values.js';

export type Row = Readonly<Record<string, unknown>>;

function table(lines: readonly (readonly string[])[]): string {
  const widths = (lines[0] ?? []).map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  return lines
    .map((line) =>
      line.map((cell, at) => (at === line.length - 1 ? cell : cell.padEnd((widths[at] ?? 0) + 3))).join(''),
    )
    .map((line) => `${line}\n`)
    .join('');
}

/** `ContainerID` → `CONTAINER ID`. */
const HEADERS: Readonly<Record<string, string>> = {
  ID: 'CONTAINER ID',
  RunningFor: 'CREATED',
  CreatedSince: 'CREATED',
  CreatedAt: 'CREATED AT',
};

/**
 * Rows as a table, or by `--format`: `json`, `table TEMPLATE`, or a template per row.
 * @param columns field → header of the default table
 */
export function printRows(rows: readonly Row[], columns: Readonly<Record<string, string>>, format?: string): string {
  if (format === 'json') return rows.map((row) => `${encodeJson(row)}\n`).join('');
  if (format === undefined || format === '' || format === 'table') {
    const fields = Object.keys(columns);
    return table([Object.values(columns), ...rows.map((row) => fields.map((field) => formatValue(row[field] ?? '')))]);
  }
  if (format.startsWith('table ')) {
    const template = format.slice(6).replaceAll('\\t', '\t');
    const render = compileTemplate(template);
    const header = template.replace(
      /\{\{\s*\.(\w+)[^}]*\}\}/g,
      (_, name: string) => columns[name] ?? HEADERS[name] ?? name.toUpperCase(),
    );
    return table([header.split('\t'), ...rows.map((row) => render(row).split('\t'))]);
  }
  const render = compileTemplate(format.replaceAll('\\t', '\t').replaceAll('\\n', '\n'));
  return rows.map((row) => `${render(row)}\n`).join('');
}

/** Docker's rough durations: "3 seconds", "About a minute", "5 hours". */
export function humanDuration(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const minutes = Math.floor(seconds / 60);
  const hours = Math.round(ms / 3_600_000);
  if (seconds < 1) return 'Less than a second';
  if (seconds === 1) return '1 second';
  if (seconds < 60) return `${seconds} seconds`;
  if (minutes === 1) return 'About a minute';
  if (minutes < 60) return `${minutes} minutes`;
  if (hours === 1) return 'About an hour';
  if (hours < 48) return `${hours} hours`;
  return hours < 24 * 14 ? `${Math.floor(hours / 24)} days` : `${Math.floor(hours / 24 / 7)} weeks`;
}

/** Powers of 1000, three digits: `12.3kB`. */
export function humanSize(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB'];
  let value = bytes;
  let unit = 0;
  for (; value >= 1000 && unit < units.length - 1; unit += 1) value /= 1000;
  return `${Number(value.toPrecision(3))}${units[unit] ?? 'B'}`;
}

/** `2026-01-02 03:04:05 +0000 UTC` */
export function clockTime(iso: string): string {
  return `${iso.slice(0, 19).replace('T', ' ')} +0000 UTC`;
}
