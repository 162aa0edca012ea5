// Activations, and sums and products, with constants or with each other.
import type { ActivationName } from '../../../nn/activations.ts';
import { activations } from '../../../nn/activations.ts';
import { layers as definitions } from '../../../nn/layers/index.ts';
import { elementCount } from '../../../shape.ts';
import type { Conversion, Dynamic } from './conversion.ts';
import { asLaidOut, channelsFirst, inOrder } from './order.ts';
import type { Operator } from './shapes.ts';
import { type Constant, floatsOf, rows } from './tensors.ts';

/** An activation: in the layer that gives the value where nobody else takes that, otherwise as a layer of its own. */
export function activated(
  c: Conversion,
  value: Dynamic,
  activation: ActivationName,
  slope: Record<string, number> = {},
): Dynamic {
  const before = c.layers[value.layer];
  const takes = before && 'activation' in definitions.get(before.config.type)!.schema.properties;
  if (
    takes &&
    before.config.type !== 'activation' &&
    !value.shared &&
    before.config.activation === undefined &&
    Object.keys(slope).length === 0
  ) {
    before.config.activation = activation;
    return value;
  }
  return c.emitLike({ type: 'activation', activation, ...slope }, value);
}

const activation =
  (name: ActivationName): Operator =>
  (c) =>
    c.set(activated(c, c.dynamic(), name));

/** One whose number is the layer's where it is not the default. */
const withSlope =
  (name: 'leakyRelu' | 'elu', key: 'slope' | 'alpha', fallback: number): Operator =>
  (c) => {
    const value = c.float('alpha', fallback);
    const isDefault = value === Math.fround(activations[name].slope);
    c.set(activated(c, c.dynamic(), name, isDefault ? {} : { [key]: value }));
  };

const rescaled = (c: Conversion, value: Dynamic, scale: number, offset: number): Dynamic =>
  scale === 1 && offset === 0 ? value : c.emitLike({ type: 'rescaling', scale, offset }, value);

/** x cut to least … most, from hardSigmoid: z / 6 + ½ cut to 0 … 1. */
function clipped(c: Conversion, value: Dynamic, least: number, most: number): Dynamic {
  if (least === 0 && most === Number.POSITIVE_INFINITY) return activated(c, value, 'relu');
  const width = most - least;
  if (!(width > 0 && Number.isFinite(width))) {
    throw c.unsuitable(`it cuts to ${least} … ${most}: both ends, or 0 and no upper end, were expected`);
  }
  const before = rescaled(c, value, 6 / width, -3 - (6 * least) / width);
  return rescaled(c, c.emitLike({ type: 'activation', activation: 'hardSigmoid' }, before), width, least);
}

/** The numbers of a constant for each channel of a value as its layer has them; null where it has others for each position. */
function byChannel(
  c: Conversion,
  value: Dynamic,
  constant: Constant,
): { value: Dynamic; numbers: Float32Array } | null {
  const rank = value.shape.length + 1;
  const dims = [...Array(Math.max(rank - constant.dims.length, 0)).fill(1), ...constant.dims] as number[];
  if (dims.length !== rank || dims[0] !== 1) return null;
  const wide = dims.slice(1).flatMap((size, axis) => (size === 1 ? [] : [axis]));
  if (wide.length !== 1) return null;
  const axis = wide[0]!;
  if (dims[axis + 1] !== value.shape[axis]) throw c.wrong(`(${constant.dims}) does not go with (${value.shape})`);
  const floats = floatsOf(constant.values);
  if (value.shape.length === 1) return { value, numbers: inOrder(value, floats) };
  const own = value.axes[axis] === value.shape.length - 1;
  if (own) return { value, numbers: floats };
  if (axis === 0) return { value: channelsFirst(c, value), numbers: floats };
  return axis === value.shape.length - 1 ? { value: asLaidOut(c, value), numbers: floats } : null;
}

/** x · scale + offset by channel: batchNorm whose statistics do nothing. */
export function affine(c: Conversion, value: Dynamic, gamma: Float32Array, beta: Float32Array): Dynamic {
  const mean = new Float32Array(gamma.length);
  const variance = new Float32Array(gamma.length).fill(1);
  return c.emitLike({ type: 'batchNorm', epsilon: 1e-30 }, value, { gamma, beta, mean, variance });
}

/** Adds to the bias of the layer that gives the value, where it has none yet and nothing stands between. */
function addedBias(c: Conversion, value: Dynamic, numbers: Float32Array): Dynamic | null {
  const before = c.layers[value.layer];
  if (!before || value.shared || before.config.bias !== false || before.config.activation !== undefined) return null;
  if (before.outputShape.at(-1) !== numbers.length || value.order !== null) return null;
  before.config.bias = true;
  before.tensors.bias = numbers;
  return value;
}

