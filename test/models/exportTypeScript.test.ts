// The TypeScript export is clean TypeScript, and predicts what Hebb predicts.
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
import { compileExports, type Predict } from '../helpers/typescript.ts';
import { layerCases } from '../nn/layerCases.ts';

interface Written {
  title: string;
  model: ModelDescription;
  network: Network;
  inputs: Float32Array;
}

const folder = await temporaryFolder();

const layers = Object.entries(layerCases).flatMap(([type, list]) =>
  list.map((layerCase): Written => {
    const described = describedModel(networkOfCase(layerCase));
    return { title: `${type} ${JSON.stringify(layerCase.layer)}`, ...described, inputs: inputsOfCase(layerCase, 3) };
  }),
);

const ofPresets: Written[] = [];
for (const { name, job } of presets) {
  const { dataset } = job;
  const request = dataset?.builtin
    ? { preset: name, dataset: { ...dataset, limit: { train: 64, test: 16 } } }
    : { preset: name };
  const { plan, dataset: info } = await planPreset(request, folder);
  const { loss } = plan.training;
  const normalization = likeNormalization(plan.training.normalization, plan.network.input);
  const task = info?.task ?? 'regression';
  const classes = info?.classes ?? null;
  const described = describedModel(plan.network, { normalization, loss: loss.type, task, classes });
  const inputs = noise(2 * elementCount(described.model.inputShape)).map((value) =>
    normalization.type === 'scale' ? Math.round((value + 1) * 127.5) : value,
  );
  ofPresets.push({ title: `preset ${name}`, ...described, inputs });
}

const hostile: Written = {
  title: 'hostile',
  ...describedModel(
    { input: [2], layers: [{ type: 'dense', units: 2 }] },
    {
      name: 'a */ throw 1; /*\u2028throw 2',
      task: 'classification',
      loss: 'softmaxCrossEntropy',
      classes: ['"; throw 3; "', '\u2028\\'],
    },
  ),
  inputs: Float32Array.of(1, 2),
};

/** Rows as the network takes them, and plain ones that it views otherwise. */
const normalized = [[4, 2, 3], [24]].flatMap((inputShape) => {
  const given: Normalization[] = [
    { type: 'affine', scale: [0.5], offset: [-1] },
    { type: 'standard', per: 'channel', scale: [0.5, 2, 1], offset: [0.1, -3, 0] },
    {
      type: 'minmax',
      per: 'feature',
      scale: Array.from({ length: 24 }, (_, i) => 0.1 + i / 10),
      offset: Array.from({ length: 24 }, (_, i) => 1 - i / 7),
    },
  ];
  const config: NetworkConfig = { input: [4, 2, 3], layers: [{ type: 'flatten' }, { type: 'dense', units: 5 }] };
  return given.map((normalization): Written => {
    const described = describedModel(config, { normalization, inputShape });
    return { title: `${inputShape} ${normalization.type}`, ...described, inputs: noise(3 * 24) };
  });
});

const all = [...layers, ...ofPresets, ...normalized, hostile];
const texts = all.map(({ model, network }) => exportTypeScript(model, network.weights()));
const { said, predicts } = compileExports(folder, texts);
const predictOf = new Map<Written, Predict>(all.map((written, i) => [written, predicts[i]!]));

test('they are clean under the strictest rules, and need nothing from elsewhere', () => {
  expect(said).toBe('');
  for (const text of texts) expect(new TextDecoder().decode(text)).not.toMatch(/\bimport\b|\brequire\b/);
  // Every function that there is was in one of them.
  for (const { text } of Object.values(pieces)) {
    expect(texts.some((file) => new TextDecoder().decode(file).includes(text))).toBe(true);
  }
});

describe('outputs are those of Hebb:', () => {
  test.each([...layers, ...ofPresets, ...normalized])('$title', (written) => {
    const { model, network, inputs } = written;
    const size = elementCount(model.inputShape);
    const rows = Array.from({ length: inputs.length / size }, (_, i) => inputs.subarray(i * size, (i + 1) * size));
    const outputs = rows.flatMap((row) => predictOf.get(written)!(row).output);
    expect(relativeError(outputs, network.predict(inputs))).toBeLessThan(1e-5);
  });
});

describe('classes and probabilities are those of the service:', () => {
  test.each(ofPresets)('$title', (written) => {
    const { model, network, inputs } = written;
    const row = inputs.subarray(0, elementCount(model.inputShape));
    const expected = toPrediction(model, network.predict(row));
    const actual = predictOf.get(written)!(Array.from(row));
    expect(actual.class).toBe(expected.class ?? null);
    if (expected.probability == null) expect(actual.probability).toBeNull();
    else expect(actual.probability).toBeCloseTo(expected.probability, 5);
  });
});

test('a name cannot end the comment, nor a class its text', () => {
  const predict = predictOf.get(hostile)!;
  expect(hostile.model.classes).toContain(predict([1, 2]).class);
  expect(() => predict([1])).toThrow(/2 numbers were expected, got 1/);
});

test('networks that are too large are refused with the limit', () => {
  const { model, network } = describedModel({ input: [1001], layers: [{ type: 'dense', units: 1000 }] });
  expect(() => exportTypeScript(model, network.weights())).toThrow(/1002000 weights.*at most 1000000.*ONNX/);
});
