import { describe, expect, test } from 'vitest';
import { isas, MappedFile, Memory, type NativeProgram, ops, Program, randomBits, selectIsa } from '../../src/native.ts';

/** Code of one instruction by names: parameters in order, then [space, offset] for each operand. */
function instruction(name: string, parameters: number[], operands: [number, number][]): number[] {
  const code = ops.findIndex((op) => op.name === name);
  return [code, ...parameters, ...operands.flat()];
}

const arena = 1;
const parameters = 2;
const good = () => instruction('dense', [3, 2, 0, 0], [[arena, 0], [parameters, 0], [parameters, 6], [arena, 16]]); // biome-ignore format: one operand each

function make(code: number[], changes: object = {}) {
  return new Program({
    code: Float64Array.from(code),
    rows: 4,
    arena: 64,
    parameters: new Memory(8),
    isa: isas[0]!,
    threads: 1,
    input: { offset: 0, elements: 3 },
    output: { offset: 16, elements: 2 },
    ...changes,
  });
}

describe('the program checker', () => {
  test('a good program runs', () => {
    const memory = new Memory(8);
    memory.floats.set([1, 2, 3, 4, 5, 6, 10, 20]);
    const program = make(good(), { parameters: memory });
    expect(Array.from(program.predict(Float32Array.of(1, 1, 1, 0, 0, 1)))).toEqual([19, 32, 15, 26]);
    const output = new Float32Array(4);
    expect(program.predict(Float32Array.of(1, 1, 1, 0, 0, 1), output)).toBe(output);
    expect(Array.from(output)).toEqual([19, 32, 15, 26]);
    expect(() => program.predict(Float32Array.of(1, 1, 1), output)).toThrow(/output must have 2 elements, got 4/);
  });

  const bad: [string, number[], RegExp][] = [
    ['an unknown op', [999], /instruction 0: no op has the code 999/],
    ['a fractional op', [0.5], /no op has the code/],
    ['a NaN op', [Number.NaN], /no op has the code/],
    ['a truncated instruction', good().slice(0, -1), /instruction 0 \(dense\): the code ends within/],
    ['a second one truncated', [...good(), ...good().slice(0, 3)], /instruction 1 \(dense\)/],
    ['a dim of zero', instruction('dense', [0, 2, 0, 0], [[arena, 0], [parameters, 0], [0, 0], [arena, 16]]), /inputs must be a whole number from 1/],
    ['a huge dim', instruction('dense', [2 ** 40, 2, 0, 0], [[arena, 0], [parameters, 0], [0, 0], [arena, 16]]), /inputs must be/],
    ['an unknown activation', instruction('dense', [3, 2, 77, 0], [[arena, 0], [parameters, 0], [0, 0], [arena, 16]]), /activation must be/],
    ['an infinite real', instruction('affine', [1, Infinity, 0], [[arena, 0], [arena, 16]]), /scale must be a finite number/],
    ['a missing operand', instruction('dense', [3, 2, 0, 0], [[0, 0], [parameters, 0], [0, 0], [arena, 16]]), /operand x is missing/],
    ['an unknown space', instruction('dense', [3, 2, 0, 0], [[7, 0], [parameters, 0], [0, 0], [arena, 16]]), /operand x is in no known space/],
    ['an operand past the end', instruction('dense', [3, 2, 0, 0], [[arena, 60], [parameters, 0], [0, 0], [arena, 16]]), /operand x takes 12 floats from 60 of an arena of 64/],
    ['a negative offset', instruction('dense', [3, 2, 0, 0], [[arena, -1], [parameters, 0], [0, 0], [arena, 16]]), /operand x takes/],
    ['parameters past the end', instruction('dense', [3, 2, 0, 0], [[arena, 0], [parameters, 4], [0, 0], [arena, 16]]), /operand w takes 6 floats from 4 of parameters of 8/],
    ['sizes whose product overflows', instruction('dense', [2 ** 31 - 1, 2 ** 31 - 1, 0, 0], [[arena, 0], [parameters, 0], [0, 0], [arena, 16]]), /operand x takes/],
    ['padding as large as the kernel', instruction('conv2d', [2, 2, 1, 1, 2, 2, 1, 1, 1, 1, 1, 0, 1, 1, 1, 0, 0], [[arena, 0], [parameters, 0], [0, 0], [arena, 16]]), /padding must be smaller/],
    ['an output larger than the image', instruction('conv2d', [2, 2, 1, 1, 3, 2, 1, 1, 1, 1, 0, 0, 1, 1, 1, 0, 0], [[arena, 0], [parameters, 0], [0, 0], [arena, 16]]), /output_height reaches past the image/],
    ['groups that do not divide the filters', instruction('conv2d', [2, 2, 2, 1, 2, 2, 1, 1, 1, 1, 0, 0, 1, 1, 2, 0, 0], [[arena, 0], [parameters, 0], [0, 0], [arena, 16]]), /groups must divide/],
    ['a slot gathered in two ways', [...instruction('gather', [0, 3, 1, 0], [[arena, 0]]), ...instruction('gather', [0, 2, 1, 0], [[arena, 16]])], /two ways/],
    ['a dropout rate of one', instruction('dropout', [3, 1, 0], [[arena, 0], [arena, 16]]), /the rate must be/],
    ['a dropout rate that is one as a float', instruction('dropout', [3, 0.9999999999, 0], [[arena, 0], [arena, 16]]), /the rate must be/],
  ]; // biome-ignore format: a line a case
  test.each(bad)('%s is refused', (_name, code, message) => {
    expect(() => make(code)).toThrow(message);
  });

  test('settings that do not fit are refused', () => {
    expect(() => make(good(), { rows: 0 })).toThrow(/rows must be/);
    expect(() => make(good(), { arena: -1 })).toThrow(/arena must be/);
    expect(() => make(good(), { isa: 'sse9' })).toThrow(/no instruction set 'sse9'/);
    expect(() => make(good(), { parameters: {} })).toThrow(/parameters must be a Memory/);
    expect(() => make(good(), { code: [1, 2] })).toThrow(/typed array/);
    expect(() => make(good(), { output: { offset: 60, elements: 2 } })).toThrow(/outside of the arena/);
    // @ts-expect-error on purpose
    expect(() => new Program()).toThrow(/takes an object/);
  });
});

