import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import type { DryRun, HebbClient, JobRequest } from '../../client/index.ts';
import { CommandError, command, UsageError } from '../command.ts';
import { fileBlob, jsonOf } from '../files.ts';
import { follow } from '../follow.ts';
import type { Output } from '../output.ts';
import { applySettings, splitOption } from '../settings.ts';
import { bytes, integer, seconds, shape } from '../text.ts';

export const trainOptions = {
  dataset: {
    type: 'string',
    value: 'FILE|NAME',
    description: 'A file to be uploaded, or the name or id of a dataset.',
  },
  target: { type: 'string', value: 'COLUMN', description: 'Of a table that is uploaded: the column to learn.' },
  split: { type: 'string', value: 'SHARES', description: 'Of what is uploaded: validation=0.1,test=0.2,seed=1.' },
  name: { type: 'string', value: 'NAME', description: 'Of the job.' },
  set: {
    type: 'string',
    multiple: true,
    value: 'KEY=VALUE',
    description: 'Change one key of the job, such as training.epochs=5; several times, if need be.',
  },
  'dry-run': { type: 'boolean', description: 'Only tell layers, shapes and costs.' },
  detach: { type: 'boolean', short: 'd', description: 'Do not wait for the end.' },
  'cancel-on-interrupt': { type: 'boolean', description: 'Ctrl-C cancels the job instead of leaving it alone.' },
} as const;

interface TrainValues {
  dataset?: string;
  target?: string;
  split?: string;
  name?: string;
  set?: string[];
  'dry-run'?: boolean;
  detach?: boolean;
  'cancel-on-interrupt'?: boolean;
}

export const train = command({
  name: 'train',
  summary: 'Train a network: a job from a file, or a preset',
  args: ['[JOB.json]'],
  options: {
    preset: { type: 'string', value: 'NAME', description: 'A job that comes along: hebb preset list.' },
    ...trainOptions,
  },
  details: `JOB.json is what POST /v1/jobs takes; - reads standard input. The job's progress is shown until it is over; Ctrl-C leaves the
job to the service, and hebb jobs watch comes back to it.`,
  examples: [
    'hebb train --preset xor-tanh',
    'hebb train job.json --set training.epochs=5 --set training.optimizer.learningRate=0.003',
    'hebb train job.json --dataset flowers.csv --target species --split test=0.2',
    'hebb train job.json --dry-run',
  ],
  async run({ client, values, args: [file], output }) {
    if ((file === undefined) === (values.preset === undefined)) {
      throw new UsageError('either JOB.json or --preset NAME is expected');
    }
    const job = file === undefined ? { preset: values.preset } : await jobOf(file);
    return start(client, job, values, output);
  },
});

async function jobOf(file: string): Promise<Record<string, unknown>> {
  const job = await jsonOf(file);
  if (typeof job !== 'object' || job === null || Array.isArray(job)) {
    throw new CommandError(`${file}: a job is an object, {"network": …, "dataset": …}`);
  }
  return job as Record<string, unknown>;
}

/** Makes a job as the options say, and follows it. */
export async function start(client: HebbClient, job: Record<string, unknown>, values: TrainValues, output: Output) {
  if (values['dry-run'] && values.detach) throw new UsageError('--dry-run starts nothing to --detach from');
  const changed = applySettings({ ...job, ...(values.name !== undefined && { name: values.name }) }, values.set);
  const request = { ...changed, ...(await datasetOf(client, values, output)) } as unknown as JobRequest;
  if (values['dry-run']) {
    const plan = await client.jobs.plan(request);
    output.result(plan, () => planText(plan, output));
    return 0;
  }
  const made = await client.jobs.create(request);
  for (const { message } of made.warnings) output.note(`warning: ${message}`);
  if (values.detach) {
    output.result(made, () => `${made.name}  ${made.id}\nhebb jobs watch ${made.id}`);
    return 0;
  }
  if (!output.json) output.note(`${output.strong(made.name)}  ${made.id}`);
  return follow(client, made, output, { cancelOnInterrupt: values['cancel-on-interrupt'] });
}

/** A path names a file, everything else a dataset of the service. */
async function datasetOf(client: HebbClient, values: TrainValues, output: Output): Promise<{ dataset?: string }> {
  const { dataset, target, split } = values;
  const isFile = dataset !== undefined && (existsSync(dataset) || /[/\\]/.test(dataset));
  if (!isFile && (target !== undefined || split !== undefined)) {
    throw new UsageError('--target and --split are for a --dataset that is a file; this is none');
  }
  if (!isFile) return dataset === undefined ? {} : { dataset };
  const file = await fileBlob(dataset);
  output.note(`uploading ${dataset} (${bytes(file.size)})`);
  const meta = {
    name: basename(dataset).replace(/(\.\w+)+$/, '') || 'dataset',
    ...(target !== undefined && { target }),
    ...(split !== undefined && { split: splitOption(split) }),
  };
  const made = await client.datasets.upload(meta, { file });
  for (const { message } of made.warnings) output.note(`warning: ${message}`);
  return { dataset: made.id };
}

function planText(plan: DryRun, output: Output): string {
  const { layers, parameters, flopsPerSample, memoryBytes, secondsPerEpoch } = plan;
  const rows = layers.map((layer) => [
    layer.name,
    layer.type,
    shape(layer.outputShape),
    integer(layer.parameters),
    integer(layer.flops),
  ]);
  const columns = [
    { title: 'layer' },
    { title: 'type' },
    { title: 'output' },
    { title: 'parameters', right: true },
    { title: 'FLOPs', right: true },
  ];
  return `${output.table(columns, rows)}\n\n${output.fields([
    ['parameters', integer(parameters)],
    ['FLOPs a sample', integer(flopsPerSample)],
    ['memory', bytes(memoryBytes)],
    ['an epoch', secondsPerEpoch === null ? undefined : seconds(secondsPerEpoch)],
    ...plan.warnings.map(({ message }) => ['warning', message] as [string, string]),
  ])}`;
}
