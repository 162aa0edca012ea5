import { lowerIsBetter } from './metrics.ts';

/** What is remembered of a metric that is watched from epoch to epoch: a plain JSON value. */
export interface MonitorState {
  /** The value that the next one has to improve on; null before the first. */
  best: number | null;
  /** Epochs since then. */
  waited: number;
}

export const monitorStart: MonitorState = { best: null, waited: 0 };

/** Whether a metric's value is better than another by more than `minDelta`; every value is better than none. */
export function isBetter(metric: string, value: number, than: number | null, minDelta = 0): boolean {
  if (than === null) return true;
  return lowerIsBetter(metric) ? value < than - minDelta : value > than + minDelta;
}

/** The state after one more epoch; a value that is missing is no improvement. */
export function watch(
  { best, waited }: MonitorState,
  value: number | undefined,
  { metric, minDelta }: { metric: string; minDelta: number },
): MonitorState {
  if (value !== undefined && isBetter(metric, value, best, minDelta)) return { best: value, waited: 0 };
  return { best, waited: waited + 1 };
}
