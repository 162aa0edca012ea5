// The real service, as it is built, as a process of its own, to be killed and started again on the same folder and port.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { trainersOf } from '../helpers/processes.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const startTimeoutMs = 60_000;

// biome-ignore lint/suspicious/noExplicitAny: what the service answers
export type Json = any;

export interface Answer {
  status: number;
  body: Json;
}

export class DrilledService {
  private readonly folder: string;
  private readonly settings: Record<string, string>;
  private readonly port: number;
  private child: ChildProcess | null = null;
  /** The last words of the services so far. */
  log = '';

  /** @param folder the data directory */
  constructor(folder: string, port: number, settings: Record<string, string> = {}) {
    this.folder = folder;
    this.port = port;
    this.settings = settings;
  }

  get pid(): number | undefined {
    return this.child?.pid;
  }

  /** Resolves when it takes requests. @throws Error where it ends before */
  async start(): Promise<void> {
    // As `npm start` and the image start it.
    const child = spawn(process.execPath, ['--max-semi-space-size=4', join(root, 'dist/main.js')], {
      cwd: root,
      env: {
        PATH: process.env.PATH,
        HEBB_PORT: String(this.port),
        HEBB_DATA_DIR: this.folder,
        HEBB_THREADS: '1',
        HEBB_LOG_LEVEL: 'warn',
        ...this.settings,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (text) => {
        this.log = (this.log + text).slice(-20_000);
      });
    }
    this.child = child;
    const deadline = Date.now() + startTimeoutMs;
    for (;;) {
      if (child.exitCode !== null) throw new Error(`the service ended with ${child.exitCode}: ${this.log}`);
      if (Date.now() > deadline) throw new Error(`the service does not get ready: ${this.log}`);
      if ((await this.call('/readyz').catch(() => null))?.status === 200) return;
      await sleep(30);
    }
  }

  /** Ends it with a signal; resolves with its exit code when it is gone. */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    const { child } = this;
    this.child = null;
    if (!child || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null;
    const exited = once(child, 'exit');
    child.kill(signal);
    const [code] = await exited;
    return code;
  }

  /** @throws Error where there is no answer; that is: where the service was killed meanwhile */
  async call(path: string, init: RequestInit = {}): Promise<Answer> {
    const response = await fetch(`http://127.0.0.1:${this.port}${path}`, init);
    const text = await response.text();
    const isJson = /json/.test(response.headers.get('content-type') ?? '');
    return { status: response.status, body: isJson ? JSON.parse(text) : text };
  }

  post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    return this.call(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
  }

  /** Ids of its training processes. */
  get trainers(): number[] {
    return trainersOf(this.pid);
  }
}
