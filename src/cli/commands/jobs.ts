import type { Job } from '../../client/index.ts';
import { command, oneOf, UsageError, wholeNumber } from '../command.ts';
import { save } from '../files.ts';
import { follow } from '../follow.ts';
import type { Output } from '../output.ts';
import { applySettings } from '../settings.ts';
import { bytes, decimal, integer, metrics, percent, shape, time } from '../text.ts';

const states = ['queued', 'running', 'paused', 'completed', 'failed', 'cancelled'] as const;
const file = {
  output: { type: 'string', short: 'o', value: 'FILE', description: 'Where to write it [standard output].' },
} as const;

export const jobCommands = [
  command({
    name: 'jobs list',
    summary: 'List jobs, the newest first',
    options: { state: { type: 'string', value: 'STATE', description: `Only these: ${states.join(', ')}.` } },
    examples: ['hebb jobs list', 'hebb jobs list --state running'],
    async run({ client, values, output }) {
      const state = oneOf(values.state, 'state', states);
      const jobs: Job[] = [];
      for await (const job of client.jobs.all({ state })) jobs.push(job);
      output.result(jobs, () => listText(jobs, output));
    },
  }),
  command({
    name: 'jobs show',
    summary: 'Show one job',
    args: ['JOB'],
    examples: ['hebb jobs show digits', 'hebb jobs show digits --json'],
    async run({ client, args: [id], output }) {
      const job = await client.jobs.get(id!);
      output.result(job, () => jobText(job, output));
    },
  }),
  command({
    name: 'jobs watch',
    summary: 'Follow a job until it is over',
    args: ['JOB'],
    options: {
      'cancel-on-interrupt': { type: 'boolean', description: 'Ctrl-C cancels the job instead of leaving it alone.' },
    },
    details:
      'With --json every event is a line. Where the service is started anew meanwhile, it goes on behind the last event.',
    examples: ['hebb jobs watch digits', `hebb jobs watch digits --json | jq 'select(.type == "epoch").data.loss'`],
    async run({ client, args: [id], values, output }) {
      const job = await client.jobs.get(id!);
      return follow(client, job, output, { cancelOnInterrupt: values['cancel-on-interrupt'], events: true });
    },
  }),
  command({
    name: 'jobs log',
    summary: 'What happened to a job, in words',
    args: ['JOB'],
    options: { since: { type: 'string', value: 'SEQ', description: 'Only what came after this entry.' } },
    details: 'With --json every entry is a line.',
    examples: ['hebb jobs log digits'],
    async run({ client, args: [id], values, output }) {
      for (let since = wholeNumber(values.since, 'since') ?? 0; ; ) {
        const { items, next } = await client.jobs.log(id!, { since, limit: 1000 });
        for (const entry of items) {
          const level = entry.level === 'info' ? '' : `${entry.level}: `;
          output.line(entry, () => `${output.faint(time(entry.time))}  ${level}${entry.message}`);
        }
        if (items.length < 1000) return;
        since = next;
      }
    },
  }),
  command({
    name: 'jobs metrics',
    summary: 'The curves of a job as numbers',
    args: ['JOB'],
    options: {
      steps: { type: 'boolean', description: 'A row for steps in place of epochs.' },
      points: { type: 'string', value: 'COUNT', description: 'Thinned to about so many rows.' },
      csv: { type: 'boolean', description: 'As CSV.' },
    },
    examples: ['hebb jobs metrics digits', 'hebb jobs metrics digits --steps --points 100 --csv > steps.csv'],
    async run({ client, args: [id], values, output }) {
      if (values.csv && output.json) throw new UsageError('either --csv or --json');
      const query = {
        resolution: values.steps ? ('step' as const) : ('epoch' as const),
        points: wholeNumber(values.points, 'points', 2),
      };
      if (values.csv) {
        await save(await client.jobs.metricsCsv(id!, query), undefined, output.stdout);
        return;
      }
      const rows: Awaited<ReturnType<typeof client.jobs.metrics>>['rows'] = [];
      for (let since = 0; ; ) {
        const page = await client.jobs.metrics(id!, { ...query, since });
        rows.push(...page.rows);
        // Thinned rows come all at once.
        if (page.rows.length === 0 || query.points !== undefined) break;
        since = page.next;
      }
      output.result(rows, () => {
        const names = [...new Set(rows.flatMap((row) => Object.keys(row)))].filter(
          (name) => name !== 'seq' && name !== 'time',
        );
        const columns = names.map((title) => ({ title, right: true }));
        return output.table(
          columns,
          rows.map((row) => names.map((name) => (row[name] === undefined ? '' : decimal(row[name])))),
        );
      });
    },
  }),
  command({
    name: 'jobs curves',
    summary: 'The curves of a job as a picture (SVG)',
    args: ['JOB'],
    options: file,
    examples: ['hebb jobs curves digits -o curves.svg'],
    async run({ client, args: [id], values, output }) {
      await written(await client.jobs.curvesSvg(id!), values.output, output);
    },
  }),
  command({
    name: 'jobs diagnostics',
    summary: 'The health of the layers of a job, in words',
    args: ['JOB'],
    examples: ['hebb jobs diagnostics digits'],
    async run({ client, args: [id], output }) {
      const found = await client.jobs.diagnostics(id!);
      output.result(found, () => found.findings.map(({ message }) => message).join('\n') || 'nothing is found');
    },
  }),
  command({
    name: 'jobs evaluation',
    summary: 'Each class of a finished classification',
    args: ['JOB'],
    examples: ['hebb jobs evaluation digits'],
    async run({ client, args: [id], output }) {
      const found = await client.jobs.evaluation(id!);
      const columns = ['precision', 'recall', 'F1', 'samples'].map((title) => ({ title, right: true }));
      output.result(found, () =>
        output.table(
          [{ title: `class (${found.split})` }, ...columns],
          found.classes.map((one) => [
            one.class,
            percent(one.precision),
            percent(one.recall),
            percent(one.f1),
            integer(one.support),
          ]),
        ),
      );
    },
  }),
  command({
    name: 'jobs checkpoints',
    summary: 'The kept checkpoints of a job, which a fork may start from',
    args: ['JOB'],
    examples: ['hebb jobs checkpoints digits'],
    async run({ client, args: [id], output }) {
      const { items } = await client.jobs.checkpoints(id!);
      const columns = [
        { title: 'step', right: true },
        { title: 'epoch', right: true },
        { title: 'size', right: true },
        { title: 'time' },
        { title: 'metrics' },
      ];
      output.result(items, () =>
        output.table(
          columns,
          items.map((one) => [
            String(one.step),
            String(one.epoch),
            bytes(one.bytes),
            time(one.time),
            metrics(one.metrics),
          ]),
        ),
      );
    },
  }),
  ...(['cancel', 'pause', 'resume'] as const).map((action) =>
    command({
      name: `jobs ${action}`,
      summary: {
        cancel: 'End a job; its best weights so far stay as a model',
        pause: 'Put a job aside; it stands still where it is',
        resume: 'Let a paused job go on',
      }[action],
      args: ['JOB'],
      examples: [`hebb jobs ${action} digits`],
      async run({ client, args: [id], output }) {
        const job = await client.jobs[action](id!);
        output.result(job, () => `${job.name} is ${job.state}`);
      },
    }),
  ),
  command({
    name: 'jobs rate',
    summary: 'Change the learning rate of a running or paused job',
    args: ['JOB', 'RATE'],
    examples: ['hebb jobs rate digits 0.0003'],
    async run({ client, args: [id, text], output }) {
      const learningRate = Number(text);
      if (!(learningRate > 0)) throw new UsageError(`RATE is a number above 0, got "${text}"`);
      const job = await client.jobs.change(id!, { training: { optimizer: { learningRate } } });
      const last = job.learningRateChanges.at(-1);
      output.result(job, () => `${job.name}: ${last?.learningRate} from step ${last?.step} on`);
    },
  }),
  command({
    name: 'jobs fork',
    summary: 'Start a new job where another one stands, with other settings',
    args: ['JOB'],
    options: {
      name: { type: 'string', value: 'NAME', description: 'Of the new job.' },
      step: { type: 'string', value: 'STEP', description: 'Of the checkpoint [the newest].' },
      set: {
        type: 'string',
        multiple: true,
        value: 'KEY=VALUE',
        description: 'Change a key, such as training.epochs=20.',
      },
      detach: { type: 'boolean', short: 'd', description: 'Do not wait for the end.' },
    },
    examples: [
      'hebb jobs fork digits --name longer --set training.epochs=20 --set training.optimizer.learningRate=0.0003',
    ],
    async run({ client, args: [id], values, output }) {
      const step = wholeNumber(values.step, 'step');
      const asked = { ...(values.name !== undefined && { name: values.name }), ...(step !== undefined && { step }) };
      const job = await client.jobs.fork(id!, applySettings(asked, values.set));
      if (!values.detach) return follow(client, job, output);
      output.result(job, () => `${job.name}  ${job.id}\nhebb jobs watch ${job.id}`);
    },
  }),
  command({
    name: 'jobs delete',
    summary: 'Delete jobs that are over, and their models',
    args: ['JOB...'],
    examples: ['hebb jobs delete digits'],
    async run({ client, args, output }) {
      for (const id of args) {
        await client.jobs.delete(id);
        output.note(`${id} is deleted`);
      }
      output.result({ deleted: args }, () => '');
    },
  }),
];

