/** What the pictures share: a frame that is right on light and on dark, axes, and text that is safe. */

/** Inside the file, so that it looks right wherever it is shown. */
const common = {
  light: `
  svg { font: 12px system-ui, sans-serif; }
  .paper { fill: #ffffff; } text { fill: #24292f; } .axis { stroke: #57606a; } .grid { stroke: #d8dee4; }`,
  dark: `
    .paper { fill: #0d1117; } text { fill: #e6edf3; } .axis { stroke: #8b949e; } .grid { stroke: #30363d; }`,
};

/**
 * A whole SVG file.
 * @param options title as XML; style: rules of this picture, and those that differ on dark
 */
export function document(
  options: { width: number; height: number; title: string; style: { light: string; dark: string } },
  parts: string[],
): string {
  const { width, height, title, style } = options;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    `<title>${title}</title>`,
    `<style>${common.light}${style.light}\n  @media (prefers-color-scheme: dark) {${common.dark}${style.dark}\n  }</style>`,
    `<rect class="paper" width="${width}" height="${height}"/>`,
    ...parts,
    '</svg>\n',
  ].join('\n');
}

/** A name that fits above a picture. */
export function shortened(name: string, most = 80): string {
  return name.length > most ? `${name.slice(0, most)}…` : name;
}

export interface Axis {
  ticks: number[];
  place(value: number): number;
}

/** A linear axis from pixel `from` to pixel `to` with about `count` round ticks, at least `minStep` apart. */
export function axis(values: number[], from: number, to: number, count: number, minStep: number): Axis {
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

export function label(value: number): string {
  return String(Number(value.toPrecision(6)));
}

export function round(value: number): number {
  return Math.round(value * 10) / 10;
}

/** Text for XML 1.0: markup escaped, what XML cannot hold replaced. */
export function escapeXml(text: string): string {
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
