import { type Static, Type } from 'typebox';
import { type Fault, HebbError } from '../errors.ts';
import { assertValid, compileSchema } from '../validate.ts';
import type { AdditionSource } from './addition.ts';
import { maxClasses } from './classes.ts';
import { looksLikeImages } from './images/sniff.ts';
import type { MnistMirror } from './readers/mnistMirror.ts';
import { checkSplit, decidingColumn, splitColumnFaults } from './splitOptions.ts';
import { splitSchema } from './splitSchema.ts';
import { type SyntheticConfig, syntheticSchema } from './synthetic.ts';
import { tableOptions } from './tables/columns.ts';
import { tableFaults } from './tables/tableError.ts';

const closed = { additionalProperties: false } as const;
const rows = Type.Optional(Type.Integer({ minimum: 1, maximum: 2 ** 31 }));
const name = Type.String({
  minLength: 1,
  maxLength: 200,
  pattern: '^\\P{Cc}+$',
  description: 'No control characters.',
});
const label = Type.String({ minLength: 1, maxLength: 200 });

const common = {
  task: Type.Optional(
    Type.Union([Type.Literal('classification'), Type.Literal('regression')], {
      description: 'Default: text, boolean and IDX targets are classes, numbers a regression.',
    }),
  ),
  classes: Type.Optional(
    Type.Array(label, {
      minItems: 1,
      maxItems: maxClasses,
      uniqueItems: true,
      description:
        'Names of the classes in the order of their indices. Integer targets are indices into it, unless all names are integers: then they are names.',
    }),
  ),
  features: Type.Optional(
    Type.Array(label, {
      minItems: 1,
      maxItems: 65_536,
      uniqueItems: true,
      description: 'Names of the inputs, rank 1 only.',
    }),
  ),
  split: Type.Optional(splitSchema),
  limit: Type.Optional(
    Type.Object(
      { train: rows, validation: rows, test: rows },
      { ...closed, description: 'Keep the first samples of a split.' },
    ),
  ),
};

/** Data that comes along: data/builtin, and MNIST from a package of its own. */
export const builtinNames = ['mnist', 'digits', 'iris', 'wine', 'breastCancer'] as const;
export type BuiltinName = (typeof builtinNames)[number];

const spec = {
  ...common,
  inputs: Type.Optional(
    Type.Array(Type.Unknown(), { description: 'Samples: numbers or nested arrays of one shape; goes with targets.' }),
  ),
  targets: Type.Optional(Type.Array(Type.Unknown(), { description: 'One for each input.' })),
  synthetic: Type.Optional(syntheticSchema),
  builtin: Type.Optional(Type.Enum([...builtinNames], { description: 'Data that comes along.' })),
};

/** JSON body of POST /v1/datasets; besides the schema: inputs and targets, synthetic, or builtin. */
export const datasetRequestSchema = Type.Object(
  { name, ...spec },
  { ...closed, description: 'One of inputs with targets, synthetic, builtin.' },
);

/** A dataset inside another request: a name is not needed. */
export const datasetSpecSchema = Type.Object(
  { name: Type.Optional(name), ...spec },
  { ...closed, description: 'One of inputs with targets, synthetic, builtin.' },
);

/** Formats that files may be said to have; each is found out by the first bytes otherwise. */
export const fileFormats = ['idx', 'csv', 'tsv', 'json', 'ndjson', 'npy', 'npz', 'parquet', 'images'] as const;
export type FileFormat = (typeof fileFormats)[number];
const side = Type.Optional(Type.Integer({ minimum: 1, maximum: 8192 }));
const imageOptions = {
  image: Type.Optional(
    Type.Object(
      {
        height: side,
        width: side,
        channels: Type.Optional(
          Type.Union([Type.Literal(1), Type.Literal(3), Type.Literal(4)], {
            description: '[1 where all images are grey, else 3]; 4: with transparency.',
          }),
        ),
        fit: Type.Optional(
          Type.Enum(['contain', 'cover', 'fill'], { description: 'How images of another shape fit in [contain].' }),
        ),
      },
      {
        ...closed,
        dependentRequired: { height: ['width'], width: ['height'] },
        description: 'What images become [the size that most of them have].',
      },
    ),
  ),
  broken: Type.Optional(
    Type.Enum(['refuse', 'skip'], { description: 'What becomes of images that cannot be read [refuse].' }),
  ),
};

