// Numbers, times and names as people read them.
import { nearest } from '../words.ts';

/** Without control characters: a name from elsewhere must not steer the terminal. */
export function clean(text: string): string {
  return text.replace(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu, '\ufffd');
}

/** Columns of a terminal that a text takes. */
export function widthOf(text: string): number {
  let width = 0;
  for (const { segment } of segments(text)) width += segmentWidth(segment);
  return width;
}

/** The text, cut with … where it is wider. */
export function cut(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  let kept = '';
  let used = 0;
  for (const { segment } of segments(text)) {
    used += segmentWidth(segment);
    if (used > width - 1) break;
    kept += segment;
  }
  return `${kept}…`;
}

const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' });

function segments(text: string): Iterable<{ segment: string }> {
  return segmenter.segment(text);
}

/** East Asian letters and emoji take two columns. */
function segmentWidth(segment: string): number {
  return /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u.test(
    segment,
  )
    ? 2
    : 1;
}

export function integer(value: number): string {
  return Math.round(value).toLocaleString('en');
}

export function percent(share: number): string {
  return `${(share * 100).toFixed(2)} %`;
}

/** Four digits that say something. */
export function decimal(value: number): string {
  if (!Number.isFinite(value) || Number.isInteger(value)) return String(value);
  const size = Math.abs(value);
  return size >= 0.001 && size < 1e6 ? String(Number(value.toPrecision(size >= 1000 ? 7 : 4))) : value.toExponential(2);
}

export function bytes(count: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = count < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(count) / 10));
  return `${power === 0 ? count : (count / 1024 ** power).toFixed(1)} ${units[power]}`;
}

export function seconds(value: number): string {
  if (value < 1) return `${decimal(value)} s`;
  if (value < 60) return `${value < 10 && !Number.isInteger(value) ? value.toFixed(1) : Math.round(value)} s`;
  const minutes = Math.floor(value / 60);
  if (minutes < 60) return `${minutes} min ${Math.floor(value % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

export function shape(sizes: readonly number[]): string {
  return sizes.length === 0 ? '1' : sizes.join('×');
}

/** 2026-01-15 09:30:00, in the time zone of the machine. */
export function time(iso: string | null): string {
  if (iso === null) return '–';
  const at = new Date(iso);
  const two = (value: number) => String(value).padStart(2, '0');
  const day = [at.getFullYear(), two(at.getMonth() + 1), two(at.getDate())].join('-');
  return `${day} ${[at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(':')}`;
}

/** Values by name: shares as per cent, the others as they are. */
export function metrics(values: Readonly<Record<string, number>>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name} ${/accuracy$/i.test(name) ? percent(value) : decimal(value)}`)
    .join('  ');
}

/** The name that was most likely meant, as the end of a sentence; empty where none is near. */
export function didYouMean(name: string, known: readonly string[], show = (text: string) => text): string {
  const meant = nearest(name, known);
  return meant === undefined ? '' : `; did you mean ${show(meant)}?`;
}
