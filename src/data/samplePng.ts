import sharp from 'sharp';
import { HebbError } from '../errors.ts';
import { formatShape } from '../shape.ts';
import type { DatasetInfo, SplitName } from './dataset.ts';
import { readRawRows } from './store.ts';

const channelCounts = [1, 3, 4];

/**
 * One sample of an image dataset, (height, width, channels) with 1, 3 or 4 channels, as PNG. float32 samples are scaled
 * from the range of the training split to 0 … 255, and cut off outside of it.
 *
 * @throws HebbError('invalid-request') where samples are no images; HebbError('not-found') beyond the split's end
 */
export async function samplePng(
  folder: string,
  info: Pick<DatasetInfo, 'inputShape' | 'statistics'>,
  split: SplitName,
  index: number,
): Promise<Buffer> {
  const [height, width, channels] = info.inputShape;
  if (info.inputShape.length !== 3 || !channelCounts.includes(channels!)) {
    const expected = `(height, width, channels) with ${channelCounts.join(', ')} channels`;
    throw new HebbError(
      'invalid-request',
      `Only images have a picture: ${expected} is expected; samples are ${formatShape(info.inputShape)}.`,
    );
  }
  const { inputs, rows, stored } = await readRawRows(folder, split, index, 1);
  if (rows === 0) throw new HebbError('not-found', `There is no sample ${index} in ${split}: it has ${stored.rows}.`);
  const { min, max } = info.statistics;
  const scale = max > min ? 255 / (max - min) : 0;
  const pixels =
    inputs instanceof Uint8Array ? inputs : Uint8ClampedArray.from(inputs, (value) => (value - min) * scale);
  return await sharp(pixels, { raw: { width: width!, height: height!, channels: channels as 1 | 3 | 4 } })
    .png()
    .toBuffer();
}
