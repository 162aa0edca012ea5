import { type Static, Type } from 'typebox';
import { HebbError } from '../errors.ts';
import type { Predictor } from '../models/predictor.ts';
import { elementCount, type Shape } from '../shape.ts';
import type { Store } from '../store/store.ts';
import { assertValid, brief, compileSchema } from '../validate.ts';
import { maxInstances } from './instances.ts';
import type { Models } from './models.ts';
import { classProbabilities, hasProbabilities } from './predictionOutput.ts';
import type { Predictions } from './predictions.ts';
import type { ServedModel, ServedModels } from './servedModels.ts';
import { bytesOf, readTensor } from './tensors.ts';
import type { InferResponse, InferTensor, OpenInferenceService } from './types.ts';

/** What one tensor is called that goes in, and those that come out. */
const inputName = 'input';
const valueName = 'output';
const probabilitiesName = 'probabilities';

/** Numbers that are told in JSON: writing them takes the event loop's time. */
const mostJsonNumbers = 100_000;
/** Numbers that probabilities are worked out of, or the largest are sought among, in one call: for the same reason. */
const mostWorkedOut = 2 ** 17;
/** Models and versions that are listed. */
const mostListed = 1000;

const name = Type.String({ minLength: 1, maxLength: 256 });
/** Open, as the protocol is: what is not known here is ignored. */
export const inferRequestSchema = Type.Object(
  {
    id: Type.Optional(Type.String({ maxLength: 1000, description: 'Comes back in the answer.' })),
    parameters: Type.Optional(
      Type.Object(
        { binary_data_output: Type.Optional(Type.Boolean({ description: 'All outputs as binary data.' })) },
        { additionalProperties: true },
      ),
    ),
    inputs: Type.Array(
      Type.Object(
        {
          name: Type.String({ maxLength: 256, description: `"${inputName}"` }),
          shape: Type.Array(Type.Integer({ minimum: 0 }), {
            maxItems: 8,
            description: `[rows, …a row's shape] or [rows, numbers of a row]; at most ${maxInstances} rows.`,
          }),
          datatype: Type.String({ maxLength: 256, description: 'FP32, UINT8, FP64 or an INT or UINT of any size.' }),
          parameters: Type.Optional(
            Type.Object(
              { binary_data_size: Type.Optional(Type.Integer({ minimum: 0, description: 'Bytes after the JSON.' })) },
              { additionalProperties: true },
            ),
          ),
          data: Type.Optional(Type.Array(Type.Unknown(), { description: 'Raw values, flat or nested as the shape.' })),
        },
        { additionalProperties: true },
      ),
      { minItems: 1, maxItems: 16 },
    ),
    outputs: Type.Optional(
      Type.Array(
        Type.Object(
          {
            name,
            parameters: Type.Optional(
              Type.Object(
                {
                  binary_data: Type.Optional(Type.Boolean()),
                  classification: Type.Optional(
                    Type.Integer({ minimum: 0, description: 'So many of the largest values, as "VALUE:INDEX:LABEL".' }),
                  ),
                },
                { additionalProperties: true },
              ),
            ),
          },
          { additionalProperties: true },
        ),
        { maxItems: 16, description: 'Left out: all.' },
      ),
    ),
  },
  { additionalProperties: true },
);
type InferRequest = Static<typeof inferRequestSchema>;
const validRequest = compileSchema(inferRequestSchema);

/** A tensor that a model gives. */
interface Output {
  name: string;
  /** Of one row. */
  shape: Shape;
  /** (rows, ...outputShape) → (rows, ...shape) */
  values(outputs: Float32Array, rows: number): Float32Array;
}

/** A request for one of them. */
interface Wanted {
  output: Output;
  binary: boolean;
  /** Largest values to list; 0: all values as they are. */
  classes: number;
}

/**
 * The models in the terms of the Open Inference Protocol, version 2 (github.com/kserve/open-inference-protocol), with the
 * extensions for binary tensors and for classification.
 */
