// Writes docs/catalogue.md from the code: every layer, activation, loss and optimiser with its keys, formula and source.
//   npm run catalogue            writes the file
// test/catalogue.test.ts fails where the file is not what this makes.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { TSchema } from 'typebox';
import { activations } from '../src/nn/activations.ts';
import { augmentationSchema, augmentations } from '../src/nn/augmentation.ts';
import { initializers } from '../src/nn/initializers.ts';
import type { LayerDefinition } from '../src/nn/layer.ts';
import { layers } from '../src/nn/layers/index.ts';
import { losses } from '../src/nn/losses.ts';
import { metrics } from '../src/nn/metrics.ts';
import type { LayerConfig, NetworkConfig } from '../src/nn/networkConfig.ts';
import { normalizations } from '../src/nn/normalization.ts';
import { optimizers } from '../src/nn/optimizers.ts';
import { resolveNetwork } from '../src/nn/resolve.ts';
import { schedules } from '../src/nn/schedules.ts';
import { optimizerSchema, scheduleSchema } from '../src/nn/trainingConfig.ts';
import { formatShape, type Shape } from '../src/shape.ts';

export const catalogueFile = fileURLToPath(new URL('../docs/catalogue.md', import.meta.url));

/** A layer as one would write it, and the shape that it gets: for the column of shapes. */
const examples: Record<string, { input: Shape; layer: Record<string, unknown> }> = {
  dense: { input: [784], layer: { units: 30, activation: 'sigmoid' } },
  conv1d: { input: [100, 3], layer: { filters: 8, kernel: 5 } },
  conv2d: { input: [28, 28, 1], layer: { filters: 6, kernel: 5, padding: 'same' } },
  depthwiseConv2d: { input: [14, 14, 32], layer: { kernel: 3 } },
  separableConv2d: { input: [14, 14, 32], layer: { filters: 64, kernel: 3 } },
  conv2dTranspose: { input: [7, 7, 16], layer: { filters: 8, kernel: 2, stride: 2 } },
  maxPool1d: { input: [100, 3], layer: { size: 2 } },
  maxPool2d: { input: [28, 28, 6], layer: { size: 2 } },
  averagePool1d: { input: [100, 3], layer: { size: 4 } },
  averagePool2d: { input: [28, 28, 6], layer: { size: 2 } },
  globalMaxPool2d: { input: [7, 7, 64], layer: {} },
  globalAveragePool2d: { input: [7, 7, 64], layer: {} },
  upSampling2d: { input: [7, 7, 16], layer: { size: 2 } },
  zeroPadding2d: { input: [28, 28, 1], layer: { padding: 2 } },
  cropping2d: { input: [32, 32, 1], layer: { cropping: [2, 2, 2, 2] } },
  flatten: { input: [7, 7, 16], layer: {} },
  reshape: { input: [784], layer: { shape: [28, 28, 1] } },
  batchNorm: { input: [14, 14, 32], layer: {} },
  layerNorm: { input: [64], layer: {} },
  dropout: { input: [128], layer: { rate: 0.5 } },
  spatialDropout: { input: [14, 14, 32], layer: { rate: 0.2 } },
  gaussianNoise: { input: [784], layer: { stddev: 0.1 } },
  activation: { input: [128], layer: { activation: 'leakyRelu', slope: 0.1 } },
  prelu: { input: [14, 14, 32], layer: {} },
  add: { input: [14, 14, 32], layer: { from: ['a', 'b'] } },
  multiply: { input: [14, 14, 32], layer: { from: ['a', 'b'] } },
  concatenate: { input: [14, 14, 32], layer: { from: ['a', 'b'] } },
  embedding: { input: [20], layer: { vocabulary: 1000, units: 16 } },
  rescaling: { input: [28, 28, 1], layer: { scale: 2, offset: -1 } },
};

/** What the example does to its input, worked out by the layer itself. */
function exampleOf(definition: LayerDefinition): [json: string, shapes: string, parameters: string] {
  const example = examples[definition.type];
  if (!example) throw new Error(`scripts/catalogue.ts has no example of ${definition.type}`);
  const layer: LayerConfig = { type: definition.type, ...example.layer };
  const same = (name: string) => ({ type: 'activation', activation: 'linear' as const, name, from: 'input' });
  const network: NetworkConfig = {
    input: example.input,
    layers: definition.merges ? [same('a'), same('b'), layer] : [layer],
  };
  const resolved = resolveNetwork(network).layers.at(-1)!;
  const shapes = `${resolved.inputShapes.map(formatShape).join(', ')} → ${formatShape(resolved.outputShape)}`;
  const parameters = resolved.parameters.map(
    ({ name, shape, trainable }) => `${name} ${formatShape(shape)}${trainable ? '' : ' (measured)'}`,
  );
  return [
    `\`${JSON.stringify(layer).replaceAll(',"', ', "').replaceAll('":', '": ')}\``,
    shapes,
    parameters.join(', '),
  ];
}

/** Keys that every layer or every layer with weights takes are told once, above the table. */
const shared = new Set([
  'type',
  'name',
  'from',
  'weights',
  'initializer',
  'biasInitializer',
  'regularizer',
  'constraint',
]);

