import { deflateSync, gzipSync } from 'node:zlib';
import { zipSync } from 'fflate';
import { describe, expect, test } from 'vitest';
import { walkStruct } from '../../../src/data/readers/thrift.ts';
import type { ProblemCode } from '../../../src/errors.ts';
import { temporaryFolder, thrown } from '../../helpers/data.ts';
import { arraysOf, fixture, refused, stored, storedArrays } from '../../helpers/tables.ts';

const folder = await temporaryFolder();
const invalid = (bytes: string | Uint8Array, options = {}) => refused(folder, bytes, options, 'invalid-file');

/** An NPY file with this header. */
function npy(header: string, data: Uint8Array | number[], version = 1): Buffer {
  const text = Buffer.from(header, 'latin1');
  const start = Buffer.alloc(version === 1 ? 10 : 12);
  start.write('\x93NUMPY', 'latin1');
  start[6] = version;
  if (version === 1) start.writeUInt16LE(text.length, 8);
  else start.writeUInt32LE(text.length, 8);
  return Buffer.concat([start, text, Uint8Array.from(data)]);
}

const head = (descr: string, shape: string, order = 'False') =>
  `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': ${shape}, }\n`;
const targets = npy(head('|u1', '(3,)'), [0, 1, 0]);

async function arraysRefused(
  inputs: Uint8Array,
  labels: Uint8Array = targets,
  options = {},
  code: ProblemCode = 'invalid-file',
) {
  const { message } = await thrown(code, () => storedArrays(folder, inputs, labels, options));
  return message;
}

describe('NPY', () => {
  test('headers that lie', async () => {
    expect(await arraysRefused(npy(head('|u1', '(3, 2)'), [1, 2, 3]))).toMatch(
      /the header says uint8 \(3, 2\), with it \d+ bytes; the file has/,
    );
    expect(await arraysRefused(npy(head('|u1', '(3, 2)'), Array(9).fill(1)))).toMatch(/the file has/);
    expect(await arraysRefused(npy(head('|u1', '(99999999999999999999, 2)'), [1]))).toMatch(/the header says/);
    expect(await arraysRefused(npy(head('|u1', '(3, 0)'), []))).toMatch(/dimension 1 is 0/);
    expect(await arraysRefused(npy(head('|u1', '()'), [1]))).toMatch(/1 to 5 dimensions/);
    expect(await arraysRefused(npy(head('|u1', '(3, -2)'), [1]))).toMatch(/the header is expected to be/);
    expect(await arraysRefused(npy('nonsense', []))).toMatch(/the header is expected to be/);
    expect(await arraysRefused(npy(head('|u1', '(3, 2)'), Array(6).fill(1), 9))).toMatch(
      /version 1, 2 or 3 is expected, got version 9/,
    );
    expect(await arraysRefused(Buffer.concat([npy(head('|u1', '(3, 2)'), []).subarray(0, 20)]))).toMatch(
      /the file ends after/,
    );
    const long = npy(head('|u1', '(3, 2)'), Array(6).fill(1), 2);
    long.writeUInt32LE(0xffffffff, 8);
    expect(await arraysRefused(long)).toMatch(/at most 65536 are read/);
    const gzipped = gzipSync(npy(head('|u1', '(3, 20000000)'), []));
    expect(await arraysRefused(gzipped)).toMatch(/too few for so many/);
    expect(await arraysRefused(gzipSync(npy(head('|u1', '(3, 2)'), [1, 2, 3])))).toMatch(/the data ends after byte/);
    expect(await arraysRefused(gzipSync(npy(head('|u1', '(3, 2)'), Array(9).fill(1))))).toMatch(/but more come/);
  });

  test('types that are not read', async () => {
    expect(await arraysRefused(npy(head('|O', '(3, 2)'), [1]))).toMatch(/Python objects are not read/);
    expect(await arraysRefused(npy(head('<c8', '(3, 2)'), [1]))).toMatch(/got <c8/);
    const fields = "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (3,), }\n";
    expect(await arraysRefused(npy(fields, []))).toMatch(/records with fields/);
    expect(await arraysRefused(npy(head('<U1', '(3,)'), new Uint8Array(12)))).toMatch(/numbers are expected, got text/);
  });

  test('values that are none, and numbers of samples that differ', async () => {
    const floats = (...values: number[]) => new Uint8Array(Float32Array.from(values).buffer);
    expect(await arraysRefused(npy(head('<f4', '(3, 2)'), floats(1, 2, 3, Number.NaN, 5, 6)))).toBe(
      'inputs: element 1 of sample 1 is NaN; finite float32 numbers are expected.',
    );
    expect(await arraysRefused(npy(head('<f4', '(3,)'), floats(1, Infinity, 3)))).toMatch(/sample 1 is Infinity/);
    expect(await arraysRefused(npy(head('|u1', '(2, 2)'), [1, 2, 3, 4]))).toMatch(
      /2 targets are expected, as many as inputs; got 3/,
    );
    expect(await arraysRefused(npy(head('|u1', '(1, 2)'), [1, 2]), npy(head('|u1', '(1,)'), [1]))).toMatch(
      /at least 2 samples/,
    );
    const inputs = npy(head('|u1', '(3,)'), [1, 2, 3]);
    const halves = npy(head('<f4', '(3,)'), floats(0, 1.5, 1));
    expect(await arraysRefused(inputs, halves, { task: 'classification' })).toMatch(/sample 1: a whole number or text/);
    expect(await arraysRefused(inputs, targets, { classes: ['a'] })).toMatch(/the label of sample 1 must be/);
    expect(await arraysRefused(inputs, targets, { task: 'regression', classes: ['a'] }, 'invalid-data')).toMatch(
      /no classes/,
    );
    const many = Array.from({ length: 100 }, (_, i) => i);
    const distinct = npy(head('|u1', '(100,)'), many);
    expect(await arraysRefused(distinct, distinct, {}, 'invalid-data')).toMatch(/100 different values in 100 samples/);
  });
});

