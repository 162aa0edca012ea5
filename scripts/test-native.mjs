// Compiles the native core and its runner (native/test) in every way that can find a fault, and runs them: as shipped; with
// AddressSanitizer and UndefinedBehaviorSanitizer; with ThreadSanitizer; for 64-bit ARM under qemu; and fuzzed.
//
//   node scripts/test-native.mjs [--only PART,PART] [--fuzz-seconds 60] [--jobs N] [--strict]
//
// What a machine lacks is skipped, and said so; --strict fails instead. Prints a line a part and, last, the tests counted.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { foreignInstructions } from './test-native/instructions.mjs';

const { values: options } = parseArgs({
  options: {
    only: { type: 'string' },
    'fuzz-seconds': { type: 'string', default: '60' },
    jobs: { type: 'string', default: String(availableParallelism()) },
    strict: { type: 'boolean', default: false },
  },
});
const fuzzSeconds = Number(options['fuzz-seconds']);
const jobs = Number(options.jobs);
const folder = 'node_modules/.cache/test-native'; // survives node-gyp, which empties build/

// The addon's own list of sources and flags: what is tested is what ships.
const target = JSON.parse(readFileSync('binding.gyp', 'utf8')).targets[0];
const core = target.sources.filter((file) => !file.startsWith('native/addon'));
const shippedFlags = target.cflags_cc;
const flagsOfAll = ['-std=c++20', '-ffp-contract=off', '-fno-math-errno', '-Wall', '-Wextra', '-Wno-psabi', '-Inative'];
const allFiles = readdirSync('native', { recursive: true }).map((file) => join('native', file));
const tests = allFiles.filter((file) => /^native\/test\/.*\.cc$/.test(file));
const runner = tests.filter((file) => !file.endsWith('fuzz_program.cc'));
// The tests' own headers are no part of the core, whose kernels take minutes to compile.
const newest = (files) => Math.max(...files.map((file) => statSync(file).mtimeMs));
const headers = allFiles.filter((file) => /\.(h|def)$/.test(file));
const headersChanged = newest(headers);
const coreHeadersChanged = newest(headers.filter((file) => !file.startsWith('native/test/')));

// With outlined checks clang compiles the unrolled kernels four times faster; of their checks, those of each pointer would
// cost as much again, and reads and writes out of bounds are AddressSanitizer's.
const outlined = ['-mllvm', '-asan-instrumentation-with-call-threshold=0'];
const sanitized = ['-O1', '-gline-tables-only', '-fno-sanitize-recover=all', ...outlined];
const sanitizers = '-fsanitize=address,undefined,float-cast-overflow';
const kernelSanitizers = [`${sanitizers},fuzzer-no-link`, '-fno-sanitize=null,alignment,object-size,pointer-overflow'];

/** A build: its compiler, flags by file, what it links, and the command that runs it. */
const builds = {
  shipped: {
    compiler: 'g++',
    flags: (file) => [...shippedFlags, ...(tests.includes(file) ? ['-O1'] : [])],
    link: [],
    needs: [['g++', 'g++']],
  },
  sanitized: {
    compiler: 'clang++',
    flags: (file) => [
      ...sanitized,
      ...(file.includes('/kernels/')
        ? kernelSanitizers
        : [tests.includes(file) ? sanitizers : `${sanitizers},fuzzer-no-link`]),
    ],
    link: [sanitizers],
    needs: [
      ['clang++', 'clang'],
      ['-fsanitize=address,undefined', 'libclang-rt-14-dev'],
    ],
  },
  threads: {
    compiler: 'g++',
    flags: () => ['-O1', '-g1', '-fsanitize=thread'],
    link: ['-fsanitize=thread'],
    needs: [
      ['g++', 'g++'],
      ['-fsanitize=thread', 'libtsan2'],
    ],
  },
  arm: {
    compiler: 'aarch64-linux-gnu-g++',
    flags: (file) => [tests.includes(file) ? '-O1' : '-O2'],
    link: ['-static'],
    needs: [
      ['aarch64-linux-gnu-g++', 'g++-aarch64-linux-gnu'],
      ['qemu-aarch64-static', 'qemu-user-static'],
    ],
  },
};