const metaOptions = {
  ...common,
  ...tableOptions,
  ...imageOptions,
  format: Type.Optional(Type.Enum([...fileFormats], { description: 'Of the files [found out].' })),
  shape: Type.Optional(
    Type.Array(Type.Integer({ minimum: 1, maximum: 2 ** 24 }), {
      minItems: 1,
      maxItems: 4,
      description: 'View each sample in this shape.',
    }),
  ),
};

/** Part `meta` of a multipart upload. */
export const datasetMetaSchema = Type.Object({ name, ...metaOptions }, closed);
/** The same where a job comes with it: a name is not needed. */
export const jobDatasetMetaSchema = Type.Object({ name: Type.Optional(name), ...metaOptions }, closed);
export type DatasetMeta = Static<typeof datasetMetaSchema>;

export type SourceOptions = Omit<DatasetMeta, 'name' | 'format' | 'image' | 'broken'>;
/** What says how a table is to be read. */
export type TableOptions = Pick<SourceOptions, 'task' | 'classes' | 'split' | keyof typeof tableOptions>;
/** Paths of complete files, gzipped or not. */
export interface IdxSource extends SourceOptions {
  kind: 'idx';
  files: { images: string; labels: string; testImages?: string; testLabels?: string };
}
/** An archive of images, and a CSV of labels or none: readers/images.ts. */
export interface ImagesSource extends SourceOptions, Pick<DatasetMeta, 'image' | 'broken'> {
  kind: 'images';
  files: { file: string; labels?: string };
}
/** Paths of complete NumPy arrays, gzipped or not. */
export interface NpySource extends SourceOptions {
  kind: 'npy';
  files: {
    inputs: string;
    targets: string;
    validationInputs?: string;
    validationTargets?: string;
    testInputs?: string;
    testTargets?: string;
  };
}
/** One file of samples with their targets: a table, or an archive of arrays. */
export interface FileSource extends SourceOptions {
  kind: 'file';
  file: string;
  /** Tables of the splits that have files of their own. */
  given?: { validation?: string; test?: string };
  format?: FileFormat;
}
export interface JsonSource extends SourceOptions {
  kind: 'json';
  inputs: unknown[];
  targets: unknown[];
}
export interface SyntheticSource extends SourceOptions {
  kind: 'synthetic';
  synthetic: SyntheticConfig;
}
export interface BuiltinSource extends SourceOptions {
  kind: 'builtin';
  builtin: BuiltinName;
  /** Where to look for MNIST first. */
  mnistDir?: string;
  /** Where to fetch it where it is not there. */
  mnistMirror?: MnistMirror;
}
/** Where a dataset comes from, and how it is to be read: plain values, so that it can go to a worker thread. */
export type Source =
  | IdxSource
  | ImagesSource
  | AdditionSource
  | NpySource
  | FileSource
  | JsonSource
  | SyntheticSource
  | BuiltinSource;

const idxParts = ['images', 'labels', 'testImages', 'testLabels'] as const;
const arrayParts = ['inputs', 'targets', 'testInputs', 'testTargets', 'validationInputs', 'validationTargets'] as const;
const tableParts = ['file', 'validationFile', 'testFile'] as const;
/** Names that a file may have in an upload. */
export const fileParts = [...tableParts, ...idxParts, ...arrayParts] as const;

const validateSpec = compileSchema(datasetSpecSchema);
const validateMeta = compileSchema(jobDatasetMetaSchema);