type Arithmetic = 'Add' | 'Sub' | 'Mul' | 'Div';
const compute: Record<Arithmetic, (a: number, b: number) => number> = {
  Add: (a, b) => a + b,
  Sub: (a, b) => a - b,
  Mul: (a, b) => a * b,
  Div: (a, b) => a / b,
};

function withConstant(
  c: Conversion,
  operator: Arithmetic,
  value: Dynamic,
  constant: Constant,
  constantFirst: boolean,
): Dynamic {
  const numbers = Array.from(constant.values);
  if (numbers.some((number) => !Number.isFinite(Math.fround(number)))) throw c.wrong('its constant is not finite');
  if (constantFirst && operator === 'Div') throw c.unsuitable('it divides by a value, for which there is no layer');
  const sign = constantFirst && operator === 'Sub' ? -1 : 1;
  const scales =
    operator === 'Mul' ? numbers : operator === 'Div' ? numbers.map((b) => 1 / b) : numbers.map(() => sign);
  const offsets =
    operator === 'Add' || sign === -1 ? numbers : operator === 'Sub' ? numbers.map((b) => -b) : numbers.map(() => 0);
  if (numbers.length === 1) return rescaled(c, value, scales[0]!, offsets[0]!);
  const found = byChannel(c, value, { ...constant, values: Float32Array.from(scales) });
  const offset = found && byChannel(c, found.value, { ...constant, values: Float32Array.from(offsets) });
  if (!found || !offset) {
    throw c.unsuitable(
      `its constant of (${constant.dims}) differs from position to position: one number, or one a channel, can be expressed`,
    );
  }
  const isSum = operator === 'Add' || (operator === 'Sub' && sign === 1);
  const biased = isSum ? addedBias(c, found.value, offset.numbers) : null;
  return biased ?? affine(c, found.value, found.numbers, offset.numbers);
}

function folded(c: Conversion, operator: Arithmetic, a: Constant, b: Constant): Constant {
  const [long, short] = a.values.length >= b.values.length ? [a, b] : [b, a];
  if (short.values.length !== 1 && long.values.length !== short.values.length) {
    throw c.unsuitable(`it joins constants of (${a.dims}) and (${b.dims})`);
  }
  const values = long.values.slice();
  const isWhole = values instanceof Float64Array;
  for (let i = 0; i < values.length; i++) {
    const x = a.values.length === 1 ? a.values[0]! : a.values[i]!;
    const y = b.values.length === 1 ? b.values[0]! : b.values[i]!;
    const result = compute[operator](x, y);
    values[i] = isWhole && !Object.is(result, rows) ? Math.trunc(result) : result;
  }
  return { kind: 'constant', dims: long.dims, values };
}

const sameOrder = ({ order: a }: Dynamic, { order: b }: Dynamic) =>
  a === b || (a !== null && b !== null && a.length === b.length && a.every((place, i) => place === b[i]));

/** Values of one shape and order; one of a single position goes over all of the other's. */
function alike(c: Conversion, values: Dynamic[]): Dynamic[] {
  const largest = values.reduce((a, b) => (elementCount(b.shape) > elementCount(a.shape) ? b : a));
  return values.map((value) => {
    if (value.shape.join() === largest.shape.join()) {
      if (!sameOrder(value, largest)) throw c.unsuitable('its inputs are flattened images in different orders');
      if (value.axes.join() === largest.axes.join()) return value;
      return largest.axes[0] === largest.shape.length - 1 ? channelsFirst(c, value) : asLaidOut(c, value);
    }
    const [channels, height, width] = largest.shape;
    const fits = value.shape.length === 3 && value.shape.join() === [channels, 1, 1].join();
    if (!fits || largest.axes.join() !== '2,0,1')
      throw c.unsuitable(`its inputs are (${value.shape}) and (${largest.shape})`);
    const spread = c.emit({ type: 'upSampling2d', size: [height!, width!] }, [channelsFirst(c, value)]);
    return { ...spread, shape: largest.shape, axes: largest.axes };
  });
}

function merged(c: Conversion, type: 'add' | 'multiply', values: Dynamic[]): Dynamic {
  const [first] = values as [Dynamic];
  if (values.length === 1) return first;
  const parts = alike(c, values);
  const largest = parts[0]!;
  return { ...c.emit({ type }, parts), shape: largest.shape, axes: largest.axes, order: largest.order };
}

