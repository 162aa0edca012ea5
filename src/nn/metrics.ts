/** Metrics that can be asked for; loss is always there. */
export const metricNames = [
  'accuracy',
  'binaryAccuracy',
  'topK',
  'precision',
  'recall',
  'f1',
  'auc',
  'mae',
  'mse',
  'r2',
] as const;
export type MetricName = (typeof metricNames)[number];
/** topK by its name alone means k = 5. */
export type MetricConfig = MetricName | { type: 'topK'; k: number };
