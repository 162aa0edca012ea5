import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

/** What random numbers are for: the same seed never gives two purposes the same stream. Part of every hash: never renumber. */
export const purpose = { initialize: 1, shuffle: 2, dropout: 3, split: 4, synthetic: 5, noise: 6, augment: 7 } as const;

export interface OpInfo {
  name: string;
  parameters: { name: string; kind: 'dim' | 'index' | 'real' | 'activation' | 'slot' | 'value' }[];
  operands: { name: string; reads: boolean; writes: boolean; optional: boolean }[];
}

/** Floats outside of JavaScript's heap, zeroed and aligned, that programs share. */
export interface Memory {
  /** A view of the memory itself, not a copy. Throws once disposed of. */
  readonly floats: Float32Array;
  dispose(): void;
}

/** A file mapped read-only. */
export interface MappedFile {
  readonly bytes: number;
  dispose(): void;
}

/** Rows of a dataset: row i starts at byte offset + i × elements × size of the type. */
export interface Source {
  memory: Memory | MappedFile;
  offset: number;
  type: 'uint8' | 'float32' | 'int32';
  rows: number;
  elements: number;
}

/** A run over a list of rows: step s takes rows order[s × batch] and on, the last step what is left. */
export interface TrainRequest {
  /** [inputs, targets]; a slot that the program does not gather from may be undefined. */
  sources: (Source | undefined)[];
  order: Uint32Array;
  batch: number;
  /** Within the order. */
  firstStep: number;
  /** By step from firstStep on, or a single one; empty where nothing is updated. */
  learningRates: Float64Array;
  seed: number;
  epoch: number;
  /** Of firstStep, counted from 0 over the whole training. */
  globalStep: number;
  /** Stops after the step that passes this; at least one step runs. */
  budgetMs: number;
  /** Values returned per step. */
  values: number;
}

export interface NativeProgram {
  /** Runs steps off the event loop; `values` holds request.values numbers for each step that ran. */
  train(request: TrainRequest): Promise<{ steps: number; cancelled: boolean; values: Float64Array }>;
  /**
   * As train, with the same bits, and adds up what each instruction took in the steps that ran: nanoseconds in the order of
   * the instructions. For measuring; it reads the clock between instructions, which train does not.
   */
  profile(
    request: TrainRequest,
  ): Promise<{ steps: number; cancelled: boolean; values: Float64Array; nanoseconds: Float64Array }>;
  /** Input rows → output rows, on the calling thread; written to `output` where one is given. */
  predict(input: Float32Array, output?: Float32Array): Float32Array;
  predictAsync(input: Float32Array): Promise<Float32Array>;
  /** Runs instructions [from, to) on what the arena holds. */
  run(range: { from: number; to: number; rows: number }): void;
  /** A copy of a part of the arena, in floats. */
  read(offset: number, count: number): Float32Array;
  /** Puts values into a part of the arena. */
  write(offset: number, values: Float32Array): void;
  /** Ends a run under way after its current instruction; an unfinished step changes no parameter. */
  cancel(): void;
  dispose(): void;
}

interface ProgramCode {
  code: Float64Array;
  /** Largest batch. */
  rows: number;
  /** Floats. */
  arena: number;
  isa: string;
  /** The parameters stay as they are from the first run on: what instructions work out of them is kept. Only to predict. */
  constant?: boolean;
}

interface ProgramSpec extends ProgramCode {
  parameters: Memory;
  threads: number;
  input?: { offset: number; elements: number };
  output?: { offset: number; elements: number };
}

/** By element of a row. */
export interface Moments {
  min: Float64Array;
  max: Float64Array;
  mean: Float64Array;
  /** That of the rows themselves (divided by their number). */
  deviation: Float64Array;
}

interface Addon {
  info: { kernelVersion: string; isas: string[]; activations: string[]; ops: OpInfo[] };
  Memory: new (floats: number) => Memory;
  MappedFile: new (path: string) => MappedFile;
  Program: {
    new (spec: ProgramSpec): NativeProgram;
    /** Floats of memory beside the arena that a program would take; nothing is allocated. */
    measure(spec: ProgramCode & { parameterFloats: number }): { shared: number; perThread: number; kept: number };
  };
  moments(source: Source, rows: Uint32Array, threads: number): Promise<Moments>;
  randomBits(seed: number, purpose: number, epoch: number, step: number, first: number, count: number): Uint32Array;
  returnFreedMemory(): void;
}

const require = createRequire(import.meta.url);
const load = require('node-gyp-build') as (folder: string) => Addon;
const addon = load(fileURLToPath(new URL('..', import.meta.url)));

export const { kernelVersion, isas, activations: activationCodes, ops } = addon.info;
export const { Memory, MappedFile, Program } = addon;

/**
 * Lets glibc's malloc give back to the system what is freed, and share the rest among threads (mallopt(3)): otherwise it keeps buffers of
 * files for more of their kind, for each thread its own. For the whole process; does nothing with another C library.
 */
export const { returnFreedMemory } = addon;

/**
 * The instruction set to use: the one asked for, or the best that this CPU has.
 * @throws RangeError where the CPU has no such, or Hebb does not know it
 */
export function selectIsa(wanted: string | undefined = process.env.HEBB_ISA || undefined): string {
  if (wanted === undefined) return isas[0]!;
  if (isas.includes(wanted)) return wanted;
  throw new RangeError(
    `HEBB_ISA: this CPU has no instruction set "${wanted}" that Hebb knows; it has ${isas.join(', ')}`,
  );
}

/**
 * Range, mean and deviation of each column of a source over some of its rows, at least one; in double, off the event loop. The
 * same bits on any number of threads.
 */
export function columnMoments(source: Source, rows: Uint32Array, threads: number): Promise<Moments> {
  return addon.moments(source, rows, threads);
}

/**
 * Random 32-bit numbers of a counter-based generator (Philox 4×32-10; Salmon et al., "Parallel random numbers: as easy
 * as 1, 2, 3", 2011): a pure function of its arguments, the same on every machine.
 *
 * @param key seed, purpose, and optionally epoch and step: 32-bit unsigned integers
 * @param first position of the first number in the stream, below 2^34
 */
export function randomBits(
  key: { seed: number; purpose: number; epoch?: number; step?: number },
  first: number,
  count: number,
): Uint32Array {
  return addon.randomBits(key.seed, key.purpose, key.epoch ?? 0, key.step ?? 0, first, count);
}
