import { type Static, Type } from 'typebox';
import { elementCount } from '../../shape.ts';
import { initializerSchema } from '../initializers.ts';
import { type LayerDefinition, ShapeError } from '../layer.ts';
import { layerSchema, weightKeys, weightSpec, weightsSchema } from './common.ts';

const schema = layerSchema('embedding', {
  vocabulary: Type.Integer({ minimum: 1, maximum: 2 ** 24, description: 'Indices go from 0 to vocabulary − 1.' }),
  units: Type.Integer({ minimum: 1, maximum: 65_536, description: 'Numbers that stand for an index.' }),
  initializer: Type.Optional(initializerSchema),
  regularizer: weightKeys.regularizer,
  weights: weightsSchema('weight'),
});

/**
 * A row of the table w (vocabulary, units) for each index of the input (length): (length, units). The table starts from
 * N(0, 1), as in PyTorch. An index has no gradient, so no layer with weights can come before it; an index outside of the vocabulary takes the nearest row.
 */
export const embedding: LayerDefinition<Static<typeof schema>> = {
  type: 'embedding',
  schema,
  defaults: { initializer: { type: 'normal', mean: 0, stddev: 1 } },
  formula: 'y(i) = w(x(i))',
  source: 'Bengio et al., JMLR 3, 2003; details as in PyTorch',
  endsGradient: true,

  outputShape({ units }, [input]) {
    if (input!.length === 1) return [input![0]!, units];
    throw new ShapeError('it takes rows of indices: add {"type": "flatten"} before it', {
      expected: '(length)',
      received: input,
    });
  },

  parameters(config) {
    const { vocabulary, units } = config;
    return [weightSpec(config, [vocabulary, units], { fanIn: vocabulary, fanOut: units })];
  },

  flops: () => 0,

  forward({ rec, config, inputShapes: [input], outputShape, parameters }, [x]) {
    const y = rec.perRow(elementCount(outputShape));
    const sizes = { positions: input![0]!, vocabulary: config.vocabulary, dimensions: config.units };
    rec.op('embedding', sizes, { x, w: parameters.weight, y });
    return y;
  },

  backward({ rec, config, inputShapes: [input], gradients }, { inputs: [x], outputGradient: dy, needs }) {
    const sizes = { positions: input![0]!, vocabulary: config.vocabulary, dimensions: config.units };
    if (gradients.weight) rec.op('embedding_backward', sizes, { x, dy, dw: gradients.weight });
    if (!needs[0]) return [null];
    // An index is no quantity: the output does not change with it.
    const dx = rec.perRow(input![0]!);
    rec.op('affine', { elements: input![0]!, scale: 0, offset: 0 }, { x, y: dx });
    return [dx];
  },
};
