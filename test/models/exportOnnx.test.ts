// What leaves as ONNX gives in onnxruntime what it gives in Hebb: every layer, activation and preset.
import { fromBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema } from 'onnx-buf';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import type { ModelDescription } from '../../src/models/description.ts';
import { exportOnnx } from '../../src/models/exporters/onnx.ts';
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

const tolerance = 1e-5;

async function runOnnx(file: Uint8Array, inputs: Float32Array, shape: number[]) {
  const session = await InferenceSession.create(file);
  const rows = inputs.length / elementCount(shape);
  const results = await session.run({ input: new Tensor('float32', inputs, [rows, ...shape]) });
  const outputs = Object.fromEntries(
    Object.entries(results).map(([name, { data, dims }]) => [name, { data: data as Float32Array, dims: [...dims] }]),
  );
  await session.release();
  return outputs;
}

async function errorOf(model: ModelDescription, network: Network, inputs: Float32Array): Promise<number> {
  const { output } = await runOnnx(exportOnnx(model, network.weights()), inputs, model.inputShape);
  expect(output!.dims.slice(1)).toEqual(model.outputShape);
  return relativeError(output!.data, network.predict(inputs));
}

for (const [type, list] of Object.entries(layerCases)) {
  describe(type, () => {
    test.each(list.map((layerCase) => ({ title: JSON.stringify(layerCase.layer), layerCase })))(
      '$title',
      async ({ layerCase }) => {
        const { model, network } = describedModel(networkOfCase(layerCase));
        const error = await errorOf(model, network, inputsOfCase(layerCase, 3));
        expect(error).toBeLessThan(tolerance);
      },
    );
  });
}

const folder = await temporaryFolder();
test.each(presets)('preset $name', async ({ name, job: { dataset } }) => {
  const request = dataset?.builtin
    ? { preset: name, dataset: { ...dataset, limit: { train: 64, test: 16 } } }
    : { preset: name };
  const { plan } = await planPreset(request, folder);
  const { loss } = plan.training;
  const normalization = likeNormalization(plan.training.normalization, plan.network.input);
  const { model, network } = describedModel(plan.network, {
    normalization,
    loss: loss.type,
  });
  const raw = noise(4 * elementCount(model.inputShape)).map((value) =>
    normalization.type === 'scale' ? Math.round((value + 1) * 127.5) : value,
  );
  const error = await errorOf(model, network, raw);
  expect(error).toBeLessThan(tolerance);
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
    expect(await errorOf(model, network, noise(3 * 24))).toBeLessThan(1e-5);
  }
});

test('the file says what it takes and gives, and a cross-entropy from logits has probabilities beside', async () => {
  const { model, network } = describedModel(
    { input: [4, 3, 1], layers: [{ type: 'flatten' }, { type: 'dense', units: 3 }] },
    {
      name: 'Ziffern "ü"',
      task: 'classification',
      loss: 'softmaxCrossEntropy',
      classes: ['a', 'b', 'c'],
      inputShape: [12],
      inputType: 'uint8',
      normalization: { type: 'scale', factor: 1 / 255 },
    },
  );
  const file = exportOnnx(model, network.weights());
  // Equal models give equal bytes.
  expect(exportOnnx(structuredClone(model), network.weights())).toEqual(file);
  const { graph, metadataProps, opsetImport } = fromBinary(ModelProtoSchema, file);
  expect(opsetImport.map(({ version }) => version)).toEqual([17n]);
  expect(graph!.output.map(({ name }) => name)).toEqual(['output', 'probabilities']);
  const metadata = Object.fromEntries(metadataProps.map(({ key, value }) => [key, value]));
  expect(metadata).toMatchObject({
    name: 'Ziffern "ü"',
    task: 'classification',
    classes: '["a","b","c"]',
    inputType: 'uint8',
    weightsHash: model.weightsHash,
  });
  expect(JSON.parse(metadata.preprocessing!)).toEqual({ scale: [Math.fround(1 / 255)], offset: [0] });
  expect(JSON.parse(metadata.hebb!)).toEqual({ version: 1, ...model });
  const raw = Float32Array.from({ length: 24 }, (_, i) => i * 10);
  const { output, probabilities } = await runOnnx(file, raw, [12]);
  expect(probabilities!.dims).toEqual([2, 3]);
  for (const row of [0, 1]) {
    const { top } = toPrediction(model, output!.data.slice(3 * row, 3 * row + 3));
    for (const { class: name, probability } of top!) {
      expect(probabilities!.data[3 * row + model.classes!.indexOf(name)]).toBeCloseTo(probability!, 6);
    }
  }
});

test('one output for two classes has a probability through the sigmoid; what is one already is not doubled', async () => {
  const described = (activation: 'linear' | 'sigmoid') =>
    describedModel(
      { input: [2], layers: [{ type: 'dense', units: 1, activation }] },
      { task: 'classification', loss: 'binaryCrossEntropy', classes: ['no', 'yes'] },
    );
  const logits = described('linear');
  const inputs = noise(6);
  const { output, probabilities } = await runOnnx(exportOnnx(logits.model, logits.network.weights()), inputs, [2]);
  for (const [i, logit] of output!.data.entries()) {
    expect(probabilities!.data[i]).toBeCloseTo(1 / (1 + Math.exp(-logit)), 6);
  }
  const own = described('sigmoid');
  expect(Object.keys(await runOnnx(exportOnnx(own.model, own.network.weights()), inputs, [2]))).toEqual(['output']);
});
