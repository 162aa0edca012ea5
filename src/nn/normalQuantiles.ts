/** Quantiles of a table. */
const count = 2 ** 16;
/** Where the tails begin. */
const tail = 0.02425;

const centreAbove = [-39.69683028665376, 220.9460984245205, -275.9285104469687, 138.357751867269, -30.66479806614716, 2.506628277459239]; // biome-ignore format: coefficients
const centreBelow = [-54.47609879822406, 161.5858368580409, -155.6989798598866, 66.80131188771972, -13.28068155288572, 1]; // biome-ignore format: coefficients
const tailAbove = [-0.007784894002430293, -0.3223964580411365, -2.400758277161838, -2.549732539343734, 4.374664141464968, 2.938163982698783]; // biome-ignore format: coefficients
const tailBelow = [0.007784695709041462, 0.3224671290700398, 2.445134137142996, 3.754408661907416, 1];

const polynomial = (coefficients: number[], x: number) => coefficients.reduce((sum, c) => sum * x + c, 0);

/**
 * The x that a normal number of mean 0 and deviation 1 is below with probability p, to 1.2e-9 of it.
 * Acklam, "An algorithm for computing the inverse normal cumulative distribution function", 2003.
 */
export function normalQuantile(p: number): number {
  if (p > 0.5) return -normalQuantile(1 - p);
  if (p < tail) {
    const q = Math.sqrt(-2 * Math.log(p));
    return polynomial(tailAbove, q) / polynomial(tailBelow, q);
  }
  const q = p - 0.5;
  return (polynomial(centreAbove, q * q) * q) / polynomial(centreBelow, q * q);
}

let table: Float32Array | undefined;

/** 65,536 quantiles of the normal distribution, equally likely: from −4.17 to 4.17. */
export function normalQuantiles(): Float32Array {
  table ??= Float32Array.from({ length: count }, (_, i) => normalQuantile((i + 0.5) / count));
  return table;
}
