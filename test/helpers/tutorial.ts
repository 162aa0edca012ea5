import { spawn } from 'node:child_process';

/** A command of the tutorial and what the page says that it prints. */
export interface Block {
  /** Of the command, counted from 1. */
  line: number;
  command: string;
  /** Takes long: not run here. */
  long: boolean;
  expected: string;
}

/** The blocks ```sh of a page, each with the block ```text behind it. */
export function blocksOf(page: string): Block[] {
  const fences = [...page.matchAll(/^```(\S*)(.*)\n([\s\S]*?)^```$/gm)];
  return fences.flatMap((fence, i): Block[] => {
    const [, language, rest, command] = fence;
    if (language !== 'sh') return [];
    const next = fences[i + 1]?.[1] === 'text' ? fences[i + 1]![3]! : '';
    const line = page.slice(0, fence.index).split('\n').length;
    return [{ line, command: command!, long: rest!.includes('long'), expected: next }];
  });
}

/**
 * Runs commands one after the other in one shell, so that its variables stay.
 * @returns what each printed
 */
export async function runBlocks(blocks: Block[], url: string, folder: string): Promise<string[]> {
  const separator = '=== end of block ===';
  const script = blocks.map(({ command }) => `${command}echo '${separator}'\n`).join('');
  const shell = spawn('bash', ['-c', script.replaceAll('localhost:8080', url.replace('http://', ''))], { cwd: folder });
  let output = '';
  for (const stream of [shell.stdout, shell.stderr]) {
    stream.on('data', (text) => {
      output += text;
    });
  }
  await new Promise((resolve) => shell.on('close', resolve));
  return output.split(`${separator}\n`).slice(0, -1);
}

const number = /-?\d+(?:\.\d+)?(?:e[-+]?\d+)?/gi;

/**
 * Whether a text is what was to be expected: numbers with a fraction to within 2 % and 1e-4 (the last digits differ
 * between instruction sets), blanks alike, everything else to the letter; … stands for anything.
 */
export function isAlike(text: string, expected: string): boolean {
  const words = (value: string) => value.replace(/\s+/g, ' ').trim();
  const numbers = (value: string) => value.match(number) ?? [];
  const frame = (value: string) => words(value).replace(number, '#');
  const pattern = frame(expected)
    .split('…')
    .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    .join('.*');
  if (!new RegExp(`^${pattern}$`).test(frame(text))) return false;
  if (expected.includes('…')) return true;
  const found = numbers(text).map(Number);
  return numbers(expected).every((written, i) => {
    const value = Number(written);
    const tolerance = /[.e]/i.test(written) ? Math.max(1e-4, 0.02 * Math.abs(value)) : 0;
    return Math.abs(found[i]! - value) <= tolerance;
  });
}
