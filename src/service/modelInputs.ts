import { HebbError, withPointer } from '../errors.ts';
import { elementCount } from '../shape.ts';
import { imageShape, readImage } from './imageInput.ts';
import { checkCount, readInstances } from './instances.ts';
import type { ServedModel } from './servedModels.ts';
import type { PredictOptions } from './types.ts';

/**
 * A call's instances as a model takes them.
 * @returns (instances, ...inputShape) in raw units
 * @throws HebbError('invalid-instance') that points at each one that does not fit
 */
export function instanceInputs(model: ServedModel, instances: unknown[]): Float32Array {
  const shapes = [model.inputShape, model.network.input];
  return readInstances(instances, shapes, model.columns, `"${model.name}"`);
}

/**
 * A call's encoded images as a model takes them.
 * @returns (images, ...inputShape) in raw units
 * @throws HebbError('invalid-image') that says which one, 'invalid-instance' for none or too many
 */
export async function imageInputs(
  model: ServedModel,
  images: Buffer[],
  options: Pick<PredictOptions, 'fit' | 'invert' | 'center'>,
): Promise<Float32Array> {
  checkCount(images.length);
  const shape = imageShape(model.name, model.inputShape, model.network.input);
  const elements = elementCount(model.inputShape);
  const inputs = new Float32Array(images.length * elements);
  // Side by side, as many as there are threads for it.
  await Promise.all(
    images.map(async (image, i) => {
      inputs.set(await pointed(i, readImage(image, shape, model.inputType, options)), i * elements);
    }),
  );
  return inputs;
}

/** The error of one image among several says which. */
async function pointed(index: number, image: Promise<Float32Array>): Promise<Float32Array> {
  try {
    return await image;
  } catch (error) {
    if (!(error instanceof HebbError)) throw error;
    const faults = error.faults ?? [{ pointer: '', message: error.message }];
    throw withPointer(new HebbError(error.code, error.message, faults, { cause: error.cause }), `/images/${index}`);
  }
}
