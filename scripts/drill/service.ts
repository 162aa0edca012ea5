// The real service, as it is built, as a process of its own, to be killed and started again on the same folder and port.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const startTimeoutMs = 60_000;

// biome-ignore lint/suspicious/noExplicitAny: what the service answers
export type Json = any;

export interface Answer {
  status: number;
  body: Json;
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
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
    const child = spawn(process.execPath, [join(root, 'dist/main.js')], {
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

/** Ids of the training processes of a service. */
export function trainersOf(parent: number | undefined): number[] {
  if (parent === undefined) return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => parentOf(pid) === parent && commandOf(pid).includes('worker'))
    .map(Number);
}

function parentOf(pid: string): number {
  try {
    const [, , , parent] = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/\(.*\)/, '()')
      .split(' ');
    return Number(parent);
  } catch {
    return 0; // gone meanwhile
  }
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

export function isAlive(pid: number): boolean {
  try {
    // A zombie has ended, too.
    return !/^\d+ \(.*\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

/** Signals a process that may be gone. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It is.
  }
}
