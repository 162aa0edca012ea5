import type { DiagnosticsRow, LayerDiagnostics } from './progress.ts';

export const findingCodes = [
  'vanishing-gradients',
  'exploding-gradients',
  'dead-units',
  'saturated',
  'updates-too-large',
  'updates-too-small',
  'not-learning',
  'loss-not-falling',
] as const;
export type FindingCode = (typeof findingCodes)[number];

/** Something about a training that a person would want to know. */
export interface Finding {
  code: FindingCode;
  /** Name of the layer, where it is about one. */
  layer?: string;
  message: string;
}

/** So many times smaller or larger at the other end of the network. */
const gradientRatio = 100;
/** Shares of units, or outputs, from which on they are told of. */
const deadShare = 0.3;
const saturatedShare = 0.5;
/** Updates are usually about a thousandth of the weights; a hundred times that, or a hundredth, is far off. */
const largeUpdates = 0.1;
const smallUpdates = 1e-5;
/** Below this nothing changes but the last bits. */
const noUpdates = 1e-8;
/** The loss is looked at after so many epochs; it should have fallen by this share, unless all is learnt already. */
const epochsToFall = 5;
const leastFall = 0.01;
const learntAccuracy = 0.9;

/**
 * What the rows of a training's diagnostics say, in plain words. A pure function of the rows: what is about the state of
 * the layers goes by the newest row, what is about the course of the training by all of them.
 */
export function findingsOf(rows: readonly DiagnosticsRow[]): Finding[] {
  const newest = rows.at(-1);
  if (!newest) return [];
  const layers = newest.layers.map((layer, i) => ({ layer, history: rows.map((row) => row.layers[i]!) }));
  return [
    ...throughTheLayers(rows),
    ...layers.flatMap(({ layer, history }, i) => [
      ...stateOf(layer, i === layers.length - 1),
      ...updatesOf(layer, history),
    ]),
    ...lossOf(rows),
  ];
}

/** How gradients change on their way from the last layer with parameters to the first. */
function throughTheLayers(rows: readonly DiagnosticsRow[]): Finding[] {
  const ratios = rows.flatMap(({ layers }) => {
    const norms = layers.filter((l) => l.weightNorm !== null).map((l) => l.outputGradientNorm ?? 0);
    const [first, last] = [norms[0], norms.at(-1)];
    return norms.length > 2 && first! > 0 && last! > 0 ? [first! / last!] : [];
  });
  const ratio = median(ratios);
  if (ratio === null) return [];
  const learning = rows.at(-1)!.layers.filter((l) => l.weightNorm !== null);
  const [first, last] = [learning[0]!.name, learning.at(-1)!.name];
  if (ratio < 1 / gradientRatio) {
    const saturating = rows.at(-1)!.layers.some((l) => l.saturated !== null);
    const advice = saturating ? 'try relu' : 'try heNormal, batchNorm or fewer layers';
    const message = `gradients shrink ${times(1 / ratio)} from the last layer '${last}' to the first, '${first}': vanishing; ${advice}${saturating ? ' or heNormal' : ''}`;
    return [{ code: 'vanishing-gradients', layer: first, message }];
  }
  if (ratio <= gradientRatio) return [];
  const message = `gradients grow ${times(ratio)} from the last layer '${last}' to the first, '${first}': exploding; start from smaller weights (glorotUniform, heNormal), use batchNorm, or gradientClip`;
  return [{ code: 'exploding-gradients', layer: first, message }];
}

function stateOf(layer: LayerDiagnostics, isLast: boolean): Finding[] {
  const { name, type, deadUnits, saturated } = layer;
  const found: Finding[] = [];
  if (deadUnits !== null && deadUnits > deadShare) {
    const message = `${percent(deadUnits)} of the units of ${type} '${name}' are 0 for every sample: dead; use leakyRelu, a smaller learning rate or a larger bias`;
    found.push({ code: 'dead-units', layer: name, message });
  }
  // The last layer is there to decide.
  if (!isLast && saturated !== null && saturated > saturatedShare) {
    const message = `${percent(saturated)} of the outputs of ${type} '${name}' are at the flat ends of its activation: saturated, so that hardly any gradient passes; use smaller starting weights, normalised inputs or relu`;
    found.push({ code: 'saturated', layer: name, message });
  }
  return found;
}

function updatesOf({ name, type }: LayerDiagnostics, history: readonly LayerDiagnostics[]): Finding[] {
  const ratios = history.flatMap((row) => row.updateRatio ?? []);
  if (ratios.length === 0) return [];
  const largest = ratios.reduce((a, b) => Math.max(a, b));
  const usual = median(ratios)!;
  const who = `${type} '${name}'`;
  if (largest < noUpdates) {
    const silent = history.every((row) => row.gradientNorm === 0);
    const why = silent ? 'no gradient reaches it' : 'its updates are too small to count';
    const message = `${who} does not learn: ${why}; look at the layers behind it, and at the learning rate`;
    return [{ code: 'not-learning', layer: name, message }];
  }
  // A network that has learnt all has small updates, too: it is the largest of all epochs that must be small.
  if (largest < smallUpdates) {
    const message = `a step changes the weights of ${who} by at most ${power(largest)} of their size (about 1e-3 is usual): too small; use a larger learning rate`;
    return [{ code: 'updates-too-small', layer: name, message }];
  }
  if (usual <= largeUpdates) return [];
  const message = `a step changes the weights of ${who} by ${power(usual)} of their size (about 1e-3 is usual): too large; use a smaller learning rate`;
  return [{ code: 'updates-too-large', layer: name, message }];
}

function lossOf(rows: readonly DiagnosticsRow[]): Finding[] {
  const [first, newest] = [rows[0]!, rows.at(-1)!];
  if (newest.epoch - first.epoch < epochsToFall || first.loss === null || first.loss <= 0) return [];
  if ((newest.accuracy ?? 0) >= learntAccuracy) return [];
  const least = rows.slice(1).reduce((smallest, { loss }) => Math.min(smallest, loss ?? Infinity), Infinity);
  if (least <= first.loss * (1 - leastFall)) return [];
  const message = `the loss has not fallen from epoch ${first.epoch} (${power(first.loss)}) to epoch ${newest.epoch} (${newest.loss === null ? 'infinite' : power(newest.loss)}): change the learning rate by a factor of ten, or check that inputs and targets belong together; a loss that was at its bottom after one epoch looks the same`;
  return [{ code: 'loss-not-falling', message }];
}

function median(values: readonly number[]): number | null {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? null;
}

const percent = (share: number) => `${Math.round(share * 100)} %`;
const power = (value: number) =>
  value > 0 && value < 0.01 ? value.toExponential(1).replace('.0e', 'e') : String(Number(value.toPrecision(2)));
const times = (factor: number) => `${Number(factor.toPrecision(2)).toLocaleString('en', { useGrouping: false })}-fold`;
