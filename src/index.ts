// What `import … from "hebb"` gives: the library without the service.
export { HebbError, type Problem } from './errors.ts';
export { isas, kernelVersion, type Memory } from './native.ts';
export { Network, type NetworkOptions } from './nn/network.ts';
export type { LayerConfig, NetworkConfig } from './nn/networkConfig.ts';
export type { Best, MetricRow, MetricValues, Progress } from './nn/progress.ts';
export type { LossName, NormalizationConfig, OptimizerConfig, TrainingRequest } from './nn/trainingConfig.ts';
