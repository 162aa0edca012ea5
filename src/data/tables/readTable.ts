import type { ImportLimits } from '../importer.ts';
import { tooLarge } from '../readers/fileBytes.ts';
import type { TableOptions } from '../source.ts';
import { bytesOf, maxRowElements, type Table } from '../table.ts';
import { decide, typeOf } from './decide.ts';
import { RowEncoder } from './encode.ts';
import { learnFills } from './fills.ts';
import { type Layout, layOut } from './layout.ts';
import { look, type Profile } from './profile.ts';
import type { Row, RowSource } from './rows.ts';
import { tableError, wrongCells } from './tableError.ts';

/** Fewer samples are a mistake, not a table. */
const minRows = 2;

/**
 * Rows of cells as samples. A first pass finds out what the columns are and keeps the targets; what fills empty cells is
 * learnt from the training split once that is known; the inputs flow in a last pass.
 *
 * @throws HebbError('invalid-file' | 'invalid-data' | 'invalid-request') that tells line, column and value
 */
export async function readTable(source: RowSource, options: TableOptions, limits: ImportLimits): Promise<Table> {
  const layout = layOut(source, options);
  const profile = await lookTwice(source, layout);
  const kept = profile.rows - count(profile.dropped);
  if (kept < minRows && profile.target.missing.length === 0) {
    const dropped = profile.rows === kept ? '' : `, ${profile.rows - kept} were dropped for what is missing in them`;
    const message = `at least ${minRows} rows of values are expected, got ${kept}${dropped}`;
    throw tableError('invalid-data', [{ pointer: `/${source.part}`, message, expected: minRows, received: kept }]);
  }
  const { columns, warnings } = await decide(source, layout, profile);
  const targets = await profile.target.resolve(source, layout.columns[layout.target]!.name, options);
  const encoder = new RowEncoder(columns, source.decimalMark);
  const bytes = kept * encoder.width * 4;
  if (bytes > limits.maxBytes || encoder.width > maxRowElements) {
    const message = `the table becomes ${kept} samples of ${encoder.width} numbers, ${bytes} bytes; at most ${limits.maxBytes} are stored`;
    throw tooLarge(source.part, message, limits.maxBytes);
  }
  if (kept < profile.rows) {
    const message = `${profile.rows - kept} of ${profile.rows} rows were dropped for what is missing in them.`;
    warnings.push({ code: 'dropped-rows', message });
  }
  let encoderWithFills = encoder;
  return {
    task: targets.task,
    inputShape: [encoder.width],
    inputType: 'float32',
    targetShape: targets.targetShape,
    classes: targets.classes,
    features: encoder.features(),
    columns,
    warnings: [...layout.warnings, ...warnings, ...targets.warnings],
    async learn(isTraining) {
      await learnFills(source, () => keptRows(source, profile.dropped), layout, columns, isTraining);
      encoderWithFills = new RowEncoder(columns, source.decimalMark);
    },
    train: {
      rows: kept,
      targets: targets.values,
      inputs: () => encoded(source, profile.dropped, encoderWithFills),
    },
  };
}

/** The first pass, once more where columns turned out to be categories whose names may be numbers. */
async function lookTwice(source: RowSource, layout: Layout): Promise<Profile> {
  const isCategorical = (index: number, profile?: Profile) => {
    const column = layout.columns[index]!;
    if (column.role !== 'input') return false;
    if (profile) return typeOf(column, profile.columns[index]!) === 'categorical';
    return column.settings.type === 'categorical' || column.settings.encoding !== undefined;
  };
  const places = [...layout.columns.keys()];
  const declared = new Set(places.filter((index) => isCategorical(index)));
  const profile = await look(source, layout, declared);
  const mixed = places.filter((i) => isCategorical(i, profile) && profile.columns[i]!.numbers > 0 && !declared.has(i));
  return mixed.length === 0 ? profile : look(source, layout, new Set([...declared, ...mixed]));
}

function count(flags: Uint8Array): number {
  return flags.reduce((sum, flag) => sum + flag, 0);
}

async function* keptRows(source: RowSource, dropped: Uint8Array): AsyncGenerator<Row[]> {
  let row = 0;
  for await (const batch of source.batches()) {
    const first = row;
    row += batch.length;
    yield dropped.length === 0 ? batch : batch.filter((_, i) => dropped[first + i] === 0);
  }
}

/** Numbers of a chunk of inputs at most, where a row has not more. */
const chunkNumbers = 2 ** 18;

async function* encoded(
  source: RowSource,
  dropped: Uint8Array,
  encoder: RowEncoder,
): AsyncGenerator<Uint8Array, void, void> {
  const rowsAtOnce = Math.max(1, Math.floor(chunkNumbers / encoder.width));
  let before = 0;
  for await (const batch of keptRows(source, dropped)) {
    for (let start = 0; start < batch.length; start += rowsAtOnce) {
      const rows = batch.slice(start, start + rowsAtOnce);
      const inputs = new Float32Array(rows.length * encoder.width);
      for (const [i, cells] of rows.entries()) {
        const fault = encoder.encode(cells, inputs, i * encoder.width);
        if (!fault) continue;
        const { column, index, expected } = fault;
        const row = rowOfFile(dropped, before + start + i);
        throw await wrongCells(source, [{ row, column: column.name, expected, value: cells[index] }]);
      }
      yield bytesOf(inputs);
    }
    before += batch.length;
  }
}

/** Where the n-th of the rows that were kept stands among all. */
function rowOfFile(dropped: Uint8Array, n: number): number {
  if (dropped.length === 0) return n;
  let row = -1;
  for (let kept = -1; kept < n; row++) if (dropped[row + 1] === 0) kept++;
  return row;
}
