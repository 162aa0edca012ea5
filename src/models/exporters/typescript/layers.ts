// Every layer of the catalogue as an expression that calls the functions of the file.
import { type ActivationName, slopeOf } from '../../../nn/activations.ts';
import { pair, type Size, sidesOf, windowGeometry } from '../../../nn/layers/common.ts';
import type { ResolvedLayer } from '../../../nn/resolve.ts';
import type { Shape } from '../../../shape.ts';

/** What an expression is made of. */
export interface Written {
  layer: ResolvedLayer;
  /** Variables of its inputs. */
  x: string[];
  /** Variable of a parameter; undefined where the layer does not have it. */
  tensor(parameter: string): string | undefined;
  /** Says that the file needs a function, and gives its name. */
  use(name: string): string;
}

type Expression = (written: Written) => string;

const call = (name: string, ...operands: (string | number | undefined)[]) => {
  while (operands.length > 0 && operands.at(-1) === undefined) operands.pop();
  return `${name}(${operands.map((operand) => operand ?? 'undefined').join(', ')})`;
};

const object = (fields: Record<string, number>) =>
  `{ ${Object.entries(fields)
    .map(([key, value]) => `${key}: ${value}`)
    .join(', ')} }`;

interface WindowConfig {
  kernel?: Size;
  size?: Size;
  stride?: Size;
  padding?: 'valid' | 'same' | number;
  dilation?: Size;
  groups?: number;
}

/** The fields of a window over the images or sequences of a layer. */
function windowOf(layer: ResolvedLayer, key: 'kernel' | 'size') {
  const config = layer.config as unknown as WindowConfig;
  const [input] = layer.inputShapes as [Shape];
  const sequence = input.length === 2;
  const along = (size: Size): [number, number] => (sequence && typeof size === 'number' ? [size, 1] : pair(size));
  const size = along(config[key] ?? 2);
  const stride = along(config.stride ?? (key === 'size' ? (config.size ?? 2) : 1));
  const dilation = along(config.dilation ?? 1);
  const image: [number, number] = sequence ? [input[0]!, 1] : [input[0]!, input[1]!];
  const g = windowGeometry(image, { key, size, stride, padding: config.padding ?? 'valid', dilation, sequence });
  const window = {
    height: g.height,
    width: g.width,
    channels: input.at(-1)!,
    outputHeight: g.output_height,
    outputWidth: g.output_width,
    sizeHeight: size[0],
    sizeWidth: size[1],
    strideHeight: stride[0],
    strideWidth: stride[1],
    top: g.pad_top,
    left: g.pad_left,
  };
  return { window, dilation: { dilationHeight: dilation[0], dilationWidth: dilation[1] } };
}

const convolution =
  (groupsOf: (layer: ResolvedLayer) => number): Expression =>
  ({ layer, x: [x], tensor, use }) => {
    const { window, dilation } = windowOf(layer, 'kernel');
    const fields = { ...window, filters: layer.outputShape.at(-1)!, groups: groupsOf(layer), ...dilation };
    return call(use('convolve'), x, object(fields), tensor('weight'), tensor('bias'));
  };

const pooling =
  (kind: 'max' | 'average'): Expression =>
  ({ layer, x: [x], use }) =>
    call(use('pool'), x, `'${kind}'`, object(windowOf(layer, 'size').window));

const globalPooling =
  (kind: 'max' | 'average'): Expression =>
  ({ layer, x: [x], use }) => {
    const [height, width, channels] = layer.inputShapes[0] as [number, number, number];
    const window = {
      height,
      width,
      channels,
      outputHeight: 1,
      outputWidth: 1,
      sizeHeight: height,
      sizeWidth: width,
      strideHeight: 1,
      strideWidth: 1,
      top: 0,
      left: 0,
    };
    return call(use('pool'), x, `'${kind}'`, object(window));
  };

/** An image with its pixels taken from elsewhere. */
const moved =
  (from: (layer: ResolvedLayer) => string): Expression =>
  ({ layer, x: [x], use }) => {
    const { inputShapes, outputShape } = layer;
    return call(use('moved'), x, `[${inputShapes[0]}]`, `[${outputShape.slice(0, 2)}]`, from(layer));
  };

const same: Expression = ({ x: [x] }) => x!;
const pairwise =
  (operator: '+' | '*'): Expression =>
  ({ x: [first, ...others] }) =>
    `${first}.map((value, i) => ${['value', ...others.map((name) => `${name}[i]!`)].join(` ${operator} `)})`;

