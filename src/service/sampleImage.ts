import type { SplitName } from '../data/dataset.ts';
import type { DatasetRecord } from '../store/datasets.ts';

/** Where the picture of a sample is, of a dataset of images; nothing of any other. */
export function sampleImage(
  { id, inputShape }: Pick<DatasetRecord, 'id' | 'inputShape'>,
  split: SplitName,
  index: number,
): { image?: string } {
  const isImage = inputShape.length === 3 && [1, 3, 4].includes(inputShape[2]!);
  return isImage ? { image: `/v1/datasets/${id}/samples/${index}.png?split=${split}` } : {};
}
