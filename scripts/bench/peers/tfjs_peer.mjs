// TensorFlow.js, one measurement a request: {"workload": {…}, "mode": "train" | "predict-1", "seconds": S} on a line, the
// answer a row, or a row with "error" where it cannot do it.
//   node tfjs_peer.mjs FOLDER wasm|cpu THREADS, with @tensorflow/tfjs and @tensorflow/tfjs-backend-wasm in FOLDER
import { createRequire } from 'node:module';
import { dirname, resolve } from 'node:path';
import { createInterface } from 'node:readline';

const [folder, backend, threads] = process.argv.slice(2);
console.warn = () => {}; // advice to use another package
const require = createRequire(`${resolve(folder)}/`);
const tf = require('@tensorflow/tfjs');
const wasm = require('@tensorflow/tfjs-backend-wasm');
wasm.setWasmPaths(`${dirname(require.resolve('@tensorflow/tfjs-backend-wasm'))}/`);
wasm.setThreadsCount(Number(threads));
await tf.setBackend(backend);
await tf.ready();
const peer = `tfjs-${tf.version.tfjs}-${backend}`;

function toLayer(layer, first) {
  const { type, units, filters, kernel, padding = 0, size, activation = 'linear' } = layer;
  if (type === 'dense') return tf.layers.dense({ units, activation, ...first });
  if (type === 'maxpool2d') return tf.layers.maxPooling2d({ poolSize: size, ...first });
  if (type === 'flatten') return tf.layers.flatten(first);
  if (type !== 'conv2d' || (padding !== 0 && padding !== (kernel - 1) / 2))
    throw new Error(`${type} is not measured here`);
  return tf.layers.conv2d({ filters, kernelSize: kernel, padding: padding ? 'same' : 'valid', activation, ...first });
}

function build(workload) {
  const [channels, height, width] = workload.input;
  const inputShape = height === undefined ? [channels] : [height, width, channels];
  const net = tf.sequential();
  for (const [i, layer] of workload.layers.entries()) net.add(toLayer(layer, i === 0 ? { inputShape } : {}));
  const x = tf.randomNormal([workload.batch, ...inputShape]);
  const classes = net.outputs[0].shape[1];
  const y = tf.oneHot(tf.randomUniform([workload.batch], 0, classes, 'int32'), classes).toFloat();
  const optimizer = workload.optimizer === 'adam' ? tf.train.adam(1e-3) : tf.train.sgd(0.01);
  const loss = workload.loss === 'mse' ? tf.losses.meanSquaredError : tf.losses.softmaxCrossEntropy;
  const step = () => tf.tidy(() => void optimizer.minimize(() => loss(y, net.apply(x, { training: true }))));
  const one = x.slice([0], [1]);
  const predict = () => tf.tidy(() => void net.predict(one).dataSync());
  return { name: workload.name, batch: workload.batch, step, predict };
}

/** The best of three windows after a warm-up of a second at most: calls a second. */
function bestRate(call, seconds) {
  const window = (length) => {
    let calls = 0;
    const start = performance.now();
    do {
      call();
      calls++;
    } while (performance.now() - start < length * 1000);
    return calls / ((performance.now() - start) / 1000);
  };
  window(Math.min(1, seconds));
  return Math.max(window(seconds), window(seconds), window(seconds));
}

let built = null;
function answer({ workload, mode, seconds }) {
  if (built?.name !== workload.name) {
    built = null;
    tf.disposeVariables();
    built = build(workload);
  }
  if (mode === 'train') return { samples_per_s: Math.round(built.batch * bestRate(built.step, seconds) * 10) / 10 };
  return { us: Math.round(1e8 / bestRate(built.predict, seconds)) / 100 };
}

console.log(JSON.stringify({ peer }));
for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  const { workload, mode } = request;
  const row = { peer, workload: workload.name, threads: Number(threads), batch: workload.batch, mode };
  try {
    console.log(JSON.stringify({ ...row, ...answer(request) }));
  } catch (error) {
    console.log(JSON.stringify({ ...row, error: String(error.message).slice(0, 160) }));
  }
}
