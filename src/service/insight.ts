import pLimit from 'p-limit';
import { HebbError } from '../errors.ts';
import type { DatasetRecord } from '../store/datasets.ts';
import type { Store } from '../store/store.ts';
import { evaluateModel, planEvaluation } from './evaluateModel.ts';
import { explain, explanationPng } from './explain.ts';
import { imageInputs, instanceInputs } from './modelInputs.ts';
import type { Paths } from './paths.ts';
import type { Predictions } from './predictions.ts';
import type { ServedModel, ServedModels } from './servedModels.ts';
import { suggest } from './suggest.ts';
import type { InsightService, ModelInputs, PredictOptions } from './types.ts';

/** Evaluations that wait for the one under way; more are refused. */
const mostWaiting = 16;
/** Explanations and suggestions that compute at a time; others wait, and count as predictions that wait. */
const atOnce = 2;

export interface InsightContext {
  store: Store;
  paths: Paths;
  models: ServedModels;
  predictions: Predictions;
  /** By id, else by name. */
  findDataset(idOrName: string): DatasetRecord | undefined;
}

export function createInsight({ store, paths, models, predictions, findDataset }: InsightContext): InsightService {
  const evaluations = pLimit(1);
  const others = pLimit(atOnce);
  const { withModel, admitted } = predictions;

  /** Work of those that compute at a time; not begun where nobody waits for it any more. */
  const inTurn = <Result>(signal: AbortSignal, work: () => Promise<Result>): Promise<Result> =>
    others(async () => {
      signal.throwIfAborted();
      return work();
    });

  function datasetOf(idOrName: string): DatasetRecord {
    const dataset = findDataset(idOrName);
    if (dataset) return dataset;
    const message = `no dataset has the id or the name "${idOrName}"`;
    throw new HebbError('unknown-dataset', message, [{ pointer: '/dataset', message, received: idOrName }]);
  }

  /** What is told where the rows of a dataset cannot be read, because it was deleted meanwhile. */
  async function reading<Result>(dataset: DatasetRecord, work: () => Promise<Result>): Promise<Result> {
    try {
      return await work();
    } catch (error) {
      if (store.datasets.get(dataset.id)) throw error;
      throw new HebbError('unknown-dataset', `the dataset "${dataset.name}" was deleted meanwhile`, undefined, {
        cause: error,
      });
    }
  }

  async function inputsOf(
    model: ServedModel,
    inputs: ModelInputs,
    options: Pick<PredictOptions, 'fit' | 'invert' | 'center'>,
  ): Promise<Float32Array> {
    return 'instances' in inputs ? instanceInputs(model, inputs.instances) : imageInputs(model, inputs.images, options);
  }

  /** The dataset that a model has learnt from, while there is one. */
  function trainingData(model: ServedModel): DatasetRecord | undefined {
    const id = store.models.get(model.id)?.dataset ?? store.jobs.get(model.id)?.dataset;
    return id ? store.datasets.get(id) : undefined;
  }

  const context = { trainingData, datasetsDirectory: paths.datasets };

  return {
    async evaluate(id, request, signal) {
      const model = models.find(id);
      const dataset = datasetOf(request.dataset);
      const job = store.jobs.get(model.id);
      const plan = planEvaluation({
        model,
        dataset,
        datasetsDirectory: paths.datasets,
        split: request.split,
        loss: job?.training.loss ?? null,
        metrics: job?.training.metrics ?? [],
      });
      if (evaluations.pendingCount >= mostWaiting) {
        throw new HebbError('unavailable', `${mostWaiting} evaluations wait for their turn: send this one again later`);
      }
      return evaluations(async () => {
        signal.throwIfAborted();
        return withModel(model, async ({ network, step }) => ({
          model: model.id,
          step,
          ...(await reading(dataset, () => evaluateModel(network, plan, signal))),
        }));
      });
    },
    explain: (id, inputs, options, signal) =>
      admitted(async () => {
        const model = models.find(id);
        const values = await inputsOf(model, inputs, options);
        return inTurn(signal, () =>
          withModel(model, (predictor) => explain({ model, predictor, inputs: values, options, signal, ...context })),
        );
      }),
    explainPng: (id, inputs, options, signal) =>
      admitted(async () => {
        const model = models.find(id);
        const values = await inputsOf(model, inputs, options);
        return inTurn(signal, () =>
          withModel(model, (predictor) =>
            explanationPng({ model, predictor, inputs: values, options, signal, ...context }),
          ),
        );
      }),
    suggest: (id, pool, options, signal) =>
      admitted(async () => {
        const model = models.find(id);
        const settings = { model, options, signal, datasetsDirectory: paths.datasets };
        if ('dataset' in pool) {
          const dataset = datasetOf(pool.dataset);
          return inTurn(signal, () =>
            withModel(model, (predictor) =>
              reading(dataset, () => suggest({ ...settings, predictor, pool: { dataset, split: pool.split } })),
            ),
          );
        }
        const inputs = await inputsOf(model, pool, options);
        return inTurn(signal, () =>
          withModel(model, (predictor) => suggest({ ...settings, predictor, pool: { inputs } })),
        );
      }),
  };
}