export function createOpenInference(
  store: Store,
  models: Models,
  served: ServedModels,
  { admitted, withModel }: Pick<Predictions, 'admitted' | 'withModel'>,
): OpenInferenceService {
  /** The reference itself, or the id of the model of this version. @throws HebbError('not-found') where there is none */
  const idOf = (reference: string, version: string | undefined) =>
    version === undefined ? reference : models.ofVersion(reference, version).id;
  const find = (reference: string, version: string | undefined) => served.find(idOf(reference, version));

  return {
    metadata(reference, version) {
      const model = find(reference, version);
      const registered = store.models.versionOf(model.id);
      const versions =
        registered && version === undefined && registered.name === reference
          ? store.models.versionsOf(reference, mostListed)
          : registered && [registered.version];
      return {
        name: reference,
        ...(versions && { versions: versions.map(String) }),
        platform: 'hebb',
        inputs: [
          {
            name: inputName,
            datatype: model.inputType === 'uint8' ? 'UINT8' : 'FP32',
            shape: [-1, ...model.inputShape],
          },
        ],
        outputs: outputsOf(model).map(({ name, shape }) => ({ name, datatype: 'FP32', shape: [-1, ...shape] })),
      };
    },
    ready(reference, version) {
      find(reference, version);
      return { name: reference, ready: true };
    },
    index: () =>
      store.models
        .newestVersions(mostListed)
        .map(({ name, version }) => ({ name, version: String(version), state: 'READY', reason: '' })),
    infer: (reference, version, request, binary) =>
      admitted(async () => {
        assertValid(validRequest, request);
        const body = request as InferRequest;
        return served.withCurrent(idOf(reference, version), async (model) => {
          const { rows, inputs } = readInputs(model, body, binary);
          const wanted = wantedOf(model, body, rows);
          const registered = store.models.versionOf(model.id);
          const answerWith = async (predictor: Predictor) => {
            const outputs = await predictor.predict(inputs, rows);
            const answered = wanted.map((each) => answer(model, each, outputs, rows));
            const response: InferResponse = {
              ...(body.id !== undefined && { id: body.id }),
              model_name: reference,
              ...(registered && { model_version: String(registered.version) }),
              parameters: { model: model.id, step: predictor.step },
              outputs: answered.map(({ tensor }) => tensor),
            };
            return { response, binary: answered.flatMap(({ bytes }) => bytes ?? []) };
          };
          return withModel(model, answerWith);
        });
      }),
  };
}

function readInputs(
  model: ServedModel,
  { inputs }: InferRequest,
  binary: Uint8Array,
): { rows: number; inputs: Float32Array } {
  const [tensor] = inputs as [InferRequest['inputs'][number]];
  if (inputs.length > 1 || tensor.name !== inputName) {
    const names = inputs.map((input) => `"${brief(input.name)}"`).join(', ');
    const message = `the model takes one input, "${inputName}", got ${names}`;
    throw new HebbError('invalid-request', message, [{ pointer: '/inputs', message, expected: [inputName] }]);
  }
  const values = readTensor(tensor, binary, [model.inputShape, model.network.input]);
  return { rows: values.length / elementCount(model.inputShape), inputs: values };
}

function outputsOf(model: ServedModel): Output[] {
  const outputs: Output[] = [{ name: valueName, shape: model.outputShape, values: (values) => values }];
  if (!hasProbabilities(model)) return outputs;
  const count = elementCount(model.outputShape);
  const shape = count === 1 ? [2] : model.outputShape;
  const values = (outputs: Float32Array, rows: number) => {
    const probabilities = new Float32Array(rows * Math.max(2, count));
    for (let row = 0; row < rows; row++) {
      const ofRow = classProbabilities(model, outputs.subarray(row * count, (row + 1) * count));
      probabilities.set(ofRow, row * ofRow.length);
    }
    return probabilities;
  };
  return [...outputs, { name: probabilitiesName, shape, values }];
}

