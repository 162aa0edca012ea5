import { readFileSync, writeFileSync } from 'node:fs';

/** Memory of a process in bytes (proc_pid_status(5)). */
export interface ProcessMemory {
  /** All that is resident: also pages of files that are mapped, which the system takes back as it likes. */
  resident: number;
  /** Of it what no file backs. */
  anonymous: number;
}

const keys = { resident: 'VmRSS', anonymous: 'RssAnon', highWater: 'VmHWM' };

function read(pid: number, key: keyof typeof keys): number {
  try {
    const text = readFileSync(`/proc/${pid}/status`, 'utf8');
    return Number(new RegExp(`^${keys[key]}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1] ?? 0) * 1024;
  } catch {
    return 0; // gone
  }
}

export function memoryOf(pid: number): ProcessMemory {
  return { resident: read(pid, 'resident'), anonymous: read(pid, 'anonymous') };
}

/**
 * The most that a process holds while something is done. Resident memory is the system's own high water mark; the anonymous part is
 * looked at every few milliseconds.
 */
export async function highWater<Result>(
  pid: number,
  action: () => Promise<Result>,
): Promise<{ result: Result; most: ProcessMemory; before: ProcessMemory }> {
  const before = memoryOf(pid);
  writeFileSync(`/proc/${pid}/clear_refs`, '5'); // VmHWM starts anew: proc_pid_clear_refs(5)
  let anonymous = before.anonymous;
  const look = () => {
    anonymous = Math.max(anonymous, read(pid, 'anonymous'));
  };
  const timer = setInterval(look, 5);
  try {
    const result = await action();
    look();
    return { result, most: { resident: read(pid, 'highWater'), anonymous }, before };
  } finally {
    clearInterval(timer);
  }
}
