import { activationCodes, type Memory, type NativeProgram, type OpInfo, ops, Program } from '../native.ts';
import type { ActivationName } from './activations.ts';

/** Memory that an op reads or writes. In the arena its place is found when the program is complete. */
export interface Tensor {
  space: 'arena' | 'parameters';
  /** Floats in all: for a tensor with a batch dimension, those of the largest batch. */
  floats: number;
  /** In floats; NaN until an arena tensor has its place. */
  offset: number;
  /** First and last instruction that touch it; a kept tensor lives through the whole program. */
  first: number;
  last: number;
  kept: boolean;
  /** The tensor that this one is a part of, from element `offset` on. */
  base?: Tensor;
}

/** How a program is to run. */
export interface ProgramSettings {
  isa: string;
  threads: number;
  /** The parameters stay as they are from the first run on, so that what ops work out of them is kept. Only to predict. */
  constant?: boolean;
}

const opCodes = new Map(ops.map((op, code) => [op.name, { op, code }]));

interface Recorded {
  op: OpInfo;
  code: number;
  parameters: number[];
  operands: (Tensor | undefined)[];
}

/** An op by name, on the parameters of the one whose place it takes. */
interface Rewritten {
  name: string;
  operands: Record<string, Tensor | undefined>;
}

/** Collects instructions and tensors, then lays the tensors out and makes the native program. */
export class Recorder {
  /** Largest batch. */
  readonly rows: number;
  private readonly instructions: Recorded[] = [];
  private readonly tensors: Tensor[] = [];
  private readonly constants: { tensor: Tensor; values: Float32Array }[] = [];
  private arenaFloats = 0;

  constructor(rows: number) {
    this.rows = rows;
  }

  /** Number of instructions so far. */
  get length(): number {
    return this.instructions.length;
  }

  /** A tensor of `elements` floats for each row of a batch. */
  perRow(elements: number): Tensor {
    return this.allocate(elements * this.rows);
  }

  /** A tensor without a batch dimension. */
  allocate(floats: number): Tensor {
    const tensor: Tensor = { space: 'arena', floats, offset: NaN, first: Infinity, last: -1, kept: false };
    this.tensors.push(tensor);
    return tensor;
  }

  /** Keeps a tensor's memory to itself through the whole program: for what is filled or read from outside. */
  keep(tensor: Tensor): Tensor {
    tensor.kept = true;
    return tensor;
  }

  /** A tensor that holds these values from the start; no op may write to it. */
  constant(values: Float32Array): Tensor {
    const tensor = this.keep(this.allocate(values.length));
    this.constants.push({ tensor, values });
    return tensor;
  }

  /** A part of a kept tensor, from element `offset` on. */
  part(base: Tensor, offset: number, floats: number): Tensor {
    return { space: base.space, floats, offset, first: Infinity, last: -1, kept: true, base };
  }

  /**
   * Records an op by the names in native/ops.def. An absent operand must be one that the op declares optional.
   * @throws Error where a name is missing or unknown: a bug in the caller
   */
  op(
    name: string,
    parameters: Record<string, number | ActivationName>,
    operands: Record<string, Tensor | undefined>,
  ): void {
    const entry = opCodes.get(name);
    if (!entry) throw new Error(`no op is called ${name}`);
    const { op, code } = entry;
    for (const key of [...Object.keys(parameters), ...Object.keys(operands)]) {
      if (!op.parameters.some((p) => p.name === key) && !op.operands.some((o) => o.name === key)) {
        throw new Error(`${name} has no ${key}`);
      }
    }
    const index = this.instructions.length;
    for (const tensor of Object.values(operands)) {
      if (!tensor) continue;
      tensor.first = Math.min(tensor.first, index);
      tensor.last = index;
    }
    this.instructions.push({
      op,
      code,
      parameters: op.parameters.map(({ name: key, kind }) => {
        const value = parameters[key];
        if (value === undefined) throw new Error(`${name} lacks its parameter ${key}`);
        if (kind !== 'activation') return Number(value);
        return activationCodes.indexOf(String(value));
      }),
      operands: op.operands.map(({ name: key }) => operands[key]),
    });
  }

