import { splitNames } from '../data/dataset.ts';
import { resolveNetwork } from '../nn/resolve.ts';
import { elementCount, formatShape } from '../shape.ts';
import type { RegisteredModel } from '../store/models.ts';
import type { Store } from '../store/store.ts';
import { settingsOf, summary } from './compareModels.ts';
import { evaluationOf } from './evaluation.ts';

/** Classes, layers and settings that are listed. */
const mostRows = 200;
/** Inputs that are written out in the line that shows how to predict. */
const mostInputs = 16;

/**
 * What is known of a model, as Markdown (with GitHub's tables): data, architecture, settings, figures, and how to ask it.
 * All that people named is escaped.
 */
export function modelCard(store: Store, model: RegisteredModel): string {
  const job = model.job === null ? undefined : store.jobs.get(model.job);
  const sections = [
    `# ${escapeMarkdown(model.name)}, version ${model.version}`,
    facts([
      ['Id', model.id],
      ['Made', model.createdAt],
      ['Task', model.task],
      ['Loss', model.loss],
      ['Parameters', model.parameters],
      ['Steps of training', model.step],
      ['Tags', model.tags.length > 0 ? model.tags.join(', ') : null],
      ['SHA-256 of the weights', model.weightsHash],
      ['Instruction set', model.isa],
      ['Kernel version', job?.kernelVersion ?? null],
    ]),
    '## Intended use',
    paragraphs(model.notes) || 'Nobody has written it down: `PATCH /v1/models/:id` with `notes` does.',
    '## Data',
    dataOf(store, model),
    '## Architecture',
    architectureOf(model),
  ];
  if (job) {
    const settings = leaves(job.training);
    sections.push('## Training', table(['Setting', 'Value'], settings));
    if (job.training.epochs !== 0) sections.push(`![Curves of the training](/v1/jobs/${job.id}/curves.svg)`);
  }
  sections.push('## Figures', figuresOf(model));
  if (job && store.evaluations.ofJob(job.id)) {
    const { split, samples, classes } = evaluationOf(store, job);
    const rows = classes.map((c) => [c.class, ...[c.precision, c.recall, c.f1].map(short), c.support]);
    sections.push(
      `### Classes, over the ${samples} samples of the split ${split}`,
      table(['Class', 'Precision', 'Recall', 'F1', 'Samples'], rows),
    );
  }
  sections.push('## Prediction', predictionOf(model));
  return `${sections.join('\n\n')}\n`;
}

function dataOf(store: Store, model: RegisteredModel): string {
  const dataset = model.dataset === null ? undefined : store.datasets.get(model.dataset);
  const columns = model.columns?.filter(({ type }) => type !== 'ignored').map(({ name }) => name);
  const rows: [string, unknown][] = [
    ['Input', `${formatShape(model.inputShape)}, ${model.inputType}`],
    ['Output', formatShape(model.outputShape)],
    [
      'Normalisation',
      leaves(model.normalization)
        .map(([key, value]) => `${key} ${asText(value)}`)
        .join(', '),
    ],
    ['Classes', model.classes && listed(model.classes)],
    ['Columns', columns && listed(columns)],
  ];
  if (!dataset) {
    const what = model.dataset === null ? 'The model was made without a dataset.' : 'The dataset is deleted.';
    return `${what}\n\n${facts([['Dataset', model.dataset], ...rows])}`;
  }
  return facts([
    ['Dataset', dataset.name],
    ['Id', dataset.id],
    ['SHA-256', dataset.sha256],
    ['Samples', splitNames.map((split) => `${split} ${dataset.samples[split]}`).join(', ')],
    ...rows,
  ]);
}

function listed(names: string[]): string {
  const more = names.length > mostRows ? `, and ${names.length - mostRows} more` : '';
  return names.slice(0, mostRows).join(', ') + more;
}