interface Properties {
  properties: Record<string, TSchema & { description?: string }>;
  required?: string[];
}

/** Keys with their defaults; those without one that must be given stand in bold. */
function keysOf(schema: TSchema, defaults: object): string {
  const { properties, required = [] } = schema as unknown as Properties;
  return Object.keys(properties)
    .filter((key) => !shared.has(key))
    .map((key) => {
      const value = (defaults as Record<string, unknown>)[key];
      if (required.includes(key)) return `**${key}**`;
      return value === undefined ? key : `${key} [${typeof value === 'object' ? JSON.stringify(value) : value}]`;
    })
    .join(', ');
}

function table(titles: string[], rows: string[][]): string {
  const cell = (text: string) => text.replaceAll('|', '\\|');
  const line = (cells: string[]) => `| ${cells.map(cell).join(' | ')} |`;
  return [line(titles), `|${titles.map(() => '---').join('|')}|`, ...rows.map(line)].join('\n');
}

const cited = (formula: string, source: string | undefined) => (source ? `${formula} — ${source}` : formula);
interface Described {
  formula: string;
  source?: string;
}

/** The text of docs/catalogue.md. */
export function catalogue(): string {
  const list = [...layers.values()];
  const layerRows = list.map((definition) => {
    const [json, shapes, parameters] = exampleOf(definition);
    const { type, schema, defaults, formula, source } = definition;
    return [`**${type}**`, cited(formula, source), keysOf(schema, defaults), json, shapes, parameters];
  });
  const described = (entries: Record<string, Described>) =>
    Object.entries(entries).map(([name, { formula, source }]) => [`**${name}**`, formula, source ?? '']);
  const withKeys = (entries: Record<string, Described & { defaults: object }>, union: unknown) =>
    Object.entries(entries).map(([name, { formula, source, defaults }], i) => {
      const schema = (union as { oneOf: TSchema[] }).oneOf[i]!;
      return [`**${name}**`, formula, keysOf(schema, defaults), source ?? ''];
    });
  const augmentationRows = Object.entries(augmentations).map(([name, { what, defaults, ...more }]) => {
    const schemas = (augmentationSchema as unknown as { oneOf: TSchema[] }).oneOf;
    const schema = schemas.find(
      (side) => ((side as unknown as Properties).properties.type as { const?: unknown }).const === name,
    )!;
    return [`**${name}**`, what, keysOf(schema, defaults), 'source' in more ? more.source : ''];
  });
  const normalizationRows = Object.entries(normalizations).map(([name, { formula, note, source }]) => [`**${name}**`, formula, note, source ?? '']); // biome-ignore format: one row
  return `<!-- Made by "npm run catalogue" from the code: do not edit. -->
# Catalogue

All that a network and its training can be made of. Required keys are bold, defaults stand in brackets.

## Layers

Every layer takes \`name\`, and \`from\`: the name of the layer whose output it takes, or several; \`"input"\` is the network's input; left out,
it is the layer before. Layers with a weight take \`initializer\`, \`regularizer\` ({l1, l2}: adds l1 · Σ|w| + l2 · Σw² to the loss) and \`constraint\`
({"type": "maxNorm", "value": 3}); those with a bias \`biasInitializer\`; all with parameters \`weights\`, the values to start from. Shapes
are without the batch, channels last.

${table(['type', 'what it computes', 'keys', 'example', 'shapes', 'parameters'], layerRows)}

## Activations

In the \`activation\` of a layer, or as a layer {"type": "activation", "activation": …}. z is what the layer gives.

${table(['name', 'formula', 'source'], described(activations))}

## Losses

Means over the rows of a batch; y is the network's output, t the target. A final softmax or sigmoid forms a pair with its cross-entropy: the
loss then works from the logits before it, with the same numbers.

${table(['name', 'formula', 'source'], described(losses))}

## Optimisers

Defined as in PyTorch. g is the gradient, w the weights, r the learning rate.

${table(['name', 'rule', 'keys', 'source'], withKeys(optimizers, optimizerSchema))}

## Schedules

What \`schedule\` makes of the optimiser's rate r; e is the number of epochs since the end of the \`warmup\`, in which the rate grows evenly to r.

${table(['name', 'rate', 'keys', 'source'], withKeys(schedules, scheduleSchema))}

## Normalisation

\`normalization\`: what is done to every input before the first layer, in training, evaluation and prediction. What is to be worked out is worked
out on the training rows alone and kept in the model.

${table(['type', 'x becomes', 'keys', 'source'], normalizationRows)}

## Augmentation

\`augmentation\`: a list of what is changed about training samples, drawn anew each time. Done in this order; all but noise and mixup take
images.

${table(['type', 'the sample is', 'keys', 'source'], augmentationRows)}

## Metrics

Over whole splits, in double precision; \`loss\` is always there.

${table(['name', 'value', 'source'], described(metrics))}

## Initialisers

Of weights, where a layer does not start from given values; as a name or as {"type": …} with a \`seed\` of its own if wanted.

${table(['name', 'values', 'source'], described(initializers))}
`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(catalogueFile, catalogue());
