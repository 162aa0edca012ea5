// The TypeScript export is clean TypeScript, and predicts what Hebb predicts, in a context that has nothing of Node.js.
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createContext, runInContext } from 'node:vm';
import { transformSync } from 'esbuild';
import { describe, expect, test } from 'vitest';
import type { ModelDescription } from '../../src/models/description.ts';
import { pieces } from '../../src/models/exporters/typescript/functions.ts';
import { exportTypeScript } from '../../src/models/exporters/typescript.ts';
import type { Network } from '../../src/nn/network.ts';
import type { NetworkConfig } from '../../src/nn/networkConfig.ts';
import { likeNormalization, type Normalization } from '../../src/nn/normalization.ts';
import { presets } from '../../src/presets/index.ts';
import { toPrediction } from '../../src/service/predictionOutput.ts';
import { elementCount } from '../../src/shape.ts';
import { temporaryFolder } from '../helpers/data.ts';
import { describedModel, inputsOfCase, networkOfCase, noise, relativeError } from '../helpers/models.ts';
import { planPreset } from '../helpers/presets.ts';
import { layerCases } from '../nn/layerCases.ts';

interface Predicted {
  class: string | null;
  probability: number | null;
  output: number[];
}
type Predict = (input: ArrayLike<number>) => Predicted;

const folder = await temporaryFolder();
const written: string[] = [];

/** Runs the file as a browser would: no require, no Buffer, no atob, nothing but the language. */
function loaded(model: ModelDescription, network: Network): Predict {
  const text = new TextDecoder().decode(exportTypeScript(model, network.weights()));
  mkdirSync(folder, { recursive: true });
  written.push(join(folder, `model${written.length}.ts`));
  writeFileSync(written.at(-1)!, text);
  expect(text).not.toMatch(/\bimport\b|\brequire\b/);
  const { code } = transformSync(text, { loader: 'ts', format: 'iife', globalName: 'model' });
  const context = createContext({});
  expect(runInContext('typeof process + typeof Buffer + typeof atob', context)).toBe('undefined'.repeat(3));
  runInContext(code, context);
  return runInContext('model.predict', context) as Predict;
}

function errorOf(predict: Predict, network: Network, inputs: Float32Array): number {
  const size = elementCount(network.inputShape);
  const rows = Array.from({ length: inputs.length / size }, (_, i) => inputs.subarray(i * size, (i + 1) * size));
  return relativeError(
    rows.flatMap((row) => predict(row).output),
    network.predict(inputs),
  );
}

for (const [type, list] of Object.entries(layerCases)) {
  describe(type, () => {
    test.each(list.map((layerCase) => ({ title: JSON.stringify(layerCase.layer), layerCase })))(
      '$title',
      ({ layerCase }) => {
        const { model, network } = describedModel(networkOfCase(layerCase));
        const error = errorOf(loaded(model, network), network, inputsOfCase(layerCase, 3));
        if (process.env.SHOW) console.log('ERR', type, error);
        expect(error).toBeLessThan(1e-5);
      },
    );
  });
}

test.each(presets)('preset $name', async ({ name, job: { dataset } }) => {
  const request = dataset?.builtin
    ? { preset: name, dataset: { ...dataset, limit: { train: 64, test: 16 } } }
    : { preset: name };
  const { plan, dataset: info } = await planPreset(request, folder);
  const { loss } = plan.training;
  const normalization = likeNormalization(plan.training.normalization, plan.network.input);
  const task = info?.task ?? 'regression';
  const classes = info?.classes ?? null;
  const { model, network } = describedModel(plan.network, { normalization, loss: loss.type, task, classes });
  const predict = loaded(model, network);
  const raw = noise(2 * elementCount(model.inputShape)).map((value) =>
    normalization.type === 'scale' ? Math.round((value + 1) * 127.5) : value,
  );
  const error = errorOf(predict, network, raw);
  if (process.env.SHOW) console.log('ERR preset', name, error);
  expect(error).toBeLessThan(1e-5);
  const row = raw.subarray(0, elementCount(model.inputShape));
  const expected = toPrediction(model, network.predict(row));
  const actual = predict(Array.from(row));
  expect(actual.class).toBe(expected.class ?? null);
  if (expected.probability == null) expect(actual.probability).toBeNull();
  else expect(actual.probability).toBeCloseTo(expected.probability, 5);
});

test('a name cannot end the comment, nor a class its text', () => {
  const { model, network } = describedModel(
    { input: [2], layers: [{ type: 'dense', units: 2 }] },
    {
      name: 'a */ throw 1; /*\u2028throw 2',
      task: 'classification',
      loss: 'softmaxCrossEntropy',
      classes: ['"; throw 3; "', '\u2028\\'],
    },
  );
  const predict = loaded(model, network);
  expect(model.classes).toContain(predict([1, 2]).class);
  expect(() => predict([1])).toThrow(/2 numbers were expected, got 1/);
});

test('networks that are too large are refused with the limit', () => {
  const { model, network } = describedModel({ input: [1001], layers: [{ type: 'dense', units: 1000 }] });
  expect(() => exportTypeScript(model, network.weights())).toThrow(/1002000 weights.*at most 1000000.*ONNX/);
});

test('all of them are clean under the strictest rules', () => {
  const options = ['strict', 'noUncheckedIndexedAccess', 'noUnusedLocals', 'noUnusedParameters', 'noImplicitReturns'];
  const flags = ['--noEmit', '--target', 'es2020', '--lib', 'es2020', '--module', 'esnext', '--types', ''];
  const tsc = 'node_modules/.bin/tsc';
  let said = '';
  try {
    execFileSync(tsc, [...flags, ...options.map((option) => `--${option}`), '--ignoreConfig', ...written], {
      encoding: 'utf8',
    });
  } catch (error) {
    said = (error as { stdout: string }).stdout;
  }
  expect(said).toBe('');
  expect(written.length).toBeGreaterThan(150);
  expect(Object.keys(pieces).length).toBeGreaterThan(20);
});

const normalizations: Normalization[] = [
  { type: 'affine', scale: [0.5], offset: [-1] },
  { type: 'standard', per: 'channel', scale: [0.5, 2, 1], offset: [0.1, -3, 0] },
  {
    type: 'minmax',
    per: 'feature',
    scale: Array.from({ length: 24 }, (_, i) => 0.1 + i / 10),
    offset: Array.from({ length: 24 }, (_, i) => 1 - i / 7),
  },
];
test.each(normalizations)('normalisation %o', async (normalization) => {
  const config: NetworkConfig = {
    input: [4, 2, 3],
    layers: [{ type: 'flatten' }, { type: 'dense', units: 5 }],
  };
  for (const inputShape of [[4, 2, 3], [24]]) {
    const { model, network } = describedModel(config, { normalization, inputShape });
    expect(errorOf(loaded(model, network), network, noise(3 * 24))).toBeLessThan(1e-5);
  }
});
