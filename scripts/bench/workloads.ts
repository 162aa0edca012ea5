// The reference workloads: training through a program as a job runs it, and the latency of one prediction.
import { readFileSync } from 'node:fs';
import { Memory, type NativeProgram, type TrainRequest } from '../../src/native.ts';
import { Network } from '../../src/nn/network.ts';
import type { LayerConfig } from '../../src/nn/networkConfig.ts';
import { recordTraining, stepValues } from '../../src/nn/programs.ts';
import type { Recorder } from '../../src/nn/recorder.ts';
import type { LossName, OptimizerConfig } from '../../src/nn/trainingConfig.ts';
import { elementCount } from '../../src/shape.ts';
import { flopOf, instructionsOf } from './instructions.ts';
import { bestRate, noise, round } from './measure.ts';
import { hebbVersion, type WorkloadRow } from './rows.ts';

/** One entry of workloads.json, in the terms of the peers. */
export interface Workload {
  name: string;
  /** [features] or [channels, height, width]. */
  input: number[];
  batch: number;
  loss: 'mse' | 'softmax-ce';
  optimizer: 'sgd' | 'adam';
  layers: {
    type: string;
    units?: number;
    filters?: number;
    kernel?: number;
    padding?: number;
    size?: number;
    activation?: string;
  }[];
}

export type Mode = WorkloadRow['mode'];

/** In the order of the tables. */
export const modes: Mode[] = ['train', 'predict-1'];

export function readWorkloads(file: URL | string): Workload[] {
  return JSON.parse(readFileSync(file, 'utf8'));
}

function toLayer(layer: Workload['layers'][number]): LayerConfig {
  if (layer.type === 'maxpool2d') return { type: 'maxPool2d', size: layer.size! };
  return layer as LayerConfig;
}

/** A workload in Hebb's terms; shapes are channels last. */
export function jobOf({ input: [first, height, width], layers, loss, optimizer, batch }: Workload) {
  const inputShape = height === undefined ? [first!] : [height, width!, first!];
  const lossName: LossName = loss === 'mse' ? 'meanSquaredError' : 'softmaxCrossEntropy';
  const optimizerConfig: OptimizerConfig =
    optimizer === 'adam'
      ? { type: 'adam', learningRate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }
      : { type: 'sgd', learningRate: 0.01, momentum: 0, nesterov: false };
  return {
    inputShape,
    classes: layers.at(-1)!.units!,
    network: { input: inputShape, layers: layers.map(toLayer) },
    training: { batchSize: batch, loss: { type: lossName }, optimizer: optimizerConfig },
  };
}

const distinctBatches = 16;
/** An epoch long enough for a slice of 50 ms, as in a job. */
const batchesAnEpoch = 64 * distinctBatches;

/** A workload ready to be measured, several times over. */
export class WorkloadBenchmark {
  readonly workload: Workload;
  readonly network: Network;
  readonly rec: Recorder;
  readonly program: NativeProgram;
  readonly request: TrainRequest;
  private readonly threads: number;
  private readonly sample: Float32Array;

  constructor(workload: Workload, threads: number) {
    this.workload = workload;
    this.threads = threads;
    const { batch } = workload;
    const { network, training, inputShape, classes } = jobOf(workload);
    const { optimizer } = training;
    this.network = new Network(network, { threads });
    this.network.prepareTraining(optimizer);
    const { rec } = recordTraining(this.network.resolved, {
      rows: batch,
      loss: training.loss,
      targets: 'classes',
      normalization: { type: 'none' },
      optimizer,
    });
    this.rec = rec;
    this.program = rec.finish(this.network.memory, this.network.settings);
    const elements = elementCount(inputShape);
    this.sample = noise(elements, 2).floats.slice();
    const rows = distinctBatches * batch;
    const labels = new Memory(rows);
    new Int32Array(labels.floats.buffer).set(Int32Array.from({ length: rows }, (_, i) => i % classes));
    this.request = {
      sources: [
        { memory: noise(rows * elements, 1), offset: 0, type: 'float32', rows, elements },
        { memory: labels, offset: 0, type: 'int32', rows, elements: 1 },
      ],
      order: Uint32Array.from({ length: batchesAnEpoch * batch }, (_, i) => i % rows),
      batch,
      firstStep: 0,
      learningRates: Float64Array.of(1e-6),
      seed: 0,
      epoch: 0,
      globalStep: 0,
      budgetMs: 50,
      values: stepValues.count,
    };
  }

  /** Multiplications and additions for one sample: of a training step's products, or of a forward pass. */
  flopPerSample(mode: Mode): number {
    if (mode === 'predict-1') return this.network.resolved.flopsPerSample;
    return instructionsOf(this.rec).reduce((sum, instruction) => sum + flopOf(instruction, 1), 0);
  }

  async measure(mode: Mode, seconds: number): Promise<WorkloadRow> {
    const { name: workload, batch } = this.workload;
    const row = { peer: `hebb-${hebbVersion}`, workload, threads: this.threads, batch, mode };
    if (mode === 'train') {
      const rate = await bestRate(async () => (await this.program.train(this.request)).steps * batch, seconds);
      return { ...row, samples_per_s: Math.round(rate) };
    }
    const calls = 20;
    const rate = await bestRate(() => {
      for (let i = 0; i < calls; i++) this.network.predict(this.sample);
      return calls;
    }, seconds);
    return { ...row, us: round(1e6 / rate, 2) };
  }

  dispose(): void {
    this.program.dispose();
    this.network.dispose();
    for (const source of this.request.sources) source?.memory.dispose();
  }
}
