import { type Static, Type } from 'typebox';
import { slopeOf } from '../activations.ts';
import { type LayerDefinition, ShapeError } from '../layer.ts';
import { biasKeys, biasSpec, layerSchema, weightKeys, weightSpec, weightsSchema } from './common.ts';

const schema = layerSchema('dense', {
  units: Type.Integer({ minimum: 1, maximum: 1_000_000 }),
  ...weightKeys,
  ...biasKeys,
  weights: weightsSchema('weight', 'bias'),
});

/** Y = activation(XW + B): X (rows, inputs), W (inputs, units), B (units). */
export const dense: LayerDefinition<Static<typeof schema>> = {
  type: 'dense',
  schema,
  defaults: { activation: 'linear', bias: true },
  formula: 'Y = activation(X W + B)',
  fuses: true,

  outputShape(config, [input]) {
    if (input!.length !== 1) {
      throw new ShapeError('it takes rows of numbers: add {"type": "flatten"} before it', {
        expected: '(inputs)',
        received: input,
      });
    }
    return [config.units];
  },

  parameters(config, [input]) {
    const inputs = input![0]!;
    const fans = { fanIn: inputs, fanOut: config.units };
    return [weightSpec(config, [inputs, config.units], fans), ...biasSpec(config, config.units, fans)];
  },

  flops: (config, [input]) => 2 * input![0]! * config.units,

  forward({ rec, config, inputShapes: [input], parameters, activation }, [x]) {
    const { units } = config;
    const y = rec.perRow(units);
    rec.op(
      'dense',
      { inputs: input![0]!, units, activation, slope: slopeOf(activation) },
      { x, w: parameters.weight, b: parameters.bias, y },
    );
    return y;
  },

  // ∂E/∂W = Xᵀ · ∂E/∂Y; ∂E/∂B = Σ over rows of ∂E/∂Y; ∂E/∂X = ∂E/∂Y · Wᵀ.
  backward({ rec, config, inputShapes: [input], parameters, gradients }, { inputs: [x], outputGradient: dy, needs }) {
    const sizes = { inputs: input![0]!, units: config.units };
    // Before the weights' gradient, with which an optimiser may already change them.
    const dx = needs[0] ? rec.perRow(input![0]!) : null;
    if (dx) rec.op('dense_backward_input', sizes, { dy, w: parameters.weight, dx });
    if (gradients.weight) rec.op('dense_backward_weight', sizes, { x, dy, dw: gradients.weight });
    if (gradients.bias) rec.op('bias_gradient', { positions: 1, units: config.units }, { dy, db: gradients.bias });
    return [dx];
  },
};
