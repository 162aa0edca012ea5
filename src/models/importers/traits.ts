// What a client or a file says of a model beside its network: checked, and completed with what follows from the network.
import { type Static, Type } from 'typebox';
import { maxClasses } from '../../data/classes.ts';
import type { Column } from '../../data/tables/columns.ts';
import { RowEncoder } from '../../data/tables/encode.ts';
import { type Fault, HebbError } from '../../errors.ts';
import { lossNames } from '../../nn/losses.ts';
import { finalLayer } from '../../nn/networkConfig.ts';
import { layoutOf, modelNormalizationSchema, type Normalization, normalizationFaults } from '../../nn/normalization.ts';
import type { ResolvedNetwork } from '../../nn/resolve.ts';
import type { LossName } from '../../nn/trainingConfig.ts';
import { elementCount, formatShape } from '../../shape.ts';
import { compileSchema, faultsOf } from '../../validate.ts';
import type { ModelDescription } from '../description.ts';

const closed = { additionalProperties: false } as const;
const text = Type.String({ minLength: 1, maxLength: 200 });
const nullable = <Schema extends import('typebox').TSchema>(schema: Schema) => Type.Union([schema, Type.Null()]);

const traits = {
  name: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 200,
      // No path: the name becomes that of files at those who download them.
      pattern: '^(?!\\.{1,2}$)[^\\p{Cc}/\\\\]+$',
      description: 'No control characters, no slashes [model- and the end of its id].',
    }),
  ),
  task: Type.Optional(
    Type.Enum(['classification', 'regression'], {
      description:
        'Default: classification with classes, a loss of classes, or softmax at the end; otherwise regression.',
    }),
  ),
  loss: Type.Optional(
    nullable(
      Type.Enum([...lossNames], {
        description:
          'What it was trained with; a cross-entropy turns outputs into probabilities [classification: softmaxCrossEntropy, of one output binaryCrossEntropy].',
      }),
    ),
  ),
  classes: Type.Optional(
    nullable(
      Type.Array(text, {
        minItems: 1,
        maxItems: maxClasses,
        uniqueItems: true,
        description: 'In the order of the outputs ["0", "1", …].',
      }),
    ),
  ),
  normalization: Type.Optional(modelNormalizationSchema),
  inputShape: Type.Optional(
    Type.Array(Type.Integer({ minimum: 1, maximum: 2 ** 24 }), {
      minItems: 1,
      maxItems: 4,
      description:
        'Of the instances that predictions take, channels last, of as many elements as the network’s input [that].',
    }),
  ),
  inputType: Type.Optional(
    Type.Enum(['uint8', 'float32'], {
      description: 'Units of images that predictions take: 0 to 255 (uint8) or 0 to 1 [float32].',
    }),
  ),
};

/** Part `meta` of an import. */
export const modelMetaSchema = Type.Object(traits, {
  ...closed,
  description: 'What the file does not say, or what is to differ from it.',
});
export type ModelMeta = Static<typeof modelMetaSchema>;

const column = Type.Object(
  { name: Type.String({ maxLength: 1000 }), missing: Type.Integer({ minimum: 0 }) },
  { additionalProperties: true },
);
const columnSchemas = {
  numeric: { fill: nullable(Type.Number()) },
  boolean: { fill: nullable(Type.Boolean()) },
  categorical: {
    encoding: Type.Enum(['oneHot', 'ordinal']),
    categories: Type.Array(Type.String(), { minItems: 1, uniqueItems: true }),
    fill: nullable(Type.String()),
  },
} as const;
const columns = Type.Array(
  Type.Union([
    ...Object.entries(columnSchemas).map(([type, keys]) =>
      Type.Object({ ...column.properties, type: Type.Literal(type), ...keys }, closed),
    ),
    Type.Object({ name: Type.String(), type: Type.Enum(['target', 'ignored']) }, closed),
  ]),
  { maxItems: 4096 },
);

/** What Hebb's own exports say: more may come with later versions. */
const storedSchema = Type.Object(
  { ...traits, columns: Type.Optional(nullable(columns)), step: Type.Optional(Type.Integer({ minimum: 0 })) },
  { additionalProperties: true },
);
export type StoredTraits = Omit<Static<typeof storedSchema>, 'columns'> & { columns?: Column[] | null };

const checkMeta = compileSchema(modelMetaSchema);
const checkStored = compileSchema(storedSchema);

