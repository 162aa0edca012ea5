import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface, type Interface } from 'node:readline';

export interface PeerProgram {
  command: string;
  arguments?: string[];
  environment?: NodeJS.ProcessEnv;
}

/** Loading a framework takes its time. */
const startTimeoutMs = 60_000;

/**
 * Another program that measures itself on request: it says its name first, then gives one line of JSON for each that it gets.
 * While it waits for a line it takes no time from whoever measures.
 */
export class Peer {
  /** Name and version, as in its rows. */
  name = '';
  private readonly program: PeerProgram;
  private child: ChildProcess | null = null;
  private lines: AsyncIterator<string> | null = null;
  private reader: Interface | null = null;
  private lastWords = '';

  private constructor(program: PeerProgram) {
    this.program = program;
  }

  /** @throws Error that says why it did not start */
  static async start(program: PeerProgram): Promise<Peer> {
    const peer = new Peer(program);
    await peer.launch();
    return peer;
  }

  private async launch(): Promise<void> {
    const child = spawn(this.program.command, this.program.arguments ?? [], { env: this.program.environment });
    this.child = child;
    child.on('error', (error) => {
      this.lastWords = error.message;
    });
    child.stdin.on('error', () => {}); // it has ended: the next line that does not come tells
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.lastWords = text.trim().split('\n').at(-1) ?? '';
    });
    this.reader = createInterface({ input: child.stdout });
    this.lines = this.reader[Symbol.asyncIterator]();
    this.name = (await this.nextLine<{ peer: string }>(startTimeoutMs)).peer;
  }

  /**
   * Asks for one measurement.
   * @throws Error where it ends or takes longer than it may; it is started afresh for the next one
   */
  async ask<Answer>(request: object, timeoutMs: number): Promise<Answer> {
    if (!this.child) await this.launch();
    this.child!.stdin!.write(`${JSON.stringify(request)}\n`);
    return this.nextLine<Answer>(timeoutMs);
  }

  private async nextLine<Answer>(timeoutMs: number): Promise<Answer> {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      void this.stop();
    }, timeoutMs);
    try {
      for (;;) {
        const { value, done } = await this.lines!.next();
        if (done) {
          await this.stop();
          throw new Error(late ? `no answer in ${timeoutMs / 1000} s` : this.lastWords || 'it ended');
        }
        if (value.startsWith('{')) return JSON.parse(value);
      }
    } finally {
      clearTimeout(timer);
    }
  }

  async stop(): Promise<void> {
    const child = this.child;
    this.child = null;
    this.reader?.close();
    if (!child || child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
}
