import { type AnswerOf, allPages, type BodyOf, type Caller, type QueryOf, randomKey, toCall } from './caller.ts';
import { type DatasetFiles, datasetForm } from './datasets.ts';
import { HebbConnectionError, HebbProblem, problemOf } from './errors.ts';
import { bytesOf, EventStreamReader, isFinal, type JobEvent } from './events.ts';
import type { DryRun, Evaluation, Job, Operations } from './schema.ts';
import { backoffMs, type CallOptions, sleep } from './transport.ts';

export type JobRequest = BodyOf<'createJob'>;
/** Of a dataset that comes with its job: a name is not needed. */
export type JobDatasetMeta = Operations['createJob']['body']['multipart/form-data']['meta'];

/** Of calls that make a job. */
export interface CreateOptions extends CallOptions {
  /** For a day the same key and request give the same job [a new one for each call, so that repetitions make one job]. */
  idempotencyKey?: string;
}

export interface FollowOptions {
  signal?: AbortSignal;
  /** Only events after this id [all that are kept]. */
  after?: number;
  /** Without any answer for so long it is given up [60 s]. */
  patienceMs?: number;
  /** A silent stream is opened anew after this; the service says every 15 s that it is there [45 s]. */
  silenceMs?: number;
}

export interface WaitOptions extends FollowOptions {
  /** Told what happens, and the job as far as it is known from that. */
  onProgress?: (job: Job, event: JobEvent) => void;
}

export class Jobs {
  private readonly caller: Caller;

  constructor(caller: Caller) {
    this.caller = caller;
  }

  /** Starts training. However often it has to be sent, it makes one job. */
  async create(request: JobRequest, { idempotencyKey = randomKey(), ...options }: CreateOptions = {}): Promise<Job> {
    const taken = { body: request, header: { 'idempotency-key': idempotencyKey } };
    // The dataset may come with it.
    const traits = { idempotent: true, timeoutMs: 0 };
    return (await this.caller.json('createJob', taken, options, traits)) as Job;
  }

  /** Starts training on files that come along; a dataset is made of them. */
  async createWithFiles(
    request: JobRequest,
    meta: JobDatasetMeta,
    files: DatasetFiles,
    { idempotencyKey = randomKey(), ...options }: CreateOptions = {},
  ): Promise<Job> {
    const body = datasetForm({ job: request, meta }, files);
    const taken = { body, header: { 'idempotency-key': idempotencyKey } };
    return (await this.caller.json('createJob', taken, options, { idempotent: true, timeoutMs: 0 })) as Job;
  }

  /** Only tells shapes and costs; stores nothing. */
  async plan(request: JobRequest, options?: CallOptions): Promise<DryRun> {
    const taken = { body: request, query: { dryRun: true } };
    return (await this.caller.json('createJob', taken, options, { idempotent: true, timeoutMs: 0 })) as DryRun;
  }

  list(query: QueryOf<'listJobs'> = {}, options?: CallOptions): Promise<AnswerOf<'listJobs'>> {
    return this.caller.json('listJobs', { query }, options);
  }

  /** All of them, the newest first. */
  all(query: Pick<QueryOf<'listJobs'>, 'state'> = {}, options?: CallOptions): AsyncGenerator<Job, void, void> {
    return allPages((cursor) => this.list({ ...query, cursor, limit: 200 }, options));
  }

  get(id: string, options?: CallOptions): Promise<Job> {
    return this.caller.json('getJob', { path: { id } }, options);
  }

  /** Keeps the best weights so far as a model. */
  cancel(id: string, options?: CallOptions): Promise<Job> {
    return this.caller.json('cancelJob', { path: { id } }, options);
  }

  pause(id: string, options?: CallOptions): Promise<Job> {
    return this.caller.json('pauseJob', { path: { id } }, options);
  }

  resume(id: string, options?: CallOptions): Promise<Job> {
    return this.caller.json('resumeJob', { path: { id } }, options);
  }

  /** Changes the learning rate of a running or paused job. */
  change(id: string, change: BodyOf<'changeJob'>, options?: CallOptions): Promise<Job> {
    return this.caller.json('changeJob', { path: { id }, body: change }, options);
  }

  /** A new job that goes on from a checkpoint of this one. */
  fork(
    id: string,
    changes: BodyOf<'forkJob'> = {},
    { idempotencyKey = randomKey(), ...options }: CreateOptions = {},
  ): Promise<Job> {
    const header = { 'idempotency-key': idempotencyKey };
    return this.caller.json('forkJob', { path: { id }, body: changes, header }, options, { idempotent: true });
  }

  async delete(id: string, options?: CallOptions): Promise<void> {
    await this.caller.json('deleteJob', { path: { id } }, options);
  }

