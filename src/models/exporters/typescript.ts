import { HebbError } from '../../errors.ts';
import { lossOf } from '../../nn/losses.ts';
import { type ResolvedNetwork, resolveNetwork } from '../../nn/resolve.ts';
import type { NamedTensor } from '../../nn/weights.ts';
import { elementCount, formatShape } from '../../shape.ts';
import { type ModelDescription, preprocessingOf, probabilityRule } from '../description.ts';
import { functionsOf, pieces } from './typescript/functions.ts';
import { activated, layerExpressions, type Written } from './typescript/layers.ts';

/** The weights stand in the text, and plain loops take their time: larger networks leave as ONNX. */
export const mostTypeScriptParameters = 1_000_000;
export const mostTypeScriptLayers = 200;

/**
 * The model as one TypeScript file without imports that exports `predict(input)`: for Node.js and browsers.
 * @throws HebbError('unsuitable-model') for networks that are too large for that
 */
export function exportTypeScript(model: ModelDescription, tensors: NamedTensor[]): Uint8Array {
  const network = resolveNetwork(model.network, { checked: true });
  const numbers = tensors.reduce((sum, { values }) => sum + values.length, 0);
  if (numbers > mostTypeScriptParameters || network.layers.length > mostTypeScriptLayers) {
    throw new HebbError(
      'unsuitable-model',
      `the model has ${numbers} weights in ${network.layers.length} layers, a TypeScript file takes at most ${mostTypeScriptParameters} in ${mostTypeScriptLayers}: export ONNX`,
    );
  }
  const used = new Set<string>();
  const layers = layerLines(network, tensors, used);
  const rule = probabilityRule(model);
  if (rule === 'softmax' || rule === 'sigmoid') used.add(rule);
  const parts = [
    header(model),
    answerType,
    `/** Numbers of an input: ${formatShape(model.inputShape)}, channels last. */
const inputs = ${elementCount(model.inputShape)};
${model.classes ? `const classes: readonly string[] = ${JSON.stringify(model.classes)};\n` : ''}`,
    predictFunction(model),
    layers,
    functionsOf(used),
    weightsReader(tensors),
  ];
  return new TextEncoder().encode(`${parts.map((part) => part.trim()).join('\n\n')}\n`);
}

/** Text of the model's own cannot end a comment. */
const inComment = (text: string) => text.replaceAll('*/', '*\u2215').replace(/[\p{Cc}\u2028\u2029]/gu, ' ');

function header({ name, task, inputShape, inputType, outputShape, weightsHash }: ModelDescription): string {
  const units = inputType === 'uint8' ? ', 0 to 255' : '';
  return `
/**
 * ${inComment(name)}: a ${task} by Hebb.
 *
 * Input: ${elementCount(inputShape)} numbers, ${formatShape(inputShape)}, channels last, in raw units${units}.
 * Output: ${formatShape(outputShape)}, the last layer's value.
 * Weights: SHA-256 ${weightsHash} of the safetensors export.
 */`;
}

const answerType = `
export interface Prediction {
  /** Name of the class; null for a regression. */
  class: string | null;
  /** Of that class; null where the loss gives none. */
  probability: number | null;
  /** The last layer's value, flat. */
  output: number[];
}`;

/** Raw input → the variable \`x\`. */
function preprocessing(model: ModelDescription): string {
  const { inputShape } = model;
  const { scale, offset } = preprocessingOf(model) ?? { scale: [1], offset: [0] };
  const last = inputShape.at(-1)!;
  // One number, one a channel, or one an element.
  const at = (list: number[], name: string) =>
    list.length === 1 ? String(list[0]) : `${name}[i${list.length === last ? ` % ${last}` : ''}]!`;
  const constants = [
    ...(scale.length > 1 ? [`  const scale = [${scale}];\n`] : []),
    ...(offset.length > 1 ? [`  const offset = [${offset}];\n`] : []),
  ].join('');
  return `${constants}  const x = Float32Array.from(input, (value${scale.length + offset.length > 2 ? ', i' : ''}) => value * ${at(scale, 'scale')} + (${at(offset, 'offset')}));`;
}

