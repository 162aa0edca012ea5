// Whether the rows of a dataset are what a model takes, and how they become that.
import type { DatasetInfo } from '../data/dataset.ts';
import type { Column } from '../data/tables/columns.ts';
import { RowEncoder } from '../data/tables/encode.ts';
import { type Fault, HebbError } from '../errors.ts';
import { elementCount, formatShape } from '../shape.ts';
import { Turns } from '../turns.ts';
import type { ServedModel } from './servedModels.ts';

type Described = Pick<
  ServedModel,
  'name' | 'inputShape' | 'inputType' | 'outputShape' | 'task' | 'classes' | 'columns'
>;
type Data = Pick<DatasetInfo, 'inputShape' | 'inputType' | 'targetShape' | 'task' | 'classes' | 'columns'> & {
  name: string;
};
type Warnings = { code: string; message: string }[];

/** Rows as they are stored → rows as the model takes them; throws what a row has that the model does not know. */
export type Reencode = (stored: ArrayLike<number>, rows: number) => Float32Array;

/** As reencode, for many rows: others get their turn between. */
export async function reencodeAll(
  reencode: Reencode,
  stored: Uint8Array | Float32Array,
  rows: number,
): Promise<Float32Array> {
  const turns = new Turns();
  const width = stored.length / rows;
  const perTurn = Math.max(1, Math.floor(32_768 / width));
  const parts: Float32Array[] = [];
  for (let first = 0; first < rows; first += perTurn) {
    const last = Math.min(first + perTurn, rows);
    parts.push(reencode(stored.subarray(first * width, last * width), last - first));
    await turns.pass();
  }
  const values = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    values.set(part, at);
    at += part.length;
  }
  return values;
}

export interface InputFit {
  /** null: they are the same. */
  reencode: Reencode | null;
  warnings: Warnings;
}

/**
 * Compares a dataset's inputs with those of a model: columns by their names where both are of tables, numbers by their count.
 * @throws HebbError('invalid-data') with all that does not fit
 */
export function fitInputs(model: Described, dataset: Data): InputFit {
  const warnings: Warnings = [];
  if (model.columns && dataset.columns) return { reencode: fitColumns(model, dataset), warnings };
  if (elementCount(model.inputShape) !== elementCount(dataset.inputShape)) {
    const [wanted, got] = [formatShape(model.inputShape), formatShape(dataset.inputShape)];
    const message = `the model "${model.name}" takes inputs of ${wanted}, those of "${dataset.name}" are ${got}`;
    throw misfit([{ pointer: '/dataset', message, expected: model.inputShape, received: dataset.inputShape }]);
  }
  if (model.inputType !== dataset.inputType) {
    const units = { uint8: 'whole numbers from 0 to 255 (uint8)', float32: 'numbers of any size (float32)' };
    const message = `the model has learnt from ${units[model.inputType]}, the dataset has ${units[dataset.inputType]}: its values are taken as they are`;
    warnings.push({ code: 'other-units', message });
  }
  return { reencode: null, warnings };
}

/**
 * Compares a dataset's targets with what a model tells.
 * @returns index of the model's class by that of the dataset; null where these are the same, or there are no classes
 * @throws HebbError('invalid-data') with all that does not fit
 */
export function fitTargets(model: Described, dataset: Data): Int32Array | null {
  if (model.task !== dataset.task) {
    const kind = { classification: 'classes', regression: 'numbers' };
    const message = `the model "${model.name}" tells ${kind[model.task]} (${model.task}), the targets of "${dataset.name}" are ${kind[dataset.task]} (${dataset.task})`;
    throw misfit([{ pointer: '/dataset', message, expected: model.task, received: dataset.task }]);
  }
  if (dataset.task === 'regression') {
    if (elementCount(model.outputShape) === elementCount(dataset.targetShape)) return null;
    const message = `the model's output is ${formatShape(model.outputShape)}, targets of "${dataset.name}" are ${formatShape(dataset.targetShape)}`;
    throw misfit([{ pointer: '/dataset', message, expected: model.outputShape, received: dataset.targetShape }]);
  }
  const known =
    model.classes ?? Array.from({ length: Math.max(2, elementCount(model.outputShape)) }, (_, i) => String(i));
  const indices = new Map(known.map((name, i) => [name, i]));
  const classes = dataset.classes!;
  const unknown = classes.filter((name) => !indices.has(name));
  if (unknown.length > 0) {
    const message = `the model "${model.name}" does not know ${unknown.length} of the ${classes.length} classes of "${dataset.name}": ${listed(unknown)}; it knows ${listed(known)}`;
    throw misfit([{ pointer: '/dataset', message, expected: known.slice(0, 100), received: unknown.slice(0, 100) }]);
  }
  if (classes.every((name, i) => indices.get(name) === i)) return null;
  return Int32Array.from(classes, (name) => indices.get(name)!);
}

