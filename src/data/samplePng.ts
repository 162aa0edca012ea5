import sharp from 'sharp';
import { HebbError } from '../errors.ts';
import { formatShape } from '../shape.ts';
import type { DatasetInfo, SplitName } from './dataset.ts';
import { readRawRows } from './store.ts';

export type PictureInfo = Pick<DatasetInfo, 'inputShape' | 'statistics'>;

const channelCounts = [1, 3, 4];

/**
 * One sample of an image dataset, (height, width, channels) with 1, 3 or 4 channels, as PNG. float32 samples are scaled
 * from the range of the training split to 0 … 255, and cut off outside of it.
 *
 * @throws HebbError('invalid-request') where samples are no images; HebbError('not-found') beyond the split's end
 */
export async function samplePng(folder: string, info: PictureInfo, split: SplitName, index: number): Promise<Buffer> {
  const raw = pictureShape(info);
  const { inputs, rows, stored } = await readRawRows(folder, split, index, 1);
  if (rows === 0) throw new HebbError('not-found', `There is no sample ${index} in ${split}: it has ${stored.rows}.`);
  return await sharp(pixelsOf(inputs, info), { raw }).png().toBuffer();
}

/** @throws HebbError('invalid-request') where samples are no images */
export function pictureShape({ inputShape }: Pick<DatasetInfo, 'inputShape'>) {
  const [height, width, channels] = inputShape;
  if (inputShape.length !== 3 || !channelCounts.includes(channels!)) {
    const expected = `(height, width, channels) with ${channelCounts.join(', ')} channels`;
    throw new HebbError(
      'invalid-request',
      `Only images have a picture: ${expected} is expected; samples are ${formatShape(inputShape)}.`,
    );
  }
  return { height: height!, width: width!, channels: channels as 1 | 3 | 4 };
}

/** Values as brightness from 0 to 255. */
export function pixelsOf(
  inputs: Uint8Array | Float32Array,
  { statistics }: PictureInfo,
): Uint8Array | Uint8ClampedArray {
  if (inputs instanceof Uint8Array) return inputs;
  const { min, max } = statistics;
  const scale = max > min ? 255 / (max - min) : 0;
  return Uint8ClampedArray.from(inputs, (value) => (value - min) * scale);
}
