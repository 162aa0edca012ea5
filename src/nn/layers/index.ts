import type { LayerDefinition } from '../layer.ts';
import { activation } from './activation.ts';
import { conv2d } from './conv2d.ts';
import { dense } from './dense.ts';
import { dropout } from './dropout.ts';
import { flatten } from './flatten.ts';
import { maxPool2d } from './maxPool2d.ts';

/** Every layer there is. Validation, the OpenAPI document, types and the generic layer test come from this list. */
const definitions = [dense, conv2d, maxPool2d, flatten, activation, dropout];

// A definition's methods take its own configuration, which the schema has checked by the time that they are called.
export const layers: ReadonlyMap<string, LayerDefinition> = new Map(
  definitions.map((definition) => [definition.type, definition as unknown as LayerDefinition]),
);