  checkpoints(id: string, options?: CallOptions): Promise<AnswerOf<'listCheckpoints'>> {
    return this.caller.json('listCheckpoints', { path: { id } }, options);
  }

  metrics(id: string, query: QueryOf<'getJobMetrics'> = {}, options?: CallOptions): Promise<AnswerOf<'getJobMetrics'>> {
    return this.caller.json('getJobMetrics', { path: { id }, query }, options);
  }

  /** All rows, with a header line. */
  metricsCsv(id: string, query: QueryOf<'getJobMetrics'> = {}, options?: CallOptions): Promise<string> {
    return this.caller.text('getJobMetrics', { path: { id }, query }, options, { accept: 'text/csv' });
  }

  log(id: string, query: QueryOf<'getJobLog'> = {}, options?: CallOptions): Promise<AnswerOf<'getJobLog'>> {
    return this.caller.json('getJobLog', { path: { id }, query }, options);
  }

  diagnostics(id: string, options?: CallOptions): Promise<AnswerOf<'getJobDiagnostics'>> {
    return this.caller.json('getJobDiagnostics', { path: { id } }, options);
  }

  evaluation(id: string, options?: CallOptions): Promise<Evaluation> {
    return this.caller.json('getJobEvaluation', { path: { id } }, options);
  }

  curvesSvg(id: string, options?: CallOptions): Promise<string> {
    return this.caller.text('getJobCurves', { path: { id } }, options);
  }

  /** The decision region of a network of two inputs. */
  decisionSvg(id: string, query: QueryOf<'getJobDecision'> = {}, options?: CallOptions): Promise<string> {
    return this.caller.text('getJobDecision', { path: { id }, query }, options);
  }

  /**
   * What happens to a job, until it is over: the past first. Where the connection breaks, or the service is started anew,
   * it goes on behind the last event that came.
   * @throws HebbProblem, HebbConnectionError after `patienceMs` without an answer
   */
  async *events(id: string, options: FollowOptions = {}): AsyncGenerator<JobEvent, void, void> {
    const { transport } = this.caller;
    const { signal, patienceMs = 60_000, silenceMs = 45_000 } = options;
    const signals = [transport.signal, signal];
    let lastId = options.after === undefined ? undefined : String(options.after);
    let silentSince = Date.now();
    let retryMs: number | undefined;
    for (let attempt = 0; ; attempt++) {
      const controller = new AbortController();
      const stop = () => controller.abort();
      for (const source of signals) source?.addEventListener('abort', stop, { once: true });
      let broken: unknown;
      try {
        for (const source of signals) source?.throwIfAborted();
        const header = { 'last-event-id': lastId };
        const call = toCall('streamJobEvents', { path: { id }, header }, { accept: 'text/event-stream' });
        const response = await transport.fetch(call, {}, controller.signal);
        if (response.status === 204) return;
        if (!response.ok) throw await problemOf(response);
        const reader = new EventStreamReader();
        for await (const bytes of bytesOf(response.body as ReadableStream<Uint8Array>, silenceMs)) {
          silentSince = Date.now();
          attempt = 0;
          for (const event of reader.read(bytes)) {
            lastId = event.id;
            const known = { id: Number(event.id), type: event.type, data: JSON.parse(event.data) } as JobEvent;
            yield known;
            if (known.type === 'state' && isFinal(known.data.state)) return;
          }
          retryMs = reader.retryMs;
        }
      } catch (error) {
        for (const source of signals) source?.throwIfAborted();
        if (error instanceof HebbProblem && error.status !== 503) throw error;
        if (Date.now() - silentSince > patienceMs) {
          const known = error instanceof HebbProblem || error instanceof HebbConnectionError;
          throw known ? error : transport.connectionError(error);
        }
        broken = error;
      } finally {
        controller.abort();
        for (const source of signals) source?.removeEventListener('abort', stop);
      }
      const delayMs = Math.max(retryMs ?? 0, backoffMs(attempt));
      if (broken !== undefined) transport.retrying(broken, delayMs);
      await sleep(delayMs, signals);
    }
  }

  /** The job as soon as it is over, however it ended: see its `state`. @throws as `events` */
  async wait(id: string, { onProgress, ...options }: WaitOptions = {}): Promise<Job> {
    let job = await this.get(id, { signal: options.signal });
    if (isFinal(job.state) && !onProgress) return job;
    for await (const event of this.events(job.id, options)) {
      job = withEvent(job, event);
      onProgress?.(job, event);
    }
    return this.get(job.id, { signal: options.signal });
  }
}

/** A job as it is after an event. */
export function withEvent(job: Job, event: JobEvent): Job {
  if (event.type === 'state') return { ...job, ...event.data };
  if (event.type !== 'progress') return job;
  const { metrics, ...progress } = event.data;
  return { ...job, progress, metrics };
}
