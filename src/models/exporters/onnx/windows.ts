// The layers whose windows go over images and sequences, as ONNX nodes: channels first.
import { pair, type Size, windowGeometry } from '../../../nn/layers/common.ts';
import type { Attribute } from './graph.ts';
import type { LayerMapping, Mapped } from './layers.ts';

/** The keys of all these layers. */
interface WindowConfig {
  kernel?: Size;
  size?: Size;
  stride?: Size;
  padding?: 'valid' | 'same' | number;
  dilation?: Size;
  groups?: number;
}

const isSequence = ({ inputs: [x] }: Mapped) => x!.shape.length === 2;

/** Attributes kernel_shape, strides and pads: padding in numbers, since "same" is not one thing among programs. */
function windowAttributes(layer: Mapped, key: 'kernel' | 'size'): Record<string, Attribute> {
  const config = layer.config as WindowConfig;
  const sequence = isSequence(layer);
  const along = (size: Size): [number, number] => (sequence && typeof size === 'number' ? [size, 1] : pair(size));
  const size = along(config[key] ?? 2);
  const stride = along(config.stride ?? (key === 'size' ? (config.size ?? 2) : 1));
  const dilation = along(config.dilation ?? 1);
  const [height, width] = layer.inputs[0]!.shape as [number, number];
  const image: [number, number] = sequence ? [height, 1] : [height, width];
  const { padding = 'valid' } = config;
  const g = windowGeometry(image, { key, size, stride, padding, dilation, sequence });
  const before = [g.pad_top, g.pad_left];
  const after = [g.output_height, g.output_width].map((count, d) => {
    const reach = (count - 1) * stride[d]! + (size[d]! - 1) * dilation[d]! + 1;
    // What a window does not reach stands outside anyway.
    return Math.max(0, reach - image[d]! - before[d]!);
  });
  const cut = (values: number[]) => (sequence ? values.slice(0, 1) : values);
  return {
    kernel_shape: cut(size),
    strides: cut(stride),
    pads: [...cut(before), ...cut(after)],
    ...(key === 'kernel' && { dilations: cut(dilation) }),
  };
}

/** One convolution; separableConv2d has two of them. */
function convolve(layer: Mapped, x: string, weight: string, bias: string[], attributes: Record<string, Attribute>) {
  return layer.graph.node(layer.scope, 'Conv', [x, layer.tensor(weight), ...bias], attributes);
}

const convolution: LayerMapping = (layer) => {
  const { groups = 1 } = layer.config as WindowConfig;
  const attributes = { ...windowAttributes(layer, 'kernel'), group: { int: groups } };
  return layer.first(convolve(layer, layer.x('first'), 'weight', layer.optional('bias'), attributes));
};

const depthwise = (layer: Mapped) => ({
  ...windowAttributes(layer, 'kernel'),
  group: { int: layer.inputs[0]!.shape.at(-1)! },
});

const pooling =
  (operator: 'MaxPool' | 'AveragePool'): LayerMapping =>
  (layer) => {
    // By default padding does not count in means, as in Hebb.
    const attributes = windowAttributes(layer, 'size');
    return layer.first(layer.graph.node(layer.scope, operator, [layer.x('first')], attributes));
  };

const globalPooling =
  (operator: 'GlobalMaxPool' | 'GlobalAveragePool'): LayerMapping =>
  ({ graph, scope, x, first }) =>
    first(graph.node(scope, 'Flatten', [graph.node(scope, operator, [x('first')])]));

export const windowMappings: Record<string, LayerMapping> = {
  conv1d: convolution,
  conv2d: convolution,
  depthwiseConv2d: (layer) =>
    layer.first(convolve(layer, layer.x('first'), 'weight', layer.optional('bias'), depthwise(layer))),
  separableConv2d(layer) {
    const between = convolve(layer, layer.x('first'), 'depthwise', [], depthwise(layer));
    return layer.first(convolve(layer, between, 'pointwise', layer.optional('bias'), { kernel_shape: [1, 1] }));
  },
  conv2dTranspose(layer) {
    const { kernel, stride = 1, padding = 'valid' } = layer.config as unknown as WindowConfig & { kernel: Size };
    const size = pair(kernel);
    const strides = pair(stride);
    const [inputs, outputs] = [layer.inputs[0]!.shape, layer.outputShape];
    const before: number[] = [];
    const after: number[] = [];
    for (const d of [0, 1] as const) {
      const full = (inputs[d]! - 1) * strides[d] + size[d];
      const over = full - outputs[d]!;
      before.push(padding === 'same' ? Math.floor(Math.max(over, 0) / 2) : padding === 'valid' ? 0 : padding);
      after.push(over - before[d]!);
    }
    const attributes = {
      kernel_shape: size,
      strides,
      pads: [...before, ...after.map((pad) => Math.max(pad, 0))],
      // What the kernel does not reach at the end of a "same" one.
      output_padding: after.map((pad) => Math.max(-pad, 0)),
    };
    const operands = [layer.x('first'), layer.tensor('weight'), ...layer.optional('bias')];
    return layer.first(layer.graph.node(layer.scope, 'ConvTranspose', operands, attributes));
  },
  maxPool1d: pooling('MaxPool'),
  maxPool2d: pooling('MaxPool'),
  averagePool1d: pooling('AveragePool'),
  averagePool2d: pooling('AveragePool'),
  globalMaxPool2d: globalPooling('GlobalMaxPool'),
  globalAveragePool2d: globalPooling('GlobalAveragePool'),
};