/** Parts in the order of their start; each resolves to {text, passed, failed}. */
const parts = {
  fuzz: { build: 'sanitized', run: fuzz },
  shipped: { build: 'shipped', run: () => runTests('shipped', [join(folder, 'shipped/runner')]) },
  instructions: { build: 'shipped', run: checkInstructions, needs: [['objdump', 'binutils']] },
  sanitized: {
    build: 'sanitized',
    run: () => runTests('sanitized', [join(folder, 'sanitized/runner'), '--every', '7']),
  },
  // Without a fixed layout of memory, ThreadSanitizer of GCC 12 cannot start on recent kernels.
  threads: {
    build: 'threads',
    run: () => runTests('threads', ['setarch', '-R', join(folder, 'threads/runner'), '--every', '13']),
    needs: [['setarch', 'util-linux']],
  },
  portable: {
    run: checkPortability,
    needs: [
      ['clang++', 'clang'],
      ['aarch64-linux-gnu-g++', 'g++-aarch64-linux-gnu'],
    ],
  },
  arm: {
    build: 'arm',
    run: () => runTests('arm', ['qemu-aarch64-static', join(folder, 'arm/runner'), '--every', '7']),
  },
};

// ---- processes

let free = jobs;
const waiting = [];

/** Runs a command when one of the `jobs` places is free; resolves to {code, output, seconds}. */
async function run(command, args, env = {}) {
  if (free > 0) free--;
  else await new Promise((resolve) => waiting.push(resolve));
  const start = performance.now();
  const chunks = [];
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.on('data', (chunk) => chunks.push(chunk));
  child.stderr.on('data', (chunk) => chunks.push(chunk));
  const code = await new Promise((resolve) => {
    child.on('error', (error) => resolve(error.message));
    child.on('close', (status, signal) => resolve(signal ?? status));
  });
  if (waiting.length > 0) waiting.shift()();
  else free++;
  return { code, output: Buffer.concat(chunks).toString(), seconds: (performance.now() - start) / 1000 };
}

class Failure extends Error {}

function mustSucceed(what, result) {
  if (result.code !== 0) throw new Failure(`${what}: ${result.code}\n${result.output.slice(-6000)}`);
  return result;
}

// ---- builds

/** Compiles a file where it, a header or the flags changed. */
async function compile(build, name, file) {
  const object = join(folder, name, file.replace(/\.cc$/, '.o'));
  const args = [...build.flags(file), ...flagsOfAll, '-c', file, '-o', object];
  const command = [build.compiler, ...args].join(' ');
  const known = existsSync(object) && existsSync(`${object}.txt`) && readFileSync(`${object}.txt`, 'utf8') === command;
  const changed = Math.max(statSync(file).mtimeMs, core.includes(file) ? coreHeadersChanged : headersChanged);
  if (known && statSync(object).mtimeMs > changed) return object;
  mkdirSync(dirname(object), { recursive: true });
  const { output } = mustSucceed(`compiling ${file}`, await run(build.compiler, args));
  // A warning of the shipped build is a fault: node-gyp prints them where nobody looks.
  if (name === 'shipped' && /warning:/.test(output))
    throw new Failure(`compiling ${file} with ${build.compiler}:\n${output.slice(0, 3000)}`);
  writeFileSync(`${object}.txt`, command);
  return object;
}

async function link(build, name, program, files, flags) {
  const objects = await Promise.all(files.map((file) => compile(build, name, file)));
  const args = [...flags, '-o', join(folder, name, program), ...objects, '-pthread'];
  mustSucceed(`linking ${program}`, await run(build.compiler, args));
}

const built = {};
function buildOnce(name) {
  built[name] ??= link(builds[name], name, 'runner', [...core, ...runner], builds[name].link);
  return built[name];
}

// ---- parts

async function runTests(name, command) {
  const env = { TSAN_OPTIONS: 'halt_on_error=1', UBSAN_OPTIONS: 'print_stacktrace=1' };
  const { code, output, seconds } = await run(command[0], command.slice(1), env);
  const counts = /(\d+) tests passed, (\d+) failed, (\d+) checks/.exec(output);
  const sets = /^instruction sets: (.*)$/m.exec(output)?.[1];
  if (code !== 0 || !counts) {
    const told = output.split('\n').filter((line) => !line.startsWith('ok '));
    const failed = Math.max(1, Number(counts?.[2] ?? 1));
    const text = `${code}\n${told.join('\n').slice(-8000)}`;
    return { text, passed: Number(counts?.[1] ?? 0), failed };
  }
  const text = `${seconds.toFixed(0)} s: ${counts[1]} tests, ${counts[3]} checks on ${sets}`;
  if (name === 'shipped' && process.env.CI) console.log(output);
  return { text, passed: Number(counts[1]), failed: 0 };
}

