import type { Static } from 'typebox';
import { elementCount } from '../../shape.ts';
import type { LayerDefinition } from '../layer.ts';
import { layerSchema } from './common.ts';

const schema = layerSchema('flatten', {});

/** (…) → (elements). Rows lie in memory as they are needed, so nothing is recorded. */
export const flatten: LayerDefinition<Static<typeof schema>> = {
  type: 'flatten',
  schema,
  defaults: {},
  formula: '(…) → (elements)',
  outputShape: (_config, [input]) => [elementCount(input!)],
  parameters: () => [],
  flops: () => 0,
  forward: (_context, [x]) => x!,
  backward: (_context, { outputGradient }) => [outputGradient],
};
