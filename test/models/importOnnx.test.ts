// ONNX files that PyTorch wrote give in Hebb what they gave in PyTorch.
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { exportOnnx } from '../../src/models/exporters/onnx.ts';
import { readOnnxFile } from '../../src/models/importers/onnx/file.ts';
import { convertGraph } from '../../src/models/importers/onnx.ts';
import { Network } from '../../src/nn/network.ts';
import { describedModel, inputsOfCase, networkOfCase, relativeError } from '../helpers/models.ts';
import { layerCases } from '../nn/layerCases.ts';

const folder = 'test/fixtures/onnx';
const names = readdirSync(folder)
  .filter((name) => name.endsWith('.onnx'))
  .map((name) => name.slice(0, -5));

interface Case {
  inputShape: number[];
  rows: number;
  inputs: number[];
  outputs: number[];
}

function importedNetwork(file: Uint8Array): Network {
  const { network, tensors } = convertGraph(readOnnxFile(file));
  const made = new Network(network, { initializer: null });
  made.setWeights(tensors);
  return made;
}

/** (rows, channels, …) → (rows, …, channels). */
function channelsLast({ inputs, inputShape: [channels, ...spatial], rows }: Case): Float32Array {
  const positions = spatial.reduce((a, b) => a * b, 1);
  if (spatial.length === 0) return Float32Array.from(inputs);
  return Float32Array.from(inputs, (_, i) => {
    const [row, rest] = [Math.floor(i / (positions * channels!)), i % (positions * channels!)];
    return inputs[row * positions * channels! + (rest % channels!) * positions + Math.floor(rest / channels!)]!;
  }).slice(0, rows * positions * channels!);
}

test.each(names)('%s of PyTorch', (name) => {
  const fixture = JSON.parse(readFileSync(`${folder}/${name}.json`, 'utf8')) as Case;
  const network = importedNetwork(readFileSync(`${folder}/${name}.onnx`));
  const error = relativeError(network.predict(channelsLast(fixture)), fixture.outputs);
  expect(error).toBeLessThan(1e-5);
});

/** Layers whose nodes no longer say what they were. */
const notBack = ['embedding'];
const cases = Object.entries(layerCases)
  .filter(([type]) => !notBack.includes(type))
  .flatMap(([type, list]) =>
    list.map((layerCase) => ({ title: `${type} ${JSON.stringify(layerCase.layer)}`, layerCase })),
  );
test.each(cases)('$title goes out and comes back by its nodes', ({ layerCase }) => {
  const { model, network } = describedModel(networkOfCase(layerCase));
  const back = importedNetwork(exportOnnx(model, network.weights()));
  expect(back.inputShape).toEqual(network.inputShape);
  const inputs = inputsOfCase(layerCase, 3);
  const error = relativeError(back.predict(inputs), network.predict(inputs));
  expect(error).toBeLessThan(1e-5);
});
