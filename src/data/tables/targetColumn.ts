import type { Fault } from '../../errors.ts';
import { brief } from '../../words.ts';
import { maxClasses, resolveClasses, type UnknownLabel, unlikeClasses } from '../classes.ts';
import type { DatasetInfo, Task } from '../dataset.ts';
import type { TableOptions } from '../source.ts';
import { type Cell, type DecimalMark, numberOf, textOf } from './cells.ts';
import type { RowSource } from './rows.ts';
import { tableError, wrongCells } from './tableError.ts';

/** The targets of a table once it is known what they are. */
export interface Targets {
  task: Task;
  targetShape: number[];
  classes: string[] | null;
  /** (rows) class indices or numbers. */
  values: Int32Array | Float32Array;
  warnings: DatasetInfo['warnings'];
}

/** Numbers with so few different whole values are most likely classes. */
const fewValues = 20;

/**
 * The column of targets as its cells come: each as the place of its text among the different ones, or, once there are too
 * many different ones for classes, as a number.
 */
export class TargetColumn {
  /** Rows whose target is missing. */
  readonly missing: { row: number; value: unknown }[] = [];
  private readonly typed: boolean;
  private readonly mark: DecimalMark;
  private readonly codes = new Map<string, number>();
  /** Row of the file in which each text came first. */
  private readonly firstRows: number[] = [];
  private overflowed = false;
  private firstText: { row: number; value: Cell } | undefined;
  private infinite: { row: number; value: Cell } | undefined;
  /** Codes, or numbers once `overflowed`. */
  private values: Int32Array | Float32Array = new Int32Array(1024);
  private length = 0;

  constructor(typed: boolean, mark: DecimalMark) {
    this.typed = typed;
    this.mark = mark;
  }

  add(cell: Cell, row: number): void {
    const value = this.valueOf(cell);
    if (Number.isNaN(value)) this.firstText ??= { row, value: cell };
    else if (!Number.isFinite(Math.fround(value))) this.infinite ??= { row, value: cell };
    const stored = this.overflowed ? value : this.codeOf(textOf(cell), row, value);
    if (this.length === this.values.length) this.values = grown(this.values);
    this.values[this.length++] = stored;
  }

  /** NaN for what is no number: in a format that types its cells, text is none even where it has digits. */
  private valueOf(cell: Cell): number {
    return this.typed && typeof cell === 'string' ? Number.NaN : numberOf(cell, this.mark);
  }

  private codeOf(text: string, row: number, value: number): number {
    const code = this.codes.get(text);
    if (code !== undefined) return code;
    if (this.codes.size === maxClasses) {
      this.values = this.numbers();
      this.overflowed = true;
      return value;
    }
    this.codes.set(text, this.codes.size);
    this.firstRows.push(row);
    return this.codes.size - 1;
  }

  private numbers(): Float32Array {
    if (this.overflowed) return this.values.slice(0, this.length) as Float32Array;
    const numbers = Float32Array.from(this.codes.keys(), (text) => numberOf(text, this.mark));
    const values = new Float32Array(this.values.length);
    for (let i = 0; i < this.length; i++) values[i] = numbers[this.values[i]!]!;
    return values;
  }

