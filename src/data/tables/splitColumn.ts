import { splitNames, splitOf } from '../dataset.ts';
import type { SplitKeys } from '../split.ts';
import { type Cell, type DecimalMark, isMissing, numberOf, textOf } from './cells.ts';
import { maxTextLength } from './limits.ts';
import { maxFaults, tableError, type WrongCell } from './tableError.ts';

/** Most different groups. */
const maxGroups = 2 ** 22;

const number = 'a finite number';
const date = 'an ISO 8601 date or time, as 2024-12-31 or 2024-12-31T23:59:59Z';

/** The column that decides the splits, as the cells of the rows that are kept come. */
export class SplitColumn {
  /** The first cells that decide nothing. */
  readonly wrong: WrongCell[] = [];
  private readonly by: SplitKeys['by'];
  private readonly name: string;
  private readonly mark: DecimalMark;
  private values = new Float64Array(1024);
  private length = 0;
  private readonly groups = new Map<string, number>();
  /** What the times are, once the first one was seen. */
  private times: typeof number | typeof date | undefined;

  constructor(by: SplitKeys['by'], name: string, mark: DecimalMark) {
    this.by = by;
    this.name = name;
    this.mark = mark;
  }

  /** @param row of the file */
  add(cell: Cell, row: number): void {
    const value = this.valueOf(cell);
    if (typeof value === 'string') {
      if (this.wrong.length < maxFaults) this.wrong.push({ row, column: this.name, expected: value, value: cell });
      return;
    }
    if (this.length === this.values.length) {
      const grown = new Float64Array(2 * this.length);
      grown.set(this.values);
      this.values = grown;
    }
    this.values[this.length++] = value;
  }

  /** Of all rows that were added, where none was wrong. */
  keys(): SplitKeys {
    const values = this.values.subarray(0, this.length);
    if (this.by === 'time') return { by: 'time', values };
    if (this.by === 'group') return { by: 'group', values: Int32Array.from(values) };
    return { by: 'column', values: Uint8Array.from(values) };
  }

  /** The cell as a number, or what is expected instead. */
  private valueOf(cell: Cell): number | string {
    if (this.by === 'time') return this.timeOf(cell);
    if (this.by === 'group') return this.groupOf(cell);
    const split = isMissing(cell) ? undefined : splitOf(textOf(cell));
    return split === undefined ? 'train, validation or test' : splitNames.indexOf(split);
  }

  private timeOf(cell: Cell): number | string {
    const given = numberOf(cell, this.mark);
    const isNumber = !Number.isNaN(given);
    const value = isNumber ? given : typeof cell === 'string' ? isoTime(cell) : Number.NaN;
    if (!Number.isFinite(value)) return this.times ?? (isNumber ? number : `${number}, or ${date},`);
    const what = isNumber ? number : date;
    this.times ??= what;
    return this.times === what ? value : `${this.times}, as in the rows before,`;
  }

  private groupOf(cell: Cell): number | string {
    if (isMissing(cell)) return 'a group';
    const name = textOf(cell);
    if (name.length > maxTextLength) return `a group of at most ${maxTextLength} characters`;
    const known = this.groups.get(name);
    if (known !== undefined) return known;
    if (this.groups.size === maxGroups) {
      const message = `the column "${this.name}" has more than ${maxGroups} different groups`;
      throw tableError('too-large', [{ pointer: '/split/group', message, expected: maxGroups }]);
    }
    this.groups.set(name, this.groups.size);
    return this.groups.size - 1;
  }
}

const iso =
  /^(\d{4})[-/](\d\d)(?:[-/](\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)([.,]\d{1,9})?)?(?: ?(Z|[+-]\d\d:?\d\d))?)?)?$/i;

/** Milliseconds since 1970 of an ISO 8601 date or time (or 2024/12/31, as spreadsheets write it), in UTC where it has no zone; NaN for anything else. */
export function isoTime(text: string): number {
  const match = iso.exec(text);
  if (!match) return Number.NaN;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map((part) => Number(part ?? 0));
  const time = Date.UTC(year!, month! - 1, match[3] === undefined ? 1 : day!, hour, minute, second);
  const read = new Date(time);
  // Dates that do not exist are no dates, rather than those of the next month.
  if (read.getUTCMonth() !== month! - 1 || read.getUTCFullYear() !== year) return Number.NaN;
  if ((match[3] !== undefined && read.getUTCDate() !== day) || read.getUTCHours() !== hour) return Number.NaN;
  if (minute! > 59 || second! > 59) return Number.NaN;
  const fraction = match[7] === undefined ? 0 : Number(match[7].replace(',', '.')) * 1000;
  return time + fraction - zoneMs(match[8]);
}

function zoneMs(zone: string | undefined): number {
  if (zone === undefined || zone.toUpperCase() === 'Z') return 0;
  const [hours, minutes] = [Number(zone.slice(1, 3)), Number(zone.slice(-2))];
  return (zone.startsWith('-') ? -1 : 1) * (hours * 60 + minutes) * 60_000;
}
