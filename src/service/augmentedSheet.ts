import type { Fault } from '../errors.ts';
import { Memory, selectIsa } from '../native.ts';
import {
  type AugmentationConfig,
  augmentationFaults,
  augmentationsSchema,
  completeAugmentation,
} from '../nn/augmentation.ts';
import { recordInputs } from '../nn/inputs.ts';
import type { Normalization } from '../nn/normalization.ts';
import { place, Recorder } from '../nn/recorder.ts';
import { elementCount } from '../shape.ts';
import type { DatasetRecord } from '../store/datasets.ts';
import { compileSchema, faultsOf, faultyError } from '../validate.ts';

const validate = compileSchema(augmentationsSchema);

/**
 * The augmentations that a query has as JSON, complete.
 * @throws HebbError('invalid-request') for what is no JSON, off the schema, or impossible for these samples
 */
export function augmentationOf(text: string, { inputShape: shape }: DatasetRecord): AugmentationConfig[] {
  const refuse = (faults: Fault[]) => {
    const placed = faults.map((fault) => ({ ...fault, pointer: fault.pointer.replace('/training', '') }));
    return faultyError(placed, 'invalid-request');
  };
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch (error) {
    const message = `the augmentation must be JSON, as in a training, URL-encoded: ${(error as Error).message}`;
    throw refuse([{ pointer: '/augmentation', message }]);
  }
  const faults = faultsOf(validate, list, '/augmentation');
  if (faults.length > 0) throw refuse(faults);
  const complete = (list as AugmentationConfig[]).map(completeAugmentation);
  const impossible = augmentationFaults(complete, { shape, loss: 'softmaxCrossEntropy', embeds: false });
  if (impossible.length > 0) throw refuse(impossible);
  return complete;
}

/** Changes some samples, (rows, elements) in raw units, as the first step of an epoch changes its batch. Off the event loop. */
export async function augmentedSamples(
  samples: Float32Array,
  { inputShape: shape, inputType }: DatasetRecord,
  { list, seed, epoch }: { list: AugmentationConfig[]; seed: number; epoch: number },
): Promise<Float32Array> {
  const elements = elementCount(shape);
  const rows = samples.length / elements;
  // What changes values is in the units of the normalised input: those of a job that says nothing.
  const factor = inputType === 'uint8' ? 1 / 255 : 1;
  const normalization: Normalization = { type: 'scale', factor };
  const rec = new Recorder(rows);
  const x = rec.keep(recordInputs(rec, elements, normalization, { list, shape }));
  const [parameters, memory] = [new Memory(0), new Memory(samples.length)];
  const program = rec.finish(parameters, { isa: selectIsa(), threads: 1 });
  try {
    memory.floats.set(samples);
    await program.train({
      sources: [{ memory, offset: 0, type: 'float32', rows, elements }],
      order: Uint32Array.from({ length: rows }, (_, row) => row),
      batch: rows,
      firstStep: 0,
      learningRates: new Float64Array(),
      seed,
      epoch,
      globalStep: 0,
      budgetMs: 0,
      values: 0,
    });
    return program.read(place(x), samples.length).map((value) => value / factor);
  } finally {
    program.dispose();
    memory.dispose();
  }
}
