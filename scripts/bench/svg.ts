// Results as a picture: horizontal bars, in colours that read on light and dark pages.
import type { Result } from './rounds.ts';
import { formatRatio, nameOf } from './targets.ts';

interface Bar {
  series: number;
  value: number;
  text: string;
}

interface Chart {
  title: string;
  subtitle: string;
  /** Name and colour of each series. */
  series: string[];
  groups: { label: string; bars: Bar[] }[];
  /** From `from` to the largest value; `line` is drawn through the chart. */
  scale: { logarithmic: boolean; from: number; to: number; line: number; unit: string };
}

const width = 900;
const labelWidth = 290;
const textWidth = 70;
const barHeight = 13;
const groupGap = 9;
const headHeight = 84;

const style = `
  text { font: 12px system-ui, sans-serif; fill: #24292f; }
  .title { font-size: 16px; font-weight: 600; }
  .faint { fill: #57606a; }
  .value { paint-order: stroke; stroke: #ffffff; stroke-width: 3px; }
  .page { fill: #ffffff; }
  .grid { stroke: #d0d7de; }
  .line { stroke: #24292f; }
  .s0 { fill: #0969da; } .s1 { fill: #bf8700; } .s2 { fill: #8250df; } .s3 { fill: #1a7f37; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .faint { fill: #9198a1; }
    .value { stroke: #0d1117; }
    .page { fill: #0d1117; }
    .grid { stroke: #30363d; }
    .line { stroke: #e6edf3; }
    .s0 { fill: #4493f8; } .s1 { fill: #d29922; } .s2 { fill: #ab7df8; } .s3 { fill: #3fb950; }
  }`;

function escaped(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;');
}

/** Round numbers across a scale, at most ten or so. */
function ticksOf({ logarithmic, from, to }: Chart['scale']): number[] {
  if (logarithmic) {
    const ticks: number[] = [];
    for (let decade = 10 ** Math.floor(Math.log10(from)); decade <= to; decade *= 10) {
      ticks.push(...[1, 2, 5].map((factor) => factor * decade));
    }
    return ticks.filter((tick) => tick >= from && tick <= to);
  }
  const step = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50].find((size) => (to - from) / size <= 10) ?? 100;
  return Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, i) => from + i * step);
}

function draw({ title, subtitle, series, groups, scale }: Chart): string {
  const plot = { left: labelWidth, right: width - textWidth };
  const position = (value: number) => {
    const map = scale.logarithmic ? Math.log : (v: number) => v;
    const part = (map(Math.max(value, scale.from)) - map(scale.from)) / (map(scale.to) - map(scale.from));
    return plot.left + Math.min(part, 1) * (plot.right - plot.left);
  };
  const height = headHeight + groups.reduce((sum, { bars }) => sum + bars.length * barHeight + groupGap, 0) + 34;
  const bottom = height - 30;
  const parts: string[] = [];
  const text = (x: number, y: number, words: string, attributes = '') =>
    parts.push(`<text x="${x.toFixed(1)}" y="${y}" ${attributes}>${escaped(words)}</text>`);
  const vertical = (value: number, kind: string) => {
    const x = position(value).toFixed(1);
    parts.push(`<line x1="${x}" x2="${x}" y1="${headHeight - 4}" y2="${bottom}" class="${kind}"/>`);
  };
  text(16, 26, title, 'class="title"');
  text(16, 46, subtitle, 'class="faint"');
  let legend = 16;
  for (const [i, name] of series.entries()) {
    parts.push(`<rect x="${legend}" y="57" width="11" height="11" rx="2" class="s${i % 4}"/>`);
    text(legend + 16, 67, name);
    legend += 40 + 6.6 * name.length;
  }
  for (const tick of ticksOf(scale)) {
    vertical(tick, 'grid');
    text(
      position(tick),
      bottom + 17,
      `${Number(tick.toPrecision(3))}${scale.unit}`,
      'text-anchor="middle" class="faint"',
    );
  }
  vertical(scale.line, 'line');
  let y = headHeight;
  for (const { label, bars } of groups) {
    const middle = y + (bars.length * barHeight) / 2 + 4;
    text(labelWidth - 10, middle, label, 'text-anchor="end"');
    const start = position(scale.logarithmic ? scale.line : scale.from);
    for (const bar of bars) {
      const end = position(bar.value);
      const [from, to] = [Math.min(start, end), Math.max(start, end)];
      parts.push(
        `<rect x="${from.toFixed(1)}" y="${y}" width="${Math.max(to - from, 1).toFixed(1)}" height="${barHeight - 2}" rx="2" class="s${bar.series % 4}"/>`,
      );
      text(to + 5, y + barHeight - 3, bar.text, 'class="value"');
      y += barHeight;
    }
    y += groupGap;
  }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escaped(title)}">`,
    `<style>${style}\n</style>`,
    `<rect width="${width}" height="${height}" rx="6" class="page"/>`,
    ...parts,
    '</svg>\n',
  ].join('\n');
}

