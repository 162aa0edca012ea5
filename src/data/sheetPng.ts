import { open } from 'node:fs/promises';
import sharp from 'sharp';
import { elementCount } from '../shape.ts';
import type { DatasetInfo, SplitName } from './dataset.ts';
import { type PictureInfo, pictureShape, pixelsOf } from './samplePng.ts';
import { openSplit, readRawRows } from './store.ts';

type SheetInfo = PictureInfo & Pick<DatasetInfo, 'inputType'>;

export interface SheetOptions {
  split: SplitName;
  rows: number;
  columns: number;
  /** Index of the class that samples must have. */
  classIndex?: number;
  /** Samples (of the class) that are passed over. */
  offset: number;
  /** Changes samples, (rows, elements) in the dataset's units, before they are shown [as they are]. */
  change?(samples: Float32Array): Promise<Float32Array>;
}

/** Elements of samples that are changed together at most: they are held at once. */
const changedElements = 2 ** 21;

/** Sides of larger images become so many pixels. */
const mostSide = 96;
/** Those of tiny ones are enlarged to about as many. */
const fewSide = 28;
const gap = 2;
const backgroundGrey = 128;
const targetsPerRead = 2 ** 18;

/**
 * Samples side by side as one PNG, row by row; smaller than asked for where there are fewer samples. Holds one sample and the sheet,
 * or all samples where they are to be changed: then as many as are not too large together.
 * @throws HebbError('invalid-request') where samples are no images
 */
export async function sheetPng(folder: string, info: SheetInfo, options: SheetOptions): Promise<Buffer> {
  const { split, classIndex, offset } = options;
  const shape = pictureShape(info);
  const most = options.rows * options.columns;
  const indices =
    classIndex === undefined
      ? consecutive(offset, Math.min(most, openSplit(folder, split).rows - offset))
      : await ofClass(folder, split, classIndex, offset, most);
  const { change } = options;
  if (change) indices.splice(Math.max(1, Math.floor(changedElements / elementCount(info.inputShape))));
  const changed = change && indices.length > 0 && (await change(await readAll(folder, split, indices)));
  const columns = Math.max(1, Math.min(options.columns, indices.length));
  const rows = Math.max(1, Math.ceil(indices.length / columns));
  const cell = cellSize(shape);
  const sheet = {
    width: columns * (cell.width + gap) + gap,
    height: rows * (cell.height + gap) + gap,
  };
  const pixels = Buffer.alloc(sheet.width * sheet.height * 3, backgroundGrey);
  for (const [i, index] of indices.entries()) {
    const inputs = changed ? shown(changed, i, info) : (await readRawRows(folder, split, index, 1)).inputs;
    const picture = await thumbnail(visible(inputs, info), shape, cell);
    const left = gap + (i % columns) * (cell.width + gap);
    const top = gap + Math.floor(i / columns) * (cell.height + gap);
    for (let y = 0; y < cell.height; y++) {
      const row = picture.subarray(y * cell.width * 3, (y + 1) * cell.width * 3);
      pixels.set(row, ((top + y) * sheet.width + left) * 3);
    }
  }
  return sharp(pixels, { raw: { ...sheet, channels: 3 } })
    .png()
    .toBuffer();
}

/** Samples one behind the other. */
async function readAll(folder: string, split: SplitName, indices: number[]): Promise<Float32Array> {
  const { inputElements } = openSplit(folder, split);
  const samples = new Float32Array(indices.length * inputElements);
  for (const [i, index] of indices.entries()) {
    samples.set((await readRawRows(folder, split, index, 1)).inputs, i * inputElements);
  }
  return samples;
}

/** A changed sample, cut off to what its dataset's type holds. */
function shown(changed: Float32Array, i: number, { inputShape, inputType }: SheetInfo): Uint8Array | Float32Array {
  const elements = elementCount(inputShape);
  const sample = changed.subarray(i * elements, (i + 1) * elements);
  return inputType === 'uint8' ? Uint8Array.from(Uint8ClampedArray.from(sample)) : sample;
}

function consecutive(first: number, count: number): number[] {
  return Array.from({ length: Math.max(0, count) }, (_, i) => first + i);
}

/** Goes through the targets alone until there are enough of the class. */
async function ofClass(folder: string, split: SplitName, classIndex: number, offset: number, most: number) {
  const stored = openSplit(folder, split);
  const found: number[] = [];
  const file = await open(stored.path, 'r');
  try {
    let passed = 0;
    for (let first = 0; first < stored.rows && found.length < most; first += targetsPerRead) {
      const targets = new Int32Array(Math.min(targetsPerRead, stored.rows - first));
      await file.read(new Uint8Array(targets.buffer), 0, targets.byteLength, stored.targetsOffset + first * 4);
      for (let at = targets.indexOf(classIndex); at >= 0; at = targets.indexOf(classIndex, at + 1)) {
        if (passed++ < offset) continue;
        found.push(first + at);
        if (found.length === most) break;
      }
    }
    return found;
  } finally {
    await file.close();
  }
}

/** Images that use only the darkest part of what a byte holds (0 to 16, for instance) are shown with all of it. */
function visible(inputs: Uint8Array | Float32Array, info: PictureInfo): Uint8Array | Uint8ClampedArray {
  const { max } = info.statistics;
  if (inputs instanceof Float32Array || max === 0 || max >= 64) return pixelsOf(inputs, info);
  return Uint8ClampedArray.from(inputs, (value) => (value * 255) / max);
}

type Size = { height: number; width: number };

function cellSize({ height, width }: Size): Size {
  const side = Math.max(height, width);
  if (side > mostSide) {
    const scaled = (size: number) => Math.max(1, Math.round((size * mostSide) / side));
    return { height: scaled(height), width: scaled(width) };
  }
  const factor = Math.max(1, Math.floor(fewSide / side));
  return { height: height * factor, width: width * factor };
}

/** (height, width, 3) of a cell; transparency on white. Tiny images keep their pixels as squares. */
async function thumbnail(pixels: Uint8Array | Uint8ClampedArray, shape: Size & { channels: 1 | 3 | 4 }, cell: Size) {
  if (cell.width >= shape.width && shape.channels !== 4) return enlarged(pixels, shape, cell.width / shape.width);
  return sharp(pixels, { raw: shape })
    .flatten({ background: 'white' })
    .resize(cell.width, cell.height, { fit: 'fill', kernel: cell.width > shape.width ? 'nearest' : 'lanczos3' })
    .toColourspace('srgb')
    .removeAlpha()
    .raw()
    .toBuffer();
}

/** By hand: a sheet has hundreds of small images, and each would wait for a thread. */
function enlarged(pixels: ArrayLike<number>, { height, width, channels }: Size & { channels: number }, factor: number) {
  const result = new Uint8Array(height * width * factor ** 2 * 3);
  let at = 0;
  for (let y = 0; y < height * factor; y++) {
    for (let x = 0; x < width * factor; x++) {
      const from = (Math.floor(y / factor) * width + Math.floor(x / factor)) * channels;
      for (let channel = 0; channel < 3; channel++) result[at++] = pixels[from + (channels === 1 ? 0 : channel)]!;
    }
  }
  return result;
}
