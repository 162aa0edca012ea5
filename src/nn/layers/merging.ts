// The layers that take several inputs: add, multiply and concatenate.
import type { Static } from 'typebox';
import { elementCount, formatShape, type Shape } from '../../shape.ts';
import { type LayerDefinition, ShapeError } from '../layer.ts';
import type { Recorder, Tensor } from '../recorder.ts';
import { extentOf, layerSchema } from './common.ts';

/** @throws ShapeError where the inputs do not all have one shape */
function sameShape(inputs: Shape[]): Shape {
  const [first, ...rest] = inputs as [Shape, ...Shape[]];
  const other = rest.find((shape) => formatShape(shape) !== formatShape(first));
  if (other) {
    throw new ShapeError(`it takes inputs of one shape: ${bringTogether(first, other)}`, {
      key: 'from',
      expected: first,
      received: inputs,
    });
  }
  return [...first];
}

const sameOuter = (a: Shape, b: Shape) => formatShape(a.slice(0, -1)) === formatShape(b.slice(0, -1));

/** What makes one shape of two. */
function bringTogether(first: Shape, other: Shape): string {
  const channels = first.at(-1);
  if (first.length !== other.length) return 'add a reshape or {"type": "flatten"} to one of the ways';
  if (!sameOuter(first, other)) return "use the same strides, and padding 'same', on all ways to it";
  if (first.length === 1) return `bring all to ${channels} by {"type": "dense", "units": ${channels}}`;
  const convolution = first.length === 2 ? 'conv1d' : 'conv2d';
  return `bring all to ${channels} channels by {"type": "${convolution}", "filters": ${channels}, "kernel": 1}`;
}

/** Takes tensors of so many elements a row together, two at a time, from the first to the last. */
function recordPairwise(rec: Recorder, op: 'add' | 'multiply', elements: number, tensors: Tensor[]): Tensor {
  return tensors.reduce((a, b) => {
    const y = rec.perRow(elements);
    rec.op(op, { elements }, { a, b, y });
    return y;
  });
}

const addSchema = layerSchema('add', {});
/** The sum of its inputs. */
export const add: LayerDefinition<Static<typeof addSchema>> = {
  type: 'add',
  schema: addSchema,
  defaults: {},
  formula: 'Σ inputs',
  merges: true,
  outputShape: (_config, inputs) => sameShape(inputs),
  parameters: () => [],
  flops: (_config, inputs, output) => (inputs.length - 1) * elementCount(output),

  forward: ({ rec, outputShape }, inputs) => recordPairwise(rec, 'add', elementCount(outputShape), inputs),

  backward: (_context, { outputGradient, needs }) => needs.map((need) => (need ? outputGradient : null)),
};

const multiplySchema = layerSchema('multiply', {});
/** The product of its inputs, element by element. */
export const multiply: LayerDefinition<Static<typeof multiplySchema>> = {
  type: 'multiply',
  schema: multiplySchema,
  defaults: {},
  formula: 'Π inputs, element by element',
  merges: true,
  outputShape: (_config, inputs) => sameShape(inputs),
  parameters: () => [],
  flops: (_config, inputs, output) => (inputs.length - 1) * elementCount(output),

  forward: ({ rec, outputShape }, inputs) => recordPairwise(rec, 'multiply', elementCount(outputShape), inputs),

  // The gradient of each input is that of the output times all other inputs.
  backward({ rec, outputShape }, { inputs, outputGradient, needs }) {
    const elements = elementCount(outputShape);
    return inputs.map((_, i) => {
      if (!needs[i]) return null;
      const others = inputs.filter((_, j) => j !== i);
      return recordPairwise(rec, 'multiply', elements, [outputGradient, ...others]);
    });
  },
};

const concatenateSchema = layerSchema('concatenate', {});
/** Its inputs side by side along the last dimension. */
export const concatenate: LayerDefinition<Static<typeof concatenateSchema>> = {
  type: 'concatenate',
  schema: concatenateSchema,
  defaults: {},
  formula: 'the inputs side by side along the last dimension',
  merges: true,

  outputShape(_config, inputs) {
    const [first] = inputs as [Shape];
    const other = inputs.find((shape) => !sameOuter(shape, first));
    if (other) {
      const message = `it takes inputs that differ in the last size alone: ${bringTogether(first, other)}`;
      throw new ShapeError(message, { key: 'from', received: inputs });
    }
    return [...first.slice(0, -1), inputs.reduce((sum, shape) => sum + shape.at(-1)!, 0)];
  },

  parameters: () => [],
  flops: () => 0,

  forward({ rec, inputShapes, outputShape }, inputs) {
    const { positions } = extentOf(outputShape);
    let y = inputs[0]!;
    let channels = inputShapes[0]!.at(-1)!;
    for (const [i, b] of inputs.entries()) {
      if (i === 0) continue;
      const sizes = { positions, a_channels: channels, b_channels: inputShapes[i]!.at(-1)! };
      channels += sizes.b_channels;
      const both: Tensor = rec.perRow(positions * channels);
      rec.op('concatenate', sizes, { a: y, b, y: both });
      y = both;
    }
    return y;
  },

  backward({ rec, inputShapes, outputShape }, { outputGradient, needs }) {
    const { positions, channels: width } = extentOf(outputShape);
    let offset = 0;
    return inputShapes.map((shape, i) => {
      const channels = shape.at(-1)!;
      const from = offset;
      offset += channels;
      if (!needs[i]) return null;
      const dx = rec.perRow(positions * channels);
      rec.op('slice', { positions, width, offset: from, channels }, { x: outputGradient, y: dx });
      return dx;
    });
  },
};
