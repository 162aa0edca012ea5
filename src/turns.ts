import { setImmediate } from 'node:timers/promises';

/** Work on the event loop goes on for so long at most before others get their turn. */
const stretchMs = 4;

/** For long work on the event loop: gives others a turn every few milliseconds. */
export class Turns {
  private since = performance.now();
  private readonly signal: AbortSignal | undefined;

  /** @param signal ends the work at its next turn */
  constructor(signal?: AbortSignal) {
    this.signal = signal;
  }

  /**
   * To be called between small pieces of work, of a millisecond or so.
   * @throws what the signal was aborted with
   */
  async pass(): Promise<void> {
    this.signal?.throwIfAborted();
    if (performance.now() - this.since < stretchMs) return;
    await setImmediate();
    this.since = performance.now();
    this.signal?.throwIfAborted();
  }

  /** Another thing was waited for meanwhile, so others had their turn. */
  rested(): void {
    this.since = performance.now();
  }
}