type Slot = RowEncoder['slots'][number];

function fitColumns(model: Described, dataset: Data): Reencode | null {
  const [to, from] = [new RowEncoder(model.columns!), new RowEncoder(dataset.columns!)];
  const slots = new Map(from.slots.map((slot) => [slot.column.name, slot]));
  const missing = to.slots.filter(({ column }) => !slots.has(column.name)).map(({ column }) => column.name);
  const faults: Fault[] = [];
  if (missing.length > 0) {
    const message = `"${dataset.name}" lacks columns of the model "${model.name}": ${listed(missing)}; it has ${listed([...slots.keys()])}`;
    faults.push({ pointer: '/dataset', message, expected: missing.slice(0, 100) });
  }
  const moves: Move[] = [];
  for (const slot of to.slots) {
    const source = slots.get(slot.column.name);
    if (!source) continue;
    if (takes(slot.column, source.column)) {
      moves.push(moveOf(slot, source));
      continue;
    }
    const message = `the column "${slot.column.name}" is ${source.column.type} in "${dataset.name}", the model "${model.name}" takes it as ${slot.column.type}`;
    faults.push({ pointer: '/dataset', message, expected: slot.column.type, received: source.column.type });
  }
  if (faults.length > 0) throw misfit(faults);
  if (to.width === from.width && moves.every(isInPlace)) return null;
  return (stored, rows) => {
    const values = new Float32Array(rows * to.width);
    for (const move of moves) {
      for (let row = 0; row < rows; row++) applyMove(move, stored, row * from.width, values, row * to.width);
    }
    return values;
  };
}

/** 0 and 1 are numbers, too. */
const takes = (wanted: Slot['column'], given: Slot['column']) =>
  wanted.type === given.type || (wanted.type === 'numeric' && given.type === 'boolean');

interface Move {
  from: Slot;
  to: Slot;
  /** Index of the model's category by that of the dataset, −1 for one that it does not know; null of a number. */
  categories: Int32Array | null;
}

function moveOf(to: Slot, from: Slot): Move {
  const { column } = from;
  const categories = isCategorical(column)
    ? Int32Array.from(column.categories, (name) => to.categories.get(name) ?? -1)
    : null;
  return { from, to, categories };
}

const isCategorical = (column: Column) => column.type === 'categorical';
const isOneHot = (column: Column) => column.type === 'categorical' && column.encoding === 'oneHot';

function isInPlace({ from, to, categories }: Move): boolean {
  if (from.offset !== to.offset || isOneHot(from.column) !== isOneHot(to.column)) return false;
  return categories === null || (categories.length === to.categories.size && categories.every((c, i) => c === i));
}

function applyMove(
  { from, to, categories }: Move,
  stored: ArrayLike<number>,
  at: number,
  values: Float32Array,
  put: number,
) {
  const first = at + from.offset;
  if (!categories) {
    values[put + to.offset] = stored[first]!;
    return;
  }
  const own = isOneHot(from.column) ? largestOf(stored, first, categories.length) : stored[first]!;
  const category = categories[own] ?? -1;
  if (category < 0) {
    const { name } = from.column;
    const text = (from.column as Extract<Column, { type: 'categorical' }>).categories[own];
    const known = listed([...to.categories.keys()]);
    const message = `rows have the category "${text}" in the column "${name}", which the model does not know; it knows ${known}`;
    throw misfit([{ pointer: '/dataset', message, expected: [...to.categories.keys()].slice(0, 100), received: text }]);
  }
  if (isOneHot(to.column)) values[put + to.offset + category] = 1;
  else values[put + to.offset] = category;
}

function largestOf(values: ArrayLike<number>, from: number, count: number): number {
  let best = 0;
  for (let i = 1; i < count; i++) if (values[from + i]! > values[from + best]!) best = i;
  return best;
}

function misfit(faults: Fault[]): HebbError {
  const more = faults.length > 1 ? ` (and ${faults.length - 1} more)` : '';
  return new HebbError('invalid-data', `${faults[0]!.message}${more}`, faults);
}

function listed(names: readonly string[]): string {
  return names.slice(0, 20).join(', ') + (names.length > 20 ? ', …' : '');
}
