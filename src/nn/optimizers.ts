import { parameterTensor, type Recorder, type Tensor } from './recorder.ts';
import type { OptimizerConfig } from './trainingConfig.ts';

/** Arrays of the parameters' size that an optimiser keeps from step to step. */
export function optimizerStates(config: OptimizerConfig): number {
  if (config.type === 'adam') return 2;
  return config.momentum > 0 ? 1 : 0;
}

/** Rows of a batch up to which a dense layer's weights are updated while their gradient is summed. */
const mostFusedRows = 384;

/**
 * Records the update of all parameters at once; their states lie behind them, each `floats` long.
 *
 * Plain SGD updates dense weights where their gradient arises, so that it is never written out: training sample by
 * sample is bound by the passes over the weights. The bits are the same.
 * @param gradient of all parameters, laid out as they are; holds nothing where an update was fused
 */
export function recordUpdate(rec: Recorder, config: OptimizerConfig, floats: number, gradient: Tensor): void {
  const w = parameterTensor(0, floats);
  const state = (i: number) => parameterTensor((i + 1) * floats, floats);
  if (config.type === 'adam') {
    const { beta1, beta2, epsilon } = config;
    rec.op('adam', { elements: floats, beta1, beta2, epsilon }, { w, gradient, m: state(0), v: state(1) });
  } else if (config.momentum > 0) {
    rec.op('sgd', { elements: floats, momentum: config.momentum }, { w, gradient, velocity: state(0) });
  } else {
    const updated: Tensor[] = [];
    if (rec.rows <= mostFusedRows) {
      rec.rewrite('dense_backward_weight', ({ x, dy, dw }) => {
        if (dw?.base !== gradient) return null;
        const weight = parameterTensor(dw.offset, dw.floats);
        updated.push(weight);
        return { name: 'dense_sgd', operands: { x, dy, w: weight } };
      });
    }
    const recordRange = (from: number, to: number) => {
      if (to <= from) return;
      const elements = to - from;
      const operands = { w: parameterTensor(from, elements), gradient: rec.part(gradient, from, elements) };
      rec.op('sgd', { elements, momentum: 0 }, operands);
    };
    let from = 0;
    for (const { offset, floats: count } of updated.sort((a, b) => a.offset - b.offset)) {
      recordRange(from, offset);
      from = offset + count;
    }
    recordRange(from, floats);
  }
}