export const layerExpressions: Record<string, Expression> = {
  dense: ({ layer, x: [x], tensor, use }) =>
    call(use('dense'), x, layer.outputShape[0], tensor('weight'), tensor('bias')),
  conv1d: convolution(({ config }) => (config.groups as number | undefined) ?? 1),
  conv2d: convolution(({ config }) => (config.groups as number | undefined) ?? 1),
  depthwiseConv2d: convolution(({ inputShapes: [input] }) => input!.at(-1)!),
  separableConv2d({ layer, x: [x], tensor, use }) {
    const { window, dilation } = windowOf(layer, 'kernel');
    const channels = window.channels;
    const between = channels * ((layer.config.multiplier as number | undefined) ?? 1);
    const depthwise = { ...window, filters: between, groups: channels, ...dilation };
    const [height, width] = [window.outputHeight, window.outputWidth];
    const pointwise = {
      ...{ height, width, channels: between, outputHeight: height, outputWidth: width, sizeHeight: 1, sizeWidth: 1 },
      ...{ strideHeight: 1, strideWidth: 1, top: 0, left: 0, filters: layer.outputShape[2]!, groups: 1 },
      ...{ dilationHeight: 1, dilationWidth: 1 },
    };
    const inner = call(use('convolve'), x, object(depthwise), tensor('depthwise'));
    return call(use('convolve'), inner, object(pointwise), tensor('pointwise'), tensor('bias'));
  },
  conv2dTranspose({ layer, x: [x], tensor, use }) {
    const { kernel, stride = 1, padding = 'valid' } = layer.config as unknown as WindowConfig & { kernel: Size };
    const [size, strides] = [pair(kernel), pair(stride)];
    const [input, output] = [layer.inputShapes[0]!, layer.outputShape];
    const before = [0, 1].map((d) => {
      const over = (input[d]! - 1) * strides[d]! + size[d]! - output[d]!;
      return padding === 'same' ? Math.floor(Math.max(over, 0) / 2) : padding === 'valid' ? 0 : padding;
    });
    const window = {
      height: input[0]!,
      width: input[1]!,
      channels: input[2]!,
      outputHeight: output[0]!,
      outputWidth: output[1]!,
      sizeHeight: size[0],
      sizeWidth: size[1],
      strideHeight: strides[0],
      strideWidth: strides[1],
      top: before[0]!,
      left: before[1]!,
      filters: output[2]!,
    };
    return call(use('convolveTransposed'), x, object(window), tensor('weight'), tensor('bias'));
  },
  maxPool1d: pooling('max'),
  maxPool2d: pooling('max'),
  averagePool1d: pooling('average'),
  averagePool2d: pooling('average'),
  globalMaxPool2d: globalPooling('max'),
  globalAveragePool2d: globalPooling('average'),
  upSampling2d: moved(({ config }) => {
    const [height, width] = pair((config.size as Size | undefined) ?? 2);
    return `(i, j) => [Math.floor(i / ${height}), Math.floor(j / ${width})]`;
  }),
  zeroPadding2d: moved(({ config }) => {
    const { top, left } = sidesOf((config.padding ?? 1) as number);
    return `(i, j) => [i - ${top}, j - ${left}]`;
  }),
  cropping2d: moved(({ config }) => {
    const { top, left } = sidesOf((config.cropping ?? 1) as number);
    return `(i, j) => [i + ${top}, j + ${left}]`;
  }),
  flatten: same,
  reshape: same,
  batchNorm({ layer: { config }, x: [x], tensor, use }) {
    const epsilon = (config.epsilon as number | undefined) ?? 1e-5;
    return call(use('batchNorm'), x, epsilon, tensor('mean'), tensor('variance'), tensor('gamma'), tensor('beta'));
  },
  layerNorm({ layer: { config, outputShape }, x: [x], tensor, use }) {
    const epsilon = (config.epsilon as number | undefined) ?? 1e-5;
    return call(use('layerNorm'), x, outputShape.at(-1), epsilon, tensor('gamma'), tensor('beta'));
  },
  dropout: same,
  spatialDropout: same,
  gaussianNoise: same,
  activation: same,
  prelu({ x: [x], tensor }) {
    const slope = tensor('slope')!;
    return `${x}.map((z, i) => (z > 0 ? z : ${slope}[i % ${slope}.length]! * z))`;
  },
  add: pairwise('+'),
  multiply: pairwise('*'),
  concatenate: ({ layer, x, use }) =>
    call(use('concatenate'), `[${x.join(', ')}]`, `[${layer.inputShapes.map((shape) => shape.at(-1)).join(', ')}]`),
  embedding: ({ layer, x: [x], tensor, use }) => call(use('embedding'), x, layer.outputShape[1], tensor('weight')),
  rescaling({ layer: { config }, x: [x] }) {
    const { scale = 1, offset = 0 } = config as { scale?: number; offset?: number };
    return `${x}.map((value) => value * ${scale} + ${offset < 0 ? `(${offset})` : offset})`;
  },
};

/** The expression with the layer's activation applied. */
export function activated(expression: string, { layer, use }: Written): string {
  const { config, outputShape } = layer;
  const name: ActivationName = config.activation ?? 'linear';
  if (name === 'linear') return expression;
  if (name === 'softmax') return call(use(name), expression, outputShape.at(-1));
  const slope = slopeOf(name, (config.slope ?? config.alpha) as number | undefined);
  return `${expression}.map(${use(name)}${['leakyRelu', 'elu'].includes(name) ? `(${slope})` : ''})`;
}
