// Predictions in this process beside onnxruntime's of the exported model: one thread each, in turns.
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { exportOnnx } from '../../src/models/exporters/onnx.ts';
import { Network } from '../../src/nn/network.ts';
import type { LayerConfig } from '../../src/nn/networkConfig.ts';

const conv = (filters: number, padding = 'valid', kernel = 3): LayerConfig => ({
  type: 'conv2d',
  filters,
  kernel,
  padding,
  activation: 'relu',
});
const dense = (units: number, activation: LayerConfig['activation'] = 'relu'): LayerConfig => ({
  type: 'dense',
  units,
  activation,
});
const pool: LayerConfig = { type: 'maxPool2d', size: 2 };
const flatten: LayerConfig = { type: 'flatten' };

/** What serving is measured with, by name. */
export const networks = {
  'mlp 784-30-10': { input: [784], layers: [dense(30, 'sigmoid'), dense(10, 'linear')] },
  'mlp 784-512-256-10': { input: [784], layers: [dense(512), dense(256), dense(10, 'linear')] },
  'LeNet-5': {
    input: [28, 28, 1],
    layers: [conv(6, 'same', 5), pool, conv(16, 'valid', 5), pool, flatten, dense(120), dense(84), dense(10, 'linear')],
  },
  'cnn 28×28': { input: [28, 28, 1], layers: [conv(32), conv(64), pool, flatten, dense(128), dense(10, 'linear')] },
  'vgg 32×32': {
    input: [32, 32, 3],
    layers: [
      ...[32, 64, 128].flatMap((filters) => [conv(filters, 'same'), conv(filters, 'same'), pool]),
      flatten,
      dense(256),
      dense(10, 'linear'),
    ],
  },
} satisfies Record<string, { input: number[]; layers: LayerConfig[] }>;

export interface InProcess {
  name: string;
  rows: number;
  /** Microseconds of a call: the median of the rounds. */
  hebb: number;
  onnxRuntime: number;
  /** The median of onnxruntime's time over ours, round by round. */
  ratio: number;
}

const median = (values: number[]) => [...values].sort((a, b) => a - b)[values.length >> 1]!;

async function microseconds(call: () => Promise<unknown> | unknown, milliseconds: number): Promise<number> {
  const started = performance.now();
  let count = 0;
  while (performance.now() - started < milliseconds) {
    await call();
    count++;
  }
  return (1000 * (performance.now() - started)) / count;
}

/** @param milliseconds of a measurement */
export async function measureInProcess(milliseconds: number, rounds: number): Promise<InProcess[]> {
  const results: InProcess[] = [];
  for (const [name, config] of Object.entries(networks)) {
    const network = new Network(config, { seed: 1, threads: 1, constant: true });
    const file = exportOnnx(
      {
        name,
        task: 'regression',
        loss: null,
        normalization: { type: 'none' },
        inputShape: network.inputShape,
        inputType: 'float32',
        outputShape: network.outputShape,
        classes: null,
        columns: null,
        network: network.config,
        step: 0,
        weightsHash: '',
      },
      network.weights(),
    );
    const session = await InferenceSession.create(file, { intraOpNumThreads: 1, interOpNumThreads: 1 });
    for (const rows of [1, 64]) {
      const elements = config.input.reduce((a, b) => a * b, 1);
      const inputs = Float32Array.from({ length: rows * elements }, (_, i) => ((i * 37) % 101) / 101);
      const tensor = new Tensor('float32', inputs, [rows, ...config.input]);
      const calls = [() => network.predict(inputs), () => session.run({ input: tensor }, ['output'])];
      for (const call of calls) await microseconds(call, milliseconds / 3);
      const times: number[][] = [[], []];
      for (let round = 0; round < rounds; round++) {
        for (const [i, call] of calls.entries()) times[i]!.push(await microseconds(call, milliseconds));
      }
      const [hebb, onnxRuntime] = times as [number[], number[]];
      const ratio = median(onnxRuntime.map((time, i) => time / hebb[i]!));
      results.push({ name, rows, hebb: median(hebb), onnxRuntime: median(onnxRuntime), ratio });
    }
    await session.release();
    network.dispose();
  }
  return results;
}
