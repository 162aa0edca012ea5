import { isBetter, monitorStart, watch } from './monitor.ts';
import type { Network } from './network.ts';
import type { MetricValues } from './progress.ts';
import type { TrainingConfig } from './trainingConfig.ts';
import type { KeptWeights, TrainingSnapshot, TrainingState } from './trainingState.ts';

/** How a training stands at the end of its last epoch, with the weights that it may have to go back to. */
export class Standing {
  readonly state: TrainingState;
  readonly kept: KeptWeights;
  private readonly network: Network;
  private readonly earlyStopping: TrainingConfig['earlyStopping'];

  /** @param validated whether there is a validation split */
  constructor(
    network: Network,
    { earlyStopping }: TrainingConfig,
    validated: boolean,
    resume: TrainingSnapshot | undefined,
  ) {
    this.network = network;
    this.earlyStopping = earlyStopping;
    // Name of the value whose best epoch is kept.
    const monitored = earlyStopping?.metric ?? (validated ? 'validationLoss' : 'loss');
    this.state = { epoch: 0, step: 0, metrics: {}, best: null, bestStep: 0, stopping: monitorStart, monitored };
    this.kept = { last: network.copyWeights(), best: null };
    if (!resume) return;
    const { state, kept } = resume;
    Object.assign(this.state, state);
    // A fork may watch something else from here on.
    if (state.monitored !== monitored) Object.assign(this.state, { monitored, stopping: monitorStart });
    this.kept.last.set(kept.last);
    this.kept.best = kept.best?.slice() ?? null;
  }

  /** Whether early stopping has waited long enough. */
  get mayStop(): boolean {
    const { earlyStopping } = this;
    return earlyStopping !== undefined && this.state.stopping.waited > (earlyStopping.patience ?? 10);
  }

  /** Takes over the network's weights, which are finite, with what was measured of them. */
  endEpoch(epoch: number, step: number, metrics: MetricValues): void {
    const { network, kept, state, earlyStopping } = this;
    const { monitored } = state;
    kept.last = network.copyWeights(kept.last === kept.best ? undefined : kept.last);
    const value = metrics[monitored];
    if (value !== undefined && isBetter(monitored, value, state.best?.[monitored] ?? null)) {
      state.best = { epoch, ...metrics };
      state.bestStep = step;
      kept.best = kept.last;
    }
    if (earlyStopping) {
      state.stopping = watch(state.stopping, value, { metric: monitored, minDelta: earlyStopping.minDelta ?? 0 });
    }
    Object.assign(state, { epoch, step, metrics });
  }

  /** Puts the best weights back. @returns false where there are none yet */
  restoreBest(): boolean {
    const { best, bestStep } = this.state;
    if (!best || !this.kept.best) return false;
    this.network.restoreWeights(this.kept.best);
    const { epoch, ...metrics } = best;
    Object.assign(this.state, { epoch, step: bestStep, metrics });
    return true;
  }

  /** Puts the weights of the last epoch's end back, or those of the start. */
  restoreLast(): void {
    this.network.restoreWeights(this.kept.last);
  }
}
