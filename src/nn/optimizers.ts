import { parameterTensor, type Recorder, type Tensor } from './recorder.ts';
import type { OptimizerConfig } from './trainingConfig.ts';

/** Arrays of the parameters' size that an optimiser keeps from step to step. */
export function optimizerStates(config: OptimizerConfig): number {
  if (config.type === 'adam') return 2;
  return config.momentum > 0 ? 1 : 0;
}

/** Records the update of all parameters at once; their states lie behind them, each `floats` long. */
export function recordUpdate(rec: Recorder, config: OptimizerConfig, floats: number, gradient: Tensor): void {
  const w = parameterTensor(0, floats);
  const state = (i: number) => parameterTensor((i + 1) * floats, floats);
  if (config.type === 'adam') {
    const { beta1, beta2, epsilon } = config;
    rec.op('adam', { elements: floats, beta1, beta2, epsilon }, { w, gradient, m: state(0), v: state(1) });
  } else {
    const { momentum } = config;
    rec.op('sgd', { elements: floats, momentum }, { w, gradient, velocity: momentum > 0 ? state(0) : undefined });
  }
}
