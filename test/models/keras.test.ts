import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { kerasConfig } from '../../src/models/exporters/keras.ts';
import { onnxOperators } from '../../src/models/importers/onnx.ts';
import { layers } from '../../src/nn/layers/index.ts';
import { describedModel, networkOfCase } from '../helpers/models.ts';
import { layerCases } from '../nn/layerCases.ts';

interface Entry {
  class_name: string;
  name: string;
  config: Record<string, unknown>;
  inbound_nodes: [string, number, number, object][][];
}
const entriesOf = (model: object) => (model as { config: { layers: Entry[] } }).config.layers;

test('a network as Keras writes it', () => {
  const { model } = describedModel({
    input: [8, 8, 2],
    layers: [
      { type: 'conv2d', name: 'c', filters: 4, kernel: 3, padding: 'same', activation: 'leakyRelu' },
      { type: 'batchNorm', name: 'n', activation: 'relu' },
      { type: 'depthwiseConv2d', name: 'd', kernel: [3, 3], padding: 'same', bias: false },
      { type: 'add', name: 'sum', from: ['n', 'd'] },
      { type: 'maxPool2d', name: 'p' },
      { type: 'flatten', name: 'f' },
      { type: 'dense', name: 'out', units: 3, activation: 'softmax' },
    ],
  });
  const keras = kerasConfig(model);
  expect(keras).toMatchObject({
    class_name: 'Functional',
    config: { input_layers: [['input', 0, 0]], output_layers: [['out', 0, 0]] },
  });
  const entries = entriesOf(keras);
  expect(
    entries.map(({ class_name: type, name, inbound_nodes: [from = []] }) => [
      type,
      name,
      from.map(([source]) => source),
    ]),
  ).toEqual([
    ['InputLayer', 'input', []],
    ['Conv2D', 'c', ['input']],
    ['BatchNormalization', 'n', ['c']],
    ['Activation', 'n.activation', ['n']],
    ['DepthwiseConv2D', 'd', ['n.activation']],
    ['Add', 'sum', ['n.activation', 'd']],
    ['MaxPooling2D', 'p', ['sum']],
    ['Flatten', 'f', ['p']],
    ['Dense', 'out', ['f']],
  ]);
  expect(entries[0]!.config.batch_input_shape).toEqual([null, 8, 8, 2]);
  expect(entries[1]!.config).toMatchObject({
    filters: 4,
    kernel_size: [3, 3],
    strides: [1, 1],
    padding: 'same',
    activation: 'leaky_relu',
    use_bias: true,
  });
  expect(entries[2]!.config).toMatchObject({ axis: -1, epsilon: 1e-5, momentum: 0.9 });
  expect(entries[4]!.config).toMatchObject({ depth_multiplier: 1, use_bias: false });
  expect(entries[6]!.config).toMatchObject({ pool_size: [2, 2], strides: [2, 2], padding: 'valid' });
});

test.each([...layers.keys()])('%s has a class there', (type) => {
  const { model } = describedModel(networkOfCase(layerCases[type]![0]!));
  for (const { class_name: name } of entriesOf(kerasConfig(model))) expect(name).toMatch(/^[A-Z]\w+$/);
});

test('the page on exchange names every operator that an import knows', () => {
  const page = readFileSync('docs/exchange.md', 'utf8');
  for (const operator of onnxOperators) expect(page).toContain(`\`${operator}\``);
});
