import { stat } from 'node:fs/promises';
import { type ResolvedLayer, resolveNetwork } from '../nn/resolve.ts';
import type { RegisteredModel } from '../store/models.ts';
import type { Store } from '../store/store.ts';
import { escapePointer } from '../validate.ts';
import type {
  ComparedLayer,
  ComparedModel,
  ComparedSetting,
  ComparedValue,
  LayerSummary,
  ModelComparison,
} from './types.ts';

/** Two models side by side: differences are those of b to a. */
export async function compareModels(
  store: Store,
  pathOf: (model: RegisteredModel) => string,
  a: RegisteredModel,
  b: RegisteredModel,
): Promise<ModelComparison> {
  const [one, other] = [described(store, a), described(store, b)];
  const [ofA, ofB] = [resolveNetwork(a.network, { checked: true }), resolveNetwork(b.network, { checked: true })];
  const [bytesA, bytesB] = [await sizeOf(pathOf(a)), await sizeOf(pathOf(b))];
  const training = [a, b].map(({ job }) => (job === null ? undefined : store.jobs.get(job)?.training));
  const sameDataset = one.dataset && other.dataset ? one.dataset.sha256 === other.dataset.sha256 : sameId(a, b);
  return {
    a: one,
    b: other,
    sameWeights: a.weightsHash === b.weightsHash,
    sameDataset,
    metrics: values(a.metrics, b.metrics),
    test: sameDataset && a.test && b.test ? values(a.test, b.test) : null,
    sizes: values(
      { parameters: a.parameters, flopsPerSample: ofA.flopsPerSample, bytes: bytesA, step: a.step },
      { parameters: b.parameters, flopsPerSample: ofB.flopsPerSample, bytes: bytesB, step: b.step },
    ),
    layers: compareLayers(ofA.layers, ofB.layers),
    training: training[0] && training[1] ? settingsThatDiffer(training[0], training[1]) : null,
  };
}

/** Of datasets that are deleted: whether they were one; null where that is not known. */
function sameId(a: RegisteredModel, b: RegisteredModel): boolean | null {
  return a.dataset !== null && a.dataset === b.dataset ? true : null;
}

function described(store: Store, model: RegisteredModel): ComparedModel {
  const { id, name, version, createdAt, isa, weightsHash } = model;
  const dataset = model.dataset === null ? undefined : store.datasets.get(model.dataset);
  return {
    id,
    name,
    version,
    createdAt,
    isa,
    kernelVersion: (model.job !== null && store.jobs.get(model.job)?.kernelVersion) || null,
    weightsHash,
    dataset: dataset ? { id: dataset.id, name: dataset.name, sha256: dataset.sha256 } : null,
  };
}

async function sizeOf(path: string): Promise<number | null> {
  try {
    return (await stat(path)).size;
  } catch {
    // Deleted meanwhile: the rest is still true.
    return null;
  }
}

type Values = Record<string, number | null | undefined>;

function values(a: Values, b: Values): ComparedValue[] {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].map((name) => {
    const [ofA, ofB] = [a[name] ?? null, b[name] ?? null];
    return { name, a: ofA, b: ofB, difference: ofA === null || ofB === null ? null : ofB - ofA };
  });
}

/** Where two JSON values differ, each thing by its pointer; arrays and values of another kind are told whole. */
export function settingsThatDiffer(a: unknown, b: unknown, pointer = ''): ComparedSetting[] {
  if (isObject(a) && isObject(b)) {
    return [...new Set([...Object.keys(a), ...Object.keys(b)])].flatMap((key) =>
      settingsThatDiffer(a[key], b[key], `${pointer}/${escapePointer(key)}`),
    );
  }
  if (JSON.stringify(a) === JSON.stringify(b)) return [];
  return [{ pointer, ...(a !== undefined && { a }), ...(b !== undefined && { b }) }];
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The layers of both in their order, such that as few as possible are changed, added or removed. */
export function compareLayers(a: ResolvedLayer[], b: ResolvedLayer[]): ComparedLayer[] {
  return pairs(a, b).map(([i, j]) => {
    const [one, other] = [i === null ? null : a[i]!, j === null ? null : b[j]!];
    const [ofA, ofB] = [one && summary(one, i!), other && summary(other, j!)];
    if (!one || !other || !ofA || !ofB) return { change: ofA ? 'removed' : 'added', a: ofA, b: ofB, differences: [] };
    const differences = settingsThatDiffer(
      { ...settingsOf(one), outputShape: ofA.outputShape, parameters: ofA.parameters },
      { ...settingsOf(other), outputShape: ofB.outputShape, parameters: ofB.parameters },
    );
    return { change: differences.length > 0 ? 'changed' : 'same', a: ofA, b: ofB, differences };
  });
}

export function summary({ name, config, outputShape, parameters }: ResolvedLayer, index: number): LayerSummary {
  return { index, name, type: config.type, outputShape, parameters: parameters.reduce((sum, p) => sum + p.count, 0) };
}

/** What a layer was told, but for its name. */
export function settingsOf({ config }: ResolvedLayer): Record<string, unknown> {
  const { type: _, name: __, weights: ___, ...settings } = config;
  return settings;
}

/**
 * Pairs of places in two lists of layers by the least number of edits (Wagner and Fischer 1974): layers of one type may be
 * paired, those with the same settings at no cost.
 */
function pairs(a: ResolvedLayer[], b: ResolvedLayer[]): [number | null, number | null][] {
  const numberOf = new Map<string, number>();
  const keyOf = (text: string) => numberOf.get(text) ?? numberOf.set(text, numberOf.size).get(text)!;
  const width = b.length + 1;
  const wholes = (layers: ResolvedLayer[]) =>
    Int32Array.from(layers, (layer) => keyOf(JSON.stringify([layer.config.type, settingsOf(layer)])));
  const types = (layers: ResolvedLayer[]) => Int32Array.from(layers, ({ config }) => keyOf(config.type));
  const [wholeA, wholeB, typeA, typeB] = [wholes(a), wholes(b), types(a), types(b)];
  const pairing = (i: number, j: number) => (wholeA[i] === wholeB[j] ? 0 : typeA[i] === typeB[j] ? 1 : 3);
  /** Edits of the layers from place i of a and place j of b on. */
  const edits = new Int32Array((a.length + 1) * width);
  for (let i = a.length; i >= 0; i--) {
    for (let j = b.length, at = i * width + j; j >= 0; j--, at--) {
      if (i === a.length || j === b.length) {
        edits[at] = a.length - i + b.length - j;
        continue;
      }
      const without = Math.min(edits[at + width]!, edits[at + 1]!) + 1;
      edits[at] = Math.min(without, edits[at + width + 1]! + pairing(i, j));
    }
  }
  const found: [number | null, number | null][] = [];
  for (let i = 0, j = 0; i < a.length || j < b.length; ) {
    const here = edits[i * width + j]!;
    if (i < a.length && j < b.length && here === pairing(i, j) + edits[(i + 1) * width + j + 1]!) {
      found.push([i++, j++]);
    } else if (i < a.length && here === 1 + edits[(i + 1) * width + j]!) found.push([i++, null]);
    else found.push([null, j++]);
  }
  return found;
}
