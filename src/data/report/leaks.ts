/** Rows that are looked at, spread over the training split, and elements of them in all. */
export const leakRows = 10_000;
export const leakElements = 4_000_000;
const fewestRows = 50;
/** |r| from which a column and the target are one line. */
const lineCorrelation = 0.9999;
/** A value that stands for a class comes so often, on average. */
const rowsOfAValue = 5;

/**
 * Columns that decide the target by themselves: for classes those whose stretches of values, or single values of few, each hold one
 * class alone; for numbers those on a line with them.
 *
 * @param inputs (rows, columns); targets: (rows) class indices or values
 */
export function decidingColumns(
  inputs: Float32Array | Uint8Array,
  targets: Int32Array | Float32Array,
  columns: number,
  task: 'classification' | 'regression',
): number[] {
  const rows = targets.length;
  // Where there is one column only, it has to decide.
  if (rows < fewestRows || columns < 2) return [];
  const classes = task === 'classification' ? new Set(targets).size : 0;
  if (classes === 1) return [];
  const decides = (column: number) => {
    const values = Float64Array.from({ length: rows }, (_, row) => inputs[row * columns + column]!);
    return task === 'classification' ? separates(values, targets, classes) : onALine(values, targets);
  };
  return Array.from({ length: columns }, (_, column) => column).filter(decides);
}

function separates(values: Float64Array, targets: ArrayLike<number>, classes: number): boolean {
  const order = Uint32Array.from(values.keys()).sort((a, b) => values[a]! - values[b]! || targets[a]! - targets[b]!);
  let [distinct, changes] = [1, 0];
  for (let i = 1; i < order.length; i++) {
    const [before, now] = [order[i - 1]!, order[i]!];
    const same = values[before] === values[now];
    const changed = targets[before] !== targets[now];
    if (same && changed) return false;
    if (!same) distinct += 1;
    if (changed) changes += 1;
  }
  return changes === classes - 1 || distinct * rowsOfAValue <= values.length;
}

function onALine(xs: Float64Array, ys: ArrayLike<number>): boolean {
  let [meanX, meanY] = [0, 0];
  for (let i = 0; i < xs.length; i++) {
    meanX += xs[i]! / xs.length;
    meanY += ys[i]! / xs.length;
  }
  let [xx, yy, xy] = [0, 0, 0];
  for (let i = 0; i < xs.length; i++) {
    const [x, y] = [xs[i]! - meanX, ys[i]! - meanY];
    xx += x * x;
    yy += y * y;
    xy += x * y;
  }
  return xx > 0 && yy > 0 && Math.abs(xy) / Math.sqrt(xx * yy) >= lineCorrelation;
}