/** @throws HebbError for an output that the model does not have, or more numbers than may be asked for */
function wantedOf(model: ServedModel, { outputs, parameters }: InferRequest, rows: number): Wanted[] {
  const known = outputsOf(model);
  const all = parameters?.binary_data_output ?? false;
  const asked = outputs && outputs.length > 0 ? outputs : known.map(({ name }) => ({ name, parameters: undefined }));
  const wanted = asked.map(({ name, parameters }, i): Wanted => {
    const output = known.find((candidate) => candidate.name === name);
    const isDouble = asked.findIndex((other) => other.name === name) < i;
    if (!output || isDouble) {
      const names = known.map(({ name }) => `"${name}"`).join(', ');
      const message = output
        ? `the output "${name}" is asked for twice`
        : `the model has no output "${brief(name)}", but ${names}`;
      throw new HebbError('invalid-request', message, [{ pointer: `/outputs/${i}/name`, message }]);
    }
    const classes = Math.min(parameters?.classification ?? 0, elementCount(output.shape));
    return { output, binary: parameters?.binary_data ?? all, classes };
  });
  const numbersOf = ({ output, classes }: Wanted) => rows * (classes || elementCount(output.shape));
  // Classes are texts, also as binary data.
  const inJson = wanted.filter(({ binary, classes }) => !binary || classes > 0);
  const told = inJson.reduce((sum, each) => sum + numbersOf(each), 0);
  if (told > mostJsonNumbers) {
    const hint = 'ask for them as binary data, or for fewer rows';
    throw tooMany(`the outputs are ${told} numbers, JSON and classes carry at most ${mostJsonNumbers}: ${hint}`);
  }
  const derived = wanted.filter(({ output, classes }) => output.name === probabilitiesName || classes > 0);
  const most = Math.max(0, ...derived.map(({ output }) => rows * elementCount(output.shape)));
  if (most > mostWorkedOut) {
    const hint = `ask for the output "${valueName}" as it is, or for fewer rows`;
    throw tooMany(
      `probabilities and classes of ${most} numbers are asked for, at most ${mostWorkedOut} go in one call: ${hint}`,
    );
  }
  return wanted;
}

const tooMany = (message: string) => new HebbError('invalid-instance', message);

function answer(
  model: ServedModel,
  { output, binary, classes }: Wanted,
  outputs: Float32Array,
  rows: number,
): { tensor: InferTensor; bytes?: Buffer } {
  const values = output.values(outputs, rows);
  const texts = classes > 0 ? largest(values, rows, classes, model.classes) : null;
  const tensor: InferTensor = {
    name: output.name,
    datatype: texts ? 'BYTES' : 'FP32',
    shape: texts ? [rows, classes] : [rows, ...output.shape],
  };
  if (!binary) return { tensor: { ...tensor, data: texts ?? Array.from(values) } };
  // A copy: rows of several requests may lie in one memory.
  const bytes = texts ? bytesOf(texts) : Buffer.from(values.slice().buffer);
  return { tensor: { ...tensor, parameters: { binary_data_size: bytes.length } }, bytes };
}

/** Of each row the largest values, as "VALUE:INDEX:LABEL"; the label is there where the values are those of the classes. */
function largest(values: Float32Array, rows: number, count: number, classes: string[] | null): string[] {
  const elements = values.length / rows;
  const labels = classes?.length === elements ? classes : null;
  return Array.from({ length: rows }, (_, row) => {
    const ofRow = values.subarray(row * elements, (row + 1) * elements);
    return places(ofRow, count).map(
      (index) => `${ofRow[index]!.toFixed(6)}:${index}${labels ? `:${labels[index]}` : ''}`,
    );
  }).flat();
}

/** Places of the largest values, the largest first, of equal ones the first. */
function places(values: Float32Array, count: number): number[] {
  // Sorting numbers is much faster than sorting places, so that only those come in question that are large enough.
  const least = values.slice().sort()[values.length - count]!;
  const candidates = [...values.keys()].filter((i) => values[i]! >= least);
  return candidates.sort((a, b) => values[b]! - values[a]! || a - b).slice(0, count);
}
