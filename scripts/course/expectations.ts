// What each preset must come to when it runs in full.

/** A finished job of a preset, and questions to its model. */
export interface Finished {
  // biome-ignore lint/suspicious/noExplicitAny: the service's JSON
  job: any;
  /** Losses of the epochs. */
  losses: number[];
  /** Outputs of the model, flat. */
  outputs(instances: unknown[]): Promise<number[][]>;
  /** Weights and biases by tensor name. */
  weights(): Promise<Record<string, number[]>>;
  /** Inputs and targets of the first samples of a split. */
  samples(split: 'train' | 'test', count: number): Promise<{ input: unknown; target: unknown }[]>;
}

export interface Expectation {
  must: string;
  /** @returns what came, and whether that will do */
  check(finished: Finished): Promise<{ came: string; ok: boolean }>;
}

const corners = [
  [0, 0],
  [0, 1],
  [1, 0],
  [1, 1],
];
const near = (a: number, b: number, tolerance = 1e-6) => Math.abs(a - b) <= tolerance * Math.max(1, Math.abs(b));
const fixed = (values: number[], digits = 4) => values.map((value) => value.toFixed(digits)).join(', ');

/** Outputs for instances that must be these numbers, rounded where a tolerance is given. */
function outputs(must: string, instances: unknown[], expected: number[], tolerance?: number): Expectation {
  return {
    must,
    async check(finished) {
      const came = (await finished.outputs(instances)).flat();
      return {
        came: fixed(came),
        ok: came.length === expected.length && came.every((y, i) => near(y, expected[i]!, tolerance)),
      };
    },
  };
}

/** The accuracy, on the test split where there is one. */
function accuracy(least: number): Expectation {
  return {
    must: `accuracy ≥ ${least}`,
    async check({ job }) {
      const { accuracy, ...rest } = job.test ?? job.metrics;
      return { came: `accuracy ${accuracy.toFixed(4)}, loss ${rest.loss.toFixed(4)}`, ok: accuracy >= least };
    },
  };
}

const learnt = (table: number[]): Expectation => outputs(`4 of 4: ${table.join(', ')}`, corners, table);

/** The loss at the end against that of the first epoch. */
function falls(factor: number): Expectation {
  return {
    must: `loss falls ${factor}× or more`,
    async check({ losses }) {
      const [first, last] = [losses[0]!, losses.at(-1)!];
      return { came: `${first.toPrecision(3)} → ${last.toPrecision(3)}`, ok: first / last >= factor };
    },
  };
}

/** Trains, and names the classes of three test images. */
function reads(least: number): Expectation {
  return {
    must: `accuracy ≥ ${least} on the thousand, predicts 3 test images`,
    async check({ job, outputs: predict, samples }) {
      const images = await samples('test', 3);
      const rows = await predict(images.map(({ input }) => input));
      const named = rows.map((row, i) => `${row.indexOf(Math.max(...row))} for ${images[i]!.target}`);
      const { accuracy } = job.metrics;
      return {
        came: `accuracy ${accuracy.toFixed(3)}, test ${job.test.accuracy.toFixed(3)}; ${named.join(', ')}`,
        ok: accuracy >= least && rows.length === 3,
      };
    },
  };
}

