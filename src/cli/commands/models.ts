import type { HebbClient, Model } from '../../client/index.ts';
import { CommandError, command, UsageError } from '../command.ts';
import { fileBlob, save } from '../files.ts';
import type { Output } from '../output.ts';
import { applySettings } from '../settings.ts';
import { bytes, integer, metrics, shape, time } from '../text.ts';

export const modelCommands = [
  command({
    name: 'models list',
    summary: 'List models, the newest first',
    examples: ['hebb models list', `hebb models list --json | jq -r '.[].name'`],
    async run({ client, output }) {
      const models: Model[] = [];
      for await (const model of client.models.all()) models.push(model);
      output.result(models, () => listText(models, output));
    },
  }),
  command({
    name: 'models show',
    summary: 'Show one model',
    args: ['MODEL'],
    examples: ['hebb models show digits', 'hebb models show default --json'],
    async run({ client, args: [id], output }) {
      const model = await client.models.get(id!);
      output.result(model, () => modelText(model, output));
    },
  }),
  command({
    name: 'models card',
    summary: 'All that is known of a model, as Markdown',
    args: ['MODEL'],
    examples: ['hebb models card digits', 'hebb models card digits > digits.md'],
    async run({ client, args: [id], output }) {
      const card = await client.models.card(id!);
      output.result({ card }, () => card.trimEnd());
    },
  }),
  command({
    name: 'models compare',
    summary: 'Two models side by side',
    args: ['MODEL', 'OTHER'],
    examples: ['hebb models compare digits@1 digits@2'],
    async run({ client, args: [a, b], output }) {
      const found = await client.models.compare(a!, b!);
      output.result(found, () => comparisonText(found, output));
    },
  }),
  command({
    name: 'models evaluate',
    summary: 'How well a model does on a dataset',
    args: ['MODEL', 'DATASET'],
    options: {
      split: {
        type: 'string',
        value: 'SPLIT',
        description: 'train, validation, test or all [test where there is one].',
      },
    },
    examples: ['hebb models evaluate digits exam', 'hebb models evaluate digits exam --split all --json'],
    async run({ client, args: [id, dataset], values, output }) {
      // Which splits there are is the service's to know: a wrong one is refused by name.
      const split = values.split as 'all' | undefined;
      const found = await client.models.evaluate(id!, { dataset: dataset!, ...(split !== undefined && { split }) });
      output.result(found, () => evaluationText(found, output));
    },
  }),
  command({
    name: 'models import',
    summary: 'Bring a model: an ONNX file, or a network with its weights',
    args: ['[MODEL.onnx]'],
    options: {
      network: { type: 'string', value: 'FILE', description: 'JSON, as models export --format json gives it.' },
      weights: { type: 'string', value: 'FILE', description: 'safetensors; with --network.' },
      name: { type: 'string', value: 'NAME', description: 'Of the model.' },
      set: {
        type: 'string',
        multiple: true,
        value: 'KEY=VALUE',
        description: 'classes, normalization, … where the file does not say them.',
      },
    },
    examples: [
      'hebb models import lenet.onnx --name lenet',
      `hebb models import shapes.onnx --set 'classes=["circle", "square"]'`,
      'hebb models import --network digits.json --weights digits.safetensors',
    ],
    async run({ client, args: [file], values, output }) {
      const { network, weights, name } = values;
      if (file === undefined ? !(network && weights) : network !== undefined || weights !== undefined) {
        throw new UsageError('an ONNX file, or --network and --weights, were expected');
      }
      const files = file
        ? { file: await fileBlob(file) }
        : { network: await fileBlob(network!), weights: await fileBlob(weights!) };
      const meta = applySettings({ ...(name !== undefined && { name }) }, values.set);
      const model = await client.models.import(files, meta);
      output.result(model, () => modelText(model, output));
    },
  }),
  command({
    name: 'models rollback',
    summary: 'Point an alias at the model before',
    args: ['ALIAS'],
    examples: ['hebb models rollback production'],
    async run({ client, args: [alias], output }) {
      const set = await client.models.rollBackAlias(alias!);
      output.result(set, () => set.message);
    },
  }),
  command({
    name: 'models export',
    summary: "Download a model's file",
    args: ['MODEL'],
    options: {
      format: { type: 'string', value: 'FORMAT', description: 'safetensors, onnx, json or ts [safetensors].' },
      output: {
        type: 'string',
        short: 'o',
        value: 'FILE',
        description: 'Where to write it [MODEL.FORMAT here]; - is standard output.',
      },
    },
    examples: [
      'hebb models export digits',
      'hebb models export digits --format onnx',
      'hebb models export digits -o - | sha256sum',
    ],
    async run({ client, args: [id], values, output }) {
      // Which formats there are is the service's to know: a wrong one is refused by name.
      const format = values.format as 'safetensors' | undefined;
      const download = await client.models.export(id!, { ...(format !== undefined && { format }) });
      const path = values.output === '-' ? undefined : (values.output ?? download.filename);
      const written = await save(download.stream, path, output.stdout);
      if (path !== undefined) output.result({ file: path, bytes: written }, () => `${path}  ${bytes(written)}`);
    },
  }),
  command({
    name: 'models alias',
    summary: 'Give a model another name, or take it away',
    args: ['ALIAS', '[MODEL]'],
    options: { delete: { type: 'boolean', description: 'Remove the alias.' } },
    details:
      'Without MODEL it shows what the alias means. The alias default follows the newest completed job until it is set.',
    examples: [
      'hebb models alias production digits',
      'hebb models alias production',
      'hebb models alias production --delete',
    ],
    async run({ client, args: [alias, model], values, output }) {
      if (values.delete) {
        await client.models.removeAlias(alias!);
        output.result({ alias, model: null }, () => `${alias} is removed`);
        return;
      }
      const set = model === undefined ? await aliased() : await client.models.setAlias(alias!, model);
      output.result(set, () => `${set.alias} → ${set.model}`);

      async function aliased() {
        const known = (await client.models.aliases()).find((one) => one.alias === alias);
        if (known) return known;
        throw new CommandError(`there is no alias "${alias}"; hebb models aliases lists them`);
      }
    },
  }),
  command({
    name: 'models aliases',
    summary: 'List aliases',
    examples: ['hebb models aliases'],
    async run({ client, output }) {
      const aliases = await client.models.aliases();
      output.result(aliases, () =>
        output.table(
          [{ title: 'alias' }, { title: 'model' }],
          aliases.map(({ alias, model }) => [alias, model]),
        ),
      );
    },
  }),
  command({
    name: 'models delete',
    summary: 'Delete models',
    args: ['MODEL...'],
    examples: ['hebb models delete digits'],
    async run({ client, args, output }) {
      for (const id of args) {
        await client.models.delete(id);
        output.note(`${id} is deleted`);
      }
      output.result({ deleted: args }, () => '');
    },
  }),
];

