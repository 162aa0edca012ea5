import type { NativeProgram } from '../native.ts';
import { run, type TrainingSplit } from './evaluate.ts';
import { stepValues } from './programs.ts';

/** What a range test found. */
export interface RangeTest {
  learningRate: number;
  /** The loss of each step, as it came, at the rate that the step took. */
  curve: { learningRate: number; loss: number }[];
}

const [lowest, highest] = [1e-6, 10];
const mostSteps = 100;
/** Of the running mean that the loss is smoothed by. */
const smoothing = 0.9;
/** The test ends where the smoothed loss is so many times its least. */
const divergence = 4;

/**
 * Looks for a learning rate: trains up to a hundred steps on the job's batches while the rate grows evenly on a logarithmic scale
 * from 10⁻⁶ to 10, and takes a tenth of the rate at which the smoothed loss is least: from there on it grows.
 * Smith, "Cyclical learning rates for training neural networks", WACV 2017, section 3.3; the tenth is fastai's rule.
 *
 * Changes weights and state: the caller puts them back. A function of its arguments: the same bits every time.
 * @param orderOf the rows of an epoch, counted from 0
 * @returns null where `signal` ended it
 */
export async function rangeTest(
  program: NativeProgram,
  split: TrainingSplit,
  { orderOf, batch, seed }: { orderOf(epoch: number): Uint32Array; batch: number; seed: number },
  signal?: AbortSignal,
): Promise<RangeTest | null> {
  const rates = Float64Array.from(
    { length: mostSteps },
    (_, i) => lowest * (highest / lowest) ** (i / (mostSteps - 1)),
  );
  const curve: RangeTest['curve'] = [];
  const smoothed: number[] = [];
  let mean = 0;
  for (let epoch = 0; curve.length < mostSteps; epoch++) {
    const order = orderOf(epoch);
    const steps = Math.min(Math.ceil(order.length / batch), mostSteps - curve.length);
    const part = order.subarray(0, steps * batch);
    const before = curve.length;
    for (let step = 0; step < steps; ) {
      if (signal?.aborted) return null;
      const slice = await program.train({
        ...run(split, part, batch),
        firstStep: step,
        learningRates: rates.subarray(before + step, before + steps),
        seed,
        epoch,
        globalStep: before + step,
      });
      for (let s = 0; s < slice.steps; s++) {
        const loss = slice.values[s * stepValues.count + stepValues.loss]!;
        if (!Number.isFinite(loss)) return found(curve, smoothed);
        curve.push({ learningRate: rates[curve.length]!, loss });
        mean = smoothing * mean + (1 - smoothing) * loss;
        smoothed.push(mean / (1 - smoothing ** curve.length));
        if (smoothed.at(-1)! > divergence * Math.min(...smoothed)) return found(curve, smoothed);
      }
      step += slice.steps;
    }
  }
  return found(curve, smoothed);
}

function found(curve: RangeTest['curve'], smoothed: number[]): RangeTest {
  const least = smoothed.indexOf(Math.min(...smoothed));
  // A loss that never falls tells no more than where it diverges: then a tenth of that.
  const rate = (curve[least > 0 ? least : curve.length - 1]?.learningRate ?? lowest) / 10;
  return { learningRate: rate, curve };
}
