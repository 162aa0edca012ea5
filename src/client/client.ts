import { type AnswerOf, type ArgumentsOf, Caller, type OperationId } from './caller.ts';
import { Datasets } from './datasets.ts';
import { Jobs } from './jobs.ts';
import { Models, type PredictInput, type PredictOptions, predictBody, predictQuery } from './models.ts';
import type { Info, Predictions, Preset } from './schema.ts';
import { type CallOptions, type ClientOptions, Transport } from './transport.ts';

/**
 * A Hebb service, typed from its OpenAPI document. Calls throw HebbProblem where the service refuses, HebbConnectionError where it does
 * not answer. Needs fetch and web streams only: Node.js ≥ 20 and browsers.
 *
 *     const client = new HebbClient({ baseUrl: 'http://127.0.0.1:8080' });
 *     const job = await client.jobs.create({ preset: 'xor-tanh' });
 *     await client.jobs.wait(job.id, { onProgress: ({ progress }) => console.log(progress.fraction) });
 *     await client.predict({ instances: [[0, 1]] });
 */
export class HebbClient {
  readonly datasets: Datasets;
  readonly jobs: Jobs;
  readonly models: Models;
  readonly presets: Presets;
  private readonly caller: Caller;

  /** @throws TypeError where baseUrl is no URL */
  constructor(options: ClientOptions = {}) {
    this.caller = new Caller(new Transport(options));
    this.datasets = new Datasets(this.caller);
    this.jobs = new Jobs(this.caller);
    this.models = new Models(this.caller);
    this.presets = new Presets(this.caller);
  }

  /** Address of the service, without a slash at its end. */
  get baseUrl(): string {
    return this.caller.transport.baseUrl;
  }

  /** Predicts with the alias `default`, or with `model`: an id, an alias or a name. */
  predict(
    input: PredictInput,
    { model, signal, timeoutMs, headers, ...predict }: PredictOptions & { model?: string } & CallOptions = {},
  ): Promise<Predictions> {
    const taken = { query: { model, ...predictQuery(predict) }, body: predictBody(input) };
    return this.caller.json('predict', taken, { signal, timeoutMs, headers }, { idempotent: true });
  }

  info(options?: CallOptions): Promise<Info> {
    return this.caller.json('getInfo', {}, options);
  }

  /** Whether the service takes work now; false also where nobody answers. */
  async isReady(options: CallOptions = {}): Promise<boolean> {
    const call = { method: 'GET', path: '/readyz', idempotent: false, timeoutMs: 5000 };
    return this.caller.transport
      .send(call, options, async () => true)
      .catch(() => {
        options.signal?.throwIfAborted();
        return false;
      });
  }

  /** Any call that answers in JSON, by its name in the OpenAPI document. */
  call<Id extends OperationId>(id: Id, taken: ArgumentsOf<Id>, options?: CallOptions): Promise<AnswerOf<Id>> {
    return this.caller.json(id, taken, options);
  }
}

/** Jobs that are ready to be sent: `jobs.create({ preset: name })` runs one. */
export class Presets {
  private readonly caller: Caller;

  constructor(caller: Caller) {
    this.caller = caller;
  }

  async list(options?: CallOptions): Promise<Preset[]> {
    return (await this.caller.json('listPresets', {}, options)).items;
  }

  get(name: string, options?: CallOptions): Promise<Preset> {
    return this.caller.json('getPreset', { path: { name } }, options);
  }
}
