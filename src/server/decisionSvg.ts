import type { DecisionRegion } from '../service/types.ts';
import { type Axis, axis, document, escapeXml, label, round, shortened } from './svg.ts';

const width = 620;
const height = 520;
const plot = { left: 66, top: 66, size: 400 };
const right = plot.left + plot.size;
const bottom = plot.top + plot.size;
const legendLeft = right + 24;

/** Class i has colour i, from the start again after the last; light and dark. */
const colours = [
  ['#0969da', '#58a6ff'],
  ['#bc4c00', '#f0883e'],
  ['#1a7f37', '#3fb950'],
  ['#8250df', '#bc8cff'],
  ['#bf3989', '#f778ba'],
  ['#9a6700', '#d29922'],
  ['#0e7c86', '#39c5cf'],
  ['#cf222e', '#ff7b72'],
  ['#57606a', '#8b949e'],
  ['#4d6b00', '#a5d66f'],
] as const;
/** Values are shown in so many steps: the lower half in the first colour, the upper in the second, faint at the middle. */
const levels = 16;
const mostLegendEntries = 12;

const ofTheme = (theme: 0 | 1) => colours.map((pair, i) => `.c${i} { fill: ${pair[theme]}; }`).join(' ');
const levelRules = Array.from({ length: levels }, (_, level) => {
  const distance = Math.abs(level - (levels - 1) / 2) / ((levels - 1) / 2);
  return `.v${level} { fill-opacity: ${round2(0.04 + 0.66 * distance)}; }`;
}).join(' ');
const style = {
  light: `
  ${ofTheme(0)}
  .region .c { fill-opacity: 0.34; } .region { shape-rendering: crispEdges; } ${levelRules}
  .point { stroke: #ffffff; stroke-width: 0.8; } .value { stroke: #24292f; stroke-width: 0.9; }`,
  dark: `
    ${ofTheme(1)}
    .point { stroke: #0d1117; } .value { stroke: #e6edf3; }`,
};

/** A network's decision region, with samples, axes and a legend, as an SVG picture. */
export function decisionSvg(region: DecisionRegion): string {
  const title = escapeXml(shortened(region.name, 60));
  const weights = region.epoch === null ? 'final weights' : `epoch ${region.epoch}`;
  const xAxis = axis([region.x.low, region.x.high], plot.left, right, 6, 0);
  const yAxis = axis([region.y.low, region.y.high], bottom, plot.top, 6, 0);
  const parts = [
    `<text x="${plot.left}" y="26" font-size="16" font-weight="600">${title}</text>`,
    `<text x="${plot.left}" y="48">decision region, ${weights}</text>`,
    '<g class="region">',
    ...cells(region),
    '</g>',
    ...axes(region, xAxis, yAxis),
    ...points(region, xAxis, yAxis),
    ...(region.range ? valueLegend(region) : classLegend(region.classes ?? [])),
  ];
  return document({ width, height, title: `${title}: decision region, ${weights}`, style }, parts);
}

/** Classes of a value's colour: which of the two, and how strong. */
function shade(value: number, [low, high]: [number, number]): string {
  const share = Math.min(Math.max((value - low) / (high - low), 0), 1);
  const level = Math.min(levels - 1, Math.floor((Number.isNaN(share) ? 0.5 : share) * levels));
  return `c${level < levels / 2 ? 0 : 1} v${level}`;
}

const classColour = (index: number) => `c${index % colours.length}`;

/** One rectangle for each run of equal colour in a row. */
function cells({ size, values, range }: DecisionRegion): string[] {
  const colourOf = (value: number) => (range ? shade(value, range) : `c ${classColour(value)}`);
  const side = plot.size / size;
  const parts: string[] = [];
  for (let row = 0; row < size; row++) {
    const y = round2(bottom - (row + 1) * side);
    for (let first = 0; first < size; ) {
      const colour = colourOf(values[row * size + first]!);
      let end = first + 1;
      while (end < size && colourOf(values[row * size + end]!) === colour) end++;
      const x = round2(plot.left + first * side);
      parts.push(
        `<rect class="${colour}" x="${x}" y="${y}" width="${round2((end - first) * side)}" height="${round2(side)}"/>`,
      );
      first = end;
    }
  }
  return parts;
}