async function fuzz() {
  const program = join(folder, 'sanitized/fuzz');
  const files = [...core, 'native/test/fuzz_program.cc'];
  await link(builds.sanitized, 'sanitized', 'fuzz', files, [`${sanitizers},fuzzer`]);
  const corpus = join(folder, 'corpus');
  mkdirSync(corpus, { recursive: true });
  const limits = [
    `-max_total_time=${fuzzSeconds}`,
    '-max_len=512',
    '-len_control=0',
    '-timeout=20',
    '-rss_limit_mb=4096',
  ];
  const { output } = mustSucceed(
    'fuzzing (the input that shows it: see "Test unit written to")',
    await run(program, [...limits, `-artifact_prefix=${folder}/`, '-print_final_stats=1', corpus]),
  );
  const units = /number_of_executed_units:\s*(\d+)/.exec(output)?.[1];
  const coverage = [...output.matchAll(/cov: (\d+)/g)].at(-1)?.[1];
  return { text: `${fuzzSeconds} s: ${units} programs, ${coverage} edges`, passed: 1, failed: 0 };
}

/** Clang, which builds the rest anyway, must take the addon and the code for ARM as well: macOS has no other compiler. */
async function checkPortability() {
  const api = JSON.parse(readFileSync('node_modules/node-addon-api/package.json', 'utf8')).version;
  const headers = join(dirname(process.execPath), '../include/node');
  const addon = target.sources.filter((file) => !core.includes(file));
  const flags = ['-fsyntax-only', ...flagsOfAll];
  const checks = [...core, ...tests].map((file) => ['--target=aarch64-linux-gnu', ...flags, file]);
  if (existsSync(join(headers, 'node_api.h'))) {
    const include = ['-isystem', headers, '-isystem', 'node_modules/node-addon-api'];
    const defines = target.defines.map((define) => `-D${define}`);
    for (const file of addon) checks.push([...flags, ...include, ...defines, '-fno-exceptions', file]);
  }
  await Promise.all(checks.map(async (args) => mustSucceed(`clang on ${args.at(-1)}`, await run('clang++', args))));
  return { text: `clang takes ${checks.length} files (node-addon-api ${api})`, passed: 1, failed: 0 };
}

/** The addon must load where no newer instruction set is: only their own files may hold its instructions. */
async function checkInstructions() {
  const faults = core.flatMap((file) =>
    foreignInstructions(file, join(folder, 'shipped', file.replace(/\.cc$/, '.o'))),
  );
  if (faults.length > 0) throw new Failure(faults.join('\n'));
  return {
    text: `${core.length} object files hold the baseline's instructions, or their own set's`,
    passed: 1,
    failed: 0,
  };
}

// ---- what there is

/** What is missing of a command or, beginning with '-', of what a compiler can link. */
function missing([need, debianPackage], compiler) {
  if (need.startsWith('-')) {
    const linked = spawnSync(compiler, [need, '-x', 'c++', '-', '-o', '/dev/null'], { input: 'int main() {}' });
    return linked.status === 0 ? [] : [debianPackage];
  }
  return spawnSync('sh', ['-c', `command -v ${need}`]).status === 0 ? [] : [debianPackage];
}

function whySkipped(name) {
  const build = builds[parts[name].build];
  const needs = [...(build?.needs ?? []), ...(parts[name].needs ?? [])];
  const packages = needs.flatMap((need) => missing(need, build?.compiler));
  return packages.length > 0 ? `apt-get install ${[...new Set(packages)].join(' ')}` : undefined;
}

const unlisted = allFiles.filter(
  (f) => /\.cc$/.test(f) && !f.startsWith('native/test/') && !target.sources.includes(f),
);
if (unlisted.length > 0) throw new Error(`binding.gyp does not name ${unlisted.join(', ')}`);
const wanted = options.only?.split(',') ?? Object.keys(parts);
const unknown = wanted.filter((name) => !(name in parts));
if (unknown.length > 0) throw new Error(`no part ${unknown.join(', ')}; parts: ${Object.keys(parts).join(', ')}`);

const start = performance.now();
const totals = { passed: 0, failed: 0, skipped: 0 };
await Promise.all(
  wanted.map(async (name) => {
    const lacks = whySkipped(name);
    if (lacks) {
      console.log(`${name}: skipped (${lacks})`);
      totals[options.strict ? 'failed' : 'skipped']++;
      return;
    }
    const begun = performance.now();
    try {
      if (parts[name].build) await buildOnce(parts[name].build);
      const { text, passed, failed } = await parts[name].run();
      totals.passed += passed;
      totals.failed += failed;
      const seconds = ((performance.now() - begun) / 1000).toFixed(0);
      console.log(`${name}: ${failed > 0 ? 'FAILED' : 'ok'} after ${seconds} s; ${text}`);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      totals.failed++;
      console.log(`${name}: FAILED: ${error.message}`);
    }
  }),
);
console.log(`${((performance.now() - start) / 1000).toFixed(0)} s in all`);
console.log(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`);
process.exit(totals.failed > 0 ? 1 : 0);
