// What the services give and take, by resource; the HTTP routes know nothing else of them.
import type { DatasetService } from './types/datasets.ts';
import type { InsightService } from './types/insight.ts';
import type { JobService, PresetService } from './types/jobs.ts';
import type { ModelService } from './types/models.ts';
import type { OpenInferenceService, PredictionService } from './types/predictions.ts';

export * from './types/datasets.ts';
export * from './types/insight.ts';
export * from './types/jobs.ts';
export * from './types/models.ts';
export * from './types/pages.ts';
export * from './types/predictions.ts';

/** What the HTTP routes call. */
export interface Services {
  datasets: DatasetService;
  jobs: JobService;
  presets: PresetService;
  models: ModelService;
  predictions: PredictionService;
  openInference: OpenInferenceService;
  insight: InsightService;
  /** True while new work can be taken. */
  ready(): boolean;
  /** Takes no new jobs; those under way leave a checkpoint and go back to the queue. At most about six seconds. */
  stop(): Promise<void>;
  /** Stops, and closes the database. */
  close(): Promise<void>;
}
