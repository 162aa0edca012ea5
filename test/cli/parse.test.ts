import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { UsageError } from '../../src/cli/command.ts';
import { commands } from '../../src/cli/commands/index.ts';
import { commandHelp, overview } from '../../src/cli/help.ts';
import { parse } from '../../src/cli/parse.ts';

/** Words of a line as a shell would have them, without what it does itself. */
function words(line: string): string[] {
  const own = line.split(/ [|>] /)[0]!;
  return [...own.matchAll(/'([^']*)'|(\S+)/g)].map((match) => match[1] ?? match[2]!);
}

test.each(commands.map((command) => [command.name, command] as const))(
  'hebb %s: help and examples',
  (name, command) => {
    const help = commandHelp(command);
    expect(help).toContain(`Usage: hebb ${name}`);
    for (const option of Object.keys(command.options)) expect(help).toContain(`--${option}`);
    expect(command.examples.length).toBeGreaterThan(0);
    for (const example of command.examples) {
      const [program, ...argv] = words(example);
      expect(program).toBe('hebb');
      expect(parse(argv, commands), example).toMatchObject({ kind: 'run', command: { name } });
    }
    expect(parse([...name.split(' '), '--help'], commands)).toEqual({ kind: 'help', command });
    expect(parse(['help', ...name.split(' ')], commands)).toEqual({ kind: 'help', command });
    expect(overview(commands)).toContain(command.summary);
  },
);

test('docs/cli.md shows every command, by lines that are command lines', () => {
  const page = readFileSync('docs/cli.md', 'utf8');
  const blocks = [...page.matchAll(/```(?:sh|console)\n(.*?)```/gs)].map((match) => match[1]!);
  const lines = blocks.flatMap((block) => [...block.matchAll(/^(?:\$ |.*\| )?(hebb .*)$/gm)].map((match) => match[1]!));
  const shown = lines.map((line) => {
    const request = parse(words(line.replace(/ +#.*/, '')).slice(1), commands);
    return request.kind === 'run' ? request.command.name : '';
  });
  expect(commands.map(({ name }) => name).filter((name) => !shown.includes(name))).toEqual([]);
});

test('options of all commands may stand before the command', () => {
  expect(parse(['--url', 'http://a', '--json', 'jobs', 'show', 'x'], commands)).toMatchObject({
    kind: 'run',
    command: { name: 'jobs show' },
    values: { url: 'http://a', json: true },
    args: ['x'],
  });
  expect(parse([], commands)).toEqual({ kind: 'overview', group: '' });
  expect(parse(['jobs', '-h'], commands)).toEqual({ kind: 'overview', group: 'jobs' });
  expect(parse(['--version'], commands)).toEqual({ kind: 'version' });
});

test.each([
  [['trian'], 'there is no command "trian"; did you mean hebb train?'],
  [['xyzzy'], 'hebb --help lists them'],
  [['jobs', 'lst'], 'hebb jobs has no "lst"; did you mean hebb jobs list?'],
  [['jobs'], 'hebb jobs does what? list, show'],
  [['jobs', 'list', '--stat', 'x'], 'hebb jobs list has no option --stat; did you mean --state?'],
  [['jobs', 'show'], 'JOB is missing; usage: hebb jobs show JOB'],
  [['jobs', 'show', 'a', 'b'], '"b" is too much'],
  [['jobs', 'list', '--state'], 'usage: hebb jobs list'],
  [['help', 'nothing'], 'there is no command "nothing"'],
  [['--wrong'], '--wrong: which command?'],
])('%j is told: %s', (argv, message) => {
  expect(() => parse(argv, commands)).toThrow(UsageError);
  expect(() => parse(argv, commands)).toThrow(message);
});
