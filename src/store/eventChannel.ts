import { setImmediate as nextLoop } from 'node:timers/promises';
import type { StoredEvent } from './events.ts';

/** Several events in order, shared by all who get them: never changed. */
export type EventPage = readonly StoredEvent[];

/** Pages that a channel keeps for others who come to the same place. */
const mostPages = 16;
/** Followers who are woken at once; between two such groups the event loop does other things. */
const wokenAtOnce = 8;
/**
 * Between two deliveries lies so much time for each follower, up to a most: however many listen, telling them takes a
 * small and constant part of a core.
 */
const pausePerFollowerMs = 2.5;
const mostPauseMs = 500;

/** Those who are behind take turns, one page in each round of the event loop, so that everything else goes on beside. */
let lastTurn: Promise<void> = Promise.resolve();

function turn(): Promise<void> {
  lastTurn = lastTurn.then(() => nextLoop());
  return lastTurn;
}

/**
 * Those who follow one job. What one of them reads from the database, others at the same place are given, as the very same
 * objects, so that what is made of a page can be shared as well. Of progress, which is kept nowhere, all get the newest.
 */
export class EventChannel {
  /** Pages by the id that they come after. Events are only ever added, so a page that has any stays right. */
  private readonly pages = new Map<number, EventPage>();
  /** After this id there was nothing when it was last looked. */
  private emptyAfter = -1;
  private progress: { data: unknown } | null = null;
  /** The newest page that ends in progress. */
  private withProgress: { page: EventPage; after: number; progress: object; events: EventPage } | null = null;
  private followers = 0;
  private readonly waiting = new Set<() => void>();
  private timer: NodeJS.Timeout | null = null;
  private delivered = -Infinity;
  private ended = false;
  private closed = false;
  private readonly read: (after: number) => EventPage;
  private readonly pageSize: number;

  /** @param read gives at most `pageSize` events after an id */
  constructor(read: (after: number) => EventPage, pageSize: number) {
    this.read = read;
    this.pageSize = pageSize;
  }

  /** Is anybody there? */
  get empty(): boolean {
    return this.followers === 0;
  }

  /** There are, or will be with the transaction under way, new events. */
  added(): void {
    this.emptyAfter = -1;
  }

  announce(data: unknown): void {
    this.progress = { data };
    this.wake();
  }

  /** Those who wait look again: at once, or after the pause since they were last woken. */
  wake(): void {
    if (this.timer) return;
    const pause = Math.min(this.followers * pausePerFollowerMs, mostPauseMs);
    const wait = this.delivered + pause - performance.now();
    if (wait <= 0) this.deliver();
    else this.timer = setTimeout(() => this.deliver(), wait);
  }

  /** Ends the streams of those who have all that there is. */
  end(): void {
    this.ended = true;
    this.deliver();
  }

  /** Ends all streams: nothing can be read any more. */
  close(): void {
    this.closed = true;
    this.deliver();
  }

  private deliver(): void {
    if (this.timer) clearTimeout(this.timer);
    this.timer = null;
    this.delivered = performance.now();
    const woken = [...this.waiting];
    this.waiting.clear();
    const wakeSome = () => {
      for (const resolve of woken.splice(0, wokenAtOnce)) resolve();
      if (woken.length > 0) setImmediate(wakeSome);
    };
    wakeSome();
  }

  /** Pages after the id, then what comes, until the signal. A reader takes at its own pace; a slow one costs nothing. */
  async *follow(id: number, signal: AbortSignal): AsyncGenerator<EventPage, void, void> {
    let after = id;
    let seen = this.progress;
    this.followers++;
    try {
      while (!signal.aborted && !this.closed) {
        const page = this.pageAfter(after);
        const last = page.at(-1)?.id ?? after;
        // A full page may not be the last one, and progress comes behind all that is kept.
        const progress = page.length < this.pageSize && this.progress !== seen ? this.progress : null;
        const events = progress ? this.endingIn(progress, page, last) : page;
        if (progress) seen = progress;
        after = last;
        if (events.length > 0) {
          yield events;
          if (page.length === this.pageSize) await turn();
        } else if (this.ended) return;
        else await this.woken(signal);
      }
    } finally {
      this.followers--;
    }
  }

  private pageAfter(id: number): EventPage {
    const kept = this.pages.get(id);
    if (kept) {
      this.pages.delete(id);
      this.pages.set(id, kept);
      return kept;
    }
    if (this.emptyAfter === id) return [];
    const page = this.read(id);
    if (page.length === 0) {
      this.emptyAfter = id;
      return page;
    }
    this.pages.set(id, page);
    if (this.pages.size > mostPages) this.pages.delete(this.pages.keys().next().value!);
    return page;
  }

  private endingIn(progress: { data: unknown }, page: EventPage, after: number): EventPage {
    const made = this.withProgress;
    const samePage = made && (made.page === page || (made.page.length === 0 && page.length === 0));
    if (samePage && made.after === after && made.progress === progress) return made.events;
    const events: EventPage = [...page, { id: after, type: 'progress', data: progress.data }];
    this.withProgress = { page, after, progress, events };
    return events;
  }

  private woken(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        signal.removeEventListener('abort', wake);
        this.waiting.delete(wake);
        resolve();
      };
      signal.addEventListener('abort', wake);
      this.waiting.add(wake);
    });
  }
}