describe('running', () => {
  test('inputs of the wrong size or type are refused', () => {
    const program = make(good());
    expect(() => program.predict(new Float32Array(4))).toThrow(/1 to 4 rows of 3 elements, got 4/);
    expect(() => program.predict(new Float32Array(15))).toThrow(/got 15/);
    expect(() => program.predict(new Float32Array(0))).toThrow(/got 0/);
    // @ts-expect-error on purpose
    expect(() => program.predict([1, 2, 3])).toThrow(/typed array/);
    expect(() => program.read(60, 10)).toThrow(/past the end/);
    expect(() => program.run({ from: 0, to: 2, rows: 1 })).toThrow(/to must be/);
  });

  test('use after dispose is an error, and a program keeps its parameters alive', async () => {
    const memory = new Memory(8);
    const program = make(good(), { parameters: memory });
    const view = memory.floats;
    memory.dispose();
    expect(() => memory.floats).toThrow(/disposed/);
    view[0] = 5; // the view keeps the memory
    expect(program.predict(Float32Array.of(1, 0, 0))[0]).toBe(5);
    expect(() => make(good(), { parameters: memory })).toThrow(/disposed/);
    const pending = program.predictAsync(Float32Array.of(1, 0, 0));
    program.dispose();
    expect((await pending)[0]).toBe(5);
    expect(() => program.predict(Float32Array.of(1, 0, 0))).toThrow(/disposed/);
  });

  const gather = () => make(instruction('gather', [0, 3, 2, 1], [[arena, 0]]));
  const source = (changes: object = {}) => {
    const memory = new Memory(12);
    memory.floats.set([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    return { memory, offset: 0, type: 'float32' as const, rows: 4, elements: 3, ...changes };
  };
  const request = (changes: object = {}) => ({
    sources: [source()],
    order: Uint32Array.of(2, 0),
    batch: 2,
    firstStep: 0,
    learningRates: new Float64Array(),
    seed: 0,
    epoch: 0,
    globalStep: 0,
    budgetMs: 0,
    values: 1,
    ...changes,
  });

  test('a mini-batch is gathered in the order asked for', async () => {
    const program = gather();
    await program.train(request());
    expect(Array.from(program.read(0, 6))).toEqual([13, 15, 17, 1, 3, 5]);
  });

  test('profiling gives a time for each instruction, and the results of training', async () => {
    const code = [
      ...instruction('gather', [0, 3, 2, 1], [[arena, 0]]),
      ...instruction('dense_backward_weight', [3, 3], [[arena, 0], [arena, 0], [arena, 16]]), // biome-ignore format: one operand each
      ...instruction('sgd', [8, 0.5, 0], [[parameters, 0], [arena, 16], [parameters, 8]]), // biome-ignore format: as above
    ];
    const train = request({
      order: Uint32Array.of(2, 0, 1, 3, 0),
      learningRates: Float64Array.of(1e-3),
      budgetMs: 1e3,
    });
    const weightsAfter = async (how: 'train' | 'profile') => {
      const memory = new Memory(16);
      memory.floats.fill(0.1, 0, 8);
      const outcome = await make(code, { parameters: memory })[how](train);
      return { outcome, weights: memory.floats.slice() };
    };
    const trained = await weightsAfter('train');
    const { outcome, weights } = await weightsAfter('profile');
    expect(outcome).toEqual({ ...trained.outcome, nanoseconds: expect.any(Float64Array) });
    expect(outcome.steps).toBe(3);
    const { nanoseconds } = outcome as Awaited<ReturnType<NativeProgram['profile']>>;
    expect(nanoseconds).toHaveLength(3);
    expect(nanoseconds.every((time) => time >= 0)).toBe(true);
    expect(new Uint32Array(weights.buffer)).toEqual(new Uint32Array(trained.weights.buffer));
    expect(weights).not.toEqual(new Float32Array(16).fill(0.1, 0, 8));
    expect(() => gather().profile(request({ batch: 5 }))).toThrow(/1 to 4 rows/);
  });

  test('requests that reach past their data are refused', () => {
    const program = gather();
    expect(() => program.train(request({ order: Uint32Array.of(4) }))).toThrow(/row 4 of a source of 4 rows/);
    expect(() => program.train(request({ sources: [] }))).toThrow(/slot 0 has no source/);
    expect(() => program.train(request({ sources: [source({ rows: 5 })] }))).toThrow(/past the end of its memory/);
    expect(() => program.train(request({ sources: [source({ offset: 2 })] }))).toThrow(/past the end of its memory/);
    expect(() => program.train(request({ sources: [source({ elements: 2 })] }))).toThrow(/rows of 3 elements, got 2/);
    expect(() => program.train(request({ sources: [source({ type: 'int32' })] }))).toThrow(/wrong type/);
    expect(() => program.train(request({ sources: [source({ type: 'bool' })] }))).toThrow(/type must be/);
    expect(() => program.train(request({ sources: [{ ...source(), memory: {} }] }))).toThrow(/Memory or MappedFile/);
    expect(() => program.train(request({ batch: 5 }))).toThrow(/1 to 4 rows/);
    expect(() => program.train(request({ firstStep: 2 }))).toThrow(/first step past the end/);
    expect(() =>
      program.train(request({ learningRates: new Float64Array(2).fill(1), order: new Uint32Array(6) })),
    ).toThrow(/fewer learning rates/);
  });

  test('a cancelled run ends without a step', async () => {
    const program = gather();
    program.cancel();
    expect(await program.train(request())).toMatchObject({ steps: 0, cancelled: true });
    expect(await program.train(request())).toMatchObject({ steps: 1, cancelled: false });
  });

  test('a class index that is out of range gives a row of zeros, never a write past the end', async () => {
    const program = make(instruction('gather_classes', [1, 3], [[arena, 0]]));
    const memory = new Memory(2);
    new Int32Array(memory.floats.buffer).set([2 ** 30, -1]);
    const targets = { memory, offset: 0, type: 'int32' as const, rows: 2, elements: 1 };
    await program.train(request({ sources: [undefined, targets], order: Uint32Array.of(0, 1) }));
    expect(Array.from(program.read(0, 6))).toEqual([0, 0, 0, 0, 0, 0]);
  });
});

test('files that cannot be mapped are refused', () => {
  expect(() => new MappedFile('/does/not/exist')).toThrow(/cannot map/);
  expect(() => new MappedFile('/tmp')).toThrow(/not a file/);
  expect(() => new Memory(-1)).toThrow(/number of floats/);
});

test('random numbers are Philox 4×32-10 (known answers of its authors) and can be taken from anywhere', () => {
  const key = { seed: 0, purpose: 0 };
  expect(Array.from(randomBits(key, 0, 4))).toEqual([0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
  expect(randomBits(key, 5, 7)).toEqual(randomBits(key, 0, 12).slice(5));
  expect(randomBits({ seed: 1, purpose: 0 }, 0, 4)).not.toEqual(randomBits(key, 0, 4));
  expect(() => randomBits({ seed: -1, purpose: 0 }, 0, 1)).toThrow(/out of range/);
});

test('an instruction set that is not there is refused by name', () => {
  expect(selectIsa('scalar')).toBe('scalar');
  expect(() => selectIsa('avx9000')).toThrow(/no instruction set "avx9000".*scalar/);
});