/** To a file, or as the result itself. */
async function written(content: string, path: string | undefined, output: Output): Promise<void> {
  if (path === undefined && output.json) throw new UsageError('a picture is not JSON; -o FILE writes it');
  const count = await save(content, path, output.stdout);
  if (path !== undefined) output.result({ file: path, bytes: count }, () => `${path}  ${bytes(count)}`);
}

function listText(jobs: Job[], output: Output): string {
  if (jobs.length === 0) return 'no jobs yet: hebb train --preset xor-tanh runs one';
  const columns = [
    { title: 'name' },
    { title: 'state' },
    { title: 'epoch', right: true },
    { title: 'test or last metrics' },
    { title: 'created' },
    { title: 'id', whole: true },
  ];
  return output.table(
    columns,
    jobs.map(({ name, state, progress, metrics: last, test, createdAt, id }) => [
      name,
      state,
      `${progress.epoch}/${progress.epochs}`,
      metrics(test ?? last),
      time(createdAt),
      id,
    ]),
  );
}

function jobText(job: Job, output: Output): string {
  const { progress, network } = job;
  return output.fields([
    ['name', job.name],
    ['id', job.id],
    ['state', job.state],
    ['why', job.error?.detail ?? job.pause?.message],
    [
      'progress',
      `epoch ${progress.epoch} of ${progress.epochs}, step ${integer(progress.step)} of ${integer(progress.steps)}`,
    ],
    ['metrics', metrics(job.metrics) || undefined],
    ['best', job.best ? metrics(job.best) : undefined],
    ['test', job.test ? metrics(job.test) : undefined],
    ['dataset', job.dataset ?? undefined],
    ['network', `${shape(network.input)} → ${network.layers.map(({ type }) => type).join(' → ')}`],
    ['created', time(job.createdAt)],
    ['started', time(job.startedAt)],
    ['finished', time(job.finishedAt)],
    ['restarts', job.restarts > 0 ? String(job.restarts) : undefined],
    ['model', job.model ?? undefined],
    ['SHA-256', job.weightsHash ?? undefined],
    ...job.warnings.map(({ message }) => ['warning', message] as [string, string]),
  ]);
}
