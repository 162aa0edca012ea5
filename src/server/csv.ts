import type { TimedRow } from '../service/types.ts';

const fixedColumns = ['seq', 'time', 'epoch', 'step'];

/** Metric rows as CSV (RFC 4180): a header line, then a line each; a metric that a row lacks is empty. */
export function metricsCsv(rows: TimedRow[]): string {
  const metrics = new Set<string>();
  for (const row of rows) for (const key of Object.keys(row)) if (!fixedColumns.includes(key)) metrics.add(key);
  const columns = [...fixedColumns, ...metrics];
  const lines = [columns.map(cell), ...rows.map((row) => columns.map((column) => cell(row[column])))];
  return `${lines.map((cells) => cells.join(',')).join('\r\n')}\r\n`;
}

function cell(value: string | number | undefined): string {
  const text = String(value ?? '');
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
