import { clean, cut, widthOf } from './text.ts';

export interface Column {
  title: string;
  /** Numbers stand at the right. */
  right?: boolean;
  /** Useless when cut: an id. */
  whole?: boolean;
}

const gap = '  ';
const narrowest = 6;

/**
 * Rows under their titles, as wide as `width` at most: the widest columns are cut first, those that should stay whole last.
 * @param width Infinity: as wide as it gets
 */
export function table(columns: Column[], rows: string[][], width: number, strong: (text: string) => string): string {
  const cells = [columns.map(({ title }) => title), ...rows.map((row) => row.map(clean))];
  const widths = columns.map((_, i) => Math.max(...cells.map((row) => widthOf(row[i] ?? ''))));
  const total = () => widths.reduce((sum, one) => sum + one, gap.length * (widths.length - 1));
  while (total() > width) {
    const cuttable = widths.map((one, i) => (one > narrowest ? one - (columns[i]!.whole ? 1e6 : 0) : -Infinity));
    const widest = Math.max(...cuttable);
    if (widest === -Infinity) break;
    widths[cuttable.indexOf(widest)]!--;
  }
  const lines = cells.map((row) =>
    columns
      .map(({ right }, i) => {
        const text = cut(row[i] ?? '', widths[i]!);
        const padding = ' '.repeat(widths[i]! - widthOf(text));
        if (right) return padding + text;
        return i === columns.length - 1 ? text : text + padding;
      })
      .join(gap),
  );
  return [strong(lines[0]!), ...lines.slice(1)].join('\n');
}

/** Names and values below each other. */
export function fields(entries: [name: string, value: string | undefined][], faint: (text: string) => string): string {
  const given = entries.filter((entry): entry is [string, string] => entry[1] !== undefined);
  const widest = Math.max(0, ...given.map(([name]) => widthOf(name)));
  return given
    .map(([name, value]) => `${faint(name)}${' '.repeat(widest - widthOf(name))}${gap}${clean(value)}`)
    .join('\n');
}
