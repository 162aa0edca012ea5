/** (rows, elements) → (rows, outputs) */
type Run = (inputs: Float32Array, rows: number) => Promise<Float32Array>;

interface Waiting {
  inputs: Float32Array;
  rows: number;
  resolve(outputs: Float32Array): void;
  reject(error: unknown): void;
}

export interface BatcherOptions {
  /** Numbers of a row. */
  elements: number;
  /** Rows that are worth one run. */
  mostRows: number;
  /** How long a first request waits for others to join it; 0: those go together that wait for a run to end anyway. */
  delayMs: number;
}

/**
 * Puts the rows of requests that wait at the same time into one run. Runs follow each other, requests keep their order, and
 * what a row gives does not depend on its company.
 */
export class Batcher {
  private readonly waiting: Waiting[] = [];
  private waitingRows = 0;
  private running = false;
  private timer: NodeJS.Timeout | null = null;
  private readonly run: Run;
  private readonly options: BatcherOptions;

  constructor(run: Run, options: BatcherOptions) {
    this.run = run;
    this.options = options;
  }

  /** Whether a request would be run at once and alone. */
  get idle(): boolean {
    return !this.running && this.waiting.length === 0;
  }

  /** @returns (rows, outputs), once they have had their turn */
  add(inputs: Float32Array, rows: number): Promise<Float32Array> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ inputs, rows, resolve, reject });
      this.waitingRows += rows;
      if (this.running) return;
      const { delayMs, mostRows } = this.options;
      if (delayMs === 0 || this.waitingRows >= mostRows) void this.runAll();
      else this.timer ??= setTimeout(() => void this.runAll(), delayMs);
    });
  }

  private async runAll(): Promise<void> {
    if (this.timer) clearTimeout(this.timer);
    this.timer = null;
    if (this.running) return;
    this.running = true;
    while (this.waiting.length > 0) await this.runSome(this.takeBatch());
    this.running = false;
  }

  /** The first that wait, as many as are worth one run, and always one. */
  private takeBatch(): Waiting[] {
    let rows = 0;
    let count = 0;
    for (const request of this.waiting) {
      if (count > 0 && rows + request.rows > this.options.mostRows) break;
      rows += request.rows;
      count++;
    }
    this.waitingRows -= rows;
    return this.waiting.splice(0, count);
  }

  private async runSome(batch: Waiting[]): Promise<void> {
    try {
      const [first] = batch as [Waiting];
      if (batch.length === 1) return first.resolve(await this.run(first.inputs, first.rows));
      const rows = batch.reduce((sum, request) => sum + request.rows, 0);
      const inputs = new Float32Array(rows * this.options.elements);
      let at = 0;
      for (const request of batch) {
        inputs.set(request.inputs, at);
        at += request.inputs.length;
      }
      const outputs = await this.run(inputs, rows);
      const elements = outputs.length / rows;
      let row = 0;
      for (const request of batch) {
        request.resolve(outputs.subarray(row * elements, (row + request.rows) * elements));
        row += request.rows;
      }
    } catch (error) {
      for (const request of batch) request.reject(error);
    }
  }
}
