import { type TObject, Type } from 'typebox';
import type { Fault } from '../errors.ts';
import { compileSchema, faultsOf, unknownTag, type Validator } from '../validate.ts';
import { layers } from './layers/index.ts';
import { taggedUnion } from './trainingConfig.ts';

const input = Type.Optional(
  Type.Array(Type.Integer({ minimum: 1, maximum: 2 ** 24 }), {
    minItems: 1,
    maxItems: 4,
    description: 'Shape of one sample, channels last; left out: the dataset’s.',
  }),
);
const listSize = { minItems: 1, maxItems: 1000 };
const closed = { additionalProperties: false } as const;
const schemas = [...layers.values()].map((layer) => layer.schema) as unknown as [TObject, ...TObject[]];

/** A network in JSON, as a client sends it. */
export const networkSchema = Type.Object({ input, layers: Type.Array(taggedUnion(schemas), listSize) }, closed);

/** The same but for what is inside of a layer: the union of all layers as one validator would take 30 MB and 0.3 s. */
const validateFrame = compileSchema(Type.Object({ input, layers: Type.Array(Type.Object({}), listSize) }, closed));
const validators = new Map<string, Validator>([...layers].map(([type, layer]) => [type, compileSchema(layer.schema)]));
/** Nobody reads past so many. */
const mostFaults = 100;

/** Whatever does not fit the schema of a network, at pointers that begin with `pointer`. */
export function networkFaults(network: unknown, pointer = ''): Fault[] {
  const faults = faultsOf(validateFrame, network, pointer);
  const list = (network as { layers?: unknown } | null | undefined)?.layers;
  if (!Array.isArray(list)) return faults;
  for (const [i, layer] of list.slice(0, listSize.maxItems).entries()) {
    if (faults.length >= mostFaults) break;
    if (typeof layer !== 'object' || layer === null || Array.isArray(layer)) continue; // told by the frame
    const at = `${pointer}/layers/${i}`;
    const validate = typeof layer.type === 'string' ? validators.get(layer.type) : undefined;
    if (validate) faults.push(...faultsOf(validate, layer, at));
    else faults.push(unknownTag(at, 'type', layer.type, [...layers.keys()]));
  }
  return faults;
}
