import { basename } from 'node:path';
import type { Dataset, DatasetFiles, DatasetMeta, DatasetReport } from '../../client/index.ts';
import { command, oneOf, UsageError, wholeNumber } from '../command.ts';
import { fileBlob, jsonOf, save } from '../files.ts';
import type { Output } from '../output.ts';
import { applySettings, splitOption } from '../settings.ts';
import { bytes, decimal, integer, shape, time } from '../text.ts';

const splits = ['train', 'validation', 'test'] as const;
const split = { type: 'string', value: 'SPLIT', description: `${splits.join(', ')} [train].` } as const;
/** Option → part of the upload. */
const parts = {
  images: 'images',
  labels: 'labels',
  'test-images': 'testImages',
  'test-labels': 'testLabels',
  inputs: 'inputs',
  targets: 'targets',
  'test-inputs': 'testInputs',
  'test-targets': 'testTargets',
  'validation-inputs': 'validationInputs',
  'validation-targets': 'validationTargets',
  'test-file': 'testFile',
  'validation-file': 'validationFile',
} as const;
const part = (description: string) => ({ type: 'string', value: 'FILE', description }) as const;

const create = command({
  name: 'datasets create',
  summary: 'Make a dataset of files, of data that come along, or of a generator',
  args: ['[FILE]'],
  options: {
    name: { type: 'string', value: 'NAME', description: 'Of the dataset [of the file].' },
    target: { type: 'string', value: 'COLUMN', description: 'Of a table: the column to learn [the last one].' },
    split: { type: 'string', value: 'SHARES', description: 'validation=0.1,test=0.2,seed=1.' },
    images: part('Images of an IDX dataset, with --labels.'),
    labels: part('Labels of IDX images, or a CSV of labels of the images in FILE.'),
    'test-images': part('IDX.'),
    'test-labels': part('IDX.'),
    inputs: part('NumPy array (NPY), with --targets.'),
    targets: part('NumPy array (NPY).'),
    'test-inputs': part('NPY.'),
    'test-targets': part('NPY.'),
    'validation-inputs': part('NPY.'),
    'validation-targets': part('NPY.'),
    'test-file': part('Of a table: its test samples.'),
    'validation-file': part('Of a table: its validation samples.'),
    builtin: {
      type: 'string',
      value: 'NAME',
      description: 'Data that come along: mnist, digits, iris, wine, breastCancer.',
    },
    synthetic: {
      type: 'string',
      value: 'KIND',
      description: 'A generator: xor, moons, spiral, …; its settings by --set synthetic.….',
    },
    request: { type: 'string', value: 'FILE', description: 'The whole request as JSON, with its inputs and targets.' },
    set: {
      type: 'string',
      multiple: true,
      value: 'KEY=VALUE',
      description: 'Any other key, such as task=regression or image.height=32; several times, if need be.',
    },
  },
  details:
    'FILE is a table (CSV, TSV, JSON, NDJSON, Parquet), an NPZ, or images in a ZIP or TAR, one folder a class; gzipped or not.',
  examples: [
    'hebb datasets create iris.csv --target species --split test=0.2',
    'hebb datasets create train.csv --name iris --test-file test.csv',
    'hebb datasets create flowers.zip --set image.height=32 --set image.width=32',
    'hebb datasets create --name mnist --images train-images.gz --labels train-labels.gz',
    'hebb datasets create --builtin mnist',
    'hebb datasets create --synthetic moons --set synthetic.samples=500',
  ],
  async run({ client, args: [file], values, output }) {
    const paths: Record<string, string | undefined> = { file };
    for (const [option, name] of Object.entries(parts)) paths[name] = values[option as keyof typeof parts];
    const given = Object.entries(paths).filter((entry): entry is [string, string] => entry[1] !== undefined);
    const others = [values.builtin, values.synthetic, values.request].filter((one) => one !== undefined);
    if (others.length + Number(given.length > 0) !== 1) {
      throw new UsageError('one of FILE (or files by their options), --builtin, --synthetic and --request is expected');
    }
    const shared = {
      ...(values.target !== undefined && { target: values.target }),
      ...(values.split !== undefined && { split: splitOption(values.split) }),
    };
    const named = (fallback: string) => ({ name: values.name ?? fallback });
    let made: Dataset;
    if (given.length > 0) {
      const files: Record<string, File> = {};
      for (const [name, path] of given) files[name] = await fileBlob(path);
      const size = Object.values(files).reduce((sum, one) => sum + one.size, 0);
      output.note(`uploading ${given.map(([, path]) => path).join(', ')} (${bytes(size)})`);
      const fallback = basename(given[0]![1]).replace(/(\.\w+)+$/, '') || 'dataset';
      const meta = applySettings({ ...named(fallback), ...shared }, values.set);
      made = await client.datasets.upload(meta as DatasetMeta, files as DatasetFiles);
    } else {
      const spec =
        values.request !== undefined
          ? { ...((await jsonOf(values.request)) as object), ...(values.name !== undefined && { name: values.name }) }
          : values.builtin !== undefined
            ? { ...named(values.builtin), builtin: values.builtin }
            : { ...named(values.synthetic!), synthetic: { kind: values.synthetic } };
      made = await client.datasets.create(applySettings({ ...spec, ...shared }, values.set) as never);
    }
    for (const { message } of made.warnings) output.note(`warning: ${message}`);
    output.result(made, () => datasetText(made, output));
  },
});

