import { type AddedImages, type AdditionOptions, type AdditionSource, additionSchema } from '../data/addition.ts';
import { HebbError } from '../errors.ts';
import type { DatasetRecord } from '../store/datasets.ts';
import { assertValid, compileSchema } from '../validate.ts';
import { readInstances } from './instances.ts';

const validate = compileSchema(additionSchema);

type AddedRows = Exclude<AdditionSource['added'], { images: unknown }>;

export interface AdditionsContext {
  find(idOrName: string): DatasetRecord;
  folderOf(id: string): string;
  add(source: AdditionSource, name: string): Promise<DatasetRecord>;
  /** Whether any job was given the dataset. */
  hasJob(id: string): boolean;
  /** Versions of this name that are not kept. */
  outgrown(name: string): string[];
  remove(id: string): Promise<void>;
}

export type Additions = ReturnType<typeof createAdditions>;

/**
 * Adds samples to datasets: each addition is a new dataset of the same name, so that a job keeps the one that it was given.
 * Additions to one name wait for each other, and each builds on the one before.
 */
export function createAdditions(context: AdditionsContext) {
  const turns = new Map<string, Promise<unknown>>();
  const reading = new Map<string, number>();

  async function inTurn<Result>(name: string, action: () => Promise<Result>): Promise<Result> {
    const turn = (turns.get(name) ?? Promise.resolve()).then(action, action);
    turns.set(name, turn);
    try {
      return await turn;
    } finally {
      if (turns.get(name) === turn) turns.delete(name);
    }
  }

  async function addTo(base: DatasetRecord, added: AdditionSource['added'], options: AdditionOptions) {
    const { task, inputShape, inputType, targetShape, classes, features, columns, samples } = base;
    const info = { task, inputShape, inputType, targetShape, classes, features, columns, samples };
    const { split, newClasses, fit, invert } = options;
    reading.set(base.id, (reading.get(base.id) ?? 0) + 1);
    try {
      return await context.add(
        {
          kind: 'addition',
          base: { folder: context.folderOf(base.id), info },
          added,
          options: { split, newClasses, fit, invert },
        },
        base.name,
      );
    } finally {
      const left = reading.get(base.id)! - 1;
      if (left > 0) reading.set(base.id, left);
      else reading.delete(base.id);
    }
  }

  return {
    /** Whether the dataset is being read for an addition: it must not be deleted then. */
    needs: (id: string) => reading.has(id),
    /**
     * @param added JSON, checked here, or images in files
     * @throws HebbError('not-found'), or what is wrong with the samples
     */
    async add(
      idOrName: string,
      added: { body: unknown } | { images: AddedImages },
      options: AdditionOptions,
    ): Promise<DatasetRecord> {
      const { name } = context.find(idOrName);
      if ('body' in added) assertValid(validate, added.body);
      return inTurn(name, async () => {
        // Looked up now: what is asked for by its name may have grown meanwhile.
        const base = context.find(idOrName);
        const samples = 'body' in added ? asNumbers(base, added.body as AddedRows) : added;
        const result = await addTo(base, samples, options);
        for (const id of context.outgrown(base.name)) if (!reading.has(id)) await context.remove(id);
        if (options.replace && !context.hasJob(base.id) && !reading.has(base.id)) await context.remove(base.id);
        return result;
      });
    },
  };
}

/** Rows of a table by the names of their columns become the numbers that they are stored as. */
function asNumbers(base: DatasetRecord, { inputs, targets }: AddedRows): AddedRows {
  const isRow = (input: unknown) => typeof input === 'object' && input !== null && !Array.isArray(input);
  if (!base.columns || !inputs.some(isRow)) return { inputs, targets };
  try {
    const values = readInstances(inputs, [base.inputShape], base.columns);
    const width = values.length / inputs.length;
    return { inputs: inputs.map((_, row) => [...values.subarray(row * width, (row + 1) * width)]), targets };
  } catch (error) {
    if (!(error instanceof HebbError)) throw error;
    const renamed = (text: string) => text.replace(/^\/instances\b/, '/inputs');
    const faults = error.faults?.map((fault) => ({ ...fault, pointer: renamed(fault.pointer) }));
    throw new HebbError('invalid-data', renamed(error.message), faults, { cause: error });
  }
}
