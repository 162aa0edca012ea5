// The programs that Hebb is measured against. What a machine does not have is left out, and the benchmark says so.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Peer, type PeerProgram } from './peer.ts';

export interface PeerSettings {
  threads: number;
  /** What is measured beside the FMA peak: programs that do single operations, that train, or none. */
  peers: 'ops' | 'workloads' | 'none';
  /** Folder in which TensorFlow.js is installed. */
  tfjs: string | undefined;
}

export interface StartedPeers {
  peak: Peer | null;
  peers: Peer[];
  /** Those that are not there, each with the reason. */
  absent: string[];
  stop(): Promise<void>;
}

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** @throws Error with the first thing that the compiler complains of */
function compile(compiler: string, source: string, folder: string, flags: string[]): string {
  const program = join(folder, source.replace(/\..*$/, ''));
  try {
    execFileSync(compiler, ['-O2', here(source), '-o', program, ...flags], { encoding: 'utf8', stdio: 'pipe' });
  } catch (error) {
    const text = (error as { stderr?: string }).stderr || (error as Error).message;
    throw new Error(text.split('\n').find((line) => /error|cannot find|ENOENT/.test(line)) ?? text);
  }
  return program;
}

/** By name: what starts the program, or an Error. */
function programs({ threads, peers, tfjs }: PeerSettings, folder: string): [string, () => PeerProgram][] {
  const environment = { ...process.env, OMP_NUM_THREADS: `${threads}`, OPENBLAS_NUM_THREADS: `${threads}` };
  const fmaPeak = (): PeerProgram => ({ command: compile('g++', 'fma_peak.cc', folder, ['-pthread']) });
  // Debian's own Python: another one does not see Debian's packages.
  const torch = () => ({ command: '/usr/bin/python3', arguments: [here('torch_peer.py'), `${threads}`], environment });
  const openBlas = () => ({ command: compile('cc', 'openblas_peer.c', folder, ['-lopenblas']), environment });
  const tensorFlow = (backend: string) => () => {
    if (tfjs === undefined) throw new Error('no folder was given, --tfjs FOLDER');
    return { command: process.execPath, arguments: [here('tfjs_peer.mjs'), tfjs, backend, `${threads}`] };
  };
  const list: [string, () => PeerProgram][] = [['FMA peak', fmaPeak]];
  if (peers !== 'none') list.push(['PyTorch', torch]);
  if (peers === 'ops') list.push(['OpenBLAS', openBlas]);
  if (peers === 'workloads') {
    for (const backend of ['wasm', 'cpu']) list.push([`TensorFlow.js, ${backend}`, tensorFlow(backend)]);
  }
  return list;
}

/** Starts all that are there; each waits for its first request. */
export async function startPeers(settings: PeerSettings): Promise<StartedPeers> {
  const folder = mkdtempSync(join(tmpdir(), 'hebb-bench-'));
  const started = new Map<string, Peer>();
  const absent: string[] = [];
  for (const [name, program] of programs(settings, folder)) {
    try {
      started.set(name, await Peer.start(program()));
    } catch (error) {
      absent.push(`${name}: ${(error as Error).message}`);
    }
  }
  const peak = started.get('FMA peak') ?? null;
  return {
    peak,
    peers: [...started.values()].filter((peer) => peer !== peak),
    absent,
    async stop() {
      await Promise.all([...started.values()].map((peer) => peer.stop()));
      rmSync(folder, { recursive: true });
    },
  };
}
