import type { Command, Options } from './command.ts';

/** Options that every command takes. */
export const globalOptions = {
  url: { type: 'string', value: 'URL', description: 'Where the service is [HEBB_URL, else http://127.0.0.1:8080].' },
  json: { type: 'boolean', description: 'JSON on standard output, and nothing else there.' },
  help: { type: 'boolean', short: 'h', description: 'Show this.' },
} as const satisfies Options;

const versionOption: Options = { version: { type: 'boolean', short: 'v', description: 'Show the version.' } };

export function usageOf({ name, args, options }: Command): string {
  const taken = Object.keys(options).length > 0 ? ' [options]' : '';
  return ['hebb', name, ...args].join(' ') + taken;
}

/** Everything about one command. */
export function commandHelp(command: Command): string {
  return `${[
    `${command.summary}`,
    `Usage: ${usageOf(command)}`,
    command.details,
    optionsHelp('Options:', command.options),
    optionsHelp('With every command:', globalOptions),
    `Examples:\n${command.examples.map((line) => `  ${line}`).join('\n')}`,
  ]
    .filter((part) => part !== '')
    .join('\n\n')}\n`;
}

/** The commands that begin with these words, or all. */
export function overview(commands: readonly Command[], group = ''): string {
  const shown = commands.filter(({ name }) => group === '' || name === group || name.startsWith(`${group} `));
  const uses = shown.map((one) => [one.name, ...one.args].join(' '));
  const width = Math.max(...uses.map((use) => use.length));
  const lines = shown.map(({ summary }, i) => `  ${uses[i]!.padEnd(width)}  ${summary}`);
  const head =
    group === ''
      ? 'Hebb trains neural networks on the CPU, as a service.\n\nUsage: hebb COMMAND [options]'
      : `Usage: hebb ${group} COMMAND [options]`;
  return `${head}

Commands:
${lines.join('\n')}

${optionsHelp('With every command:', group === '' ? { ...globalOptions, ...versionOption } : globalOptions)}

hebb COMMAND --help tells more of each, with examples.
Exit codes: 0 done, 1 the service refused or the job failed, 2 wrong usage, 130 interrupted.
`;
}

function optionsHelp(title: string, options: Options): string {
  const names = Object.entries(options).map(([name, { short, value, type }]) => {
    const long = `--${name}${type === 'string' ? ` ${value ?? 'VALUE'}` : ''}`;
    return short ? `-${short}, ${long}` : `    ${long}`;
  });
  if (names.length === 0) return '';
  const width = Math.max(...names.map((name) => name.length));
  const lines = Object.values(options).map(({ description }, i) => `  ${names[i]!.padEnd(width)}  ${description}`);
  return [title, ...lines].join('\n');
}