export const expectations: Record<string, Expectation> = {
  'nand-neuron': outputs('1, 1, 1, 0', corners, [1, 1, 1, 0]),
  'perceptron-and': learnt([0, 0, 0, 1]),
  'perceptron-or': learnt([0, 1, 1, 1]),
  'perceptron-nand': learnt([1, 1, 1, 0]),
  'perceptron-xor': {
    must: 'never 4 of 4',
    async check({ losses }) {
      return {
        came: `errors per epoch at least ${4 * Math.min(...losses)} of 4`,
        ok: losses.every((loss) => loss > 0),
      };
    },
  },
  'half-adder': outputs('sum and carry', corners, [0, 0, 1, 0, 1, 0, 0, 1]),
  'full-adder': outputs(
    'sum and carry',
    corners.flatMap((row) => [[0, ...row], [1, ...row]]), // biome-ignore format: one thought
    [0, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 1, 0, 1, 1, 1],
  ),
  'sigmoid-neuron': outputs('0.9990889488', [[2, 3]], [0.9990889488055994]),
  'two-layer-by-hand': outputs('0.7216325610', [[2, 3]], [0.7216325609518421]),
  'gradient-by-hand': {
    must: 'first weight 1 − 0.0214695353',
    async check({ weights }) {
      const first = (await weights())['hidden.weight']![0]!;
      return { came: first.toFixed(8), ok: near(first, 1 - 0.0214695353) };
    },
  },
  'weight-height': {
    must: '0.94 to 0.97, 0.03 to 0.05',
    async check({ outputs: predict }) {
      const came = (await predict([[-7, -3], [20, 2]])).flat() as [number, number]; // biome-ignore format: one thought
      const [a, b] = came;
      return { came: fixed(came, 3), ok: a >= 0.94 && a <= 0.97 && b >= 0.03 && b <= 0.05 };
    },
  },
  'logistic-neuron': {
    must: 'the loss falls at every step',
    async check({ job, losses }) {
      const rises = losses.filter((loss, i) => i > 0 && loss >= losses[i - 1]!).length;
      return {
        came: `${rises} rises, accuracy ${job.metrics.accuracy}`,
        ok: rises === 0 && job.metrics.accuracy >= 0.95,
      };
    },
  },
  'circles-deep': accuracy(0.95),
  'linear-regression': {
    must: 'slope and intercept within 1 % of least squares',
    async check({ samples, weights }) {
      const points = await samples('train', 100);
      const [slope, intercept] = leastSquares(
        points.map((p) => [(p.input as number[])[0]!, (p.target as number[])[0]!]),
      );
      const found = await weights();
      const [w, b] = [found['line.weight']![0]!, found['line.bias']![0]!];
      const ok = near(w / slope, 1, 0.01) && near(b / intercept, 1, 0.01);
      return { came: `${fixed([w, b])} (${fixed([slope, intercept])})`, ok };
    },
  },
  'formal-neuron': outputs('the signs −, −, −, + of AND', corners, [-1, -1, -1, 1], 0.5),
  'formal-neuron-linear': outputs('−1.5, −0.5, −0.5, 0.5', corners, [-1.5, -0.5, -0.5, 0.5], 0.01),
  'neuron-without-bias': {
    must: 'all four separated, direction → (3, −2)',
    async check({ job, weights }) {
      const [a, b] = (await weights())['neuron.weight'] as [number, number];
      return {
        came: `${job.metrics.accuracy * 4} of 4, ${(a / -b).toFixed(3)} : −1`,
        ok: job.metrics.accuracy === 1 && near(a / -b, 1.5, 0.06),
      };
    },
  },
  'softmax-regression': accuracy(0.95),
  'softmax-regression-one-hot': falls(4),
  'softmax-digits': accuracy(0.93),
  'mnist-quadratic': accuracy(0.945),
  'xor-tanh': {
    must: 'error about 2.5e-4',
    async check({ job }) {
      const { loss } = job.metrics;
      return { came: loss.toExponential(2), ok: loss > 1.5e-4 && loss < 4e-4 };
    },
  },
  'mnist-tanh': reads(0.9),
  'image-to-image': falls(10),
  'conv-tanh': reads(0.9),
  'conv-by-hand': {
    must: 'bias 3.95, weights as by hand',
    async check({ weights }) {
      const { 'conv.weight': w, 'conv.bias': b } = await weights();
      const expected = [0.75, 1.225, 1.7, 2.175, 2.6, 3.075, 3.55, 4.025];
      return {
        came: `${fixed(w!, 3)}; ${fixed(b!, 2)}`,
        ok: near(b![0]!, 3.95) && w!.every((v, i) => near(v, expected[i]!)),
      };
    },
  },
  mlp: accuracy(0.97),
  lenet5: accuracy(0.985),
  cnnSmall: accuracy(0.99),
  vggSmall: accuracy(0.99),
  resnetSmall: accuracy(0.99),
};

/** Slope and intercept of the line through points with the least squared error. */
export function leastSquares(points: [number, number][]): [number, number] {
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [mx, my] = [mean(points.map(([x]) => x)), mean(points.map(([, y]) => y))];
  const slope = mean(points.map(([x, y]) => (x - mx) * (y - my))) / mean(points.map(([x]) => (x - mx) ** 2));
  return [slope, my - slope * mx];
}