export const datasetCommands = [
  command({
    name: 'datasets list',
    summary: 'List datasets, the newest first',
    examples: ['hebb datasets list'],
    async run({ client, output }) {
      const datasets: Dataset[] = [];
      for await (const dataset of client.datasets.all()) datasets.push(dataset);
      output.result(datasets, () => listText(datasets, output));
    },
  }),
  command({
    name: 'datasets show',
    summary: 'Show one dataset',
    args: ['DATASET'],
    examples: ['hebb datasets show iris', 'hebb datasets show iris --json'],
    async run({ client, args: [id], output }) {
      const dataset = await client.datasets.get(id!);
      output.result(dataset, () => datasetText(dataset, output));
    },
  }),
  create,
  command({
    name: 'datasets report',
    summary: 'What a look at all samples tells: values, classes, duplicates',
    args: ['DATASET'],
    examples: ['hebb datasets report iris'],
    async run({ client, args: [id], output }) {
      const report = await client.datasets.report(id!);
      output.result(report, () => reportText(report, output));
    },
  }),
  command({
    name: 'datasets export',
    summary: 'Write the samples of a split as NDJSON: {"input": …, "target": …} a line',
    args: ['DATASET'],
    options: {
      split,
      output: { type: 'string', short: 'o', value: 'FILE', description: 'Where to write it [standard output].' },
    },
    examples: ['hebb datasets export iris > iris.ndjson', 'hebb datasets export mnist --split test -o test.ndjson'],
    async run({ client, args: [id], values, output }) {
      const samples = client.datasets.allSamples(id!, { split: oneOf(values.split, 'split', splits) });
      const encoder = new TextEncoder();
      const lines = new ReadableStream<Uint8Array>({
        async pull(controller) {
          const { done, value } = await samples.next();
          if (done) controller.close();
          else controller.enqueue(encoder.encode(`${JSON.stringify({ input: value.input, target: value.target })}\n`));
        },
      });
      const count = await save(lines, values.output, output.stdout);
      if (values.output !== undefined) {
        output.result({ file: values.output, bytes: count }, () => `${values.output}  ${bytes(count)}`);
      }
    },
  }),
  command({
    name: 'datasets sheet',
    summary: 'Many samples of an image dataset as one picture (PNG)',
    args: ['DATASET'],
    options: {
      output: { type: 'string', short: 'o', value: 'FILE', description: 'Where to write it [DATASET.png here].' },
      split,
      class: { type: 'string', value: 'CLASS', description: 'Only samples of this class.' },
      rows: { type: 'string', value: 'COUNT', description: 'Samples below each other [10].' },
      columns: { type: 'string', value: 'COUNT', description: 'Samples beside each other [10].' },
      augmentation: {
        type: 'string',
        value: 'JSON',
        description: 'What this augmentation of a training makes of them.',
      },
    },
    examples: ['hebb datasets sheet mnist --class 7 -o sevens.png'],
    async run({ client, args: [id], values, output }) {
      const png = await client.datasets.sheetPng(id!, {
        split: oneOf(values.split, 'split', splits),
        class: values.class,
        augmentation: values.augmentation,
        rows: wholeNumber(values.rows, 'rows', 1),
        columns: wholeNumber(values.columns, 'columns', 1),
      });
      const path = values.output ?? `${id!.replace(/[/\\]/g, '_')}.png`;
      const count = await save(png, path, output.stdout);
      output.result({ file: path, bytes: count }, () => `${path}  ${bytes(count)}`);
    },
  }),
  command({
    name: 'datasets delete',
    summary: 'Delete datasets that no unfinished job needs',
    args: ['DATASET...'],
    examples: ['hebb datasets delete iris'],
    async run({ client, args, output }) {
      for (const id of args) {
        await client.datasets.delete(id);
        output.note(`${id} is deleted`);
      }
      output.result({ deleted: args }, () => '');
    },
  }),
];

