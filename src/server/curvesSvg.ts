import type { TimedRow } from '../service/types.ts';

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

/** Inside the file, so that it looks right wherever it is shown, on light and on dark. */
const style = `
  svg { font: 12px system-ui, sans-serif; }
  .paper { fill: #ffffff; } text { fill: #24292f; } .axis { stroke: #57606a; } .grid { stroke: #d8dee4; }
  .train { stroke: #0969da; fill: #0969da; } .validation { stroke: #bc4c00; fill: #bc4c00; }
  polyline { fill: none !important; stroke-width: 1.8; stroke-linejoin: round; }
  @media (prefers-color-scheme: dark) {
    .paper { fill: #0d1117; } text { fill: #e6edf3; } .axis { stroke: #8b949e; } .grid { stroke: #30363d; }
    .train { stroke: #58a6ff; fill: #58a6ff; } .validation { stroke: #f0883e; fill: #f0883e; }
  }`;

/**
 * A job's loss and accuracy over epochs as an SVG picture of two panels.
 * @param name title of the picture, any text
 */
export function curvesSvg(name: string, rows: TimedRow[]): string {
  const title = escapeXml(name.length > 80 ? `${name.slice(0, 80)}…` : name);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    `<title>${title}: loss and accuracy</title>`,
    `<style>${style}</style>`,
    `<rect class="paper" width="${width}" height="${height}"/>`,
    `<text x="${panelLefts[0]}" y="26" font-size="16" font-weight="600">${title}</text>`,
    ...panels.map(({ title, series }, i) => drawPanel(panelLefts[i]!, title, series, rows)),
    '</svg>\n',
  ].join('\n');
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

interface Axis {
  ticks: number[];
  place(value: number): number;
}

/** A linear axis from pixel `from` to pixel `to` with about `count` round ticks, at least `minStep` apart. */
function axis(values: number[], from: number, to: number, count: number, minStep: number): Axis {
  let low = values.reduce((a, b) => Math.min(a, b));
  let high = values.reduce((a, b) => Math.max(a, b));
  if (low === high) {
    const room = Math.max(Math.abs(low) * 0.1, minStep, 1e-6);
    [low, high] = [low - room, high + room];
  }
  const step = Math.max(minStep, roundStep((high - low) / count));
  const ticks: number[] = [];
  // Multiples of the step rather than sums: they stay round.
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) ticks.push(i * step);
  return { ticks, place: (value) => from + ((value - low) / (high - low)) * (to - from) };
}

/** The next of 1, 2, 5 × 10ⁿ. */
function roundStep(step: number): number {
  const power = 10 ** Math.floor(Math.log10(step));
  return power * ([1, 2, 5, 10].find((factor) => factor * power >= step * (1 - 1e-9)) ?? 10);
}

function label(value: number): string {
  return String(Number(value.toPrecision(6)));
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

/** Text for XML 1.0: markup escaped, what XML cannot hold replaced. */
function escapeXml(text: string): string {
  return (
    text
      .replace(/\p{Surrogate}/gu, '\ufffd')
      // biome-ignore lint/suspicious/noControlCharactersInRegex: XML 1.0 has no way to write these
      .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '\ufffd')
      .replaceAll('&', '&amp;')
      .replaceAll('<', '&lt;')
      .replaceAll('>', '&gt;')
      .replaceAll('"', '&quot;')
  );
}
