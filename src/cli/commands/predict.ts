import { type HebbClient, HebbProblem, type Model, type Predictions, type PredictOptions } from '../../client/index.ts';
import { CommandError, command, oneOf, UsageError, wholeNumber } from '../command.ts';
import { fileBlob, textOf } from '../files.ts';
import type { Output } from '../output.ts';
import { rowsOf } from '../rows.ts';
import { decimal, percent } from '../text.ts';

type Prediction = Predictions['predictions'][number];
/** One call takes no more than that. */
const mostRows = 1000;
const mostRowBytes = 2 ** 20;
const mostImages = 64;
const mostImageBytes = 16 * 2 ** 20;

export const predict = command({
  name: 'predict',
  summary: 'Ask a model about images or rows',
  args: ['[IMAGE...]'],
  options: {
    model: {
      type: 'string',
      short: 'm',
      value: 'MODEL',
      description: 'Id, alias or name [default]; a running job answers, too.',
    },
    row: { type: 'string', multiple: true, value: 'JSON', description: 'A row: [5.1, 3.5] or {"column": value}.' },
    rows: { type: 'string', value: 'FILE', description: 'Rows as CSV or JSON; - is standard input.' },
    top: { type: 'string', short: 't', value: 'COUNT', description: 'How many classes to show.' },
    fit: {
      type: 'string',
      value: 'FIT',
      description: "How an image comes to the model's size: contain, cover, fill [contain].",
    },
    invert: { type: 'string', value: 'HOW', description: 'Swap dark and light: true, false, auto [false].' },
    center: { type: 'boolean', description: "Shift an image's centre of mass to the middle." },
    layers: { type: 'string', value: 'NAMES', description: 'With --json: the activations of these layers, by commas.' },
  },
  details: 'Images are PNG, JPEG or WebP.',
  examples: [
    'hebb predict seven.png',
    'hebb predict --model digits --top 3 --invert auto scans/*.png',
    `hebb predict --model xor-tanh --row '[0, 1]' --row '[1, 1]'`,
    `hebb predict --model iris --row '{"sepal length": 5.1, "sepal width": 3.5}'`,
    'hebb predict --model iris --rows flowers.csv --json',
  ],
  async run({ client, args: images, values, output }) {
    const sources = [images.length > 0, values.row !== undefined, values.rows !== undefined].filter(Boolean).length;
    if (sources !== 1) throw new UsageError('one of IMAGE..., --row and --rows is expected');
    const model = values.model ?? 'default';
    const options: PredictOptions = {
      top: wholeNumber(values.top, 'top', 1),
      fit: oneOf(values.fit, 'fit', ['contain', 'cover', 'fill']),
      invert: invertOf(oneOf(values.invert, 'invert', ['true', 'false', 'auto'])),
      ...(values.center && { center: 'mass' as const }),
      ...(values.layers !== undefined && { layers: values.layers.split(',') }),
    };
    const answer =
      images.length > 0
        ? await askImages(client, model, images, options)
        : await askRows(client, model, await instancesOf(client, model, values), options);
    output.result(answer, () => answerText(answer, output));
  },
});

interface Answer extends Omit<Predictions, 'predictions'> {
  predictions: (Prediction & { input: string })[];
}

function invertOf(text: 'true' | 'false' | 'auto' | undefined): boolean | 'auto' | undefined {
  return text === undefined || text === 'auto' ? text : text === 'true';
}

async function askImages(client: HebbClient, model: string, paths: string[], options: PredictOptions): Promise<Answer> {
  const files: File[] = [];
  for (const path of paths) files.push(await fileBlob(path));
  const batches = inBatches(files, mostImages, mostImageBytes, ({ size }) => size);
  const answers: Predictions[] = [];
  // The first answer says which model it is: an alias may be given to another one meanwhile.
  for (const images of batches)
    answers.push(await client.models.predict(answers[0]?.model ?? model, { images }, options));
  return joined(answers, paths);
}

