// Hebb and its peers in turns. Machines change speed from minute to minute, with their neighbours and their heat; so a ratio
// is taken between two measurements that follow each other, and the median over some rounds of that is told.
import { median } from './measure.ts';
import type { Peer } from './peers/peer.ts';
import { medianRow, type Row, speedOf } from './rows.ts';

/** What a peer did; `ratio` says how many times as fast Hebb is. */
export type PeerResult<R extends Row> = { row: R; ratio: number } | { error: string };

/** One line of a table. */
export interface Result<R extends Row = Row> {
  hebb: R;
  /** GFLOP/s at the peak, measured around this line, and how much of it Hebb reached; null where there is none. */
  peak: { gflops: number; isa: string; percent: number } | null;
  peers: Map<string, PeerResult<R>>;
}

export interface RoundSettings {
  rounds: number;
  threads: number;
  peak: Peer | null;
  peers: Peer[];
}

interface Measurement<R extends Row> {
  /** Multiplications and additions in one of what speedOf counts. */
  flop: number;
  /** For the peers. */
  request: object;
  hebb(): Promise<R> | R;
}

const peakSeconds = 0.2;
/** A peer that has not answered by then cannot be measured in a reasonable time. */
const timeoutMs = 60_000;
/** One that takes so long is measured once, not in every round. */
const slowMs = 20_000;

class PeerRounds<R extends Row> {
  private readonly peer: Peer;
  private readonly rows: R[] = [];
  private readonly ratios: number[] = [];
  private error: string | null = null;
  private slow = false;

  constructor(peer: Peer) {
    this.peer = peer;
  }

  async measure(request: object, hebb: R): Promise<void> {
    if (this.error !== null || this.slow) return;
    const start = performance.now();
    try {
      const row = await this.peer.ask<R & { error?: string }>(request, timeoutMs);
      if (row.error !== undefined) {
        this.error = row.error;
        return;
      }
      this.rows.push(row);
      this.ratios.push(speedOf(hebb) / speedOf(row));
    } catch (error) {
      this.error = (error as Error).message;
    }
    this.slow = performance.now() - start > slowMs;
  }

  result(): PeerResult<R> {
    if (this.rows.length === 0) return { error: this.error! };
    return { row: medianRow(this.rows), ratio: median(this.ratios) };
  }
}

/** In every round first the FMA peak, then Hebb, then each of the peers. */
export async function measureRounds<R extends Row>(
  { rounds, threads, peak, peers }: RoundSettings,
  { flop, request, hebb }: Measurement<R>,
): Promise<Result<R>> {
  const rows: R[] = [];
  const peaks: { gflops: number; isa: string }[] = [];
  const percents: number[] = [];
  const others = new Map(peers.map((peer) => [peer.name, new PeerRounds<R>(peer)]));
  for (let round = 0; round < rounds; round++) {
    if (peak) peaks.push(await peak.ask({ seconds: peakSeconds, threads }, timeoutMs));
    const row = await hebb();
    rows.push(row);
    if (peak) percents.push((speedOf(row) * flop) / peaks[round]!.gflops / 1e7);
    for (const other of others.values()) await other.measure(request, row);
  }
  const gflops = peaks.map((p) => p.gflops);
  return {
    hebb: medianRow(rows),
    peak: peak && { gflops: median(gflops), isa: peaks[0]!.isa, percent: median(percents) },
    peers: new Map([...others].map(([name, other]) => [name, other.result()])),
  };
}
