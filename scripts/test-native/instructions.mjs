// Which instructions an object file may hold.
import { spawnSync } from 'node:child_process';

/** Files that are compiled for a newer instruction set than the baseline; all they define is in a namespace of its name. */
const sets = { 'native/kernels/avx2.cc': 'avx2', 'native/kernels/avx512.cc': 'avx512' };

function output(command, args) {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 28 });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`);
  return stdout;
}

/**
 * What must not be in the object file of a source: in a file for the baseline any AVX instruction (all begin with v); in one
 * for a newer set a function that the linker could take for the rest of the program as well, such as an inline one of a
 * standard header.
 * @returns a text for each fault
 */
export function foreignInstructions(source, object) {
  const set = sets[source];
  if (set) {
    const weak = output('nm', ['-C', '--defined-only', object])
      .split('\n')
      .filter((line) => /^[0-9a-f]+ [WVu] /.test(line))
      .map((line) => line.slice(19));
    return weak
      .filter((name) => !name.includes(`hebb::${set}::`))
      .map((name) => `${object} may lend ${name} to files for older CPUs`);
  }
  const instructions = output('objdump', ['-d', '--no-show-raw-insn', object]).split('\n');
  const avx = instructions.filter((line) => /^\s+[0-9a-f]+:\s+v[a-z0-9]+\s/.test(line) || /%[yz]mm/.test(line));
  return avx.length > 0 ? [`${object} holds ${avx.length} AVX instructions, the first: ${avx[0].trim()}`] : [];
}