function samplesText({ samples }: Dataset): string {
  return splits
    .filter((name) => samples[name])
    .map((name) => `${integer(samples[name] as number)} ${name}`)
    .join(', ');
}

function listText(datasets: Dataset[], output: Output): string {
  if (datasets.length === 0) return 'no datasets yet: hebb datasets create makes one';
  const columns = [
    { title: 'name' },
    { title: 'input' },
    { title: 'classes', right: true },
    { title: 'samples' },
    { title: 'size', right: true },
    { title: 'created' },
    { title: 'id', whole: true },
  ];
  return output.table(
    columns,
    datasets.map((one) => [
      one.name,
      shape(one.inputShape),
      one.classes ? String(one.classes.length) : one.task,
      samplesText(one),
      bytes(one.bytes),
      time(one.createdAt),
      one.id,
    ]),
  );
}

function datasetText(dataset: Dataset, output: Output): string {
  const { statistics } = dataset;
  return output.fields([
    ['name', dataset.name],
    ['id', dataset.id],
    ['task', dataset.task],
    ['input', `${shape(dataset.inputShape)} ${dataset.inputType}`],
    ['samples', samplesText(dataset)],
    ['classes', dataset.classes?.join(', ')],
    ['features', dataset.features?.join(', ')],
    ['values', `${decimal(statistics.min)} to ${decimal(statistics.max)}, mean ${decimal(statistics.mean)}`],
    ['size', bytes(dataset.bytes)],
    ['created', time(dataset.createdAt)],
    ['SHA-256', dataset.sha256],
    ...dataset.warnings.map(({ message }) => ['warning', message] as [string, string]),
  ]);
}

function reportText(report: DatasetReport, output: Output): string {
  const values = output.table(
    [{ title: report.inputs.kind }, ...['min', 'max', 'mean', 'deviation'].map((title) => ({ title, right: true }))],
    report.inputs.items.map((one) => [
      one.name,
      ...[one.min, one.max, one.mean, one.standardDeviation].map((value) => decimal(value)),
    ]),
  );
  const classes =
    report.classes &&
    output.table(
      [{ title: 'class' }, ...splits.map((title) => ({ title, right: true }))],
      report.classes.map((one) => [one.class, ...splits.map((name) => integer(one.samples[name] as number))]),
    );
  const found = report.warnings.map(({ message }) => `! ${message}`).join('\n');
  return [values, classes, found].filter(Boolean).join('\n\n');
}
