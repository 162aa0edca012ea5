import { describe, expect, test } from 'vitest';
import { cgroupCpuLimit, readConfig, usableCores } from '../src/config.ts';

const limit = (files: Record<string, string>) => cgroupCpuLimit((path) => files[path]);

describe('the CPU limit of control groups', () => {
  test('version 2: quota and period of a container, which is its own root', () => {
    const group = { '/proc/self/cgroup': '0::/\n' };
    expect(limit({ ...group, '/sys/fs/cgroup/cpu.max': '150000 100000\n' })).toBe(1.5);
    expect(limit({ ...group, '/sys/fs/cgroup/cpu.max': '20000 10000\n' })).toBe(2);
    expect(limit({ ...group, '/sys/fs/cgroup/cpu.max': 'max 100000\n' })).toBe(Infinity);
  });

  test('version 2: the least limit on the way to a service’s group', () => {
    const files = {
      '/proc/self/cgroup': '0::/system.slice/hebb.service\n',
      '/sys/fs/cgroup/system.slice/cpu.max': '400000 100000\n',
      '/sys/fs/cgroup/system.slice/hebb.service/cpu.max': 'max 100000\n',
    };
    expect(limit(files)).toBe(4);
    expect(limit({ ...files, '/sys/fs/cgroup/system.slice/hebb.service/cpu.max': '50000 100000\n' })).toBe(0.5);
  });

  test('version 1: quota and period in files of their own, found at the root inside of a container', () => {
    const groups = { '/proc/self/cgroup': '12:memory:/docker/1f\n4:cpu,cpuacct:/docker/1f\n0::/docker/1f\n' };
    const quota = '/sys/fs/cgroup/cpu/cpu.cfs_quota_us';
    const period = '/sys/fs/cgroup/cpu/cpu.cfs_period_us';
    expect(limit({ ...groups, [quota]: '300000\n', [period]: '100000\n' })).toBe(3);
    expect(limit({ ...groups, [quota]: '-1\n', [period]: '100000\n' })).toBe(Infinity);
  });

  test('nothing limits where there are no control groups, or files that say nothing', () => {
    expect(limit({})).toBe(Infinity);
    expect(limit({ '/proc/self/cgroup': '', '/sys/fs/cgroup/cpu.max': '' })).toBe(Infinity);
    expect(limit({ '/sys/fs/cgroup/cpu.max': 'what 0' })).toBe(Infinity);
    expect(limit({ '/sys/fs/cgroup/cpu.max': '100000 100000' })).toBe(1);
  });

  test('this machine has at least one core to use', () => {
    expect(usableCores()).toBeGreaterThanOrEqual(1);
    expect(cgroupCpuLimit()).toBeGreaterThan(0);
  });
});

test('how long things are kept: whole days, by default for ever but for checkpoints', () => {
  expect(readConfig({})).toMatchObject({ keepJobsDays: 0, keepDatasetsDays: 0, keepCheckpointsDays: 7 });
  const days = { HEBB_KEEP_JOBS_DAYS: '30', HEBB_KEEP_DATASETS_DAYS: '90', HEBB_KEEP_CHECKPOINTS_DAYS: '0' };
  expect(readConfig(days)).toMatchObject({ keepJobsDays: 30, keepDatasetsDays: 90, keepCheckpointsDays: 0 });
  for (const name of Object.keys(days)) {
    for (const wrong of ['-1', '1.5', 'a week', '36501']) {
      expect(() => readConfig({ [name]: wrong })).toThrow(`${name} must be a whole number from 0 to 36500`);
    }
  }
});

test('HEBB_THREADS overrides the cores, which jobs share otherwise', () => {
  expect(readConfig({ HEBB_THREADS: '3' }).threads).toBe(3);
  expect(readConfig({ HEBB_JOBS: '64' }).threads).toBe(Math.max(1, Math.floor(usableCores() / 64)));
});
