import type { HebbClient } from '../client/index.ts';
import type { Output } from './output.ts';

export interface Option {
  type: 'string' | 'boolean';
  /** May come several times. */
  multiple?: boolean;
  short?: string;
  /** What stands for the value in the help: FILE, NAME, …. */
  value?: string;
  description: string;
}
export type Options = Record<string, Option>;

/** Values of options as they come from the command line. */
export type ValuesOf<Given extends Options> = {
  [Name in keyof Given]?: Given[Name]['type'] extends 'boolean'
    ? boolean
    : Given[Name] extends { multiple: true }
      ? string[]
      : string;
};

/** What a command gets. */
export interface Context<Values> {
  client: HebbClient;
  values: Values;
  /** Arguments without a dash, as many as the command asks for. */
  args: string[];
  output: Output;
  env: NodeJS.ProcessEnv;
}

/** Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 130 interrupted. */
export type ExitCode = 0 | 1 | 2 | 130;

export interface Command {
  /** The words after `hebb`. */
  name: string;
  summary: string;
  /** Names of the arguments: FILE is needed, [FILE] may be left out, [FILE...] may be several. */
  args: string[];
  options: Options;
  /** Further paragraphs of the help. */
  details: string;
  /** Whole command lines. */
  examples: string[];
  run(context: Context<Record<string, unknown>>): Promise<ExitCode | undefined>;
}

/** A command whose `run` knows the types of its options. */
export function command<const Given extends Options>(definition: {
  name: string;
  summary: string;
  args?: string[];
  options?: Given;
  details?: string;
  examples: string[];
  // biome-ignore lint/suspicious/noConfusingVoidType: most commands end without a word
  run(context: Context<ValuesOf<Given>>): Promise<ExitCode | void>;
}): Command {
  return {
    args: [],
    options: {},
    details: '',
    ...definition,
    run: async (context) => (await definition.run(context as Context<ValuesOf<Given>>)) ?? undefined,
  };
}

/** The command line is wrong: exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** What was asked cannot be done, in words for the user: exit code 1. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
}

/** @throws UsageError unless the text is a whole number of at least `least` */
export function wholeNumber(text: string | undefined, name: string, least = 0): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= least) return value;
  throw new UsageError(`--${name} takes a whole number from ${least}, got "${text}"`);
}

/** @throws UsageError unless the text is one of those */
export function oneOf<Choice extends string>(
  text: string | undefined,
  name: string,
  choices: readonly Choice[],
): Choice | undefined {
  if (text === undefined || (choices as readonly string[]).includes(text)) return text as Choice | undefined;
  throw new UsageError(`--${name} takes one of ${choices.join(', ')}, got "${text}"`);
}