describe('NPZ', () => {
  const good = Object.fromEntries(arraysOf(fixture('iris.npz')));

  test('without arrays of known names, or with too many files', async () => {
    const { message } = await invalid(zipSync({ 'a.npy': good['X.npy']!, 'b.npy': good['y.npy']! }));
    expect(message).toMatch(/arrays called inputs and targets, .* are expected; the archive has a, b/);
    expect((await invalid(zipSync({ 'a.txt': Buffer.from('x') }))).message).toContain('this one has a.txt');
    expect((await invalid(zipSync({ 'xl/workbook.xml': Buffer.from('x') }))).message).toContain('an Excel workbook');
    const many = Object.fromEntries(Array.from({ length: 1001 }, (_, i) => [`${i}.npy`, new Uint8Array(0)]));
    expect((await refused(folder, zipSync(many), {}, 'too-large')).message).toContain('more than 1000 files');
  });

  test('with a damaged array, named by its place', async () => {
    const stored = zipSync({ 'X.npy': good['X.npy']!, 'y.npy': good['y.npy']! }, { level: 0 });
    stored[300]! ^= 1;
    expect((await invalid(stored)).message).toContain('X.npy in the archive is damaged (its checksum does not fit)');
    const wrong = await invalid(zipSync({ 'x.npy': Buffer.from('x'), 'y.npy': good['y.npy']! }));
    expect(wrong.pointers).toEqual(['/file/x']);
  });

  test('that unpacks to more than there is room for', async () => {
    const bomb = Buffer.from(zipSync({ 'X.npy': good['X.npy']!, 'y.npy': good['y.npy']! }));
    // The size in the central directory.
    bomb.writeUInt32LE(0x7fffffff, bomb.indexOf('PK\x01\x02', 0, 'latin1') + 24);
    const { message } = await refused(folder, bomb, {}, 'too-large');
    expect(message).toMatch(/arrays take more than 1073741824 bytes/);
    // One that says less than it holds.
    bomb.writeUInt32LE(10, bomb.indexOf('PK\x01\x02', 0, 'latin1') + 24);
    expect((await invalid(bomb)).message).toContain('X.npy in the archive is damaged');
  });

  test('has no columns', async () => {
    const { pointers } = await refused(
      folder,
      fixture('iris.npz'),
      { target: 'y', missing: 'drop' },
      'invalid-request',
    );
    expect(pointers).toEqual(['/target', '/missing']);
  });
});