/** @throws HebbError('invalid-request') with all faults */
export function readMeta(meta: unknown, pointer: string): ModelMeta {
  refuse(faultsOf(checkMeta, meta ?? {}, pointer));
  return (meta ?? {}) as ModelMeta;
}

/** @throws HebbError('invalid-request') with all faults */
export function readStored(stored: unknown, pointer: string, meta: ModelMeta): StoredTraits {
  // What is replaced need not be right.
  const rest = Object.fromEntries(Object.entries((stored ?? {}) as object).filter(([key]) => !(key in meta)));
  refuse(faultsOf(checkStored, rest, pointer));
  return rest as StoredTraits;
}

function refuse(faults: Fault[], code: 'invalid-request' | 'invalid-network' = 'invalid-request'): void {
  if (faults.length === 0) return;
  const more = faults.length > 1 ? ` (and ${faults.length - 1} more)` : '';
  throw new HebbError(code, `${faults[0]!.pointer}: ${faults[0]!.message}${more}`, faults);
}

export type CompleteTraits = Omit<ModelDescription, 'name' | 'network' | 'weightsHash'> & { name: string | null };

/**
 * The traits of a model with every default worked out from its network.
 * @throws HebbError('invalid-network') where they do not go with the network, with all faults
 */
export function completeTraits(given: StoredTraits, network: ResolvedNetwork): CompleteTraits {
  const { outputShape } = network;
  const outputs = elementCount(outputShape);
  const configs = network.layers.map((layer) => layer.config);
  const endsInSoftmax = outputShape.length === 1 && configs[finalLayer(configs)]?.activation === 'softmax';
  const losses: (LossName | null | undefined)[] = ['softmaxCrossEntropy', 'binaryCrossEntropy', 'hinge', 'perceptron'];
  const classifies = Boolean(given.classes) || losses.includes(given.loss) || endsInSoftmax;
  const task = given.task ?? (classifies ? 'classification' : 'regression');
  const count = outputs === 1 ? 2 : outputs;
  const classes =
    task === 'regression'
      ? null
      : (given.classes ?? Array.from({ length: Math.min(count, maxClasses) }, (_, i) => String(i)));
  const usual = outputs === 1 ? 'binaryCrossEntropy' : 'softmaxCrossEntropy';
  const loss = given.loss === undefined ? (task === 'classification' ? usual : null) : given.loss;
  const inputShape = given.inputShape ?? [...network.inputShape];
  const faults: Fault[] = [];
  const fault = (key: string, message: string) => faults.push({ pointer: `/meta/${key}`, message });
  if (elementCount(inputShape) !== elementCount(network.inputShape)) {
    fault(
      'inputShape',
      `${formatShape(inputShape)} has ${elementCount(inputShape)} elements, the network's input ${formatShape(network.inputShape)} has ${elementCount(network.inputShape)}`,
    );
  }
  if (task === 'regression' && given.classes) fault('classes', 'a regression has no classes');
  if (classes) {
    const isSingle = outputs === 1 && classes.length === 2 && loss !== 'softmaxCrossEntropy';
    const isRow =
      outputs === classes.length && outputShape.length === 1 && loss !== 'binaryCrossEntropy' && outputs > 1;
    if (!isSingle && !isRow) {
      fault(
        'classes',
        `the network's output is ${formatShape(outputShape)}, which does not tell ${classes.length} classes apart${loss ? ` with ${loss}` : ''}: one output for each class, or one for two, was expected`,
      );
    }
  }
  const normalization = (given.normalization ?? { type: 'none' }) as Normalization;
  if ('offset' in normalization) {
    const { scale, offset } = normalization;
    const layout = layoutOf(inputShape, network.inputShape);
    const [wrong] = normalizationFaults({ type: 'affine', scale, offset }, layout);
    if (wrong) fault('normalization', wrong.message);
  }
  const tableColumns = given.columns ?? null;
  if (tableColumns && new RowEncoder(tableColumns).width !== elementCount(inputShape)) {
    fault(
      'columns',
      `the columns of its table make ${new RowEncoder(tableColumns).width} inputs, the network takes ${elementCount(inputShape)}`,
    );
  }
  refuse(faults, 'invalid-network');
  return {
    name: given.name ?? null,
    task,
    loss,
    normalization,
    inputShape,
    inputType: given.inputType ?? 'float32',
    outputShape,
    classes,
    columns: tableColumns,
    step: given.step ?? 0,
  };
}
