/** Sizes of a tensor's dimensions without the batch dimension; channels last: [height, width, channels]. */
export type Shape = number[];

/** Number of elements of a tensor of this shape. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** The shape as people write it: (28, 28, 1). */
export function formatShape(shape: readonly number[]): string {
  return `(${shape.join(', ')})`;
}
