// What Hebb means to reach on one thread, and where it falls short of it.
import { readFileSync } from 'node:fs';
import type { Result } from './rounds.ts';
import type { Row } from './rows.ts';

/** Which rows a target is for: those that have one of the listed values under every key that it names. */
type Selection = Partial<Record<'op' | 'shape' | 'pass' | 'workload' | 'mode', string[]>>;

interface Targets {
  /** By peer: the beginning of its name. With several peers of the name it is the best of them that counts. */
  ratios: (Selection & { peer: string; least: number })[];
  percentOfPeak: (Selection & { least: number })[];
  memory: { factor: number; plusBytes: number };
}

export const targets: Targets = JSON.parse(readFileSync(new URL('targets.json', import.meta.url), 'utf8'));

function applies(selection: Selection, row: Row): boolean {
  if (row.threads !== 1) return false;
  const fields = row as unknown as Record<string, string>;
  return (['op', 'shape', 'pass', 'workload', 'mode'] as const).every(
    (key) => selection[key]?.includes(fields[key]!) ?? true,
  );
}

function largest(targetsOfRow: { least: number }[]): number | null {
  return targetsOfRow.length === 0 ? null : Math.max(...targetsOfRow.map(({ least }) => least));
}

/** The ratio to reach against a peer; null where none is set. */
export function ratioTarget(row: Row, peer: string): number | null {
  return largest(targets.ratios.filter((target) => peer.startsWith(target.peer) && applies(target, row)));
}

export function percentTarget(row: Row): number | null {
  return largest(targets.percentOfPeak.filter((target) => applies(target, row)));
}

export function nameOf(row: Row): string {
  return 'op' in row ? `${row.op} ${row.shape} ${row.pass}` : `${row.workload} ${row.mode}`;
}

/** 8.13×, 24.5×, 310× */
export function formatRatio(ratio: number): string {
  return `${ratio.toFixed(ratio < 10 ? 2 : ratio < 100 ? 1 : 0)}×`;
}

/** The targets that a result falls short of, a sentence each. */
export function missesOf({ hebb, peak, peers }: Result): string[] {
  const misses: string[] = [];
  const percent = percentTarget(hebb);
  if (peak && percent !== null && peak.percent < percent) {
    misses.push(`${nameOf(hebb)}: ${peak.percent.toFixed(1)} % of the FMA peak, target ${percent} %`);
  }
  for (const [name, result] of peers) {
    const target = ratioTarget(hebb, name);
    if (target === null || 'error' in result || result.ratio >= target) continue;
    misses.push(`${nameOf(hebb)}: ${formatRatio(result.ratio)} against ${name}, target ${target}×`);
  }
  return misses;
}
