import type { Command } from '../command.ts';
import { datasetCommands } from './datasets.ts';
import { jobCommands } from './jobs.ts';
import { modelCommands } from './models.ts';
import { predict } from './predict.ts';
import { presetCommands } from './presets.ts';
import { serve } from './serve.ts';
import { train } from './train.ts';

/** All commands, in the order of the help. */
export const commands: readonly Command[] = [
  serve,
  train,
  predict,
  ...datasetCommands,
  ...jobCommands,
  ...modelCommands,
  ...presetCommands,
];