/**
 * The source that a JSON request describes, with or without a name.
 * @throws HebbError('invalid-request') where it does not fit the schema or is not exactly one kind of source
 */
export function datasetSpec(request: unknown): Source {
  assertValid(validateSpec, request);
  const { name: _, inputs, targets, synthetic, builtin, ...options } = request as Static<typeof datasetSpecSchema>;
  checkSplit(options.split);
  const columnFaults = splitColumnFaults(options.split, 'values in a request');
  if (columnFaults.length > 0) throw new HebbError('invalid-request', columnFaults[0]!.message, columnFaults);
  const given = Object.entries({ inputs, targets, synthetic, builtin }).filter(([, value]) => value !== undefined);
  if (builtin && given.length === 1) {
    if (builtin === 'mnist') refuseTestSplit(options, 'MNIST');
    return { kind: 'builtin', builtin, ...options };
  }
  if (synthetic && given.length === 1) return { kind: 'synthetic', synthetic, ...options };
  if (inputs && targets && given.length === 2) return { kind: 'json', inputs, targets, ...options };
  const received = given.map(([key]) => key);
  const message = `one of "inputs" with "targets", "synthetic" and "builtin" is expected; got ${received.join(', ') || 'none of them'}`;
  const fault = { pointer: '', message, expected: ['inputs and targets', 'synthetic', 'builtin'], received };
  throw new HebbError('invalid-request', `the dataset: ${message}`, [fault]);
}

/**
 * The source that a multipart upload describes, with or without a name.
 * @param files paths by the name of their part
 * @throws HebbError('invalid-request') for a wrong `meta`, or where a part is missing
 */
export function uploadSource(meta: unknown, files: Partial<Record<string, string>>): Source {
  assertValid(validateMeta, meta);
  const { name: _, format, image, broken, ...options } = meta as Static<typeof jobDatasetMetaSchema>;
  checkSplit(options.split);
  if (format === 'images' || (!format && files.file && looksLikeImages(files.file))) {
    return imagesSource(files, { image, broken, ...options });
  }
  const parts = Object.keys(files).filter((part) => files[part] !== undefined);
  const own = arrayParts.some((part) => parts.includes(part)) ? 'npy' : 'idx';
  const faults: Fault[] = [];
  for (const [key, value] of Object.entries({ image, broken })) {
    if (value !== undefined)
      faults.push({ pointer: `/${key}`, message: `"${key}" goes with an archive of images only` });
  }
  const isTable = parts.length > 0 && parts.every((part) => (tableParts as readonly string[]).includes(part));
  if (isTable && format !== 'idx' && faults.length === 0) {
    return fileSource(files, { ...(format && { format }), ...options });
  }
  const [samples, labels, ...given] = own === 'npy' ? arrayParts : idxParts;
  const missing = (part: string) => faults.push({ pointer: `/${part}`, message: `the file part "${part}" is missing` });
  if (!files[samples]) missing(samples);
  if (!files[labels]) missing(labels);
  for (let i = 0; i < given.length; i += 2) {
    const [of, its] = [given[i]!, given[i + 1]!];
    if (files[its] && !files[of]) missing(of);
    if (files[of] && !files[its]) missing(its);
    if (files[of]) faults.push(...ownSplitFaults(of.startsWith('test') ? 'test' : 'validation', options));
  }
  for (const part of parts) {
    if (([samples, labels, ...given] as string[]).includes(part)) continue;
    const message = `${own === 'idx' ? 'IDX' : 'NPY'} files come as ${samples} and ${labels}, got a part "${part}"`;
    faults.push({ pointer: `/${part}`, message });
  }
  if (format !== undefined && format !== own) {
    const message = `the parts ${samples} and ${labels} are ${own === 'idx' ? 'IDX' : 'NPY'} files; a file of another format comes as the part "file"`;
    faults.push({ pointer: '/format', message, expected: own, received: format });
  }
  faults.push(...tableFaults(options, own === 'idx' ? 'IDX' : 'NPY'));
  faults.push(...splitColumnFaults(options.split, `${own === 'idx' ? 'IDX' : 'NPY'} files`));
  if (faults.length > 0)
    throw new HebbError('invalid-request', faults.map(({ message }) => message).join('; '), faults);
  const paths = files as Record<string, string>;
  return own === 'npy'
    ? { kind: 'npy', files: paths as unknown as NpySource['files'], ...options }
    : { kind: 'idx', files: paths as unknown as IdxSource['files'], ...options };
}

