import type { TimedRow } from '../service/types.ts';
import { axis, document, escapeXml, label, round, shortened } from './svg.ts';

const width = 860;
const height = 330;
const panel = { width: 340, height: 210, top: 66 };
const panelLefts = [70, 500];

interface Series {
  key: string;
  label: string;
  className: string;
}

const panels: { title: string; series: Series[] }[] = [
  {
    title: 'loss',
    series: [
      { key: 'loss', label: 'train', className: 'train' },
      { key: 'validationLoss', label: 'validation', className: 'validation' },
    ],
  },
  {
    title: 'accuracy',
    series: [
      { key: 'accuracy', label: 'train', className: 'train' },
      { key: 'validationAccuracy', label: 'validation', className: 'validation' },
    ],
  },
];

const style = {
  light: `
  .train { stroke: #0969da; fill: #0969da; } .validation { stroke: #bc4c00; fill: #bc4c00; }
  polyline { fill: none !important; stroke-width: 1.8; stroke-linejoin: round; }`,
  dark: `
    .train { stroke: #58a6ff; fill: #58a6ff; } .validation { stroke: #f0883e; fill: #f0883e; }`,
};

/**
 * A job's loss and accuracy over epochs as an SVG picture of two panels.
 * @param name title of the picture, any text
 */
export function curvesSvg(name: string, rows: TimedRow[]): string {
  const title = escapeXml(shortened(name));
  const parts = [
    `<text x="${panelLefts[0]}" y="26" font-size="16" font-weight="600">${title}</text>`,
    ...panels.map(({ title, series }, i) => drawPanel(panelLefts[i]!, title, series, rows)),
  ];
  return document({ width, height, title: `${title}: loss and accuracy`, style }, parts);
}

function drawPanel(left: number, title: string, series: Series[], rows: TimedRow[]): string {
  const { top } = panel;
  const bottom = top + panel.height;
  const right = left + panel.width;
  const parts = [
    `<text x="${left}" y="${top - 14}" font-weight="600">${title}</text>`,
    `<path class="axis" fill="none" d="M${left} ${top}V${bottom}H${right}"/>`,
    `<text x="${(left + right) / 2}" y="${bottom + 38}" text-anchor="middle">epoch</text>`,
  ];
  const drawn = series
    .map((one) => ({ ...one, points: pointsOf(rows, one.key) }))
    .filter(({ points }) => points.length > 0);
  if (drawn.length === 0) {
    const message = rows.length === 0 ? 'no epoch is finished yet' : `no ${title} in this job`;
    const y = top + panel.height / 2;
    return [...parts, `<text x="${(left + right) / 2}" y="${y}" text-anchor="middle">${message}</text>`].join('\n');
  }

  const points = drawn.flatMap((one) => one.points);
  const xAxis = axis(
    points.map(([x]) => x),
    left,
    right,
    6,
    1,
  );
  const yAxis = axis(
    points.map(([, y]) => y),
    bottom,
    top,
    5,
    0,
  );
  for (const tick of xAxis.ticks) {
    const x = round(xAxis.place(tick));
    parts.push(`<path class="axis" d="M${x} ${bottom}v4"/>`);
    parts.push(`<text x="${x}" y="${bottom + 18}" text-anchor="middle">${label(tick)}</text>`);
  }
  for (const tick of yAxis.ticks) {
    const y = round(yAxis.place(tick));
    parts.push(`<path class="grid" d="M${left} ${y}H${right}"/>`);
    parts.push(`<text x="${left - 8}" y="${y + 4}" text-anchor="end">${label(tick)}</text>`);
  }
  drawn.forEach((one, i) => {
    const places = one.points.map(([x, y]) => [round(xAxis.place(x)), round(yAxis.place(y))]);
    // A line needs two points; the first epoch is worth seeing as well.
    parts.push(
      places.length === 1
        ? `<circle class="${one.className}" cx="${places[0]![0]}" cy="${places[0]![1]}" r="3"/>`
        : `<polyline class="${one.className}" points="${places.map((p) => p.join(',')).join(' ')}"/>`,
    );
    const x = right - 90 * (drawn.length - i);
    parts.push(`<path class="${one.className}" stroke-width="2" d="M${x} ${top - 18}h18"/>`);
    parts.push(`<text x="${x + 23}" y="${top - 14}">${one.label}</text>`);
  });
  return parts.join('\n');
}

function pointsOf(rows: TimedRow[], key: string): [number, number][] {
  const points: [number, number][] = [];
  for (const row of rows) {
    const value = row[key];
    if (typeof value === 'number' && Number.isFinite(value)) points.push([row.epoch, value]);
  }
  return points;
}
