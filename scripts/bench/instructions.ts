import type { Recorder } from '../../src/nn/recorder.ts';

/** An instruction of a recorded program, as Recorder.print tells it. */
export interface Instruction {
  op: string;
  parameters: Record<string, number>;
}

export function instructionsOf(rec: Recorder): Instruction[] {
  return rec
    .print()
    .split('\n')
    .map((line) => {
      const [, op, ...rest] = line.split(' ');
      const pairs = rest.map((pair) => pair.split('=') as [string, string]);
      // Operands read arena[…) or parameters[…) or -.
      const parameters = pairs.filter(([, value]) => Number.isFinite(Number(value)) && value !== '');
      return { op: op!, parameters: Object.fromEntries(parameters.map(([name, value]) => [name, Number(value)])) };
    });
}

/** Multiplications and additions of the direct algorithm on `rows` rows; 0 where the op is not a product. */
export function flopOf({ op, parameters: p }: Instruction, rows: number): number {
  if (op.startsWith('dense')) return 2 * rows * p.inputs! * p.units!;
  if (!op.startsWith('conv2d')) return 0;
  return 2 * rows * p.output_height! * p.output_width! * p.filters! * p.kernel_height! * p.kernel_width! * p.channels!;
}

/** The sizes that tell one instruction from another of the same op. */
export function sizesOf({ op, parameters: p }: Instruction, rows: number): string {
  const image = `${rows}×${p.height}×${p.width}×${p.channels}`;
  if (op.startsWith('dense')) return `${rows}×${p.inputs}→${p.units}`;
  if (op.startsWith('conv2d')) {
    return `${image}→${p.output_height}×${p.output_width}×${p.filters}, ${p.kernel_height}×${p.kernel_width} stride ${p.stride_height}`;
  }
  if (op.includes('pool')) return `${image}→${p.output_height}×${p.output_width}, ${p.size_height}×${p.size_width}`;
  if (op === 'sgd' || op === 'adam') return `${p.elements}`;
  const { positions = 1, units = p.classes ?? p.channels ?? p.elements } = p;
  return [rows, positions, units].filter((size, i) => size !== undefined && (i !== 1 || size !== 1)).join('×');
}
