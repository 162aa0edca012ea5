// Single operations through the addon: matrix products and the three passes of a convolution, in the peers' form.
import { readFileSync } from 'node:fs';
import { type Memory, type NativeProgram, selectIsa } from '../../src/native.ts';
import { align, parameterTensor, Recorder, type Tensor } from '../../src/nn/recorder.ts';
import { bestTime, noise, round } from './measure.ts';
import { hebbVersion, type OpRow } from './rows.ts';

type Pass = 'forward' | 'backward-input' | 'backward-weight';

/** One convolution of ops.json, in the terms of the peers: `in` is (channels, height, width). */
interface Convolution {
  name: string;
  batch: number;
  in: [number, number, number];
  filters: number;
  kernel: number;
  padding: number;
  stride: number;
}

export type OpCase = { shape: string; pass: Pass; flop: number } & (
  | { op: 'gemm'; m: number; n: number; k: number }
  | { op: 'conv2d'; convolution: Convolution }
);

export function opCases(file: URL | string): OpCase[] {
  const { gemm, conv2d }: { gemm: [number, number, number][]; conv2d: Convolution[] } = JSON.parse(
    readFileSync(file, 'utf8'),
  );
  return [
    ...gemm.map(
      ([m, n, k]): OpCase => ({ op: 'gemm', shape: `${m}x${n}x${k}`, pass: 'forward', flop: 2 * m * n * k, m, n, k }),
    ),
    ...conv2d.flatMap((convolution) =>
      (['forward', 'backward-input', 'backward-weight'] as const).map((pass): OpCase => {
        const { output_height, output_width, filters, kernel_height, kernel_width, channels } = geometry(convolution);
        const perRow = 2 * output_height * output_width * filters * kernel_height * kernel_width * channels;
        return { op: 'conv2d', shape: convolution.name, pass, flop: convolution.batch * perRow, convolution };
      }),
    ),
  ];
}

function geometry({ in: [channels, height, width], filters, kernel, padding, stride }: Convolution) {
  const output = (extent: number) => Math.floor((extent + 2 * padding - kernel) / stride) + 1;
  return {
    height,
    width,
    channels,
    filters,
    output_height: output(height),
    output_width: output(width),
    kernel_height: kernel,
    kernel_width: kernel,
    stride_height: stride,
    stride_width: stride,
    pad_top: padding,
    pad_left: padding,
    dilation_height: 1,
    dilation_width: 1,
    groups: 1,
  };
}

/** Operands side by side in one memory, filled with numbers in [-1, 1). */
class Operands {
  private floats = 0;
  tensor(floats: number): Tensor {
    const tensor = parameterTensor(this.floats, floats);
    this.floats += align(floats);
    return tensor;
  }
  memory(): Memory {
    return noise(this.floats, 3);
  }
}

/** What another program needs to measure the same. */
export function opRequest(opCase: OpCase, threads: number, seconds: number): object {
  const { op, shape, pass } = opCase;
  const sizes = opCase.op === 'gemm' ? { m: opCase.m, n: opCase.n, k: opCase.k } : { convolution: opCase.convolution };
  return { op, shape, pass, ...sizes, threads, seconds };
}

/** @returns what records the instructions of a case once more */
function recordCase(rec: Recorder, opCase: OpCase, operands: Operands): () => void {
  if (opCase.op === 'gemm') {
    const { m, n, k } = opCase;
    const [x, w, y] = [operands.tensor(m * k), operands.tensor(k * n), operands.tensor(m * n)];
    return () => rec.op('dense', { inputs: k, units: n, activation: 'linear', slope: 0 }, { x, w, y });
  }
  const { convolution, pass } = opCase;
  const g = geometry(convolution);
  const { batch } = convolution;
  const image = operands.tensor(batch * g.height * g.width * g.channels);
  const kernel = operands.tensor(g.kernel_height * g.kernel_width * g.channels * g.filters);
  const bias = operands.tensor(g.filters);
  const output = operands.tensor(batch * g.output_height * g.output_width * g.filters);
  if (pass === 'forward') {
    const activation = { activation: 'linear', slope: 0 } as const;
    return () => rec.op('conv2d', { ...g, ...activation }, { x: image, w: kernel, b: bias, y: output });
  }
  if (pass === 'backward-input') {
    return () => rec.op('conv2d_backward_input', g, { dy: output, w: kernel, dx: image });
  }
  return () => {
    rec.op('conv2d_backward_weight', g, { x: image, dy: output, dw: kernel });
    const positions = g.output_height * g.output_width;
    rec.op('bias_gradient', { positions, units: g.filters }, { dy: output, db: bias });
  };
}

/** Repetitions in one run: at 200 GFLOP/s a thread it takes 200 µs, beside which the call from JavaScript is nothing. */
const flopPerRun = 4e7;

/** A case ready to be measured, several times over. */
export class OpBenchmark {
  private readonly opCase: OpCase;
  private readonly threads: number;
  private readonly rows: number;
  private readonly repetitions: number;
  private readonly instructions: number;
  private readonly memory: Memory;
  private readonly program: NativeProgram;

  constructor(opCase: OpCase, threads: number) {
    this.opCase = opCase;
    this.threads = threads;
    this.rows = opCase.op === 'gemm' ? opCase.m : opCase.convolution.batch;
    this.repetitions = Math.ceil((flopPerRun * threads) / opCase.flop);
    const rec = new Recorder(this.rows);
    const operands = new Operands();
    const record = recordCase(rec, opCase, operands);
    for (let i = 0; i < this.repetitions; i++) record();
    this.instructions = rec.length;
    this.memory = operands.memory();
    this.program = rec.finish(this.memory, { isa: selectIsa(), threads });
  }

  measure(seconds: number): OpRow {
    const run = () => this.program.run({ from: 0, to: this.instructions, rows: this.rows });
    const time = bestTime(run, seconds) / this.repetitions;
    const { op, shape, pass, flop } = this.opCase;
    return {
      peer: `hebb-${hebbVersion}`,
      op,
      shape,
      pass,
      threads: this.threads,
      gflops: round(flop / time / 1e9, 2),
      us: round(time * 1e6, 2),
    };
  }

  dispose(): void {
    this.program.dispose();
    this.memory.dispose();
  }
}
