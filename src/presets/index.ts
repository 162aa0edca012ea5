import { byHand } from './byHand.ts';
import { digits } from './digits.ts';
import { networks } from './networks.ts';
import { neurons } from './neurons.ts';
import type { Preset } from './preset.ts';

export type { Preset, PresetJob } from './preset.ts';

const place = ({ course }: Preset) => (course === null ? Infinity : Number(course.slice(1)));

/** All of them: those of the course in its order, then the others. */
export const presets: readonly Preset[] = [...byHand, ...neurons, ...networks, ...digits].sort(
  // A difference of infinities is not a number.
  (a, b) => (place(a) === place(b) ? 0 : place(a) - place(b)),
);
