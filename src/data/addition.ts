import { type Static, Type } from 'typebox';
import { type DatasetInfo, type SplitName, splitNames } from './dataset.ts';
import type { Fit } from './images/decode.ts';
import type { SourceOptions } from './source.ts';

const closed = { additionalProperties: false } as const;
const mostAtOnce = 1000;

/** JSON body of POST /v1/datasets/:id/samples. */
export const additionSchema = Type.Object(
  {
    inputs: Type.Array(Type.Unknown(), {
      minItems: 1,
      maxItems: mostAtOnce,
      description: 'Samples in the units of the dataset, each nested as inputShape, or flat.',
    }),
    targets: Type.Array(Type.Unknown(), {
      minItems: 1,
      maxItems: mostAtOnce,
      description: 'One for each: a class name, an index of a class, or numbers.',
    }),
  },
  { ...closed, description: 'Samples to be added.' },
);

/** How samples are added, as the query of the call has it. */
export const additionOptionsSchema = Type.Object(
  {
    split: Type.Enum([...splitNames], { default: 'train', description: 'Where the samples go.' }),
    newClasses: Type.Boolean({
      default: false,
      description: 'Take labels that are no class yet as new classes, behind the others; otherwise they are refused.',
    }),
    replace: Type.Boolean({
      default: false,
      description: 'Delete the version that the samples are added to, unless a job was given it.',
    }),
    fit: Type.Enum(['contain', 'cover', 'fill'], { default: 'contain', description: 'Of images.' }),
    invert: Type.Boolean({ default: false, description: 'Of images: dark becomes light.' }),
  },
  closed,
);
export type AdditionOptions = Static<typeof additionOptionsSchema>;

/** Images in files, with their labels: what a multipart call brings. */
export type AddedImages = { path: string; label: string }[];
export const mostAddedImages = mostAtOnce;

/** A stored dataset and what is added to it: together a new one. */
export interface AdditionSource extends SourceOptions {
  kind: 'addition';
  base: {
    folder: string;
    info: Pick<
      DatasetInfo,
      'task' | 'inputShape' | 'inputType' | 'targetShape' | 'classes' | 'features' | 'columns' | 'samples'
    >;
  };
  added: Static<typeof additionSchema> | { images: AddedImages };
  options: { split: SplitName; newClasses: boolean; fit: Fit; invert: boolean };
}