function listText(models: Model[], output: Output): string {
  if (models.length === 0) return 'no models yet: hebb train makes one';
  const columns = [
    { title: 'name' },
    { title: 'input' },
    { title: 'parameters', right: true },
    { title: 'test or last metrics' },
    { title: 'created' },
    { title: 'id', whole: true },
  ];
  return output.table(
    columns,
    models.map(({ name, inputShape, parameters, test, metrics: last, createdAt, id }) => [
      name,
      shape(inputShape),
      integer(parameters),
      metrics(test ?? last),
      time(createdAt),
      id,
    ]),
  );
}

function comparisonText(
  { a, b, ...found }: Awaited<ReturnType<HebbClient['models']['compare']>>,
  output: Output,
): string {
  const title = ({ name, version }: typeof a) => `${name}@${version}`;
  const rows = [
    ...found.sizes,
    ...found.metrics,
    ...(found.test ?? []).map((row) => ({ ...row, name: `test ${row.name}` })),
  ];
  const figure = (value: number | null) => (value === null ? '' : String(Number(value.toPrecision(6))));
  return output.table(
    [{ title: '' }, { title: title(a), right: true }, { title: title(b), right: true }],
    rows.map((row) => [row.name, figure(row.a), figure(row.b)]),
  );
}

function evaluationText(found: Awaited<ReturnType<HebbClient['models']['evaluate']>>, output: Output): string {
  const figures = output.fields([
    ['dataset', `${found.dataset.name}, ${found.split}, ${integer(found.samples)} samples`],
    ['metrics', metrics(found.metrics)],
    ['calibration error', found.calibration ? String(Number(found.calibration.error.toPrecision(3))) : undefined],
  ]);
  if (!found.classes) return figures;
  const share = (value: number) => value.toFixed(3);
  const columns = [
    { title: 'class' },
    ...['precision', 'recall', 'f1', 'support'].map((title) => ({ title, right: true })),
  ];
  const rows = found.classes.map((row) => [
    row.class,
    share(row.precision),
    share(row.recall),
    share(row.f1),
    integer(row.support),
  ]);
  return `${figures}\n\n${output.table(columns, rows)}`;
}

function modelText(model: Model, output: Output): string {
  return output.fields([
    ['name', model.name],
    ['id', model.id],
    ['task', model.task],
    ['input', `${shape(model.inputShape)} ${model.inputType}`],
    ['output', shape(model.outputShape)],
    ['layers', model.network.layers.map(({ type }) => type).join(' → ')],
    ['parameters', integer(model.parameters)],
    ['classes', model.classes?.join(', ')],
    ['columns', model.columns?.map(({ name, type }) => (type === 'target' ? `${name} (target)` : name)).join(', ')],
    ['metrics', metrics(model.metrics)],
    ['test', model.test ? metrics(model.test) : undefined],
    ['job', model.job ?? undefined],
    ['dataset', model.dataset ?? undefined],
    ['created', time(model.createdAt)],
    ['trained on', model.isa ? `${model.isa}, ${integer(model.step)} steps` : 'elsewhere'],
    ['SHA-256', model.weightsHash],
  ]);
}
