import pLimit from 'p-limit';
import { HebbError } from '../errors.ts';

interface Disposable {
  dispose(): void;
}

/** How something is loaded, and what it takes. */
export interface Loading<Value> {
  /** Tells states of one key apart: another version takes the place of the one that is loaded. */
  version: string;
  /** Bytes while it is kept. */
  bytes: number;
  /** Bytes more while it is being loaded. */
  loadingBytes: number;
  load(): Promise<Value>;
}

interface Entry<Value> {
  version: string;
  bytes: number;
  value: Promise<Value>;
  /** Once it is there. */
  loaded: Value | null;
  /** Calls under way. */
  users: number;
  /** No longer kept: goes with its last call. */
  dropped: boolean;
}

/**
 * Values that are loaded on demand and kept under a limit of memory; the one that was not used for the longest time makes room
 * for the next. What is in use stays until its last call has ended, and whoever needs its room waits for that.
 */
export class PredictorCache<Value extends Disposable> {
  /** Least recently used first. */
  private readonly entries = new Map<string, Entry<Value>>();
  /** Bytes of all that is loaded or being loaded, dropped or not. */
  private used = 0;
  /** One after the other, so that small ones do not keep a large one waiting for ever. */
  private readonly reservations = pLimit(1);
  private freed: (() => void) | null = null;

  private readonly limit: number;

  /** @param limit in bytes */
  constructor(limit: number) {
    this.limit = limit;
  }

  get bytes(): number {
    return this.used;
  }

  /**
   * Calls `use` with the value of a key, loaded first where it is not there.
   * @param loading what to load, asked for only where that has to be
   * @throws HebbError('model-too-large') for what is larger than the limit, and what load and use throw
   */
  async use<Result>(
    key: string,
    version: string,
    loading: () => Loading<Value>,
    use: (value: Value) => Promise<Result>,
  ): Promise<Result> {
    let entry = this.entries.get(key);
    if (entry && entry.version !== version) {
      this.drop(key);
      entry = undefined;
    }
    entry ??= this.start(key, loading());
    this.entries.delete(key);
    this.entries.set(key, entry);
    entry.users++;
    try {
      return await use(await entry.value);
    } finally {
      entry.users--;
      this.disposeUnused(entry);
      this.wake();
    }
  }

  /** The value of a key where it is loaded, for a use that ends before anything else is done; it counts as used. */
  loaded(key: string, version: string): Value | null {
    const entry = this.entries.get(key);
    if (!entry?.loaded || entry.version !== version) return null;
    this.entries.delete(key);
    this.entries.set(key, entry);
    return entry.loaded;
  }

  /** Keeps a value no longer. */
  drop(key: string): void {
    const entry = this.entries.get(key);
    if (!entry) return;
    this.entries.delete(key);
    entry.dropped = true;
    this.disposeUnused(entry);
  }

  clear(): void {
    for (const key of [...this.entries.keys()]) this.drop(key);
  }

  private start(key: string, { version, bytes, loadingBytes, load }: Loading<Value>): Entry<Value> {
    const loadNow = async (): Promise<Value> => {
      await this.reservations(() => this.reserve(bytes + loadingBytes, bytes));
      try {
        const value = await load();
        entry.loaded = value;
        this.free(loadingBytes);
        return value;
      } catch (error) {
        this.free(bytes + loadingBytes);
        throw error;
      }
    };
    const entry: Entry<Value> = { version, bytes, value: loadNow(), loaded: null, users: 0, dropped: false };
    entry.value.catch(() => {
      if (this.entries.get(key) === entry) this.entries.delete(key);
      entry.dropped = true;
    });
    return entry;
  }

  private async reserve(bytes: number, kept: number): Promise<void> {
    if (bytes > this.limit) {
      throw new HebbError(
        'model-too-large',
        `the model takes ${mebibytes(kept)} to predict and ${mebibytes(bytes)} while it is loaded, ${mebibytes(this.limit)} are set aside for models (HEBB_MODEL_MEMORY_BYTES)`,
      );
    }
    while (this.used + bytes > this.limit) {
      const idle = [...this.entries].find(([, entry]) => entry.users === 0);
      if (idle) this.drop(idle[0]);
      else await new Promise<void>((resolve) => (this.freed = resolve));
    }
    this.used += bytes;
  }

  private disposeUnused(entry: Entry<Value>): void {
    if (!entry.dropped || entry.users > 0 || !entry.loaded) return;
    entry.loaded.dispose();
    entry.loaded = null;
    this.free(entry.bytes);
  }

  private free(bytes: number): void {
    this.used -= bytes;
    this.wake();
  }

  /** Something may have room now: it was freed, or what holds it is not in use any more. */
  private wake(): void {
    this.freed?.();
    this.freed = null;
  }
}

const mebibytes = (bytes: number) => `${Math.ceil(bytes / 2 ** 20)} MiB`;
