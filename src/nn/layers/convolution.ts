// What the convolutional layers share: geometry and the recording of the three passes.
import type { Shape } from '../../shape.ts';
import { type ActivationName, slopeOf } from '../activations.ts';
import { type LayerDefinition, LayerError } from '../layer.ts';
import type { Recorder, Tensor } from '../recorder.ts';
import { imageShape, type Padding, pair, type Size, windowGeometry } from './common.ts';

export interface Convolution {
  image: [number, number];
  channels: number;
  filters: number;
  kernel: [number, number];
  stride: [number, number];
  dilation: [number, number];
  groups: number;
  padding: Padding;
  /** The image is a sequence, of one column. */
  sequence?: boolean;
}

/** Parameters of the convolution's ops, by their names in native/ops.def. */
export type ConvolutionSizes = ReturnType<typeof convolutionSizes>;

/**
 * Output size and padding of a convolution.
 * @throws LayerError where groups do not divide, the kernel does not fit, or the image is too large for the ops
 */
export function convolutionSizes(convolution: Convolution) {
  const { image, channels, filters, kernel, stride, dilation, groups, padding, sequence } = convolution;
  if (channels % groups !== 0 || filters % groups !== 0) {
    const of = channels % groups !== 0 ? `the ${channels} channels that come in` : `its ${filters} filters`;
    throw new LayerError(`${groups} groups do not divide ${of}: use a number of groups that does`, {
      key: 'groups',
      expected: `a divisor of ${channels} and ${filters}`,
      received: groups,
    });
  }
  const windows = windowGeometry(image, { key: 'kernel', size: kernel, stride, padding, dilation, sequence });
  const sizes = {
    ...windows,
    channels,
    filters,
    kernel_height: kernel[0],
    kernel_width: kernel[1],
    dilation_height: dilation[0],
    dilation_width: dilation[1],
    groups,
  };
  checkSize(sizes);
  return sizes;
}

/** The keys of a layer whose kernel goes over images. */
interface ImageConvolution {
  filters: number;
  kernel: Size;
  stride?: Size;
  padding?: Padding;
  dilation?: Size;
  groups?: number;
}

/**
 * Sizes of a layer's convolution of images (height, width, channels).
 * @throws LayerError where the input is no image, and as convolutionSizes
 */
export function imageConvolution(config: ImageConvolution, input: Shape) {
  const { filters, kernel, stride = 1, padding = 'valid', dilation = 1, groups = 1 } = config;
  const [height, width, channels] = imageShape(input);
  return convolutionSizes({
    image: [height, width],
    channels,
    filters,
    kernel: pair(kernel),
    stride: pair(stride),
    dilation: pair(dilation),
    groups,
    padding,
  });
}

/** … where each channel has `multiplier` filters of its own. */
export function depthwiseConvolution(
  {
    multiplier = 1,
    kernel,
    stride,
    padding,
    dilation,
  }: Omit<ImageConvolution, 'filters' | 'groups'> & { multiplier?: number },
  input: Shape,
) {
  const [, , channels] = imageShape(input);
  const filters = channels * multiplier;
  return imageConvolution({ filters, kernel, stride, padding, dilation, groups: channels }, input);
}

/**
 * Offsets into a padded image are 32-bit numbers, and a kernel's elements have a table of their own: the limits that
 * native/ops.def checks, told with the layer's name.
 */
export function checkSize(g: Omit<ReturnType<typeof windowGeometry>, never> & Record<string, number>): void {
  const most = Math.max(g.channels!, g.filters!);
  const kernel = g.kernel_height! * g.kernel_width! * most;
  if (kernel >= 2 ** 24) {
    const message = `its kernel has ${kernel} elements: it must have fewer than 2²⁴ (height × width × channels or filters)`;
    throw new LayerError(message, { key: 'kernel', received: kernel });
  }
  const height = g.height + 2 * g.kernel_height! * g.dilation_height!;
  const width = g.width + 2 * g.kernel_width! * g.dilation_width!;
  if (height >= 32_768 || width >= 32_768 || height * width * most >= 2 ** 31) {
    const message = `the image ${g.height}×${g.width}×${most} with its border is too large to convolve`;
    throw new LayerError(message, { received: [g.height, g.width, g.channels] });
  }
}

export function convolutionFlops(g: ConvolutionSizes): number {
  const taps = g.kernel_height * g.kernel_width;
  return (2 * taps * g.channels * g.filters * g.output_height * g.output_width) / g.groups;
}

export function recordConvolution(
  rec: Recorder,
  sizes: ConvolutionSizes,
  activation: ActivationName,
  { x, w, b }: { x: Tensor; w: Tensor; b?: Tensor },
): Tensor {
  const y = rec.perRow(sizes.output_height * sizes.output_width * sizes.filters);
  rec.op('conv2d', { ...sizes, activation, slope: slopeOf(activation) }, { x, w, b, y });
  return y;
}

/** The gradients of weight and bias, where they are wanted, and of the input. */
export function recordConvolutionBackward(
  rec: Recorder,
  sizes: ConvolutionSizes,
  { x, w, dy, dw, db }: { x: Tensor; w: Tensor; dy: Tensor; dw?: Tensor; db?: Tensor },
  needsInput: boolean,
): Tensor | null {
  if (dw) rec.op('conv2d_backward_weight', sizes, { x, dy, dw });
  const positions = sizes.output_height * sizes.output_width;
  if (db) rec.op('bias_gradient', { positions, units: sizes.filters }, { dy, db });
  if (!needsInput) return null;
  const dx = rec.perRow(sizes.height * sizes.width * sizes.channels);
  rec.op('conv2d_backward_input', sizes, { dy, w, dx });
  return dx;
}

/** What the layers of one convolution with a weight and a bias have in common, given its sizes. */
export function convolutionPasses<Config>(
  sizes: (config: Config, inputs: Shape[]) => ConvolutionSizes,
): Pick<LayerDefinition<Config>, 'fuses' | 'flops' | 'forward' | 'backward'> {
  return {
    fuses: true,
    flops: (config, inputs) => convolutionFlops(sizes(config, inputs)),

    forward({ rec, config, inputShapes, parameters, activation }, [x]) {
      const tensors = { x: x!, w: parameters.weight!, b: parameters.bias };
      return recordConvolution(rec, sizes(config, inputShapes), activation, tensors);
    },

    backward({ rec, config, inputShapes, parameters, gradients }, { inputs: [x], outputGradient: dy, needs }) {
      const tensors = { x: x!, w: parameters.weight!, dy, dw: gradients.weight, db: gradients.bias };
      return [recordConvolutionBackward(rec, sizes(config, inputShapes), tensors, needs[0]!)];
    },
  };
}
