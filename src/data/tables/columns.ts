import { type Static, type TSchema, Type } from 'typebox';
import { maxColumns, maxTargets, maxTextLength, type TableOption } from './limits.ts';

const closed = { additionalProperties: false } as const;

const columnName = Type.String({ minLength: 1, maxLength: maxTextLength });

/** What is done where a cell is empty. */
export const missingSchema = Type.Union(
  [
    Type.Literal('refuse'),
    Type.Literal('drop'),
    Type.Literal('mean'),
    Type.Literal('median'),
    Type.Literal('mostFrequent'),
    Type.Object({ constant: Type.Union([Type.Number(), Type.String(), Type.Boolean()]) }, closed),
  ],
  {
    description:
      'What becomes of empty cells: refuse the table [refuse], drop the row, or fill with a value learnt from the training split, or with a constant. Columns without a mean take their most frequent value.',
  },
);
export type MissingPolicy = Static<typeof missingSchema>;

export const columnSettingsSchema = Type.Object(
  {
    type: Type.Optional(
      Type.Enum(['numeric', 'categorical', 'boolean', 'ignored'], { description: 'Default: found out.' }),
    ),
    encoding: Type.Optional(
      Type.Enum(['oneHot', 'ordinal'], {
        description: 'Of categories: one input for each [oneHot], or one for all with their place in the order.',
      }),
    ),
    missing: Type.Optional(missingSchema),
  },
  closed,
);
export type ColumnSettings = Static<typeof columnSettingsSchema>;

/** Keys of a request that say how a table is to be read. */
export const tableOptions = {
  target: Type.Optional(
    Type.Union([columnName, Type.Array(columnName, { minItems: 1, maxItems: maxTargets, uniqueItems: true })], {
      description: 'Column of the targets [the last one]; several columns of numbers are a regression.',
    }),
  ),
  columns: Type.Optional(
    Type.Record(columnName, columnSettingsSchema, {
      maxProperties: maxColumns,
      description: 'How single columns are to be read, by name.',
    }),
  ),
  missing: Type.Optional(missingSchema),
  header: Type.Optional(
    Type.Boolean({ description: 'Whether the first row has the names of the columns [found out].' }),
  ),
} satisfies Record<TableOption, TSchema>;

interface InputColumn {
  name: string;
  /** Rows without a value, in the whole file. */
  missing: number;
}

/** How a column of the table became inputs, and how a raw value becomes them again. Columns stand in their order. */
export type Column =
  | (InputColumn & { type: 'numeric'; fill: number | null })
  | (InputColumn & { type: 'boolean'; fill: boolean | null })
  | (InputColumn & {
      type: 'categorical';
      encoding: 'oneHot' | 'ordinal';
      /** In the order of the inputs, or of the ordinals from 0. */
      categories: string[];
      fill: string | null;
    })
  | { name: string; type: 'target' }
  | { name: string; type: 'ignored' };