function peerNames(results: Result[]): string[] {
  return [...new Set(results.flatMap(({ peers }) => [...peers].flatMap(([name, r]) => ('error' in r ? [] : [name]))))];
}

/** How many times as fast as each peer, by workload. */
function ratioChart(results: Result[], subtitle: string): Chart {
  const names = peerNames(results);
  const groups = results.map(({ hebb, peers }) => ({
    label: nameOf(hebb),
    bars: names.flatMap((name, series): Bar[] => {
      const result = peers.get(name);
      return !result || 'error' in result ? [] : [{ series, value: result.ratio, text: formatRatio(result.ratio) }];
    }),
  }));
  const values = groups.flatMap(({ bars }) => bars.map(({ value }) => value));
  const logarithmic = names.some((name) => name.startsWith('tfjs'));
  const from = logarithmic ? Math.min(0.8, ...values) : 0;
  return {
    title: 'Speed of Hebb as a multiple of that of other programs',
    subtitle,
    series: names.map((name) => `against ${name}`),
    groups: groups.filter(({ bars }) => bars.length > 0),
    scale: { logarithmic, from, to: Math.max(2, ...values) * (logarithmic ? 1.2 : 1.03), line: 1, unit: '×' },
  };
}

/** Hebb and its peers in percent of the FMA peak, by operation. */
function peakChart(results: Result[], subtitle: string): Chart {
  const names = peerNames(results);
  const groups = results.map(({ hebb, peak, peers }) => {
    const percent = peak!.percent;
    const bar = (series: number, value: number): Bar => ({ series, value, text: `${value.toFixed(0)} %` });
    const others = names.flatMap((name, i) => {
      const result = peers.get(name);
      return !result || 'error' in result ? [] : [bar(i + 1, percent / result.ratio)];
    });
    return { label: nameOf(hebb), bars: [bar(0, percent), ...others] };
  });
  const values = groups.flatMap(({ bars }) => bars.map(({ value }) => value));
  return {
    title: 'Operations in percent of the FMA peak',
    subtitle,
    series: [results[0]!.hebb.peer, ...names],
    groups,
    scale: { logarithmic: false, from: 0, to: Math.max(105, ...values), line: 100, unit: ' %' },
  };
}

/** @throws Error where there is nothing to compare with */
export function resultSvg(results: Result[], subtitle: string): string {
  const measured = results.filter(({ hebb, peak }) => !('op' in hebb) || peak !== null);
  const ops = measured.some(({ hebb }) => 'op' in hebb);
  if (measured.length === 0 || (!ops && peerNames(measured).length === 0)) {
    throw new Error('a picture needs peers to compare with, or the FMA peak: see --peers');
  }
  return draw(ops ? peakChart(measured, subtitle) : ratioChart(measured, subtitle));
}
