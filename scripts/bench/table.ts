// Results as Markdown tables.
import type { Result } from './rounds.ts';
import type { Row } from './rows.ts';
import { formatRatio, missesOf, nameOf, percentTarget, ratioTarget } from './targets.ts';

export interface Column {
  title: string;
  right?: boolean;
}

/** A Markdown table whose source is aligned as well, so that it reads the same in a terminal. */
export function formatTable(columns: Column[], rows: string[][]): string {
  const widths = columns.map(({ title }, i) => Math.max(3, title.length, ...rows.map((row) => row[i]!.length)));
  const line = (cells: string[]) =>
    `| ${cells.map((cell, i) => (columns[i]!.right ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!))).join(' | ')} |`;
  const rule = columns.map(({ right }, i) => (right ? `${'-'.repeat(widths[i]! - 1)}:` : '-'.repeat(widths[i]!)));
  return [line(columns.map((column) => column.title)), line(rule), ...rows.map(line)].join('\n');
}

export function formatSpeed(row: Row): string {
  if ('op' in row) return row.gflops.toFixed(1);
  if (row.samples_per_s !== undefined) {
    return `${row.samples_per_s.toLocaleString('en', { maximumFractionDigits: row.samples_per_s < 100 ? 1 : 0 })} /s`;
  }
  return `${row.us!.toLocaleString('en', { maximumFractionDigits: row.us! < 100 ? 1 : 0 })} µs`;
}

function formatPercent(percent: number, target: number | null): string {
  const missed = short(percent, target, ' %');
  return `${percent.toFixed(missed ? 1 : 0)} %${missed}`;
}

/** What is added to a number that falls short. */
function short(reached: number, target: number | null, unit: string): string {
  return target !== null && reached < target ? ` ✗ (target ${target}${unit})` : '';
}

/** A line a result, and for each peer its number and the ratio. */
export function resultTable(results: Result[]): string {
  const ops = results.some(({ hebb }) => 'op' in hebb);
  const peers = [...new Set(results.flatMap(({ peers }) => [...peers.keys()]))];
  const withPeak = results.some(({ peak }) => peak !== null);
  const columns: Column[] = [
    ...(ops ? [{ title: 'op' }, { title: 'shape' }, { title: 'pass' }] : [{ title: 'workload' }, { title: 'mode' }]),
    { title: ops ? 'hebb, GFLOP/s' : 'hebb', right: true },
    ...(ops ? [{ title: 'µs', right: true }] : []),
    ...(withPeak ? [{ title: 'of the FMA peak', right: true }] : []),
    ...peers.flatMap((title) => [
      { title, right: true },
      { title: 'ratio', right: true },
    ]),
  ];
  const lines = results.map(({ hebb, peak, peers: others }) => [
    ...('op' in hebb ? [hebb.op, hebb.shape, hebb.pass] : [hebb.workload, hebb.mode]),
    formatSpeed(hebb),
    ...('op' in hebb ? [hebb.us.toFixed(1)] : []),
    ...(withPeak ? [peak ? formatPercent(peak.percent, percentTarget(hebb)) : '–'] : []),
    ...peers.flatMap((name) => {
      const other = others.get(name);
      if (!other || 'error' in other) return ['–', '–'];
      return [formatSpeed(other.row), formatRatio(other.ratio) + short(other.ratio, ratioTarget(hebb, name), '×')];
    }),
  ]);
  return formatTable(columns, lines);
}

/** What was missed, and why a peer has no number; empty where there is nothing to tell. */
export function remarks(results: Result[]): string {
  const misses = results.flatMap(missesOf);
  const errors = new Set(
    results.flatMap(({ hebb, peers }) =>
      [...peers].flatMap(([name, other]) =>
        'error' in other ? [`${name}${'workload' in hebb ? `, ${nameOf(hebb)}` : ''}: ${other.error}`] : [],
      ),
    ),
  );
  const list = (title: string, lines: string[]) =>
    lines.length === 0 ? [] : [`${title}\n\n${lines.map((line) => `- ${line}`).join('\n')}`];
  return [...list('Short of its target:', misses), ...list('Not measured:', [...errors])].join('\n\n');
}