function axes({ x, y }: DecisionRegion, xAxis: Axis, yAxis: Axis): string[] {
  const parts = [`<rect class="axis" fill="none" x="${plot.left}" y="${plot.top}" width="${plot.size}" height="${plot.size}"/>`]; // biome-ignore format: one tag
  for (const tick of xAxis.ticks) {
    const at = round(xAxis.place(tick));
    parts.push(`<path class="axis" d="M${at} ${bottom}v4"/>`);
    parts.push(`<text x="${at}" y="${bottom + 18}" text-anchor="middle">${label(tick)}</text>`);
  }
  for (const tick of yAxis.ticks) {
    const at = round(yAxis.place(tick));
    parts.push(`<path class="axis" d="M${plot.left} ${at}h-4"/>`);
    parts.push(`<text x="${plot.left - 8}" y="${at + 4}" text-anchor="end">${label(tick)}</text>`);
  }
  const middle = plot.left + plot.size / 2;
  parts.push(`<text x="${middle}" y="${bottom + 40}" text-anchor="middle">${escapeXml(shortened(x.name, 40))}</text>`);
  const up = `transform="rotate(-90)" x="${-(plot.top + plot.size / 2)}" y="18"`;
  parts.push(`<text ${up} text-anchor="middle">${escapeXml(shortened(y.name, 40))}</text>`);
  return parts;
}

function points({ points, classes, range }: DecisionRegion, xAxis: Axis, yAxis: Axis): string[] {
  const radius = points.length > 500 ? 2.4 : 3.6;
  return points.flatMap(({ x, y, target }) => {
    const place = `cx="${round(xAxis.place(x))}" cy="${round(yAxis.place(y))}" r="${radius}"`;
    if (classes) return `<circle class="point ${classColour(target)}" ${place}/>`;
    // A ground of paper, for the colour is to be the region's where the values agree.
    return `<circle class="paper" ${place}/><circle class="value ${shade(target, range!)}" ${place}/>`;
  });
}

function classLegend(classes: string[]): string[] {
  const shown = classes.slice(0, mostLegendEntries);
  const parts = shown.map((name, i) => {
    const y = plot.top + 10 + i * 22;
    const text = escapeXml(shortened(name, 14));
    return `<circle class="${classColour(i)}" cx="${legendLeft + 6}" cy="${y}" r="6"/><text x="${legendLeft + 20}" y="${y + 4}">${text}</text>`;
  });
  if (shown.length < classes.length) {
    const y = plot.top + 14 + shown.length * 22;
    parts.push(`<text x="${legendLeft}" y="${y}">and ${classes.length - shown.length} more</text>`);
  }
  return parts;
}

/** A bar of all shades with ticks; of two classes below it their names. */
function valueLegend({ range, classes }: DecisionRegion): string[] {
  const [low, high] = range!;
  const bar = { top: plot.top + 14, height: 200, width: 16 };
  const step = bar.height / levels;
  const parts = [`<text x="${legendLeft}" y="${plot.top + 2}" font-weight="600">output</text>`, '<g class="region">'];
  for (let level = 0; level < levels; level++) {
    const y = bar.top + bar.height - (level + 1) * step;
    const value = low + ((level + 0.5) / levels) * (high - low);
    parts.push(
      `<rect class="${shade(value, range!)}" x="${legendLeft}" y="${y}" width="${bar.width}" height="${step}"/>`,
    );
  }
  parts.push('</g>');
  const scale = axis([low, high], bar.top + bar.height, bar.top, 4, 0);
  for (const tick of scale.ticks) {
    const y = round(scale.place(tick));
    parts.push(`<path class="axis" d="M${legendLeft + bar.width} ${y}h4"/>`);
    parts.push(`<text x="${legendLeft + bar.width + 8}" y="${y + 4}">${label(tick)}</text>`);
  }
  const names = classLegend(classes ?? []).join('');
  if (names) parts.push(`<g transform="translate(0 ${bar.height + 34})">${names}</g>`);
  return parts;
}

function round2(value: number): number {
  return Math.round(value * 100) / 100;
}
