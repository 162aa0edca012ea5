// An architecture in the form of Keras's to_json: a class and a configuration for each layer, and what each takes from.
import { pair, type Size, sidesOf } from '../../nn/layers/common.ts';
import { type ResolvedLayer, resolveNetwork } from '../../nn/resolve.ts';
import type { ModelDescription } from '../description.ts';

type Config = Record<string, unknown>;

/** Keras writes names with underscores, and step is none of its activations. */
const activationNames: Record<string, string> = { leakyRelu: 'leaky_relu', hardSigmoid: 'hard_sigmoid' };
const activation = ({ config }: ResolvedLayer) => {
  const name = config.activation ?? 'linear';
  return { activation: activationNames[name] ?? name };
};

/** A padding in numbers stays one: Keras has a layer of its own for it. */
function windowKeys({ config, inputShapes: [input] }: ResolvedLayer, key: 'kernel' | 'size'): Config {
  const { kernel, size = 2, stride, padding = 'valid', dilation } = config as Record<string, Size | string | undefined>;
  const along = (value: Size) => (input!.length === 2 ? [value] : pair(value));
  const own = along((key === 'kernel' ? kernel : size) as Size);
  return {
    [key === 'kernel' ? 'kernel_size' : 'pool_size']: own,
    strides: stride === undefined ? (key === 'kernel' ? own.map(() => 1) : own) : along(stride as Size),
    padding,
    ...(key === 'kernel' && dilation !== undefined && { dilation_rate: along(dilation as Size) }),
  };
}

const convolution = (layer: ResolvedLayer): Config => {
  const { filters, groups, multiplier, bias = true } = layer.config;
  return {
    ...(filters !== undefined && { filters }),
    ...(multiplier !== undefined && { depth_multiplier: multiplier }),
    ...windowKeys(layer, 'kernel'),
    ...(groups !== undefined && groups !== 1 && { groups }),
    ...activation(layer),
    use_bias: bias,
  };
};
const pooling = (layer: ResolvedLayer): Config => windowKeys(layer, 'size');
const nothing = (): Config => ({});
const sides = (layer: ResolvedLayer, key: string) => {
  const { top, bottom, left, right } = sidesOf((layer.config[key] ?? 1) as number);
  return { [key]: [[top, bottom], [left, right]] }; // biome-ignore format: rows, columns
};
const normalization = (layer: ResolvedLayer): Config => {
  const { epsilon, momentum, scale, center } = layer.config as Record<string, number | boolean | undefined>;
  return {
    axis: -1,
    epsilon,
    // Keras counts the share of what was before.
    ...(momentum !== undefined && { momentum: 1 - (momentum as number) }),
    scale,
    center,
  };
};

const mappings: Record<string, [string, (layer: ResolvedLayer) => Config]> = {
  dense: [
    'Dense',
    (layer) => ({ units: layer.config.units, ...activation(layer), use_bias: layer.config.bias ?? true }),
  ],
  conv1d: ['Conv1D', convolution],
  conv2d: ['Conv2D', convolution],
  depthwiseConv2d: ['DepthwiseConv2D', convolution],
  separableConv2d: ['SeparableConv2D', convolution],
  conv2dTranspose: ['Conv2DTranspose', convolution],
  maxPool1d: ['MaxPooling1D', pooling],
  maxPool2d: ['MaxPooling2D', pooling],
  averagePool1d: ['AveragePooling1D', pooling],
  averagePool2d: ['AveragePooling2D', pooling],
  globalMaxPool2d: ['GlobalMaxPooling2D', nothing],
  globalAveragePool2d: ['GlobalAveragePooling2D', nothing],
  upSampling2d: [
    'UpSampling2D',
    ({ config }) => ({ size: pair((config.size as Size | undefined) ?? 2), interpolation: 'nearest' }),
  ],
  zeroPadding2d: ['ZeroPadding2D', (layer) => sides(layer, 'padding')],
  cropping2d: ['Cropping2D', (layer) => sides(layer, 'cropping')],
  flatten: ['Flatten', nothing],
  reshape: ['Reshape', ({ outputShape }) => ({ target_shape: outputShape })],
  batchNorm: ['BatchNormalization', normalization],
  layerNorm: ['LayerNormalization', normalization],
  dropout: ['Dropout', ({ config }) => ({ rate: config.rate })],
  spatialDropout: ['SpatialDropout2D', ({ config }) => ({ rate: config.rate })],
  gaussianNoise: ['GaussianNoise', ({ config }) => ({ stddev: config.stddev })],
  activation: ['Activation', activation],
  prelu: ['PReLU', ({ inputShapes: [input] }) => ({ shared_axes: input!.slice(0, -1).map((_, i) => i + 1) })],
  add: ['Add', nothing],
  multiply: ['Multiply', nothing],
  concatenate: ['Concatenate', () => ({ axis: -1 })],
  embedding: ['Embedding', ({ config }) => ({ input_dim: config.vocabulary, output_dim: config.units })],
  rescaling: ['Rescaling', ({ config }) => ({ scale: config.scale ?? 1, offset: config.offset ?? 0 })],
};

/** Activations that a Keras layer takes as a key, and those that norms and the like have behind them in Hebb. */
const takesActivation = (type: string) => type === 'dense' || type === 'activation' || /conv/i.test(type);

/** The model as Keras's Functional, without its weights. Of the preprocessing nothing is said here. */
export function kerasConfig({ name, network }: ModelDescription): object {
  const { layers, inputShape } = resolveNetwork(network, { checked: true });
  /** The Keras layer that gives the output of each layer. */
  const outputs: string[] = [];
  const entry = (className: string, own: string, config: Config, inputs: string[]) => ({
    class_name: className,
    config: { name: own, ...config },
    name: own,
    inbound_nodes: inputs.length > 0 ? [inputs.map((input) => [input, 0, 0, {}])] : [],
  });
  const entries = [entry('InputLayer', 'input', { batch_input_shape: [null, ...inputShape], dtype: 'float32' }, [])];
  for (const layer of layers) {
    const { name: own, config, inputs } = layer;
    const [className, keys] = mappings[config.type]!;
    const sources = inputs.map((source) => (source < 0 ? 'input' : outputs[source]!));
    entries.push(entry(className, own, keys(layer), sources));
    let last = own;
    if (!takesActivation(config.type) && (config.activation ?? 'linear') !== 'linear') {
      last = `${own}.activation`;
      entries.push(entry('Activation', last, activation(layer), [own]));
    }
    outputs.push(last);
  }
  return {
    class_name: 'Functional',
    config: {
      name,
      layers: entries,
      input_layers: [['input', 0, 0]],
      output_layers: [[outputs.at(-1)!, 0, 0]],
    },
  };
}