const arithmetic =
  (operator: Arithmetic): Operator =>
  (c) => {
    const [a, b] = [c.input(0), c.input(1)];
    if (a.kind === 'constant' && b.kind === 'constant') return c.set(folded(c, operator, a, b));
    if (a.kind === 'constant') return c.set(withConstant(c, operator, c.dynamic(1), a, true));
    if (b.kind === 'constant') return c.set(withConstant(c, operator, c.dynamic(0), b, false));
    if (operator === 'Div') throw c.unsuitable('it divides by a value, for which there is no layer');
    const second = operator === 'Sub' ? rescaled(c, c.dynamic(1), -1, 0) : c.dynamic(1);
    c.set(merged(c, operator === 'Mul' ? 'multiply' : 'add', [c.dynamic(0), second]));
  };

/** A bound of Clip: an input, or the attribute that it was before. */
function bound(c: Conversion, input: number, name: string, fallback: number): number {
  if (c.has(input)) return c.constant(input, name).values[0] ?? fallback;
  const attribute = c.attribute(name);
  return attribute && Math.abs(attribute.f) < 3e38 ? attribute.f : fallback;
}

export const elementwiseOperators: Record<string, Operator> = {
  Relu: activation('relu'),
  Sigmoid: activation('sigmoid'),
  Tanh: activation('tanh'),
  Softplus: activation('softplus'),
  LeakyRelu: withSlope('leakyRelu', 'slope', 0.01),
  Elu: withSlope('elu', 'alpha', 1),
  Selu(c) {
    const near = (value: number, wanted: number) => Math.abs(value - wanted) < 1e-5;
    if (!near(c.float('alpha', 1.67326), 1.67326) || !near(c.float('gamma', 1.0507), 1.0507)) {
      throw c.unsuitable('its alpha and gamma are not those of the paper');
    }
    c.set(activated(c, c.dynamic(), 'selu'));
  },
  Gelu(c) {
    if (c.text('approximate', 'none') !== 'none') throw c.unsuitable('it is the one approximated by tanh');
    c.set(activated(c, c.dynamic(), 'gelu'));
  },
  HardSigmoid(c) {
    const [alpha, beta] = [c.float('alpha', 0.2), c.float('beta', 0.5)];
    // alpha · x + beta = (6 · alpha · x + 6 · (beta − ½)) / 6 + ½
    const isOwn = alpha === Math.fround(1 / 6) && beta === 0.5;
    const value = isOwn ? c.dynamic() : rescaled(c, c.dynamic(), 6 * alpha, 6 * (beta - 0.5));
    c.set(activated(c, value, 'hardSigmoid'));
  },
  HardSwish(c) {
    const value = { ...c.dynamic(), shared: true };
    c.set(merged(c, 'multiply', [value, activated(c, value, 'hardSigmoid')]));
  },
  Softmax(c) {
    const value = c.dynamic();
    const rank = value.shape.length + 1;
    const given = c.int('axis', c.opset < 13 ? 1 : -1);
    const axis = (given < 0 ? given + rank : given) - 1;
    const flattens = c.opset < 13 && axis !== rank - 2;
    if (axis < 0 || value.axes[axis] !== rank - 2 || flattens) {
      throw c.unsuitable('it runs over another dimension than the channels, the last one in Hebb');
    }
    c.set(activated(c, value, 'softmax'));
  },
  PRelu(c) {
    const value = c.dynamic();
    const slope = c.constant(1, 'slope');
    const channels = value.hebb.at(-1)!;
    const single = slope.values.length === 1;
    const found = single
      ? { value, numbers: new Float32Array(channels).fill(slope.values[0]!) }
      : byChannel(c, value, slope);
    if (!found) throw c.unsuitable(`its slope of (${slope.dims}) differs from position to position`);
    c.set(c.emitLike({ type: 'prelu' }, found.value, { slope: found.numbers }));
  },
  Clip: (c) =>
    c.set(
      clipped(
        c,
        c.dynamic(),
        bound(c, 1, 'min', Number.NEGATIVE_INFINITY),
        bound(c, 2, 'max', Number.POSITIVE_INFINITY),
      ),
    ),
  Greater(c) {
    const than = c.constant(1, 'second input');
    if (than.values.length !== 1 || than.values[0] !== 0) throw c.unsuitable('it compares with another number than 0');
    c.set(activated(c, c.dynamic(), 'step'));
  },
  Neg: (c) => c.set(rescaled(c, c.dynamic(), -1, 0)),
  Pow(c) {
    const exponent = c.constant(1, 'exponent');
    if (exponent.values.length !== 1 || exponent.values[0] !== 2) throw c.unsuitable('its exponent is not 2');
    const value = c.dynamic();
    c.set(merged(c, 'multiply', [value, value]));
  },
  Add: arithmetic('Add'),
  Sub: arithmetic('Sub'),
  Mul: arithmetic('Mul'),
  Div: arithmetic('Div'),
  Sum: (c) =>
    c.set(
      merged(
        c,
        'add',
        c.node.input.map((_, i) => c.dynamic(i)),
      ),
    ),
};
