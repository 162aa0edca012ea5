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

/** True where an Accept header wants CSV more than JSON. */
export function prefersCsv(accept: string | undefined): boolean {
  return quality(accept, 'text/csv') > quality(accept, 'application/json');
}

/** The weight that an Accept header gives a media type (RFC 9110, section 12.5.1): the most specific range decides. */
function quality(accept = '*/*', type: string): number {
  const ranges = accept.split(',').map((item) => {
    const [range = '', ...parameters] = item
      .trim()
      .toLowerCase()
      .split(/\s*;\s*/);
    const weight = parameters.find((p) => p.startsWith('q='));
    return { range, weight: weight === undefined ? 1 : Number(weight.slice(2)) || 0 };
  });
  const specific = [type, `${type.split('/')[0]}/*`, '*/*'];
  for (const wanted of specific) {
    const match = ranges.find(({ range }) => range === wanted);
    if (match) return match.weight;
  }
  return 0;
}
