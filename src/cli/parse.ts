import { parseArgs } from 'node:util';
import { type Command, type Options, UsageError } from './command.ts';
import { globalOptions, usageOf } from './help.ts';
import { didYouMean } from './text.ts';

/** What a command line asks for: to run a command, or to be told of commands. */
export type Request =
  | { kind: 'run'; command: Command; values: Record<string, unknown>; args: string[] }
  | { kind: 'help'; command: Command }
  | { kind: 'overview'; group: string }
  | { kind: 'version' };

/** @throws UsageError */
export function parse(argv: readonly string[], commands: readonly Command[]): Request {
  const start = firstWord(argv);
  const before = argv.slice(0, start);
  const [first, second] = argv.slice(start);
  const wantsHelp = asksForHelp(argv);
  if (first === undefined) {
    const option = before.find((word) => !['-h', '--help', '--version', '-v', '--json'].includes(word));
    if (option !== undefined && !wantsHelp) throw new UsageError(`${option}: which command? hebb --help lists them`);
    return before.includes('--version') || before.includes('-v')
      ? { kind: 'version' }
      : { kind: 'overview', group: '' };
  }
  if (first === 'help') return helpAbout(argv.slice(start + 1), commands);

  const command =
    commands.find(({ name }) => name === `${first} ${second}`) ?? commands.find(({ name }) => name === first);
  if (!command) {
    if (isGroup(first, commands) && (second === undefined || second.startsWith('-'))) {
      if (wantsHelp) return { kind: 'overview', group: first };
      throw new UsageError(`hebb ${first} does what? ${listed(first, commands)}`);
    }
    throw unknownCommand(first, second, commands);
  }
  if (wantsHelp) return { kind: 'help', command };
  const after = argv.slice(start + command.name.split(' ').length);
  const { values, positionals } = readOptions([...before, ...after], command);
  checkArgs(command, positionals);
  return { kind: 'run', command, values, args: positionals };
}

/** Where the command begins: behind options that all commands take. */
function firstWord(argv: readonly string[]): number {
  let i = 0;
  while (i < argv.length && argv[i]!.startsWith('-') && argv[i] !== '-') i += argv[i] === '--url' ? 2 : 1;
  return Math.min(i, argv.length);
}

function asksForHelp(argv: readonly string[]): boolean {
  const end = argv.indexOf('--');
  return (end < 0 ? argv : argv.slice(0, end)).some((word) => word === '--help' || word === '-h');
}

function helpAbout(words: readonly string[], commands: readonly Command[]): Request {
  const name = words.join(' ');
  const command = commands.find((one) => one.name === name);
  if (command) return { kind: 'help', command };
  if (name === '' || isGroup(name, commands)) return { kind: 'overview', group: name };
  throw unknownCommand(words[0]!, words[1], commands);
}

function isGroup(word: string, commands: readonly Command[]): boolean {
  return commands.some(({ name }) => name.startsWith(`${word} `));
}

function listed(group: string, commands: readonly Command[]): string {
  return commands
    .filter(({ name }) => name.startsWith(`${group} `))
    .map(({ name }) => name.split(' ')[1])
    .join(', ');
}

function unknownCommand(first: string, second: string | undefined, commands: readonly Command[]): UsageError {
  if (isGroup(first, commands)) {
    const inner = commands.flatMap(({ name }) => (name.startsWith(`${first} `) ? [name.split(' ')[1]!] : []));
    const hint = didYouMean(second!, inner, (name) => `hebb ${first} ${name}`);
    return new UsageError(`hebb ${first} has no "${second}"${hint || `; it has ${inner.join(', ')}`}`);
  }
  const known = [...new Set(commands.flatMap(({ name }) => [name, name.split(' ')[0]!]))];
  const hint = didYouMean(first, known, (name) => `hebb ${name}`) || '; hebb --help lists them';
  return new UsageError(`there is no command "${first}"${hint}`);
}

function readOptions(words: string[], command: Command): { values: Record<string, unknown>; positionals: string[] } {
  const options: Options = { ...globalOptions, ...command.options };
  try {
    return parseArgs({
      args: words,
      options: Object.fromEntries(
        Object.entries(options).map(([name, { type, multiple, short }]) => [
          name,
          { type, ...(multiple && { multiple }), ...(short && { short }) },
        ]),
      ),
      allowPositionals: true,
      strict: true,
    });
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    if (!code?.startsWith('ERR_PARSE_ARGS')) throw error;
    const name = /^Unknown option '--?([^']+)'/.exec(message)?.[1];
    if (name === undefined) throw new UsageError(`${message.split(/\.\s|\n/)[0]}; usage: ${usageOf(command)}`);
    const hint = didYouMean(name, Object.keys(options), (known) => `--${known}`);
    throw new UsageError(`hebb ${command.name} has no option --${name}${hint || `; hebb ${command.name} --help`}`);
  }
}

function checkArgs(command: Command, given: string[]): void {
  const needed = command.args.filter((name) => !name.startsWith('['));
  const missing = needed[given.length];
  if (missing !== undefined) throw new UsageError(`${missing} is missing; usage: ${usageOf(command)}`);
  const several = command.args.at(-1)?.includes('...');
  if (!several && given.length > command.args.length) {
    throw new UsageError(`"${given[command.args.length]}" is too much; usage: ${usageOf(command)}`);
  }
}
