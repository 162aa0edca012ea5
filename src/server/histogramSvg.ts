import type { ValuesReport } from '../data/report/types.ts';
import type { DatasetHistogram } from '../service/types.ts';
import { axis, document, escapeXml, label, round, shortened } from './svg.ts';

const width = 620;
const height = 360;
const plot = { left: 78, right: 590, top: 84, bottom: 300 };

const style = {
  light: `
  .bar { fill: #0969da; fill-opacity: 0.75; } .several { fill-opacity: 0.3; stroke-width: 1.4; }
  .grey { fill: #57606a; stroke: #57606a; } .red { fill: #cf222e; stroke: #cf222e; } .green { fill: #1a7f37; stroke: #1a7f37; }
  .blue { fill: #0969da; stroke: #0969da; } .alpha { fill: #8250df; stroke: #8250df; }`,
  dark: `
    .bar { fill: #58a6ff; } .grey { fill: #8b949e; stroke: #8b949e; } .red { fill: #ff7b72; stroke: #ff7b72; }
    .green { fill: #3fb950; stroke: #3fb950; } .blue { fill: #58a6ff; stroke: #58a6ff; } .alpha { fill: #bc8cff; stroke: #bc8cff; }`,
};

/** How the values of one feature, or of each channel of images, are spread in the training split: an SVG picture. */
export function histogramSvg({ dataset, kind, items }: DatasetHistogram): string {
  const title = escapeXml(shortened(dataset, 60));
  const what = items.length === 1 ? items[0]!.name : 'channels';
  const name = escapeXml(shortened(kind === 'all' ? 'all values' : what, 60));
  const histograms = items.map(({ histogram }) => histogram);
  const xAxis = axis(
    histograms.flatMap(({ from, to }) => [from, to]),
    plot.left,
    plot.right,
    8,
    0,
  );
  const yAxis = axis([0, ...histograms.flatMap(({ counts }) => counts)], plot.bottom, plot.top, 5, 1);
  const parts = [
    `<text x="${plot.left}" y="26" font-size="16" font-weight="600">${title}</text>`,
    `<text x="${plot.left}" y="48">${name}, training split</text>`,
    ...(items.length === 1 ? [summary(items[0]!)] : legend(items)),
  ];
  for (const tick of yAxis.ticks) {
    const y = round(yAxis.place(tick));
    parts.push(`<path class="grid" d="M${plot.left} ${y}H${plot.right}"/>`);
    parts.push(`<text x="${plot.left - 8}" y="${y + 4}" text-anchor="end">${label(tick)}</text>`);
  }
  for (const item of items) {
    const coloured = kind === 'channel' ? escapeXml(item.name) : 'bar';
    parts.push(
      `<path class="${coloured}${items.length > 1 ? ' several' : ' bar'}" d="${outline(item, xAxis.place, yAxis.place)}"/>`,
    );
  }
  parts.push(`<path class="axis" fill="none" d="M${plot.left} ${plot.top}V${plot.bottom}H${plot.right}"/>`);
  for (const tick of xAxis.ticks) {
    const x = round(xAxis.place(tick));
    parts.push(`<path class="axis" d="M${x} ${plot.bottom}v4"/>`);
    parts.push(`<text x="${x}" y="${plot.bottom + 18}" text-anchor="middle">${label(tick)}</text>`);
  }
  return document({ width, height, title: `${title}: ${name}`, style }, parts);
}

/** Bars that touch, as one path: with a thin space between them where there is room for it. */
function outline({ histogram }: ValuesReport, x: (value: number) => number, y: (value: number) => number): string {
  const { from, to, counts } = histogram;
  const step = (to - from) / counts.length;
  const space = (x(from + step) - x(from)) * 0.06;
  return counts
    .map((count, i) => {
      if (count === 0) return '';
      const [left, right] = [x(from + i * step) + space, x(from + (i + 1) * step) - space];
      return `M${round(left)} ${plot.bottom}V${round(y(count))}H${round(right)}V${plot.bottom}Z`;
    })
    .join('');
}

function summary({ min, max, mean, standardDeviation, distinct }: ValuesReport): string {
  const numbers = [
    `from ${label(min)} to ${label(max)}`,
    `mean ${label(mean)}`,
    `deviation ${label(standardDeviation)}`,
    ...(distinct === null ? [] : [`${distinct} different`]),
  ];
  return `<text x="${plot.left}" y="68">${numbers.join(' · ')}</text>`;
}

function legend(items: ValuesReport[]): string[] {
  return items.map(({ name, mean }, i) => {
    const x = plot.left + i * 130;
    const text = `${escapeXml(name)}, mean ${label(Number(mean.toPrecision(4)))}`;
    return `<rect class="${escapeXml(name)} several" x="${x}" y="59" width="10" height="10"/><text x="${x + 15}" y="68">${text}</text>`;
  });
}