function architectureOf(model: RegisteredModel): string {
  const rows = resolveNetwork(model.network, { checked: true }).layers.map((layer, i) => {
    const { name, type, outputShape, parameters } = summary(layer, i);
    const settings = Object.entries(settingsOf(layer)).map(([key, value]) => `${key} ${asText(value)}`);
    return [i, name, type, settings.join(', '), formatShape(outputShape), parameters];
  });
  const head = ['', 'Layer', 'Type', 'Settings', 'Output', 'Parameters'];
  return `Input ${formatShape(model.network.input)}.\n\n${table(head, rows)}`;
}

function figuresOf({ metrics, test }: RegisteredModel): string {
  const names = [...new Set([...Object.keys(metrics), ...Object.keys(test ?? {})])];
  if (names.length === 0) return 'Nothing was measured.';
  const rows = names.map((name) => [
    name,
    ...[metrics[name], test?.[name]].map((v) => (v === undefined ? '' : short(v))),
  ]);
  return table(['Metric', 'At the end of training', 'On the test split'], rows);
}

/** Nothing that people named stands in the lines: they are made to be run. */
function predictionOf({ id, inputShape }: RegisteredModel): string {
  const url = `http://127.0.0.1:8080/v1/models/${id}/predict`;
  const elements = elementCount(inputShape);
  const body =
    elements <= mostInputs ? `'{"instances": [[${Array(elements).fill(0).join(', ')}]]}'` : '@instances.json';
  const lines = [`curl ${url} -H 'content-type: application/json' -d ${body}`];
  if (inputShape.length === 3) lines.push(`curl ${url} -H 'content-type: image/png' --data-binary @image.png`);
  const file = `\n\n\`instances.json\` is \`{"instances": [[…], …]}\` with ${elements} numbers a row.`;
  return `\`\`\`sh\n${lines.join('\n')}\n\`\`\`${elements <= mostInputs ? '' : file}`;
}

/** Settings at all depths: optimizer.learningRate, … */
function leaves(value: unknown, path: string[] = []): [string, unknown][] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [[path.join('.'), value]];
  return Object.entries(value).flatMap(([key, inner]) => leaves(inner, [...path, key]));
}

/** A table of what is there. */
function facts(rows: [string, unknown][]): string {
  const present = rows.filter(([, value]) => value !== null && value !== undefined);
  return table(['', ''], present);
}

function table(head: string[], rows: unknown[][]): string {
  const line = (cells: unknown[]) => `| ${cells.map((cell) => escapeMarkdown(asText(cell))).join(' | ')} |`;
  const lines = [line(head), `|${head.map(() => '---|').join('')}`, ...rows.slice(0, mostRows).map(line)];
  if (rows.length > mostRows) lines.push('', `… and ${rows.length - mostRows} more.`);
  return lines.join('\n');
}

function asText(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function short(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toPrecision(4);
}

/** Plain text as paragraphs that say the same: nothing in it is markup. */
function paragraphs(text: string): string {
  const lines = text.split(/\r\n|[\n\r\u2028\u2029]/).map((line) => escapeMarkdown(line));
  // What begins a list, a heading or a rule at the start of a line; two spaces at its end keep it a line of its own.
  const plain = lines.map((line) =>
    line.replace(/^([-+=]|\d+(?=[.)]))(.?)/, (_, mark, next) =>
      /\d/.test(mark) ? `${mark}\\${next}` : `\\${mark}${next}`,
    ),
  );
  return plain
    .join('  \n')
    .replace(/(?: {2}\n)(?: *\n)+/g, '\n\n')
    .trim();
}

/** Text on one line that Markdown and HTML show as it is, also within a table. */
export function escapeMarkdown(text: string): string {
  return text
    .replace(/[\s\p{Cc}\u2028\u2029]+/gu, ' ')
    .trim()
    .replace(/[\\`*_[\]|~#$^@]/g, '\\$&')
    .replace(/:(?=\/\/)|(?<=\bwww)\./gi, '\\$&')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;');
}