  /**
   * @param name of the column
   * @param names of classes that are there already
   * @throws HebbError where the targets are not what the task takes, or too many classes
   */
  async resolve(
    rows: RowSource,
    name: string,
    { task: asked, classes: given }: TableOptions,
    names?: string[],
  ): Promise<Targets> {
    const task = asked ?? (this.firstText || given ? 'classification' : 'regression');
    if (task === 'classification') return this.asClasses(rows, name, given, names);
    if (given) {
      const message = 'a regression has no classes; for numbers that are classes, say "task": "classification"';
      throw tableError('invalid-data', [{ pointer: '/classes', message }]);
    }
    const wrong = this.firstText ?? this.infinite;
    if (wrong) {
      const expected = this.firstText ? 'a number' : 'a finite number in the range of float32';
      const hint = this.firstText ? '; for classes, say "task": "classification"' : '';
      throw await wrongCells(rows, [{ row: wrong.row, column: name, expected, value: wrong.value }], hint);
    }
    const values = this.numbers().subarray(0, this.length);
    const warnings: DatasetInfo['warnings'] = [];
    const whole = [...(this.overflowed ? [] : this.codes.keys())].every((text) =>
      Number.isInteger(numberOf(text, this.mark)),
    );
    if (asked === undefined && !this.overflowed && whole && this.codes.size <= fewValues) {
      const message = `The target "${name}" has ${this.codes.size} different whole numbers and is taken for numbers, a regression; if they are classes, say "task": "classification".`;
      warnings.push({ code: 'integer-target', message });
    }
    return { task, targetShape: [1], classes: null, values, warnings };
  }

  private async asClasses(
    rows: RowSource,
    name: string,
    given: string[] | undefined,
    names: string[] | undefined,
  ): Promise<Targets> {
    const pointer = `/${rows.part}`;
    // Names that were found, not given, are texts that stand in the cells: no numbers are indices into them.
    const byName =
      this.firstText !== undefined || (!given && names?.some((known) => !Number.isSafeInteger(Number(known))));
    if (this.overflowed || (!given && !names && unlikeClasses(this.codes.size, this.length))) {
      const count = this.overflowed ? `more than ${maxClasses}` : String(this.codes.size);
      const hint = this.firstText ? 'name another column as "target"' : 'for numbers, say "task": "regression"';
      const message = `the target "${name}" has ${count} different values in ${this.length} rows, that is fewer than two samples a class; ${hint}`;
      const fault: Fault = { pointer: '/target', message, expected: 'classes with several samples', received: name };
      throw tableError('invalid-data', [fault]);
    }
    const texts = [...this.codes.keys()];
    if (!byName) {
      const at = texts.findIndex((text) => !Number.isSafeInteger(numberOf(text, this.mark)));
      if (at >= 0) {
        const cell = { row: this.firstRows[at]!, column: name, expected: 'a class: text or a whole number' };
        throw await wrongCells(rows, [{ ...cell, value: texts[at] }], '; for numbers, say "task": "regression"');
      }
    }
    const labels = texts.map((text) => (byName ? text : numberOf(text, this.mark)));
    const tooLong = labels.findIndex((label) => typeof label === 'string' && label.length > 200);
    if (tooLong >= 0) {
      const message = `${await rows.placeOf(this.firstRows[tooLong]!)}, column "${name}": the name of a class has at most 200 characters, got ${texts[tooLong]!.length}`;
      throw tableError('invalid-data', [{ pointer, message, expected: 200, received: brief(texts[tooLong]) }]);
    }
    const unknown: UnknownLabel[] = [];
    const refuse = (label: UnknownLabel) => {
      unknown.push(label);
      return tableError('invalid-data', [{ pointer, message: label.expected }]);
    };
    let resolved: ReturnType<typeof resolveClasses>;
    try {
      resolved = resolveClasses([labels], given ?? names, refuse);
    } catch (error) {
      const [label] = unknown;
      if (!label) throw error;
      // With its place, which takes another look into the file.
      const cell = { row: this.firstRows[label.index]!, column: name, expected: label.expected };
      throw await wrongCells(rows, [{ ...cell, value: texts[label.index] }]);
    }
    const { classes, indices } = resolved;
    const values = Int32Array.from(this.values.subarray(0, this.length), (code) => indices[0]![code]!);
    return { task: 'classification', targetShape: [], classes, values, warnings: [] };
  }
}

function grown(values: Int32Array | Float32Array): Int32Array | Float32Array {
  const larger = values instanceof Int32Array ? new Int32Array(2 * values.length) : new Float32Array(2 * values.length);
  larger.set(values);
  return larger;
}
