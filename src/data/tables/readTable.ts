import type { SplitName } from '../dataset.ts';
import type { ImportLimits } from '../importer.ts';
import { tooLarge } from '../readers/fileBytes.ts';
import type { TableOptions } from '../source.ts';
import { maxRowElements, type Part, type Table } from '../table.ts';
import { decide, typeOf } from './decide.ts';
import { RowEncoder } from './encode.ts';
import { encodedRows, keptRows } from './encodedRows.ts';
import { learnFills } from './fills.ts';
import { givenPart } from './givenPart.ts';
import { type Layout, layOut } from './layout.ts';
import { keptCount, look, type Profile } from './profile.ts';
import type { RowSource } from './rows.ts';
import { tableError } from './tableError.ts';
import { resolveTargets } from './targets.ts';

/** Fewer samples are a mistake, not a table. */
const minRows = 2;

/** Tables of splits that came in files of their own. */
export type GivenTables = Partial<Record<Exclude<SplitName, 'train'>, RowSource>>;

/**
 * Rows of cells as samples. A first pass finds out what the columns are and keeps the targets; what fills empty cells is
 * learnt from the training split once that is known; the inputs flow in a last pass.
 *
 * @param given have the columns of `source`, which alone decides what they are
 * @throws HebbError('invalid-file' | 'invalid-data' | 'invalid-request') that tells line, column and value
 */
export async function readTable(
  source: RowSource,
  options: TableOptions,
  limits: ImportLimits,
  given: GivenTables = {},
): Promise<Table> {
  const layout = layOut(source, options);
  const profile = await lookTwice(source, layout);
  const kept = keptCount(profile);
  if (kept < minRows && profile.targets.every(({ missing }) => missing.length === 0)) {
    const dropped = profile.rows === kept ? '' : `, ${profile.rows - kept} were dropped for what is missing in them`;
    const message = `at least ${minRows} rows of values are expected, got ${kept}${dropped}`;
    throw tableError('invalid-data', [{ pointer: `/${source.part}`, message, expected: minRows, received: kept }]);
  }
  const { columns, warnings } = await decide(source, layout, profile);
  const targets = await resolveTargets(source, layout, profile, options);
  const parts: Partial<Record<SplitName, Part>> = {};
  for (const [name, rows] of Object.entries(given) as [keyof GivenTables, RowSource][]) {
    const part = await givenPart(rows, { source, layout, columns, targets, options });
    parts[name] = part;
    warnings.push(...part.warnings);
  }
  const encoder = new RowEncoder(columns, source.decimalMark);
  const samples = kept + (parts.validation?.rows ?? 0) + (parts.test?.rows ?? 0);
  const bytes = samples * encoder.width * 4;
  if (bytes > limits.maxBytes || encoder.width > maxRowElements) {
    const message = `the table becomes ${samples} samples of ${encoder.width} numbers, ${bytes} bytes; at most ${limits.maxBytes} are stored`;
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
      ...(profile.split && { keys: profile.split.keys() }),
      inputs: () => encodedRows(source, profile.dropped, encoderWithFills),
    },
    ...parts,
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
