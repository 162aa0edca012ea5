import { HebbError } from '../errors.ts';
import { elementCount } from '../shape.ts';
import { evaluationRows, rowsOf, run, type TrainingSplit, withoutLearning } from './evaluate.ts';
import type { LossName } from './losses.ts';
import type { Network } from './network.ts';
import { place, Recorder } from './recorder.ts';

/** Targets that a loss can work with, where not every number will do. */
const allowedTargets: Partial<Record<LossName, { what: string; allowed(value: number): boolean }>> = {
  binaryCrossEntropy: { what: 'targets from 0 to 1', allowed: (value) => value >= 0 && value <= 1 },
  hinge: { what: 'targets of 1 and −1', allowed: (value) => value === 1 || value === -1 },
};

/**
 * @param splits whose targets are values
 * @throws HebbError('invalid-data') where the loss cannot work with one of them
 */
export async function checkTargets(network: Network, splits: (TrainingSplit | undefined)[], loss: LossName) {
  const wanted = allowedTargets[loss];
  if (!wanted) return;
  for (const split of splits) {
    const outside = split && (await targetOutside(network, split, wanted.allowed));
    if (!outside) continue;
    const message = `${loss} takes ${wanted.what}, but that of row ${outside.row} has ${outside.value}: use meanSquaredError`;
    const fault = { pointer: '/training/loss/type', message, expected: wanted.what, received: outside.value };
    throw new HebbError('invalid-data', message, [fault]);
  }
}

/**
 * The first target, in the order of the rows, that is not among those that are allowed.
 * @param allowed of a single number
 */
async function targetOutside(
  network: Network,
  split: TrainingSplit,
  allowed: (value: number) => boolean,
): Promise<{ row: number; value: number } | null> {
  const order = rowsOf(split);
  const elements = elementCount(network.outputShape);
  const rows = evaluationRows(network.resolved, order.length);
  const rec = new Recorder(rows);
  const targets = rec.keep(rec.perRow(elements));
  rec.op('gather', { slot: 1, elements, scale: 1, offset: 0 }, { y: targets });
  const program = rec.finish(network.memory, network.settings);
  try {
    for (let step = 0; step * rows < order.length; step++) {
      await program.train({
        ...run(split, order, rows),
        ...withoutLearning,
        budgetMs: 0,
        values: 0,
        firstStep: step,
      });
      const values = program.read(place(targets), Math.min(rows, order.length - step * rows) * elements);
      const at = values.findIndex((value) => !allowed(value));
      if (at >= 0) return { row: order[step * rows + Math.floor(at / elements)]!, value: values[at]! };
    }
    return null;
  } finally {
    program.dispose();
  }
}
