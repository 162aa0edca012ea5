import { join } from 'node:path';
import { type SplitName, splitNames } from '../data/dataset.ts';
import { openSplit, readRawRows, readRawTargets, rowBytes } from '../data/store.ts';
import { HebbError } from '../errors.ts';
import { MappedFile, Memory, type Source } from '../native.ts';
import { Calibration } from '../nn/calibration.ts';
import { evaluatePieces, type Piece } from '../nn/evaluatePieces.ts';
import type { LossConfig } from '../nn/losses.ts';
import { Measurement } from '../nn/measurement.ts';
import { type MetricConfig, metricKey } from '../nn/metrics.ts';
import { toNested } from '../nn/nested.ts';
import type { Network } from '../nn/network.ts';
import { elementCount } from '../shape.ts';
import type { DatasetRecord } from '../store/datasets.ts';
import { fitInputs, fitTargets, type Reencode, reencodeAll } from './datasetFit.ts';
import { className } from './predictionOutput.ts';
import { sampleImage } from './sampleImage.ts';
import type { ServedModel } from './servedModels.ts';
import type { ModelEvaluation } from './types.ts';

export interface EvaluateRequest {
  model: ServedModel;
  dataset: DatasetRecord;
  datasetsDirectory: string;
  split: SplitName | 'all' | undefined;
  /** As the model was trained with them, where that is known. */
  loss: LossConfig | null;
  metrics: readonly MetricConfig[];
}

/** A request that was found possible. */
export interface EvaluationPlan extends EvaluateRequest {
  splits: SplitName[];
  reencode: Reencode | null;
  classMap: Int32Array | null;
  warnings: { code: string; message: string }[];
}

const always: Record<DatasetRecord['task'], MetricConfig[]> = {
  classification: ['accuracy', 'precision', 'recall', 'f1'],
  regression: ['mae', 'mse', 'r2'],
};
const mostWorst = 24;

/** @throws HebbError('invalid-data') where the dataset does not fit the model, or has no samples in the split */
export function planEvaluation(request: EvaluateRequest): EvaluationPlan {
  const { model, dataset, split } = request;
  const classMap = fitTargets(model, dataset);
  const fit = fitInputs(model, dataset);
  const filled = splitNames.filter((name) => dataset.samples[name] > 0);
  const first = (['test', 'validation', 'train'] as const).find((name) => dataset.samples[name] > 0);
  const splits = split === 'all' ? filled : filled.filter((name) => name === (split ?? first));
  if (splits.length === 0) {
    const has = filled.map((name) => `${dataset.samples[name]} in ${name}`).join(', ') || 'none at all';
    const message = `"${dataset.name}" has no samples in ${split ?? 'any split'}: it has ${has}`;
    throw new HebbError('invalid-data', message, [{ pointer: '/split', message, expected: filled, received: split }]);
  }
  return { ...request, splits, classMap, ...fit };
}

/** A number of a row among all that were measured → where it stands. */
interface Stretch {
  split: SplitName;
  /** Number of its first row. */
  from: number;
}

/**
 * Measures a model on a dataset, off the event loop but for small pieces of it.
 * @throws HebbError('unsuitable-model') where the loss is no finite number; what the signal was aborted with
 */
