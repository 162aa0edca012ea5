import { HebbError } from '../errors.ts';
import type { JobRecord } from '../store/jobs.ts';
import type { Store } from '../store/store.ts';
import { isFinal } from '../training/states.ts';
import type { Evaluation } from './types.ts';

/**
 * How a completed classification reads the classes, with their names.
 * @throws HebbError('state-conflict') before its end; 'not-found' where the job has none
 */
export function evaluationOf(store: Store, job: JobRecord): Evaluation {
  const found = store.evaluations.ofJob(job.id);
  if (!found) {
    if (!isFinal(job.state)) {
      throw new HebbError('state-conflict', `the job is ${job.state}: it is evaluated when it is completed`);
    }
    const why = job.state === 'completed' ? 'only a classification with data has one' : `it was ${job.state}`;
    throw new HebbError('not-found', `the job "${job.name}" has no evaluation: ${why}`);
  }
  const { split, rowsOf, samples, confusion, classes, worst } = found;
  const nameOf = (index: number) => job.traits.classes?.[index] ?? String(index);
  return {
    split,
    samples,
    classes: classes.map((report, index) => ({ class: nameOf(index), ...report })),
    confusion,
    worst: worst.map(({ row, class: index, taken, score }) => ({
      split: rowsOf,
      index: row,
      class: nameOf(index),
      predicted: nameOf(taken),
      score,
    })),
  };
}