  /**
   * Lets other ops take the place of recorded ones.
   * @param rewrite gets an instruction's operands by name and returns the op in its place, on tensors that it
   * has already; null keeps it
   */
  rewrite(name: string, rewrite: (operands: Record<string, Tensor | undefined>) => Rewritten | null): void {
    for (const [i, instruction] of this.instructions.entries()) {
      if (instruction.op.name !== name) continue;
      const operands = Object.fromEntries(instruction.op.operands.map((o, k) => [o.name, instruction.operands[k]]));
      const rewritten = rewrite(operands);
      if (!rewritten) continue;
      const { op, code } = opCodes.get(rewritten.name)!;
      const parameters = op.parameters.map((p) => {
        const at = instruction.op.parameters.findIndex((own) => own.name === p.name);
        if (at < 0) throw new Error(`${name} has no parameter ${p.name} for ${rewritten.name}`);
        return instruction.parameters[at]!;
      });
      this.instructions[i] = { op, code, parameters, operands: op.operands.map((o) => rewritten.operands[o.name]) };
    }
  }

  /**
   * Places every arena tensor: those that are kept side by side, the others in the order of their first use, each in the lowest
   * gap between those that live then.
   * @returns floats of the arena
   */
  layOut(): number {
    let kept = 0;
    for (const tensor of this.tensors.filter((t) => t.kept)) {
      tensor.offset = kept;
      kept = align(kept + tensor.floats);
    }
    this.arenaFloats = kept;
    const used = this.tensors.filter((t) => !t.kept && t.last >= 0).sort((a, b) => a.first - b.first);
    /** By offset. */
    let living: Tensor[] = [];
    for (const tensor of used) {
      living = living.filter((other) => other.last >= tensor.first);
      let offset = kept;
      let at = 0;
      while (at < living.length && offset + tensor.floats > living[at]!.offset) {
        offset = align(living[at]!.offset + living[at]!.floats);
        at++;
      }
      tensor.offset = offset;
      living.splice(at, 0, tensor);
      this.arenaFloats = Math.max(this.arenaFloats, align(offset + tensor.floats));
    }
    return this.arenaFloats;
  }

  /**
   * The native program of what was recorded.
   * @param regions kept tensors that predictions are written to and read from, with their elements per row
   */
  finish(
    parameters: Memory,
    settings: ProgramSettings,
    regions: { input?: [Tensor, number]; output?: [Tensor, number] } = {},
  ): NativeProgram {
    const arena = this.layOut();
    const region = (r: [Tensor, number] | undefined) => r && { offset: r[0].offset, elements: r[1] };
    const program = new Program({
      code: this.code(),
      rows: this.rows,
      arena,
      parameters,
      isa: settings.isa,
      threads: settings.threads,
      constant: settings.constant,
      input: region(regions.input),
      output: region(regions.output),
    });
    for (const { tensor, values } of this.constants) program.write(place(tensor), values);
    return program;
  }

  /**
   * Floats that the program of what was recorded takes: its arena and its scratch memory, on so many threads.
   * @param parameterFloats of the network, with the optimiser's state
   */
  measure(parameterFloats: number, { isa, threads, constant }: ProgramSettings): number {
    const arena = this.layOut();
    const spec = { code: this.code(), rows: this.rows, arena, parameterFloats, isa, constant };
    const { shared, perThread, kept } = Program.measure(spec);
    return arena + shared + perThread * threads + kept;
  }

  /** The instructions as the addon takes them; every tensor has its place. */
  private code(): Float64Array {
    const code: number[] = [];
    for (const instruction of this.instructions) {
      code.push(instruction.code, ...instruction.parameters);
      for (const tensor of instruction.operands) {
        code.push(!tensor ? 0 : tensor.space === 'arena' ? 1 : 2, tensor ? place(tensor) : 0);
      }
    }
    return Float64Array.from(code);
  }

  /** The program as text, an instruction a line. */
  print(): string {
    return this.instructions
      .map(({ op, parameters, operands }, i) => {
        const values = op.parameters.map((p, k) => `${p.name}=${parameters[k]}`);
        const places = op.operands.map((o, k) => {
          const tensor = operands[k];
          return `${o.name}=${tensor ? `${tensor.space}[${place(tensor)}..${place(tensor) + tensor.floats})` : '-'}`;
        });
        return `${i} ${op.name} ${[...places, ...values].join(' ')}`;
      })
      .join('\n');
  }
}

/** Offset of a tensor within its space, in floats. */
export function place(tensor: Tensor): number {
  return (tensor.base ? place(tensor.base) : 0) + tensor.offset;
}

/** Tensors start at multiples of 64 bytes. */
export function align(floats: number): number {
  return Math.ceil(floats / 16) * 16;
}

/** A tensor within a network's parameters. */
export function parameterTensor(offset: number, floats: number): Tensor {
  return { space: 'parameters', floats, offset, first: Infinity, last: -1, kept: false };
}
