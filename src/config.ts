import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';

/** The service's settings, all of them, as read from the environment. */
export interface Config {
  port: number;
  host: string;
  /** Absolute path. */
  dataDir: string;
  /** Jobs that train at once. */
  jobs: number;
  /** Threads of one training process. */
  threads: number;
  /** Instruction set to force; undefined: the best that the CPU has. */
  isa: string | undefined;
  maxUploadBytes: number;
  maxJsonBytes: number;
  maxJsonDepth: number;
  /** Browsers' origins that may call; empty: none, ['*']: all. */
  corsOrigins: string[];
  logLevel: string;
}

const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'];

/**
 * Reads HEBB_PORT, HEBB_HOST, HEBB_DATA_DIR, HEBB_JOBS, HEBB_THREADS, HEBB_ISA, HEBB_MAX_UPLOAD_BYTES,
 * HEBB_MAX_JSON_BYTES, HEBB_CORS_ORIGINS and HEBB_LOG_LEVEL.
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
  const jobs = integer('HEBB_JOBS', 1, 1, 64);
  const logLevel = env.HEBB_LOG_LEVEL || 'info';
  if (!logLevels.includes(logLevel))
    faults.push(`HEBB_LOG_LEVEL must be one of ${logLevels.join(', ')}, got "${logLevel}"`);
  const config: Config = {
    port: integer('HEBB_PORT', 8080, 0, 65_535),
    host: env.HEBB_HOST || '127.0.0.1',
    dataDir: resolve(env.HEBB_DATA_DIR || './data'),
    jobs,
    threads: integer('HEBB_THREADS', Math.max(1, Math.floor(usableCores() / jobs)), 1, 256),
    isa: env.HEBB_ISA || undefined,
    maxUploadBytes: integer('HEBB_MAX_UPLOAD_BYTES', 2 * 1024 ** 3, 1024, Number.MAX_SAFE_INTEGER),
    maxJsonBytes: integer('HEBB_MAX_JSON_BYTES', 4 * 1024 ** 2, 1024, 256 * 1024 ** 2),
    maxJsonDepth: 32,
    corsOrigins: (env.HEBB_CORS_ORIGINS ?? '')
      .split(',')
      .map((s) => s.trim())
      .filter(Boolean),
    logLevel,
  };
  if (faults.length > 0) throw new Error(`wrong settings:\n  ${faults.join('\n  ')}`);
  return config;
}

const knownSettings = [
  'HEBB_PORT',
  'HEBB_HOST',
  'HEBB_DATA_DIR',
  'HEBB_JOBS',
  'HEBB_THREADS',
  'HEBB_ISA',
  'HEBB_MAX_UPLOAD_BYTES',
  'HEBB_MAX_JSON_BYTES',
  'HEBB_CORS_ORIGINS',
  'HEBB_LOG_LEVEL',
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

/** CPUs that cgroup v2 or v1 grants, Infinity where nothing limits them. */
function cgroupCpuLimit(): number {
  try {
    const [quota, period] = readFileSync('/sys/fs/cgroup/cpu.max', 'utf8').trim().split(' ');
    if (quota !== 'max' && Number(quota) > 0) return Number(quota) / Number(period);
    return Infinity;
  } catch {
    // Not cgroup v2.
  }
  try {
    const quota = Number(readFileSync('/sys/fs/cgroup/cpu/cpu.cfs_quota_us', 'utf8'));
    const period = Number(readFileSync('/sys/fs/cgroup/cpu/cpu.cfs_period_us', 'utf8'));
    return quota > 0 && period > 0 ? quota / period : Infinity;
  } catch {
    return Infinity;
  }
}
