import type { Model } from '../../client/index.ts';
import { CommandError, command } from '../command.ts';
import { save } from '../files.ts';
import type { Output } from '../output.ts';
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
    name: 'models export',
    summary: "Download a model's file",
    args: ['MODEL'],
    options: {
      format: { type: 'string', value: 'FORMAT', description: 'Of the file [safetensors].' },
      output: {
        type: 'string',
        short: 'o',
        value: 'FILE',
        description: 'Where to write it [MODEL.FORMAT here]; - is standard output.',
      },
    },
    examples: ['hebb models export digits', 'hebb models export digits -o - | sha256sum'],
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
