import { copyFile, link, mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Static, Type } from 'typebox';
import { syncPath } from '../data/durableFile.ts';
import { type Fault, HebbError } from '../errors.ts';
import { optimizerStates } from '../nn/optimizers.ts';
import { type OptimizerConfig, trainingSchema } from '../nn/trainingConfig.ts';
import type { KeptCheckpoint } from '../store/checkpoints.ts';
import type { JobRecord } from '../store/jobs.ts';
import { forkFileOf } from '../training/jobFiles.ts';
import type { CheckpointNote, RateChange } from '../training/protocol.ts';
import { assertValid, compileSchema } from '../validate.ts';
import { jobName, jobPriority } from './jobRequest.ts';

const closed = { additionalProperties: false } as const;
const parts = {
  name: jobName,
  priority: jobPriority,
  step: Type.Optional(Type.Integer({ minimum: 0, description: 'Of one of the job’s checkpoints [the newest].' })),
};

/** Body of POST /v1/jobs/:id/fork, as it is described. */
export const forkRequestSchema = Type.Object(
  {
    ...parts,
    training: Type.Optional(
      Type.Object({}, { additionalProperties: true, description: 'Keys of a training, merged into the job’s.' }),
    ),
  },
  { ...closed, description: 'Which checkpoint to go on from, and what is to differ from then on.' },
);

const checkedSchema = Type.Object({ ...parts, training: Type.Optional(trainingSchema) }, closed);
export type ForkRequest = Static<typeof checkedSchema>;

const validate = compileSchema(checkedSchema);

/**
 * The request, its optimiser being of the job's type where it names none.
 * @throws HebbError('invalid-request')
 */
export function checkForkRequest(request: unknown, { training }: JobRecord): ForkRequest {
  const given = (request ?? {}) as { training?: { optimizer?: unknown } };
  const optimizer = given.training?.optimizer;
  const completed =
    typeof optimizer === 'object' && optimizer !== null && !Array.isArray(optimizer) && !('type' in optimizer)
      ? { ...given, training: { ...given.training, optimizer: { type: training.optimizer.type, ...optimizer } } }
      : given;
  assertValid(validate, completed);
  return completed as ForkRequest;
}

/** What the steps behind a checkpoint and those after it have in common. */
const fixed = ['batchSize', 'shuffle', 'seed', 'initializer', 'normalization', 'validation', 'initialModel'] as const;

/**
 * The checkpoint that a request names.
 * @throws HebbError('state-conflict') where the job has none, 'invalid-training' where it has none of that step
 */
export function chooseCheckpoint(checkpoints: KeptCheckpoint[], step: number | undefined): KeptCheckpoint {
  const [newest] = checkpoints;
  if (!newest) throw new HebbError('state-conflict', 'the job has no checkpoint to go on from');
  if (step === undefined) return newest;
  const found = checkpoints.find((checkpoint) => checkpoint.step === step);
  if (found) return found;
  const steps = checkpoints.map((checkpoint) => checkpoint.step).reverse();
  const message = `the job has no checkpoint of step ${step}; it has those of ${steps.join(', ')}`;
  throw new HebbError('invalid-training', message, [{ pointer: '/step', message, expected: steps, received: step }]);
}

/**
 * The settings of a job with what a fork changes.
 * @returns the request to be planned, and the change of the learning rate at the step where it begins
 * @throws HebbError('invalid-training') for settings that the steps before the checkpoint were made with
 */
export function forkedTraining(job: JobRecord, { training: wanted = {} }: ForkRequest, step: number) {
  const { initialModel: _, ...before } = job.training;
  const faults: Fault[] = [];
  const refuse = (key: string, expected: unknown, received: unknown) => {
    const message = `a fork goes on where the job stands, so ${key} stays as it is: begin a new job from the weights by initialModel`;
    faults.push({ pointer: `/training/${key}`, message, expected, received });
  };
  for (const key of fixed) {
    if (wanted[key] !== undefined && JSON.stringify(wanted[key]) !== JSON.stringify(job.training[key])) {
      refuse(key, job.training[key] ?? null, wanted[key]);
    }
  }
  const { type, learningRate } = before.optimizer;
  if (wanted.optimizer && wanted.optimizer.type !== type) refuse('optimizer/type', type, wanted.optimizer.type);
  if (faults.length > 0) throw new HebbError('invalid-training', faults[0]!.message, faults);
  const inForce = job.rateChanges.filter((change) => change.step <= step).at(-1)?.learningRate ?? learningRate;
  const optimizer = { ...before.optimizer, learningRate: inForce, ...wanted.optimizer };
  const { epochs, steps, ...rest } = before;
  // Epochs take the place of steps, and the other way round.
  const length =
    wanted.steps !== undefined || wanted.epochs !== undefined ? {} : steps !== undefined ? { steps } : { epochs };
  const rate = wanted.optimizer?.learningRate;
  // One that the job was given at this very step came after the checkpoint, which does not know it.
  const standing = job.rateChanges.filter((change) => change.step === step).slice(-1);
  const rateChanges: RateChange[] = typeof rate === 'number' ? [{ step, learningRate: rate }] : standing;
  return { training: { ...rest, ...length, ...wanted, optimizer } as typeof wanted, rateChanges };
}

/**
 * What an optimiser remembers is in the checkpoint, so another one cannot take it up.
 * @throws HebbError('invalid-training') where it would have to remember more, or less
 */
export function checkOptimizerState(before: OptimizerConfig, optimizer: OptimizerConfig): void {
  if (optimizerStates(before) === optimizerStates(optimizer)) return;
  const [expected, received] = [before, optimizer].map((config) => ('momentum' in config ? config.momentum : null));
  const message = `the checkpoint holds ${expected === 0 ? 'no' : 'the'} velocities of the weights: the momentum can be changed, but not ${expected === 0 ? 'begun' : 'ended'} by a fork`;
  const fault: Fault = { pointer: '/training/optimizer/momentum', message, expected, received };
  throw new HebbError('invalid-training', message, [fault]);
}

/**
 * Gives a new job the file of another one's checkpoint, so that it does not depend on that one any more.
 * @returns the note of it
 * @throws HebbError('state-conflict') where the file has just made room for a newer one
 */
export async function takeOverCheckpoint(
  { time: _, ...note }: KeptCheckpoint,
  from: string,
  to: string,
): Promise<CheckpointNote> {
  const file = forkFileOf(note.step);
  await mkdir(to, { recursive: true });
  const [source, target] = [join(from, note.file), join(to, file)];
  try {
    // Nobody ever writes to a checkpoint; where there are no links, a copy does.
    await link(source, target).catch((error) =>
      error.code === 'ENOENT' ? Promise.reject(error) : copyFile(source, target),
    );
    for (const path of [target, to, dirname(to)]) await syncPath(path);
    return { ...note, file };
  } catch (error) {
    await rm(to, { recursive: true, force: true });
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new HebbError('state-conflict', `the checkpoint of step ${note.step} has just made room for a newer one`);
  }
}
