import type { WriteStream } from 'node:tty';
import { type Column, fields, table } from './table.ts';

type Stream = NodeJS.WritableStream & Partial<Pick<WriteStream, 'isTTY' | 'columns'>>;

/** Results go to standard output, everything else to standard error; with --json results are JSON. */
export class Output {
  readonly json: boolean;
  readonly stdout: Stream;
  readonly stderr: Stream;
  private readonly env: NodeJS.ProcessEnv;

  constructor(json: boolean, stdout: Stream, stderr: Stream, env: NodeJS.ProcessEnv) {
    this.json = json;
    this.stdout = stdout;
    this.stderr = stderr;
    this.env = env;
  }

  /** What the command was for: the data, or how people read them. */
  result(data: unknown, text: () => string): void {
    const shown = this.json ? JSON.stringify(data, null, 2) : text();
    if (shown !== '') this.stdout.write(`${shown}\n`);
  }

  /** One of several results: with --json an object a line. */
  line(data: unknown, text: () => string): void {
    this.stdout.write(`${this.json ? JSON.stringify(data) : text()}\n`);
  }

  /** Something by the way. */
  note(text: string): void {
    this.stderr.write(`${text}\n`);
  }

  /** Columns of the terminal; Infinity where the output goes elsewhere, so that nothing is cut there. */
  get width(): number {
    return this.stdout.isTTY ? this.stdout.columns || 80 : Number.POSITIVE_INFINITY;
  }

  table(columns: Column[], rows: string[][]): string {
    return table(columns, rows, this.width, this.strong);
  }

  fields(entries: [name: string, value: string | undefined][]): string {
    return fields(entries, this.faint);
  }

  strong = (text: string) => this.styled(text, 1, 22);
  faint = (text: string) => this.styled(text, 2, 22);
  good = (text: string) => this.styled(text, 32, 39);
  bad = (text: string) => this.styled(text, 31, 39);

  /** ECMA-48, SGR: only where a terminal shows it and nobody minds (no-color.org). */
  private styled(text: string, on: number, off: number): string {
    const plain = !this.stdout.isTTY || this.env.NO_COLOR || this.env.TERM === 'dumb';
    return plain ? text : `\u001b[${on}m${text}\u001b[${off}m`;
  }
}