async function askRows(client: HebbClient, model: string, rows: unknown[], options: PredictOptions): Promise<Answer> {
  if (rows.length === 0) throw new CommandError('there are no rows');
  const batches = inBatches(rows, mostRows, mostRowBytes, (row) => JSON.stringify(row).length);
  const answers: Predictions[] = [];
  for (const instances of batches) {
    const known = answers[0]?.model ?? model;
    answers.push(
      await client.models.predict(known, { instances }, options).catch((error) => toldByRow(error, answers)),
    );
  }
  return joined(
    answers,
    rows.map((_, i) => `row ${i + 1}`),
  );
}

/** Pointers count from the first row of the batch; people count from the first of all. */
function toldByRow(error: unknown, before: Predictions[]): never {
  const offset = before.reduce((sum, { predictions }) => sum + predictions.length, 0);
  const row = error instanceof HebbProblem && /^\/instances\/(\d+)/.exec(error.errors[0]?.pointer ?? '')?.[1];
  if (!row) throw error;
  throw new CommandError(`row ${offset + Number(row) + 1}: ${(error as HebbProblem).message}`);
}

async function instancesOf(
  client: HebbClient,
  model: string,
  values: { row?: string[]; rows?: string },
): Promise<unknown[]> {
  if (values.row) {
    return values.row.map((text) => {
      try {
        return JSON.parse(text);
      } catch (error) {
        throw new UsageError(`--row takes JSON, got ${text}: ${(error as Error).message}`);
      }
    });
  }
  const what = values.rows === '-' ? 'standard input' : values.rows!;
  const text = await textOf(values.rows!);
  return rowsOf(text, await columnsOf(client, model), what);
}

/** A job that is not over answers as well, but is no model yet: its dataset knows. */
async function columnsOf(client: HebbClient, id: string): Promise<Model['columns']> {
  try {
    return (await client.models.get(id)).columns;
  } catch (error) {
    if (!(error instanceof HebbProblem && error.status === 404)) throw error;
    const job = await client.jobs.get(id).catch(() => {
      throw error;
    });
    return job.dataset === null ? null : (await client.datasets.get(job.dataset)).columns;
  }
}

/** Items in their order, so many and so large together. */
function inBatches<Item>(items: Item[], most: number, mostBytes: number, size: (item: Item) => number): Item[][] {
  const batches: Item[][] = [];
  let room = 0;
  for (const item of items) {
    const last = batches.at(-1);
    const bytes = size(item);
    if (last && last.length < most && bytes <= room) last.push(item);
    else {
      batches.push([item]);
      room = mostBytes;
    }
    room -= bytes;
  }
  return batches;
}

function joined(answers: Predictions[], inputs: string[]): Answer {
  const predictions = answers.flatMap((answer) => answer.predictions);
  return { ...answers[0]!, predictions: predictions.map((prediction, i) => ({ input: inputs[i]!, ...prediction })) };
}

function answerText({ predictions }: Answer, output: Output): string {
  const isClass = predictions.some((one) => one.class !== undefined);
  if (!isClass) {
    return output.table(
      [{ title: 'input' }, { title: 'output' }],
      predictions.map(({ input, output: value }) => [input, numbers(value)]),
    );
  }
  const columns = [{ title: 'input' }, { title: 'class' }, { title: 'probability', right: true }, { title: 'then' }];
  const rows = predictions.map((one) => [
    one.input,
    one.class ?? '',
    typeof one.probability === 'number' ? percent(one.probability) : '–',
    (one.top ?? [])
      .slice(1)
      .map((next) => `${next.class}${typeof next.probability === 'number' ? ` ${percent(next.probability)}` : ''}`)
      .join(', '),
  ]);
  const hasMore = rows.some((row) => row[3] !== '');
  return output.table(hasMore ? columns : columns.slice(0, 3), hasMore ? rows : rows.map((row) => row.slice(0, 3)));
}

function numbers(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(numbers).join(', ')}]`;
  return typeof value === 'number' ? decimal(value) : String(value);
}