export async function evaluateModel(
  network: Network,
  plan: EvaluationPlan,
  signal: AbortSignal,
): Promise<Omit<ModelEvaluation, 'model' | 'step'>> {
  const { model, dataset, splits } = plan;
  const loss: LossConfig = plan.loss ?? { type: model.loss ?? 'meanSquaredError' };
  const targets = model.task === 'classification' ? 'classes' : 'values';
  const elements = elementCount(network.outputShape);
  const samples = splits.reduce((sum, name) => sum + dataset.samples[name], 0);
  // The area under the curve sorts all rows, which is more than an event loop should do.
  const asked = plan.metrics.filter((metric) => metric !== 'auc');
  const all = [...always[model.task], ...asked];
  const metrics = all.filter((metric, i) => all.findIndex((other) => metricKey(other) === metricKey(metric)) === i);
  const measurement = new Measurement({ targets, loss: loss.type, elements, rows: samples, metrics });
  const hasProbabilities = targets === 'classes' && model.loss !== null && Calibration.isOf(loss.type);
  const calibration = hasProbabilities ? new Calibration(loss.type, elements) : null;
  const errors = targets === 'values' ? new WorstErrors(elements) : null;
  const stretches: Stretch[] = [];
  let mean = 0;
  let rows = 0;
  for (const split of splits) {
    const count = dataset.samples[split];
    stretches.push({ split, from: rows });
    const reader = new PieceReader(plan, split);
    try {
      const ofSplit = await evaluatePieces(network, {
        targets,
        loss,
        rows: count,
        piece: (first, most) => reader.read(first, most),
        add(outputs, wanted) {
          measurement.add(outputs, wanted);
          calibration?.add(outputs, wanted);
          errors?.add(outputs, wanted);
        },
        signal,
      });
      mean = rows === 0 ? ofSplit : (mean * rows + ofSplit * count) / (rows + count);
    } finally {
      reader.close();
    }
    rows += count;
  }
  if (!Number.isFinite(mean)) {
    throw new HebbError(
      'unsuitable-model',
      `the outputs of "${model.name}" on "${dataset.name}" are not finite numbers`,
    );
  }
  const placeOf = (row: number) => {
    const { split, from } = stretches.findLast((stretch) => stretch.from <= row)!;
    return { split, index: row - from };
  };
  const linked = <Item extends { split: SplitName; index: number }>(item: Item) => ({
    ...item,
    ...sampleImage(dataset, item.split, item.index),
  });
  const values = measurement.values();
  const report = measurement.report();
  const name = (index: number) => className(model, index);
  return {
    dataset: { id: dataset.id, name: dataset.name },
    split: plan.split === 'all' ? 'all' : splits[0]!,
    samples,
    metrics: {
      ...(model.loss !== null && { loss: mean }),
      ...values,
      ...(values.mse !== undefined && targets === 'values' && { rmse: Math.sqrt(values.mse) }),
    },
    classes: report ? report.classes.map((of, index) => ({ class: name(index), ...of })) : null,
    confusion: report?.confusion ?? null,
    calibration: calibration?.result() ?? null,
    worst: report
      ? report.worst.map(({ row, class: own, taken, score, takenScore }) =>
          linked({
            ...placeOf(row),
            class: name(own),
            predicted: name(taken),
            score,
            probability: hasProbabilities ? takenScore : null,
          }),
        )
      : errors!.worst.map(({ row, target, output, error }) =>
          linked({
            ...placeOf(row),
            target: toNested(target, dataset.targetShape),
            output: toNested(output, network.outputShape),
            error,
          }),
        ),
    warnings: plan.warnings,
  };
}

/** Rows of a regression whose outputs are farthest from their targets, the farthest first. */
class WorstErrors {
  readonly worst: { row: number; target: Float32Array; output: Float32Array; error: number }[] = [];
  private readonly elements: number;
  private rows = 0;

  constructor(elements: number) {
    this.elements = elements;
  }

  add(outputs: Float32Array, targets: Float32Array): void {
    const { elements, worst } = this;
    for (let at = 0; at < outputs.length; at += elements, this.rows++) {
      let sum = 0;
      for (let i = at; i < at + elements; i++) sum += (outputs[i]! - targets[i]!) ** 2;
      const error = Math.sqrt(sum);
      if (worst.length === mostWorst && !(error > worst.at(-1)!.error)) continue;
      let place = worst.length;
      while (place > 0 && worst[place - 1]!.error < error) place--;
      const part = (values: Float32Array) => values.slice(at, at + elements);
      worst.splice(place, 0, { row: this.rows, target: part(targets), output: part(outputs), error });
      worst.length = Math.min(worst.length, mostWorst);
    }
  }
}

/** Rows of a split as the network takes them: from the file as it is mapped, or what they become. */
class PieceReader {
  private readonly plan: EvaluationPlan;
  private readonly split: SplitName;
  private readonly folder: string;
  private readonly stored: ReturnType<typeof openSplit>;
  private readonly file: MappedFile;

  constructor(plan: EvaluationPlan, split: SplitName) {
    this.plan = plan;
    this.split = split;
    this.folder = join(plan.datasetsDirectory, plan.dataset.id);
    this.stored = openSplit(this.folder, split);
    this.file = new MappedFile(this.stored.path);
  }

  async read(first: number, rows: number): Promise<Piece> {
    const { stored, file, plan, folder, split } = this;
    const bytes = rowBytes(stored);
    const memories: Memory[] = [];
    let inputs: Source = {
      memory: file,
      offset: stored.inputsOffset + first * bytes.input,
      type: stored.inputType,
      rows,
      elements: stored.inputElements,
    };
    let targets: Source = {
      memory: file,
      offset: stored.targetsOffset + first * bytes.target,
      type: stored.targetType === 'class' ? 'int32' : 'float32',
      rows,
      elements: stored.targetElements,
    };
    if (plan.reencode) {
      const raw = await readRawRows(folder, split, first, rows);
      const values = await reencodeAll(plan.reencode, raw.inputs, rows);
      const memory = new Memory(values.length);
      memories.push(memory);
      memory.floats.set(values);
      inputs = { memory, offset: 0, type: 'float32', rows, elements: values.length / rows };
    }
    if (plan.classMap) {
      const indices = await readRawTargets(folder, split, first, rows);
      const memory = new Memory(rows);
      memories.push(memory);
      const { buffer, byteOffset } = memory.floats;
      new Int32Array(buffer, byteOffset, rows).set(indices.map((index) => plan.classMap![index]!));
      targets = { memory, offset: 0, type: 'int32', rows, elements: 1 };
    }
    return { inputs, targets, dispose: () => memories.forEach((memory) => void memory.dispose()) };
  }

  close(): void {
    this.file.dispose();
  }
}