describe('JSON', () => {
  test('that is none, is cut off or has more behind it', async () => {
    expect((await invalid('[{"a": 1, "b": 2}, {"a": 1, "b": }]')).message).toMatch(/element 1: JSON is expected/);
    expect((await invalid('[{"a": 1, "b": 2}, {"a": 1')).message).toMatch(/the JSON ends too early, in element 1/);
    expect((await invalid('[{"a": 1, "b": 2}] x')).message).toMatch(/behind the end of the array stands x/);
    expect((await invalid('[]')).message).toMatch(/the file has none/);
    expect((await invalid('[1, 2]')).message).toMatch(
      /element 0: a row is expected, an object or an array of cells; got 1/,
    );
    expect((await invalid('[{"a": 1},,{"a": 2}]')).message).toMatch(/element 1: JSON is expected/);
    expect((await invalid('{"a": 1, "b": 2}\n{"a": 1, "b": 2\n')).message).toMatch(
      /line 2: one JSON value a line is expected/,
    );
    expect((await invalid(`[${'['.repeat(100_000)}`)).message).toMatch(/ends too early/);
    expect((await invalid(`[${'['.repeat(5000)}${']'.repeat(5000)}]`)).message).toMatch(/cell 0: text, a number/);
  });

  test('rows that differ, and cells that are none', async () => {
    expect((await invalid('[[1, 2], [1, 2, 3]]')).message).toMatch(
      /element 1: an array of 2 cells is expected.*got an array of 3/,
    );
    expect((await invalid('[[1, 2], {"a": 1}]')).message).toMatch(/got an object/);
    expect((await invalid('[{"a": 1, "b": [1, 2]}]')).message).toMatch(/element 0, column "b": .*got an array of 2/);
    const { message } = await refused(folder, '[{"a": 1, "b": "x"}, {"b": "y"}, {"a": 1e999, "b": "x"}]');
    expect(message).toContain('element 1, column "a": a value is expected, the cell is empty');
    const wide = `[${JSON.stringify(Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [i, i])))}]`;
    expect((await invalid(wide)).message).toMatch(/at most 4096 columns/);
  });

  test('names that objects have of themselves are names as others', async () => {
    const { info } = await stored(
      folder,
      '[{"__proto__": 1, "toString": 2, "c": 3}, {"__proto__": 4, "toString": 5, "c": 7}]',
    );
    expect(info.features).toEqual(['__proto__', 'toString']);
  });
});

describe('Parquet', () => {
  const parquet = fixture('iris.parquet');

  test('cut off, with a footer that lies, or something else', async () => {
    expect((await invalid(parquet.subarray(0, -5))).message).toMatch(/begins and ends with PAR1/);
    expect((await invalid(Buffer.from('PAR1PAR1'))).message).toMatch(/begins and ends with PAR1/);
    const long = Buffer.from(parquet);
    long.writeUInt32LE(0x7fffffff, long.length - 8);
    expect((await invalid(long)).message).toMatch(/the footer says that it has 2147483647 bytes/);
    const footer = parquet.readUInt32LE(parquet.length - 8);
    const blank = Buffer.from(parquet).fill(0xff, parquet.length - 8 - footer, parquet.length - 8);
    expect((await invalid(blank)).message).toMatch(/footer/);
    const pages = Buffer.from(parquet).fill(0xff, 4, 60);
    expect((await invalid(pages)).message).toMatch(
      /row group 0, column "sepal length \(cm\)" of the Parquet file cannot be read/,
    );
  });

  test('structs of Thrift are gone over without trust', () => {
    expect(walkStruct(Uint8Array.of(0x15, 0x08, 0x00))).toEqual({ struct: { 1: 4 }, end: 3 });
    expect(walkStruct(Uint8Array.of(0x1c, 0x15, 0x01, 0x00, 0x11, 0x00))).toEqual({
      struct: { 1: { 1: -1 }, 2: 1 },
      end: 6,
    });
    // A list of two thousand million, a text that is longer than what is left, a number and a nesting without an end.
    expect(() => walkStruct(Uint8Array.of(0x19, 0xf5, 0xff, 0xff, 0xff, 0x7f))).toThrow(/elements are promised/);
    expect(() => walkStruct(Uint8Array.of(0x18, 0x7f, 0x00))).toThrow(/127 bytes are promised/);
    expect(() => walkStruct(new Uint8Array(20).fill(0xff).fill(0x15, 0, 1))).toThrow(/without an end/);
    expect(() => walkStruct(new Uint8Array(50).fill(0x1c))).toThrow(/nested too deep/);
    expect(() => walkStruct(Uint8Array.of(0x15))).toThrow(/ends at byte 1/);
  });
});

test.each([
  ['89504e470d0a1a0a', /a PNG image: images come in a ZIP/],
  ['ffd8ffe0', /a JPEG image/],
  ['255044462d312e34', /a PDF/],
  ['894844460d0a1a0a', /an HDF5 file/],
  ['8004950a', /a Python pickle/],
  ['0000080300000001', /an IDX file: it comes as the part "images"/],
  ['425a6839', /a bzip2 file/],
  ['d0cf11e0a1b11ae1', /an old Office document/],
])('a file that begins with %s is called by its name', async (hex, message) => {
  expect((await invalid(Buffer.from(`${hex}00112233`, 'hex'))).message).toMatch(message);
  expect((await invalid(gzipSync(Buffer.from(`${hex}00112233`, 'hex')), { format: 'csv' })).message).toMatch(message);
});

test('a format that is not that of the file, and gzip in gzip', async () => {
  expect((await invalid(fixture('iris.csv'), { format: 'npz' })).message).toContain(
    'the request says npz, the file is csv',
  );
  expect((await invalid(gzipSync(gzipSync('a,b\n1,2\n')))).message).toContain('gzipped twice');
  expect((await invalid(deflateSync('a,b\n1,2\n'))).message).toMatch(/./);
  expect((await invalid(fixture('iris-inputs.npy'))).message).toContain('it comes as the part "inputs"');
});
