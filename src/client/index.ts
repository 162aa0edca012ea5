export type { AnswerOf, ArgumentsOf, Binary, BodyOf, Download, OperationId, QueryOf } from './caller.ts';
export { HebbClient } from './client.ts';
export type { DatasetFiles, DatasetMeta } from './datasets.ts';
export { HebbArgumentError, HebbConnectionError, HebbProblem } from './errors.ts';
export { isFinal, type JobEvent, type Progress } from './events.ts';
export {
  type CreateOptions,
  type FollowOptions,
  type JobDatasetMeta,
  type JobRequest,
  type WaitOptions,
  withEvent,
} from './jobs.ts';
export type { PredictInput, PredictOptions } from './models.ts';
export type * from './schema.ts';
export type { CallOptions, ClientOptions } from './transport.ts';
