import sharp from 'sharp';
import { Turns } from '../turns.ts';

/** Pixels of the shorter side at least, where that makes no picture larger than the second. */
const leastSide = 224;
const mostSide = 2048;
/** How dense the strongest colour is. */
const strongestAlpha = 0.85;

interface Size {
  height: number;
  width: number;
  channels: number;
}

/**
 * An image in grey, enlarged, and over it a map as heat: from yellow to red what speaks for, from light to dark blue what speaks
 * against; the stronger the denser, next to the strongest of the map.
 * @param pixels (height, width, channels), from black to the largest number
 * @param map (height, width)
 * @returns PNG
 */
export async function overlay(
  pixels: Float32Array,
  { height, width, channels }: Size,
  map: Float32Array,
): Promise<Buffer> {
  const turns = new Turns();
  const count = height * width;
  const colours = Math.min(channels, 3);
  const grey = new Float32Array(count);
  const heat = new Uint8Array(count * 4);
  let [low, high, strongest] = [0, 0, 0];
  for (let p = 0; p < count; p++) {
    let sum = 0;
    for (let c = 0; c < colours; c++) sum += pixels[p * channels + c]!;
    grey[p] = sum / colours;
    low = Math.min(low, grey[p]!);
    high = Math.max(high, grey[p]!);
    strongest = Math.max(strongest, Math.abs(map[p]!));
    if (p % 1024 === 0) await turns.pass();
  }
  const ground = new Uint8Array(count);
  for (let p = 0; p < count; p++) {
    ground[p] = high > low ? (255 * (grey[p]! - low)) / (high - low) : 0;
    paint(heat, p * 4, strongest > 0 ? map[p]! / strongest : 0);
    if (p % 1024 === 0) await turns.pass();
  }
  const shorter = Math.min(height, width);
  const scale = Math.max(1, Math.min(Math.ceil(leastSide / shorter), Math.floor(mostSide / Math.max(height, width))));
  const size = { width: width * scale, height: height * scale, fit: 'fill' } as const;
  const heatLayer = await sharp(heat, { raw: { width, height, channels: 4 } })
    .resize({ ...size, kernel: 'cubic' })
    .png()
    .toBuffer();
  const groundLayer = await sharp(ground, { raw: { width, height, channels: 1 } })
    .resize({ ...size, kernel: 'nearest' })
    .toColourspace('srgb')
    .png()
    .toBuffer();
  return sharp(groundLayer)
    .composite([{ input: heatLayer }])
    .png()
    .toBuffer();
}

/** A colour of the heat, with its density: RGBA. */
function paint(to: Uint8Array, at: number, value: number): void {
  const strength = Math.min(1, Math.abs(value));
  const [from, end] = value > 0 ? [yellow, red] : [lightBlue, blue];
  for (let c = 0; c < 3; c++) to[at + c] = from[c]! + (end[c]! - from[c]!) * strength;
  to[at + 3] = 255 * strongestAlpha * strength;
}

const yellow = [255, 225, 60];
const red = [225, 20, 20];
const lightBlue = [130, 200, 255];
const blue = [20, 40, 220];
