import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type DatasetInfo, splitNames } from '../../src/data/dataset.ts';
import { datasetSpec } from '../../src/data/source.ts';
import { selectIsa } from '../../src/native.ts';
import { Network } from '../../src/nn/network.ts';
import type { NetworkConfig } from '../../src/nn/networkConfig.ts';
import { knownNormalization } from '../../src/nn/normalization.ts';
import { type JobPlan, planJob } from '../../src/nn/plan.ts';
import type { MetricRow, MetricValues } from '../../src/nn/progress.ts';
import type { TrainingRequest } from '../../src/nn/trainingConfig.ts';
import { decodeSafetensors } from '../../src/nn/weights.ts';
import type { PresetJob } from '../../src/presets/index.ts';
import { checkJobBody } from '../../src/service/jobRequest.ts';
import { spellOut } from '../../src/service/presets.ts';
import { runTask } from '../../src/training/runTask.ts';
import { store } from './data.ts';

/** A preset with what is to differ from it. */
export interface PresetRequest {
  preset: string;
  dataset?: PresetJob['dataset'];
  network?: NetworkConfig | { preset: string };
  training?: TrainingRequest;
}

export interface PlannedPreset {
  plan: JobPlan;
  dataset: DatasetInfo | null;
  /** Of the dataset's files. */
  folder: string;
}

/** What the service does with a request until the job stands, in this thread and without a database. */
export async function planPreset(request: PresetRequest, parent: string): Promise<PlannedPreset> {
  const body = spellOut(request);
  checkJobBody(body);
  const { network, training } = body;
  const stored = typeof body.dataset === 'object' ? await store(datasetSpec(body.dataset), parent) : null;
  const dataset = stored?.info ?? null;
  return { plan: planJob({ network, training, dataset }), dataset, folder: stored?.folder ?? '' };
}

export interface PresetRun extends PlannedPreset {
  /** With the weights at the end. */
  network: Network;
  /** Of the epochs. */
  rows: MetricRow[];
  metrics: MetricValues;
  test: MetricValues | null;
}

/** Runs a preset as a training process does, in this one. */
export async function runPreset(
  request: PresetRequest,
  { isa = selectIsa(undefined), parent }: { isa?: string; parent: string },
): Promise<PresetRun> {
  const planned = await planPreset(request, parent);
  const { plan, dataset, folder } = planned;
  const outputDirectory = join(parent, `output-${outputs++}`);
  await mkdir(outputDirectory);
  const events = runTask(
    {
      initialWeights: null,
      checkpoints: [],
      mustResume: false,
      rateChanges: [],
      toldStep: 0,
      jobId: request.preset,
      attempt: 0,
      datasetDirectory: folder,
      dataset: dataset ?? withoutSamples,
      network: plan.network,
      training: plan.training,
      outputDirectory,
      isa,
      threads: 1,
    },
    { cancel: new AbortController().signal, pausing: () => false, takeRate: () => null },
  );
  const rows: MetricRow[] = [];
  for (;;) {
    const { value, done } = await events.next();
    if (!done) {
      if (value.type === 'row' && value.row.kind === 'epoch') rows.push(value.row);
      continue;
    }
    if (value.type === 'paused') throw new Error('nobody paused it');
    const { weightsFile, metrics, test } = value.result;
    const normalization = knownNormalization(plan.training.normalization)!;
    const network = new Network(plan.network, { isa, normalization });
    network.setWeights(decodeSafetensors(await readFile(join(outputDirectory, weightsFile))));
    return { ...planned, network, rows, metrics, test };
  }
}

let outputs = 0;

/** Stands for the dataset of a job that has none. */
const withoutSamples = {
  task: 'regression',
  samples: Object.fromEntries(splitNames.map((name) => [name, 0])),
} as unknown as DatasetInfo;