/** A table, or an archive of arrays, and tables of its other splits. */
function fileSource(
  { file, validationFile: validation, testFile: test }: Partial<Record<string, string>>,
  options: Omit<FileSource, 'kind' | 'file' | 'given'>,
): FileSource {
  const faults: Fault[] = [];
  if (!file) {
    faults.push({ pointer: '/file', message: 'the file part "file", with the samples to train on, is missing' });
  }
  if (validation) faults.push(...ownSplitFaults('validation', options));
  if (test) faults.push(...ownSplitFaults('test', options));
  const decides = decidingColumn(options.split);
  if (decides && (validation || test)) {
    const message = `the upload has a file for ${test ? 'test' : 'validation'}: no column decides the splits`;
    faults.push({ pointer: `/split/${decides.by}`, message, received: decides.name });
  }
  if (faults.length > 0) {
    throw new HebbError('invalid-request', faults.map(({ message }) => message).join('; '), faults);
  }
  const given = { ...(validation && { validation }), ...(test && { test }) };
  return { kind: 'file', file: file!, ...((validation || test) && { given }), ...options };
}

/** What says that a split is split off, where it has files of its own. */
function ownSplitFaults(name: 'validation' | 'test', { split }: SourceOptions): Fault[] {
  if (!split?.[name]) return [];
  const message = `the upload has ${name} files: no fraction can be split off for it`;
  return [{ pointer: `/split/${name}`, message, expected: 0, received: split[name] }];
}

/** One side alone says nothing. */
function checkImageSize(image: DatasetMeta['image']): void {
  const missing = (['height', 'width'] as const).filter((side) => image?.[side] === undefined);
  if (missing.length !== 1) return;
  const message = `"${missing[0]}" is missing: a size has both sides`;
  throw new HebbError('invalid-request', `/image: ${message}`, [{ pointer: `/image/${missing[0]}`, message }]);
}

/** @throws HebbError('invalid-request') where the parts are not those of an archive of images, or an option is for tables */
function imagesSource(
  { file, labels, ...others }: Partial<Record<string, string>>,
  options: Omit<ImagesSource, 'kind' | 'files'>,
): ImagesSource {
  checkImageSize(options.image);
  const faults = [...tableFaults(options, 'image'), ...splitColumnFaults(options.split, 'image archives')];
  if (!file) faults.push({ pointer: '/file', message: 'the file part "file", the archive of images, is missing' });
  for (const [part, path] of Object.entries(others)) {
    if (path)
      faults.push({ pointer: `/${part}`, message: `images come as file, with labels or without, got "${part}"` });
  }
  if (faults.length > 0) {
    throw new HebbError('invalid-request', faults.map(({ message }) => message).join('; '), faults);
  }
  return { kind: 'images', files: { file: file!, ...(labels && { labels }) }, ...options };
}

/** @throws HebbError where a fraction is to be split off for a test, and the data has test samples of its own */
function refuseTestSplit({ split }: SourceOptions, what: string): void {
  if (!split?.test) return;
  const message = `${what} has test samples of its own: no fraction can be split off for it`;
  const fault = { pointer: '/split/test', message, expected: 0, received: split.test };
  throw new HebbError('invalid-request', `/split/test: ${message}`, [fault]);
}
