import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as pause } from 'node:timers/promises';
import { elementCount } from '../../shape.ts';
import { type DatasetInfo, type SplitName, splitNames } from '../dataset.ts';
import { storeChunks } from '../storeChunks.ts';
import { Duplicates } from './duplicates.ts';
import { decidingColumns, leakElements, leakRows } from './leaks.ts';
import type { ClassReport, DatasetReport, Place } from './types.ts';
import { columnValues } from './values.ts';
import { reportWarnings } from './warnings.ts';

export type ReportInfo = Pick<
  DatasetInfo,
  'task' | 'inputShape' | 'inputType' | 'targetShape' | 'classes' | 'features' | 'samples'
> & {
  /** Of a table, where it was read as one. */
  columns?: { name: string; missing?: number }[] | null;
};

/** Features that are described one by one. */
const mostFeatures = 2000;
const mostExamples = 20;
const channelNames: Record<number, string[]> = {
  1: ['grey'],
  3: ['red', 'green', 'blue'],
  4: ['red', 'green', 'blue', 'alpha'],
};

/** File of a dataset's report, in its folder. */
export function reportPath(folder: string): string {
  return join(folder, 'report.json');
}

/** The report that stands in a dataset's folder; undefined where there is none, or none that can be read. */
export function parseReport(text: string): DatasetReport | undefined {
  try {
    const report = JSON.parse(text) as DatasetReport;
    return report.version === 1 ? report : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Goes through a stored dataset (twice where it holds floats) and leaves the report in its folder. Memory does not grow with the samples
 * but for what tells duplicates, which has a limit. For a worker thread.
 */
export async function writeReport(folder: string, info: ReportInfo): Promise<DatasetReport> {
  const report = await reportDataset(folder, info);
  const path = reportPath(folder);
  writeFileSync(`${path}.partial`, JSON.stringify(report));
  renameSync(`${path}.partial`, path);
  return report;
}

/** @throws HebbError('internal') where the dataset's files are damaged */
export async function reportDataset(folder: string, info: ReportInfo): Promise<DatasetReport> {
  const { samples, classes, inputType } = info;
  const inputs = inputColumns(info);
  const values = columnValues(inputType, inputs.names.length, inputs.stride);
  const targetNames = classes ? [] : targetColumnNames(info);
  const targets = classes ? undefined : columnValues('float32', targetNames.length);
  const duplicates = new Duplicates(samples);
  const counts = classes?.map((name): ClassReport => ({ class: name, samples: { train: 0, validation: 0, test: 0 } }));
  const blank = isImage(info) ? new BlankImages(info.inputShape[2]! * (inputType === 'uint8' ? 1 : 4)) : undefined;
  const leak = new Spread(Math.min(leakRows, Math.floor(leakElements / inputs.stride)), samples.train);
  for (const split of splitNames) {
    for (const chunk of storeChunks(folder, split)) {
      await pause();
      if (split === 'train') {
        values.add(chunk.inputs);
        if (chunk.targets instanceof Float32Array) targets?.add(chunk.targets);
      }
      for (let row = 0; row < chunk.rows; row++) {
        const index = chunk.first + row;
        const input = chunk.inputBytes.subarray(row * chunk.inputRowBytes, (row + 1) * chunk.inputRowBytes);
        const target = chunk.targets.subarray(row * chunk.targetElements, (row + 1) * chunk.targetElements);
        duplicates.add(split, index, input, classes ? target[0]! : hashOf(target));
        blank?.add(split, index, input);
        if (counts) counts[target[0]!]!.samples[split] += 1;
        if (split === 'train' && inputs.kind === 'feature' && chunk.targetElements === 1) {
          leak.add(index, chunk.inputs.subarray(row * inputs.stride, (row + 1) * inputs.stride), target[0]!);
        }
      }
    }
  }
  if (values.needsSecondPass || targets) {
    for (const chunk of storeChunks(folder, 'train')) {
      await pause();
      values.addAgain(chunk.inputs);
      if (chunk.targets instanceof Float32Array) targets?.addAgain(chunk.targets);
    }
  }
  const described = {
    version: 1 as const,
    inputs: { kind: inputs.kind, count: inputs.count, items: values.report(inputs.names) },
    missing: (info.columns ?? []).flatMap(({ name, missing }) => (missing ? [{ column: name, rows: missing }] : [])),
    targets: targets?.report(targetNames) ?? null,
    classes: counts ?? null,
    duplicates: duplicates.report(),
    blank: blank?.report() ?? null,
  };
  const named = (columns: number[]) => columns.map((column) => inputs.names[column]!);
  const telling = inputs.kind === 'feature' && inputs.count > 1;
  const warnings = reportWarnings(described, info, {
    identifiers: telling && samples.train >= 20 ? named(values.identifiers()) : [],
    deciding: telling
      ? named(leak.deciding(inputs.stride, info.task).filter((column) => column < inputs.names.length))
      : [],
  });
  return { ...described, warnings };
}

function isImage({ inputShape }: ReportInfo): boolean {
  return inputShape.length === 3 && channelNames[inputShape[2]!] !== undefined;
}

/** What is described: each feature, each channel, or all elements together. */
function inputColumns(info: ReportInfo) {
  const { inputShape, features } = info;
  if (inputShape.length === 1) {
    const count = inputShape[0]!;
    const described = Math.min(count, mostFeatures);
    const names = Array.from({ length: described }, (_, i) => features?.[i] ?? String(i));
    return { kind: 'feature' as const, count, stride: count, names };
  }
  if (isImage(info)) {
    const names = channelNames[inputShape[2]!]!;
    return { kind: 'channel' as const, count: names.length, stride: names.length, names };
  }
  return { kind: 'all' as const, count: 1, stride: 1, names: ['all'] };
}

function targetColumnNames({ targetShape }: ReportInfo): string[] {
  const count = elementCount(targetShape);
  // Pictures as targets are described as one.
  return count > 100 ? ['all'] : Array.from({ length: count }, (_, i) => (count === 1 ? 'target' : `target ${i}`));
}

function hashOf(values: Int32Array | Float32Array): number {
  const bits = new Int32Array(values.slice().buffer);
  return bits.reduce((hash, word) => Math.imul(hash ^ word, 0x85ebca6b) ^ (hash >>> 15), 1);
}

/** Finds images in which all pixels are the same. */
class BlankImages {
  private readonly samples: Record<SplitName, number> = { train: 0, validation: 0, test: 0 };
  private readonly examples: Place[] = [];
  private readonly pixelBytes: number;

  constructor(pixelBytes: number) {
    this.pixelBytes = pixelBytes;
  }

  add(split: SplitName, index: number, input: Uint8Array): void {
    const { pixelBytes } = this;
    // A few pixels may well be alike.
    if (input.length < 16 * pixelBytes) return;
    for (let i = pixelBytes; i < input.length; i++) if (input[i] !== input[i - pixelBytes]) return;
    this.samples[split] += 1;
    if (this.examples.length < mostExamples) this.examples.push({ split, index });
  }

  report(): DatasetReport['blank'] {
    return { samples: this.samples, examples: this.examples };
  }
}

/** At most so many rows, evenly spread over all. */
class Spread {
  private readonly step: number;
  private readonly inputs: Float32Array[] = [];
  private readonly targets: number[] = [];

  constructor(most: number, rows: number) {
    this.step = most < 1 ? Infinity : Math.max(1, rows / most);
  }

  add(index: number, input: Uint8Array | Float32Array, target: number): void {
    if (index < this.targets.length * this.step) return;
    this.inputs.push(Float32Array.from(input));
    this.targets.push(target);
  }

  deciding(columns: number, task: DatasetInfo['task']): number[] {
    const inputs = new Float32Array(this.targets.length * columns);
    for (const [row, input] of this.inputs.entries()) inputs.set(input, row * columns);
    return decidingColumns(inputs, Float32Array.from(this.targets), columns, task);
  }
}
