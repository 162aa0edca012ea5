import { command } from '../command.ts';
import { start, trainOptions } from './train.ts';

export const presetCommands = [
  command({
    name: 'preset list',
    summary: 'List jobs that come along',
    examples: ['hebb preset list'],
    async run({ client, output }) {
      const presets = await client.presets.list();
      output.result(presets, () =>
        output.table(
          [{ title: 'name' }, { title: 'course' }, { title: 'what it is' }],
          presets.map(({ name, course, title }) => [name, course ?? '', title]),
        ),
      );
    },
  }),
  command({
    name: 'preset show',
    summary: 'Show a preset: the job that it is',
    args: ['NAME'],
    examples: ['hebb preset show lenet5', 'hebb preset show lenet5 --json'],
    async run({ client, args: [name], output }) {
      const preset = await client.presets.get(name!);
      output.result(
        preset,
        () => `${output.strong(preset.name)}  ${preset.title}\n${JSON.stringify(preset.job, null, 2)}`,
      );
    },
  }),
  command({
    name: 'preset run',
    summary: 'Train a preset; the same as hebb train --preset',
    args: ['NAME'],
    options: trainOptions,
    examples: ['hebb preset run xor-tanh', 'hebb preset run lenet5 --set training.epochs=2 --name short'],
    run: ({ client, args: [name], values, output }) => start(client, { preset: name }, values, output),
  }),
];