function predictFunction(model: ModelDescription): string {
  return `
/**
 * @param input ${elementCount(model.inputShape)} numbers in raw units, ${formatShape(model.inputShape)}, channels last
 * @throws RangeError where there are more or fewer
 */
export function predict(input: ArrayLike<number>): Prediction {
  if (input.length !== inputs) throw new RangeError(\`\${inputs} numbers were expected, got \${input.length}\`);
${preprocessing(model)}
  const y = network(x);
  const output = Array.from(y);
${answer(model)}
}`;
}

/** As the service answers: the largest output, or with one output which side of its threshold it is on. */
function answer(model: ModelDescription): string {
  if (model.task === 'regression' || !model.classes) return '  return { class: null, probability: null, output };';
  const rule = probabilityRule(model);
  const outputs = elementCount(model.outputShape);
  if (outputs === 1) {
    if (rule === null) {
      const { threshold } = lossOf(model.loss ?? 'meanSquaredError');
      return `  return { class: classes[y[0]! > ${threshold} ? 1 : 0]!, probability: null, output };`;
    }
    return `  const second = ${rule === 'sigmoid' ? 'sigmoid(y[0]!)' : 'y[0]!'};
  const index = second > 0.5 ? 1 : 0;
  return { class: classes[index]!, probability: index === 1 ? second : 1 - second, output };`;
  }
  const probability = {
    softmax: `softmax(y, ${outputs})[index]!`,
    sigmoid: 'sigmoid(y[index]!)',
    output: 'y[index]!',
    none: 'null',
  }[rule ?? 'none'];
  return `  let index = 0;
  for (let i = 1; i < y.length; i++) if (y[i]! > y[index]!) index = i;
  return { class: classes[index]!, probability: ${probability}, output };`;
}

function layerLines(network: ResolvedNetwork, tensors: NamedTensor[], used: Set<string>): string {
  const places = new Map(tensors.map(({ name }, place) => [name, place]));
  const lines: string[] = [];
  for (const [i, layer] of network.layers.entries()) {
    const { name, config, inputs, outputShape, parameters } = layer;
    const own = new Map(parameters.map((parameter) => [parameter.name, places.get(parameter.tensorName)!]));
    const written: Written = {
      layer,
      x: inputs.map((source) => (source < 0 ? 'x' : `y${source}`)),
      tensor: (parameter) => (own.has(parameter) ? `tensor${own.get(parameter)}` : undefined),
      use(piece) {
        used.add(piece in pieces ? piece : '');
        return piece;
      },
    };
    const expression = activated(layerExpressions[config.type]!(written), written);
    lines.push(`  // ${name}: ${config.type} ${formatShape(outputShape)}`, `  const y${i} = ${expression};`);
  }
  return `
/** (${network.inputShape.join(', ')}) → (${network.outputShape.join(', ')}) */
function network(x: Float32Array): Float32Array {
${lines.join('\n')}
  return y${network.layers.length - 1};
}`;
}

/** The weights as base64 of float32, little-endian, and what makes arrays of them. */
function weightsReader(tensors: NamedTensor[]): string {
  if (tensors.length === 0) return '';
  let at = 0;
  const lines = tensors.map(({ name, shape, values }, place) => {
    const from = at;
    at += values.length;
    return `/** ${name} ${formatShape(shape)} */\nconst tensor${place} = floats(${from}, ${at});`;
  });
  const bytes = Buffer.concat(
    tensors.map(({ values }) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength)),
  );
  return `
const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** float32 numbers, little-endian, as base64. */
const weights =
  '${bytes.toString('base64')}';

const weightBytes = decode(weights);

function decode(text: string): DataView {
  const length = text.indexOf('=') < 0 ? text.length : text.indexOf('=');
  const bytes = new Uint8Array(Math.floor((length * 3) / 4));
  for (let i = 0, at = 0, bits = 0, count = 0; i < length; i++) {
    bits = ((bits << 6) | digits.indexOf(text.charAt(i))) & 0xffffff;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes[at++] = (bits >> count) & 255;
  }
  return new DataView(bytes.buffer);
}

function floats(from: number, to: number): Float32Array {
  return Float32Array.from({ length: to - from }, (_, i) => weightBytes.getFloat32(4 * (from + i), true));
}

${lines.join('\n')}`;
}
