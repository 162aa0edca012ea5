// The layers that take several inputs: add, multiply and concatenate.
import type { Static } from 'typebox';
import { elementCount, formatShape, type Shape } from '../../shape.ts';
import { type LayerDefinition, LayerError } from '../layer.ts';
import type { Tensor } from '../recorder.ts';
import { extentOf, layerSchema } from './common.ts';

function sameShape(type: string, inputs: Shape[]): Shape {
  const [first, ...rest] = inputs.map(formatShape);
  if (rest.some((shape) => shape !== first)) {
    throw new LayerError(`${type} takes inputs of one shape, got ${[first, ...rest].join(' and ')}`, {
      key: 'from',
      expected: inputs[0],
      received: inputs,
    });
  }
  return [...inputs[0]!];
}

const addSchema = layerSchema('add', {});
/** The sum of its inputs. */
export const add: LayerDefinition<Static<typeof addSchema>> = {
  type: 'add',
  schema: addSchema,
  defaults: {},
  formula: 'Σ inputs',
  merges: true,
  outputShape: (_config, inputs) => sameShape('add', inputs),
  parameters: () => [],
  flops: (_config, inputs, output) => (inputs.length - 1) * elementCount(output),

  forward({ rec, outputShape }, inputs) {
    const elements = elementCount(outputShape);
    return inputs.reduce((a, b) => {
      const y = rec.perRow(elements);
      rec.op('add', { elements }, { a, b, y });
      return y;
    });
  },

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
  outputShape: (_config, inputs) => sameShape('multiply', inputs),
  parameters: () => [],
  flops: (_config, inputs, output) => (inputs.length - 1) * elementCount(output),

  forward({ rec, outputShape }, inputs) {
    const elements = elementCount(outputShape);
    return inputs.reduce((a, b) => {
      const y = rec.perRow(elements);
      rec.op('multiply', { elements }, { a, b, y });
      return y;
    });
  },

  // The gradient of each input is that of the output times all other inputs.
  backward({ rec, outputShape }, { inputs, outputGradient, needs }) {
    const elements = elementCount(outputShape);
    return inputs.map((_, i) => {
      if (!needs[i]) return null;
      return inputs.reduce((a, b, j) => {
        if (j === i) return a;
        const y = rec.perRow(elements);
        rec.op('multiply', { elements }, { a, b, y });
        return y;
      }, outputGradient);
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
    const outer = inputs.map((shape) => formatShape(shape.slice(0, -1)));
    if (new Set(outer).size > 1) {
      const message = `concatenate takes inputs that differ in the last dimension alone, got ${inputs.map(formatShape).join(' and ')}`;
      throw new LayerError(message, { key: 'from', received: inputs });
    }
    return [...inputs[0]!.slice(0, -1), inputs.reduce((sum, shape) => sum + shape.at(-1)!, 0)];
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
