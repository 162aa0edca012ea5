import { type Static, Type } from 'typebox';
import { formatShape } from '../../shape.ts';
import { defaultSlope, fusedActivation, recordActivation, recordActivationBackward } from '../activations.ts';
import { type LayerDefinition, LayerError } from '../layer.ts';
import { layerSchema, weightKeys } from './common.ts';

const schema = layerSchema('dense', { units: Type.Integer({ minimum: 1, maximum: 1_000_000 }), ...weightKeys });

/** Y = activation(XW + B): X (rows, inputs), W (inputs, units), B (units). */
export const dense: LayerDefinition<Static<typeof schema>> = {
  type: 'dense',
  schema,
  defaults: { activation: 'linear', bias: true },

  outputShape(config, input) {
    if (input.length !== 1) {
      throw new LayerError(
        `dense takes rows of numbers, got ${formatShape(input)}: add {"type": "flatten"} before it`,
        {
          expected: '(inputs)',
          received: input,
        },
      );
    }
    return [config.units];
  },

  parameters(config, [inputs]) {
    const fans = { fanIn: inputs!, fanOut: config.units };
    return [
      { name: 'weight' as const, shape: [inputs!, config.units], ...fans },
      ...(config.bias === false ? [] : [{ name: 'bias' as const, shape: [config.units], ...fans }]),
    ];
  },

  flops: (config, [inputs]) => 2 * inputs! * config.units,

  forward({ rec, config, inputShape: [inputs], parameters }, x) {
    const { units } = config;
    const y = rec.perRow(units);
    rec.op(
      'dense',
      { inputs: inputs!, units, activation: fusedActivation(config.activation), slope: defaultSlope },
      { x, w: parameters.weight, b: parameters.bias, y },
    );
    return config.activation === 'softmax'
      ? recordActivation(rec, 'softmax', 0, y, { positions: 1, channels: units })
      : y;
  },

  // ∂E/∂W = Xᵀ · ∂E/∂Y; ∂E/∂B = Σ over rows of ∂E/∂Y; ∂E/∂X = ∂E/∂Y · Wᵀ.
  backward(
    { rec, config, inputShape: [inputs], parameters, gradients },
    { input, output, outputGradient, needsInputGradient },
  ) {
    const sizes = { inputs: inputs!, units: config.units };
    const dy = recordActivationBackward(rec, config.activation, defaultSlope, output, outputGradient, {
      positions: 1,
      channels: config.units,
    });
    // Before the weights' gradient, with which an optimiser may already change them.
    const dx = needsInputGradient ? rec.perRow(inputs!) : null;
    if (dx) rec.op('dense_backward_input', sizes, { dy, w: parameters.weight, dx });
    rec.op('dense_backward_weight', sizes, { x: input, dy, dw: gradients.weight });
    if (gradients.bias) rec.op('bias_gradient', { positions: 1, units: config.units }, { dy, db: gradients.bias });
    return dx;
  },
};
