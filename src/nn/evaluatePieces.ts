import type { Source } from '../native.ts';
import { elementCount } from '../shape.ts';
import { Turns } from '../turns.ts';
import { evaluationRows, RunningMean, withoutLearning } from './evaluate.ts';
import type { LossConfig } from './losses.ts';
import type { Network } from './network.ts';
import { recordEvaluation, stepValues, type TargetKind } from './programs.ts';
import { place } from './recorder.ts';

/** Rows that follow each other. */
export interface Piece {
  inputs: Source;
  /** int32 where the targets are classes. */
  targets: Source;
  dispose?(): void;
}

export interface PieceRequest {
  targets: TargetKind;
  loss: LossConfig;
  /** Rows of all pieces. */
  rows: number;
  /** The piece of up to `most` rows from `first` on; all but the last have that many. */
  piece(first: number, most: number): Promise<Piece>;
  /**
   * Gets every output, logits where the loss works from them, and target, (rows, outputs) each, classes as zeros and ones; few
   * rows at a time, and in their order.
   */
  add(outputs: Float32Array, targets: Float32Array): void;
  signal?: AbortSignal;
}

/** Rows that are read and handed to native code at a time, about. */
const pieceRows = 4096;
/** Numbers that `add` gets at a time, about: a fraction of a millisecond's work. */
const addedNumbers = 8192;

/**
 * What evaluate gives, to the same bits, over rows that come piece by piece: for splits of any size, on an event loop that has
 * other things to do. The network computes on threads of its own.
 * @returns the loss, each row counting the same; it may be no finite number
 * @throws what the signal was aborted with
 */
export async function evaluatePieces(network: Network, request: PieceRequest): Promise<number> {
  const { targets, loss, rows, signal } = request;
  const step = evaluationRows(network.resolved, rows);
  const elements = elementCount(network.outputShape);
  const settings = { rows: step, loss, targets, normalization: network.normalization };
  const recorded = recordEvaluation(network.resolved, settings);
  const program = recorded.rec.finish(network.memory, network.settings);
  const mean = new RunningMean();
  const turns = new Turns(signal);
  const perPiece = step * Math.max(1, Math.floor(pieceRows / step));
  const perAdd = Math.max(1, Math.floor(addedNumbers / elements)) * elements;
  try {
    for (let first = 0; first < rows; first += perPiece) {
      const piece = await request.piece(first, Math.min(perPiece, rows - first));
      try {
        for (let at = 0; at < piece.inputs.rows; at += step) {
          const count = Math.min(step, piece.inputs.rows - at);
          const { values } = await program.train({
            sources: [piece.inputs, piece.targets],
            order: Uint32Array.from({ length: count }, (_, i) => at + i),
            batch: step,
            firstStep: 0,
            ...withoutLearning,
            budgetMs: 0,
            values: stepValues.count,
          });
          turns.rested();
          mean.add(values, 0, count);
          const outputs = program.read(place(recorded.output), count * elements);
          const wanted = program.read(place(recorded.targets), count * elements);
          for (let from = 0; from < outputs.length; from += perAdd) {
            request.add(outputs.subarray(from, from + perAdd), wanted.subarray(from, from + perAdd));
            await turns.pass();
          }
        }
      } finally {
        piece.dispose?.();
      }
    }
    return mean.sums.loss / mean.sums.rows;
  } finally {
    program.dispose();
  }
}
